//! guitai-sandbox: acquirers played on their real wire formats, without sockets, clocks or randomness of its own.
//!
//! [`Sandbox::handle`] takes a moment, a path, a form and fresh randomness; it gives what goes back over the line,
//! and the book has changed. The last two digits of a charge's amount decide how its whole life goes ([`outcome`];
//! the README has the table). The program around it (`main.rs` and `shell/`) adds sockets, files and the clock.

pub mod allinpay;
pub mod book;
pub mod control;
pub mod credentials;
pub mod outcome;
pub mod switches;

use guitai_core::time::UtcMs;

use crate::{
    allinpay::{Operation, Wire},
    book::Book,
    credentials::Credentials,
    outcome::Manner,
    switches::Switches,
};

/// What goes back over the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer.
    Answer(HttpAnswer),
    /// The answer breaks off half-way through its body.
    CutShort(HttpAnswer),
    /// The line stays open and silent.
    Silent,
}

/// One HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Value of the Content-Type header.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// The acquirers and their book, for programs that play them in memory.
#[derive(Debug)]
pub struct Sandbox {
    wire: Wire,
    book: Book,
    switches: Switches,
}

impl Sandbox {
    /// An acquirer with these keys and this book.
    ///
    /// # Errors
    /// A key of the credentials is not one.
    pub fn new(credentials: &Credentials, book: Book) -> Result<Self, guitai_core::acquirer::allinpay::KeyError> {
        Ok(Self { wire: Wire::new(credentials)?, book, switches: Switches::default() })
    }

    /// Answers one request. `path` is all of the request's path; `wall` is the world's time, to which the book's
    /// advances are added; `random` is fresh for each request.
    pub fn handle(&mut self, wall: UtcMs, path: &str, form: &[u8], random: [u8; 16]) -> Outcome {
        match self.wire.open(path, form) {
            Ok(operation) => {
                let (signtype, odd) = (operation.signtype, self.switches.odd);
                self.wire.seal(play(&mut self.book, &mut self.switches, wall, operation), signtype, odd, random)
            }
            Err(refusal) => refusal.into_outcome(),
        }
    }

    /// The book.
    pub const fn book(&mut self) -> &mut Book {
        &mut self.book
    }

    /// What is switched on.
    pub const fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }
}

/// What an operation does to the book, and the answer before it is signed. Signing is left out because it is slow and
/// needs no book: the shell does it outside its lock.
pub fn play(book: &mut Book, switches: &mut Switches, wall: UtcMs, operation: Operation) -> Played {
    let now = book.now(wall);
    allinpay::play(book, switches, now, operation)
}

/// An answer before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// How it travels.
    pub manner: Manner,
    /// What it says.
    pub members: Vec<(&'static str, String)>,
}

#[cfg(test)]
mod tests {
    use getrandom::{SysRng, rand_core::UnwrapErr};
    use guitai_core::{
        acquirer::{
            Answer, Call, Expected, QueryAnswer, Reply,
            allinpay::{Allinpay, Config, Keys},
        },
        ids::{Issuer, Numbering},
        money::Fen,
        secret::Wallet,
    };

    use super::*;
    use crate::book::{Acquirer, State};

    const NOON: UtcMs = UtcMs(1_767_585_600_000);

    #[test]
    fn it_plays_in_memory_and_its_entries_rebuild_it() {
        let credentials = Credentials::generate(&mut UnwrapErr(SysRng)).expect("keys");
        let codec = Allinpay::new(Config {
            orgid: None,
            cusid: credentials.cusid.clone(),
            appid: credentials.appid.clone(),
            keys: Keys::rsa(&credentials.merchant_private_key, &credentials.platform_public_key).expect("keys"),
        });
        let order_no = Numbering::resume(Issuer::new(7).expect("in range"), None).next(NOON);
        let mut sandbox = Sandbox::new(&credentials, Book::default()).expect("keys");
        sandbox.book().put(book::Entry::Order(book::Order {
            acquirer: Acquirer::Allinpay,
            order_no: order_no.to_string(),
            trade_no: "1".into(),
            amount_fen: 1002,
            received_fen: 0,
            state: State::Pending,
            refunded_fen: 0,
            charges: 0,
            trade_code: "VSP501".into(),
            code_hash: Some(7),
            created_ms: NOON.0,
            paid_ms: None,
            due_ms: None,
            queries: 0,
            reversals: 0,
            refusal: None,
        }));
        let call = Call::Query(Expected { order_no, amount: Fen::new(1002), wallet: Wallet::Wechat });
        let mut query = |turn: u8| {
            let request = codec.encode(&call, "n");
            let path = format!("{}{}", allinpay::PREFIX, request.path);
            let Outcome::Answer(answer) = sandbox.handle(NOON, &path, request.body.expose().as_bytes(), [turn; 16])
            else {
                panic!("no answer");
            };
            let reply = Reply::Http { status: answer.status, date: None, body: answer.body };
            let Answer::Query(answer) = codec.decode(&call.question(), &reply) else { panic!("no answer to a query") };
            answer
        };
        // Another order of members each time, and past their number.
        assert_eq!(query(1), QueryAnswer::Pending);
        assert_eq!(query(7), QueryAnswer::Pending);
        let answers: Vec<QueryAnswer> = (0..40).map(&mut query).collect();
        assert!(answers.iter().all(|answer| matches!(answer, QueryAnswer::Paid(_))), "{answers:?}");

        let book = sandbox.book();
        let rebuilt: Vec<_> = Book::replay(book.take_changes()).entries().collect();
        assert_eq!(rebuilt, book.entries().collect::<Vec<_>>());
        assert!(book.knows_code(7) && !book.knows_code(8));
    }
}
