//! A long history of a store, written with the journal's and the rows' own code: what benches and tests of cost start from.
//!
//! The same every time. Of hundred payments two are declined, one is given back, two have a bill of the shop's own, two a remark;
//! every other one waited for the customer's password first.

use std::path::Path;

use anyhow::Context;
use ed25519_dalek::SigningKey;
use guitai_core::{
    bill::BillKey,
    ids::{AccountId, FactNo, Issuer, JournalId, Numbering, OrderNo, StoreId, TillId},
    journal::{
        chain::{self, ChainHash, Seal},
        fact::{Fact, Opened},
    },
    money::Fen,
    payment::{Declined, Doubted, Intended, Paid, Pended, Place, RefundIntended, Refunded},
    people::{Approval, Idempotency},
    secret::{CodeTrace, Wallet},
    sync::frame::FactRecord,
    time::{BusinessClock, UtcMs, beijing_day},
};
use guitai_store::{Database, Journal, ingest::Run, note};

/// Payments of one commit: a history is written in large ones.
const COMMIT_PAYMENTS: u64 = 1_000;

/// Sales of one store, one after the other.
#[derive(Debug)]
pub struct Past {
    numbers: Numbering,
    clock: BusinessClock,
    begin: UtcMs,
    every_ms: i64,
    made: u64,
}

impl Past {
    /// Sales from a moment on, one every so many ms.
    #[must_use]
    pub fn new(issuer: Issuer, begin: UtcMs, every_ms: i64) -> Self {
        Self { numbers: Numbering::resume(issuer, None), clock: BusinessClock::beijing(), begin, every_ms, made: 0 }
    }

    /// The facts of the next payment, and its number.
    pub fn sale(&mut self) -> (OrderNo, Vec<Fact>) {
        let n = self.made;
        let (intended, order_no) = self.intended();
        let (at, amount, place) = (intended.at, intended.amount, intended.place.clone());
        let mut facts = vec![Fact::from(intended)];
        if n.is_multiple_of(2) {
            facts.push(Pended { order_no, at }.into());
        }
        if n % 50 == 7 {
            facts.push(Declined { order_no, at, code: "3008".into(), message: Some("余额不足".into()) }.into());
            return (order_no, facts);
        }
        facts.push(Fact::from(Paid {
            order_no,
            at,
            received: amount,
            wallet: Wallet::Wechat,
            acquirer_no: acquirer_no(&order_no),
            wallet_no: Some(format!("4200002026{order_no}")),
            finished_at: Some(at),
        }));
        if n % 100 == 33 {
            facts.extend(self.given_back((order_no, at, amount, place)));
        }
        (order_no, facts)
    }

    /// The facts of a payment that nobody knows the end of.
    pub fn doubt(&mut self) -> (OrderNo, Vec<Fact>) {
        let (intended, order_no) = self.intended();
        let at = intended.at;
        (order_no, vec![intended.into(), Doubted { order_no, at, detail: Some("超时".into()) }.into()])
    }

    fn intended(&mut self) -> (Intended, OrderNo) {
        let n = self.made;
        self.made += 1;
        let at = UtcMs(self.begin.0 + i64::try_from(n).unwrap_or(i64::MAX) * self.every_ms);
        let order_no = self.numbers.next(at);
        let place = Place {
            business_day: self.clock.day(at),
            hour: self.clock.hour(at),
            till: TillId::parse(&format!("T{}", 1 + n % 3)).expect("a till"),
            cashier: AccountId::parse(&format!("{:02}", 1 + n % 5)).expect("a cashier"),
        };
        let bill = BillKey { source: "his".into(), number: format!("MZ-{n:09}"), day: None };
        let intended = Intended {
            order_no,
            at,
            amount: Fen::new(100 + n * 37 % 20_011),
            code: CodeTrace { wallet: Wallet::Wechat, last_two: "01".into(), hash: scattered(n) },
            acquirer: "allinpay".into(),
            termno: "00000001".into(),
            place,
            bill: (n % 50 == 11).then_some(bill),
            remark: (n % 50 == 2).then(|| format!("会员 {}", n % 97).into()),
            clock_doubted: false,
            acquirer_day: Some(beijing_day(at)),
            idempotency: request(&order_no),
        };
        (intended, order_no)
    }

    fn given_back(&mut self, (order_no, at, amount, place): (OrderNo, UtcMs, Fen, Place)) -> [Fact; 2] {
        let refund_no = self.numbers.next(at);
        let approver = AccountId::parse("01").ok();
        let approval = Approval { by: "person:02".into(), approver, idempotency: request(&refund_no) };
        let reason = Some("退货".into());
        [
            RefundIntended { order_no, at, refund_no, amount, place, approval: Some(approval), reason }.into(),
            Fact::from(Refunded {
                order_no,
                at,
                refund_no,
                amount,
                refunded: amount,
                left: Fen::ZERO,
                acquirer_no: acquirer_no(&refund_no),
            }),
        ]
    }
}

