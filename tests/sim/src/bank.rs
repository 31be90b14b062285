//! The acquirer of a world: the sandbox in memory, behind a line that loses things.

use std::sync::OnceLock;

use anyhow::anyhow;
use getrandom::{SysRng, rand_core::UnwrapErr};
use guitai_core::{
    acquirer::{
        Acquirer, Call, Question, Reply, Request,
        allinpay::{Allinpay, Config, Keys},
    },
    time::UtcMs,
};
use guitai_sandbox::{
    Outcome, Sandbox,
    allinpay::PREFIX,
    book::{Book, Entry, Order},
    credentials::Credentials,
    switches::{Occupied, Switches, What},
};

use crate::{
    chance::Chance,
    plan::{Called, Line, Returns},
};

/// What the merchant and the acquirer share. One pair of keys serves all worlds: nothing that happens depends on them.
fn credentials() -> anyhow::Result<&'static Credentials> {
    static MADE: OnceLock<Result<Credentials, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| Credentials::generate(&mut UnwrapErr(SysRng)).map_err(|error| error.to_string()));
    made.as_ref().map_err(|error| anyhow!("{error}"))
}

/// The acquirer.
pub struct Bank {
    sandbox: Sandbox,
    codec: Acquirer,
    /// How the line is for everybody.
    pub line: Option<Line>,
    sent: u64,
}

impl Bank {
    /// An acquirer with an empty book.
    pub fn open() -> anyhow::Result<Self> {
        let credentials = credentials()?;
        let sandbox = Sandbox::new(credentials, Book::default()).map_err(|error| anyhow!("{error}"))?;
        let config = Config {
            orgid: Some(credentials.orgid.clone()),
            cusid: credentials.cusid.clone(),
            appid: credentials.appid.clone(),
            keys: Keys::md5(&credentials.md5_key).map_err(|error| anyhow!("{error}"))?,
        };
        Ok(Self { sandbox, codec: Acquirer::Allinpay(Allinpay::new(config)), line: None, sent: 0 })
    }

    /// The codec a till speaks with.
    #[must_use]
    pub const fn codec(&self) -> &Acquirer {
        &self.codec
    }

    /// A call on its way, and its number among all calls.
    pub fn encode(&mut self, call: &Call) -> (Request, u64) {
        self.sent += 1;
        (self.codec.encode(call, &format!("{:032x}", self.sent)), self.sent)
    }

    /// The request arrives; none: it is acted on and not answered.
    pub fn answer(&mut self, now: UtcMs, request: &Request, chance: &mut Chance) -> Option<Reply> {
        let path = format!("{PREFIX}{}", request.path);
        match self.sandbox.handle(now, &path, request.body.expose().as_bytes(), chance.bytes()) {
            Outcome::Answer(answer) => Some(Reply::Http { status: answer.status, date: Some(now), body: answer.body }),
            Outcome::CutShort(_) | Outcome::Silent => None,
        }
    }

    /// What a reply means.
    #[must_use]
    pub fn decode(&self, question: &Question, reply: &Reply) -> guitai_core::acquirer::Answer {
        self.codec.decode(question, reply)
    }

    /// Every order, as the acquirer's book has it now.
    pub fn orders(&mut self, now: UtcMs) -> &[Order] {
        self.sandbox.book().orders(now)
    }

    /// Changes the first such line of the book, for a world that is wrong on purpose.
    pub fn falsify(&mut self, now: UtcMs, which: impl Fn(&Order) -> bool, wrong: impl FnOnce(&mut Order)) {
        let found = self.orders(now).iter().find(|order| order.charges > 0 && which(order)).cloned();
        if let Some(mut order) = found {
            wrong(&mut order);
            self.sandbox.book().put(Entry::Order(order));
        }
    }

    /// Refuses new returns of a kind, or takes them again.
    pub const fn refuse(&mut self, what: Returns, refuse: bool) {
        let switches = self.sandbox.switches();
        match what {
            Returns::Refund => switches.refuse_refunds = refuse,
            Returns::Cancel => switches.refuse_cancels = refuse,
        }
    }

    /// Somebody else has the number of the next such call.
    pub fn occupy(&mut self, called: Called, same_amount: bool) {
        let what = match called {
            Called::Charge => What::Charge,
            Called::Cancel => What::Cancel,
            Called::Refund => What::Refund,
        };
        let amount_fen = (!same_amount).then_some(77_777);
        self.sandbox.switches().occupied = Some(Occupied { what, amount_fen, wallet: None, age_ms: 3_600_000 });
    }

    /// All is well from now on.
    pub fn heal(&mut self) {
        *self.sandbox.switches() = Switches::default();
        self.line = None;
    }
}
