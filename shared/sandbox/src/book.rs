//! The acquirer's own book: orders, reversals and refunds, and whether money was taken.
//!
//! Every change is the whole record as it is now ([`Entry`]), so a log of entries read in order rebuilds the book,
//! and the last one of a record wins.

use std::collections::{HashMap, HashSet};

use guitai_core::time::UtcMs;
use serde::{Deserialize, Serialize};

use crate::outcome::{Denial, ending};

/// Whose order it is; order numbers of different acquirers do not collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acquirer {
    /// Allinpay 收银宝.
    Allinpay,
}

/// Where an order's money is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With the customer, who may still pay.
    Pending,
    /// With the merchant.
    Paid,
    /// With the customer: refused.
    Failed,
    /// With the customer: closed by the merchant.
    Closed,
    /// Back with the customer, by a reversal.
    Reversed,
    /// A part went back.
    PartRefunded,
    /// All went back.
    Refunded,
}

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose.
    pub acquirer: Acquirer,
    /// The merchant's number.
    pub order_no: String,
    /// The acquirer's number.
    pub trade_no: String,
    /// What was asked, before discounts.
    pub amount_fen: u64,
    /// What the customer paid, after discounts; none before money was taken.
    pub received_fen: u64,
    /// Where the money is.
    pub state: State,
    /// What went back by refunds that are done.
    pub refunded_fen: u64,
    /// How often money was taken.
    pub charges: u32,
    /// The wallet's trade code, of the acquirer's wire.
    pub trade_code: String,
    /// A keyed hash of the payment code.
    pub code_hash: Option<u64>,
    /// When the charge came, sandbox time.
    pub created_ms: i64,
    /// When money was taken, sandbox time.
    pub paid_ms: Option<i64>,
    /// When money will be taken by itself, sandbox time.
    pub due_ms: Option<i64>,
    /// Queries answered while pending.
    pub queries: u32,
    /// Reversals met.
    pub reversals: u32,
    /// Why it failed.
    pub refusal: Option<Denial>,
}

/// One reversal with a number of its own, and the status it was answered with; its queries answer the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Whose.
    pub acquirer: Acquirer,
    /// The merchant's number of the reversal.
    pub reversal_no: String,
    /// The charge.
    pub order_no: String,
    /// The acquirer's number of the reversal.
    pub trade_no: String,
    /// The amount asked for.
    pub amount_fen: u64,
    /// The trade code, of the acquirer's wire.
    pub trade_code: String,
    /// The status on the acquirer's wire.
    pub status: String,
    /// Its words.
    pub message: String,
    /// When it came, sandbox time.
    pub created_ms: i64,
}

/// Where a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Accepted; its amount is spoken for.
    Processing,
    /// The money went back.
    Done,
    /// No money moved.
    Refused,
}

/// One refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Whose.
    pub acquirer: Acquirer,
    /// The merchant's number of the refund.
    pub refund_no: String,
    /// The charge.
    pub order_no: String,
    /// The acquirer's number of the refund.
    pub trade_no: String,
    /// What goes back.
    pub amount_fen: u64,
    /// The trade code, of the acquirer's wire.
    pub trade_code: String,
    /// Where it is.
    pub state: RefundState,
    /// Why it was refused, in the acquirer's words.
    pub message: String,
    /// Queries answered while in process.
    pub queries: u32,
    /// When it came, sandbox time.
    pub created_ms: i64,
}

/// One change of the book: a record as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// An order.
    Order(Order),
    /// A reversal.
    Reversal(Reversal),
    /// A refund.
    Refund(Refund),
    /// How far sandbox time is ahead of the world's.
    Clock {
        /// In ms.
        advanced_ms: i64,
    },
}

type Key = (Acquirer, String);

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    orders: Vec<Order>,
    order_at: HashMap<Key, usize>,
    order_of_trade: HashMap<Key, String>,
    reversals: HashMap<Key, Reversal>,
    refunds: HashMap<Key, Refund>,
    codes: HashSet<u64>,
    advanced_ms: i64,
    changes: Vec<Entry>,
}