/// The acquirer's number of ours.
#[must_use]
pub fn acquirer_no(order_no: &OrderNo) -> String {
    format!("2611{order_no}")
}

/// Keyed hashes of codes lie anywhere.
const fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn request(order_no: &OrderNo) -> Idempotency {
    Idempotency { caller: "key:erp".into(), key: format!("past-{order_no}"), body_hash: [7; 32] }
}

/// Writes so many payments into a store's own journal; answers their numbers, one in each `sample`.
///
/// # Errors
/// What the journal says.
pub fn write(journal: &mut Journal, past: &mut Past, payments: u64, sample: u64) -> anyhow::Result<Vec<OrderNo>> {
    let mut sampled = Vec::new();
    for n in 0..payments {
        let (order_no, facts) = past.sale();
        for fact in facts {
            journal.append(&fact)?;
        }
        if n % sample == sample / 2 {
            sampled.push(order_no);
        }
        if n % COMMIT_PAYMENTS == COMMIT_PAYMENTS - 1 {
            journal.commit()?;
        }
    }
    journal.commit()?;
    Ok(sampled)
}

/// Writes so many payments into the journal of a stopped node of `store`, as if it had made them, up to `end`.
///
/// # Errors
/// A folder of no enrolled node, or what the journal says.
pub fn write_node(
    (store, journal): (&str, &Path),
    payments: u64,
    every_ms: i64,
    end: UtcMs,
) -> anyhow::Result<Vec<OrderNo>> {
    let folder = journal.parent().context("the data folder")?;
    let key: [u8; 32] = std::fs::read(folder.join("identity.key"))?.as_slice().try_into()?;
    let issuer: u32 = {
        let side = Database::open(&folder.join("side.db"))?;
        let note = note::get(&side.reader()?, "enrolment")?.context("the enrolment")?;
        let note: serde_json::Value = serde_json::from_slice(&note)?;
        u32::try_from(note["issuer"].as_u64().context("an issuer")?)?
    };
    let issuer = Issuer::new(issuer).context("an issuer")?;
    let begin = UtcMs(end.0 - i64::try_from(payments)? * every_ms);
    let id = JournalId::node(StoreId::parse(store).ok().context("a store")?);
    let database = Database::open(journal)?;
    let mut journal = Journal::open(&database, id, issuer, SigningKey::from_bytes(&key), None, begin)?;
    write(&mut journal, &mut Past::new(issuer, begin, every_ms), payments, (payments / 100).max(1))
}

/// A store's facts as a hub takes them in, without a journal of the store's own.
#[derive(Debug)]
pub struct Delivery {
    journal: JournalId,
    issuer: Issuer,
    identity: SigningKey,
    /// Its sales.
    pub past: Past,
    last: FactNo,
    head: ChainHash,
    begun: Vec<Fact>,
}

impl Delivery {
    /// The beginning of a store's journal.
    #[must_use]
    pub fn new(store: StoreId, issuer: Issuer, identity: SigningKey, past: Past) -> Self {
        let journal = JournalId::node(store);
        let opened = Opened {
            store: journal.store.clone(),
            issuer,
            at: past.begin,
            writer: journal.writer,
            epoch: 1,
            key: identity.verifying_key().to_bytes(),
            parent: None,
            vouch: None,
        };
        let head = chain::start(&journal, 1);
        let begun = vec![Fact::Opened(opened)];
        Self { journal, issuer, identity, past, last: FactNo { epoch: 1, number: 0 }, head, begun }
    }

    /// Its journal.
    #[must_use]
    pub const fn journal(&self) -> &JournalId {
        &self.journal
    }

    /// The number its box draws under.
    #[must_use]
    pub const fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// The next run, of so many payments.
    pub fn run(&mut self, payments: u64) -> Run {
        let mut facts = std::mem::take(&mut self.begun);
        facts.extend((0..payments).flat_map(|_| self.past.sale().1));
        let first = FactNo { epoch: 1, number: self.last.number + 1 };
        let (mut bodies, mut records) = (Vec::new(), Vec::new());
        for fact in &mut facts {
            self.last.number += 1;
            let number = self.last.number;
            // Nobody guesses texts that everybody can read here.
            let beside = (0..).zip(fact.texts_mut()).filter_map(|(slot, text)| text.commit(slot, [7; 16]));
            records.extend(beside.map(|record| FactRecord { number, record }));
            let body = fact.to_bytes();
            self.head = chain::link(&self.head, self.last, &body);
            bodies.push(body);
        }
        let seal = Seal::sign(&self.identity, &self.journal, self.last, self.head);
        Run { first, bodies, seal, records }
    }
}
