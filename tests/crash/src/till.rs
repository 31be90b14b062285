//! An engine with a scripted shop around it. What happens is drawn from a seed; time is counted, not read.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::{
        ChargeAnswer, Expected, Kind, PaidEvidence, QueryAnswer, Question, RefundAnswer, ReversalAnswer, Terminal,
    },
    ids::{AccountId, FactNo, Issuer, JournalId, OrderNo, StoreId, TillId},
    journal::text::Text,
    money::Fen,
    payment::State,
    people::{AccountSet, Approval, Idempotency, Role},
    secret::PaymentCode,
    time::{BusinessClock, Now, Ticks, UtcMs},
};
use guitai_store::{Database, Journal, StoreError};
use guitai_till::{
    Accepted, Answer, ChargeRequest, Command, Engine, Output, ReturnRequest, Setup,
    command::{Cashier, Pays},
};
use guitai_vfs::Random;
use rusqlite::Connection;

/// 2026-01-05 10:11:12 in Beijing: when the shop opens for the first time.
pub const OPENING: UtcMs = UtcMs(1_767_579_072_000);

/// How SQLite is set, beyond what the product sets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Less than the product's `synchronous=FULL`: this must lose.
    pub careless: bool,
    /// Pages after which the log is folded in, where not the product's 1,000.
    pub checkpoint_pages: Option<u32>,
}

/// The store's journal.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn journal_id() -> JournalId {
    JournalId::node(StoreId::parse("S001").expect("a name"))
}

/// Its box's key.
#[must_use]
pub fn identity() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// Whose numbers it draws.
///
/// # Panics
/// Never: it is in range.
#[must_use]
pub fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

/// Opens the journal as a node does, then loosens it as the settings say.
///
/// # Errors
/// What the check of the chain finds, or SQLite says.
pub fn open_journal(database: &Database, settings: Settings, now: UtcMs) -> anyhow::Result<Journal> {
    let journal = Journal::open(database, journal_id(), issuer(), identity(), None, now)?;
    loosen(journal.connection(), settings)?;
    Ok(journal)
}

/// Sets a writing connection as the settings say.
///
/// # Errors
/// What SQLite says.
pub fn loosen(connection: &Connection, settings: Settings) -> Result<(), StoreError> {
    if settings.careless {
        connection.pragma_update(None, "synchronous", "NORMAL")?;
    }
    if let Some(pages) = settings.checkpoint_pages {
        connection.pragma_update(None, "wal_autocheckpoint", pages)?;
    }
    Ok(())
}

/// Called after each commit that returned, with the last fact it made durable: from then on it is acknowledged.
pub type OnCommit = Box<dyn FnMut(FactNo)>;

/// A till that sells by itself.
pub struct ScriptedTill {
    engine: Engine,
    now: Now,
    chance: Random,
    /// Calls that the acquirer has not answered.
    calls: VecDeque<Question>,
    paid: Vec<(OrderNo, Fen)>,
    drawn: u64,
    on_commit: OnCommit,
    replies: Arc<AtomicU64>,
}

impl ScriptedTill {
    /// Takes a journal up, some time after it was left.
    ///
    /// # Errors
    /// What the journal says.
    pub fn resume(journal: Journal, chance: Random, now: UtcMs, on_commit: OnCommit) -> Result<Self, StoreError> {
        let now = Now::vouched(now, Ticks(0));
        let setup = Setup {
            journal,
            issuer: issuer(),
            acquirer: Kind::Allinpay,
            clock: BusinessClock::beijing(),
            code_key: [7; 32],
            subject: "测试店".into(),
            last_offset_ms: None,
            bar: None,
            awaits_hub: false,
        };
        let (engine, calls, paid) = (Engine::resume(setup, now)?, VecDeque::new(), Vec::new());
        let mut till = Self { engine, now, chance, calls, paid, drawn: 0, on_commit, replies: Arc::default() };
        till.commit()?;
        Ok(till)
    }