impl Book {
    /// The book that a log of entries describes.
    pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut book = Self::default();
        for entry in entries {
            book.apply(entry);
        }
        book
    }

    /// Every record as it is now: the shortest log that [`Self::replay`] turns into this book.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let clock = Entry::Clock { advanced_ms: self.advanced_ms };
        std::iter::once(clock)
            .chain(self.orders.iter().cloned().map(Entry::Order))
            .chain(self.reversals.values().cloned().map(Entry::Reversal))
            .chain(self.refunds.values().cloned().map(Entry::Refund))
    }

    /// The entries since the last call, for the log.
    pub fn take_changes(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.changes)
    }

    /// Sandbox time at a moment of the world.
    #[must_use]
    pub const fn now(&self, wall: UtcMs) -> UtcMs {
        UtcMs(wall.0.saturating_add(self.advanced_ms))
    }

    /// Moves sandbox time on.
    pub fn advance(&mut self, ms: i64) {
        self.put(Entry::Clock { advanced_ms: self.advanced_ms.saturating_add(ms) });
    }

    /// Records a change.
    pub fn put(&mut self, entry: Entry) {
        self.apply(entry.clone());
        self.changes.push(entry);
    }

    /// An order by its own number, as it is at this moment.
    pub fn order(&mut self, acquirer: Acquirer, order_no: &str, now: UtcMs) -> Option<Order> {
        let at = *self.order_at.get(&(acquirer, order_no.to_owned()))?;
        self.settle(at, now);
        self.orders.get(at).cloned()
    }

    /// The merchant's number of the order with this number of the acquirer's.
    #[must_use]
    pub fn order_of_trade(&self, acquirer: Acquirer, trade_no: &str) -> Option<&str> {
        self.order_of_trade.get(&(acquirer, trade_no.to_owned())).map(String::as_str)
    }

    /// A reversal by its own number.
    #[must_use]
    pub fn reversal(&self, acquirer: Acquirer, number: &str) -> Option<&Reversal> {
        self.reversals.get(&(acquirer, number.to_owned()))
    }

    /// A refund by its own number.
    #[must_use]
    pub fn refund(&self, acquirer: Acquirer, number: &str) -> Option<&Refund> {
        self.refunds.get(&(acquirer, number.to_owned()))
    }

    /// What refunds in process speak for.
    #[must_use]
    pub fn refunding_fen(&self, acquirer: Acquirer, order_no: &str) -> u64 {
        let open = |refund: &&Refund| {
            refund.acquirer == acquirer && refund.order_no == order_no && refund.state == RefundState::Processing
        };
        self.refunds.values().filter(open).map(|refund| refund.amount_fen).sum()
    }

    /// Whether a payment code with this hash was used.
    #[must_use]
    pub fn knows_code(&self, hash: u64) -> bool {
        self.codes.contains(&hash)
    }

    /// A number of the acquirer's that was not given before.
    #[must_use]
    pub fn next_trade_no(&self, now: UtcMs) -> String {
        let given = self.orders.len() + self.reversals.len() + self.refunds.len();
        format!("{:06}{:012}", guitai_core::time::beijing_day(now).yymmdd(), given + 1)
    }

    /// All orders as they are at this moment, in order of arrival.
    pub fn orders(&mut self, now: UtcMs) -> &[Order] {
        for at in 0..self.orders.len() {
            self.settle(at, now);
        }
        &self.orders
    }

    /// Takes money whose time has come.
    fn settle(&mut self, at: usize, now: UtcMs) {
        let Some(order) = self.orders.get(at) else { return };
        if let Some(due_ms) = order.due_ms.filter(|due_ms| *due_ms <= now.0) {
            self.put(Entry::Order(order.clone().take(UtcMs(due_ms))));
        }
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Order(order) => {
                let key = (order.acquirer, order.order_no.clone());
                self.codes.extend(order.code_hash);
                if let Some(known) = self.order_at.get(&key).and_then(|at| self.orders.get_mut(*at)) {
                    *known = order;
                    return;
                }
                self.order_of_trade.insert((order.acquirer, order.trade_no.clone()), order.order_no.clone());
                self.order_at.insert(key, self.orders.len());
                self.orders.push(order);
            }
            Entry::Reversal(reversal) => {
                self.reversals.insert((reversal.acquirer, reversal.reversal_no.clone()), reversal);
            }
            Entry::Refund(refund) => {
                self.refunds.insert((refund.acquirer, refund.refund_no.clone()), refund);
            }
            Entry::Clock { advanced_ms } => self.advanced_ms = advanced_ms,
        }
    }
}

impl Order {
    /// The order after its money was taken.
    #[must_use]
    pub fn take(mut self, at: UtcMs) -> Self {
        self.state = State::Paid;
        self.received_fen = ending(self.amount_fen).amounts.received_fen(self.amount_fen);
        self.charges += 1;
        self.paid_ms = Some(at.0);
        self.due_ms = None;
        self
    }

    /// What refunds have left of what the customer paid.
    #[must_use]
    pub const fn remainder_fen(&self) -> u64 {
        self.received_fen.saturating_sub(self.refunded_fen)
    }
}