    /// Requests answered in this life.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.replies.load(Ordering::Relaxed)
    }

    /// One turn of the shop and its commit: somebody buys, the acquirer answers, something is given back, an account is made.
    ///
    /// # Errors
    /// What the journal says; the process must then end.
    pub fn turn(&mut self) -> Result<(), StoreError> {
        self.pass(700);
        self.engine.due(self.now)?;
        match self.chance.below(10) {
            0..5 => self.sell()?,
            5 => {
                self.sell()?;
                self.sell()?;
            }
            6 => self.give_back(true)?,
            7 => self.give_back(false)?,
            8 => self.employ()?,
            // A pause, in which what waits comes due.
            _ => self.pass(20_000),
        }
        self.commit()?;
        while self.answer()? {
            self.commit()?;
        }
        Ok(())
    }

    /// A sale that is paid at once; answers its number.
    ///
    /// # Errors
    /// What the journal says.
    pub fn sell_for_certain(&mut self) -> Result<Option<OrderNo>, StoreError> {
        self.pass(1_000);
        self.sell()?;
        self.commit()?;
        let charge = self.calls.iter().enumerate().find_map(|(index, question)| match question {
            Question::Charge(expected) => Some((index, *expected)),
            _ => None,
        });
        let Some((index, expected)) = charge else { return Ok(None) };
        self.calls.remove(index);
        let answer = Answer::Charge(ChargeAnswer::Paid(evidence(&expected)));
        self.engine.handle(self.now, Command::Answered(expected.order_no, answer, None))?;
        self.commit()?;
        Ok(Some(expected.order_no))
    }

    fn pass(&mut self, ms: u32) {
        self.now.up = self.now.up.after_ms(ms.into());
        self.now.wall.0 += i64::from(ms);
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let (calls, paid, on_commit) = (&mut self.calls, &mut self.paid, &mut self.on_commit);
        self.engine.commit(|output| match output {
            Output::Call(call) => calls.push_back(call.question()),
            Output::Committed { last, changed } => {
                let now_paid = changed.into_iter().filter(|accepted| accepted.state == State::Paid);
                paid.extend(now_paid.map(|Accepted { order_no, .. }| (order_no, Fen::new(100))));
                on_commit(last);
            }
        })
    }

    fn key(&mut self) -> Idempotency {
        self.drawn += 1;
        // Keys differ from life to life, as requests do.
        let key = format!("key-{}-{}", self.now.wall.0, self.drawn);
        Idempotency { caller: "erp".into(), key, body_hash: [3; 32] }
    }

    fn reply(&self) -> guitai_till::Reply {
        let replies = Arc::clone(&self.replies);
        Box::new(move |_| {
            replies.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn sell(&mut self) -> Result<(), StoreError> {
        let idempotency = self.key();
        let amount = Fen::new(1_000 + self.chance.below(9_000));
        // A code is used once: the moment is in it.
        let code = format!("13{:016}", u64::try_from(self.now.wall.0).unwrap_or(0) * 10 + self.drawn % 10);
        let request = ChargeRequest {
            amount,
            code: PaymentCode::parse(&code).expect("a code"),
            till: TillId::parse("T1").expect("a name"),
            cashier: Cashier::Present(account("03")),
            terminal: Terminal {
                termno: "00000001".into(),
                longitude: "+121.48352".into(),
                latitude: "+31.221345".into(),
            },
            bill: Pays::Itself,
            remark: self.chance.percent(30).then(|| format!("备注{}", self.drawn)),
            idempotency,
        };
        let reply = self.reply();
        self.engine.handle(self.now, Command::Charge(request, reply))
    }

    fn give_back(&mut self, whole: bool) -> Result<(), StoreError> {
        let Some((order_no, part)) = self.paid.pop() else { return self.sell() };
        let approval = Approval { by: "03".into(), approver: Some(account("01")), idempotency: self.key() };
        let till = TillId::parse("T1").expect("a name");
        let request =
            ReturnRequest { order_no, till, cashier: account("03"), approval, reason: Some("不要了".into()) };
        let reply = self.reply();
        let command = if whole { Command::Void(request, reply) } else { Command::Refund(request, part, reply) };
        self.engine.handle(self.now, command)
    }

    fn employ(&mut self) -> Result<(), StoreError> {
        let set = AccountSet {
            account: account(&format!("{:04}", self.chance.below(9_000))),
            name: Some(Text::new("小王".to_owned())),
            role: Role::Cashier,
            verifier: Some(Text::new("x".repeat(100))),
            disabled: false,
            by: None,
            at: self.now.wall,
        };
        let replies = Arc::clone(&self.replies);
        let done = Box::new(move |_| {
            replies.fetch_add(1, Ordering::Relaxed);
        });
        self.engine.handle(self.now, Command::SetAccount(set, done))
    }

    /// The acquirer answers one call; false where none waits.
    fn answer(&mut self) -> Result<bool, StoreError> {
        let Some(question) = self.calls.pop_front() else { return Ok(false) };
        let silence = || "silence".to_owned();
        let answer = match question {
            Question::Charge(expected) => Answer::Charge(match self.chance.below(6) {
                0..4 => ChargeAnswer::Paid(evidence(&expected)),
                4 => ChargeAnswer::Pending,
                _ => ChargeAnswer::Unknown { detail: silence() },
            }),
            Question::Query(expected) => Answer::Query(match self.chance.below(4) {
                0..2 => QueryAnswer::Paid(evidence(&expected)),
                2 => QueryAnswer::Pending,
                _ => QueryAnswer::NotFound,
            }),
            Question::Reverse(_) | Question::Close { .. } => Answer::Reversal(ReversalAnswer::Done),
            Question::QueryReversal(_) => Answer::ReversalQuery(ReversalAnswer::Done),
            Question::Refund(_) => Answer::Refund(if self.chance.percent(70) {
                RefundAnswer::Done { acquirer_no: "R1".into() }
            } else {
                RefundAnswer::Unknown { detail: silence() }
            }),
            Question::QueryRefund(_) => Answer::RefundQuery(RefundAnswer::Done { acquirer_no: "R1".into() }),
        };
        self.engine.handle(self.now, Command::Answered(question.order_no(), answer, None))?;
        Ok(true)
    }
}

fn account(name: &str) -> AccountId {
    AccountId::parse(name).expect("a name")
}

fn evidence(expected: &Expected) -> PaidEvidence {
    PaidEvidence {
        acquirer_no: format!("A{}", expected.order_no),
        wallet_no: None,
        wallet: Some(expected.wallet),
        asked: expected.amount,
        received: expected.amount,
        finished_at: None,
    }
}
