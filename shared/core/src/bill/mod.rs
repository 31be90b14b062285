//! Bills: what a bill of the shop comes to, how much of it is covered or locked, and what that allows (rule 7).
//!
//! A bill is a fold like any other: its own facts say its total, and each payment's [`crate::payment::Standing`] says what that
//! payment claims of it. Nothing else may say that a sum is free.

mod day;
mod fact;

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};

use minicbor::{Decode, Encode};

pub use day::{DayNeeded, choose_day};
pub use fact::{Fact, Opened, TotalChanged};

use crate::{ids::OrderNo, money::Fen, show::show, time::Day};

/// The source of bills the counter opens by itself, one a sale.
pub const COUNTER_BILLS: &str = "counter";

/// What names a bill. Source and number come normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct BillKey {
    /// Which system numbered it, such as `erp`.
    #[n(0)]
    pub source: String,
    /// Its number there.
    #[n(1)]
    pub number: String,
    /// The day, where the source's numbers start anew each day.
    #[n(2)]
    pub day: Option<Day>,
}

show! {
    BillKey { source, number, day };
}

impl BillKey {
    /// The bill that a sale without a bill is.
    #[must_use]
    pub fn counter(order_no: OrderNo) -> Self {
        Self { source: COUNTER_BILLS.to_string(), number: order_no.to_string(), day: None }
    }
}

/// What one payment claims of its bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Paid, and not given back.
    pub covered: Fen,
    /// May be paid: nobody else may pay it meanwhile.
    pub locked: Fen,
}

impl Claim {
    /// Nothing.
    pub const NONE: Self = Self { covered: Fen::ZERO, locked: Fen::ZERO };

    /// A covered sum.
    #[must_use]
    pub const fn covers(sum: Fen) -> Self {
        Self { covered: sum, locked: Fen::ZERO }
    }

    /// A locked sum.
    #[must_use]
    pub const fn locks(sum: Fen) -> Self {
        Self { covered: Fen::ZERO, locked: sum }
    }
}

/// A bill as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    total: Fen,
    parts: BTreeMap<OrderNo, Claim>,
}

/// Why a sum may not be charged on a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// It is paid, all but `free`.
    Covered {
        /// What is left.
        free: Fen,
    },
    /// Payments not yet at their end hold it, all but `free`.
    Locked {
        /// What is left.
        free: Fen,
    },
}

/// Whether money that came late still finds its bill open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// There is room for it.
    Fits,
    /// The bill was settled otherwise, or has gone on.
    SettledOtherwise,
}

impl Bill {
    /// A bill of this total, with nothing paid.
    #[must_use]
    pub const fn new(total: Fen) -> Self {
        Self { total, parts: BTreeMap::new() }
    }

    /// What it comes to.
    #[must_use]
    pub const fn total(&self) -> Fen {
        self.total
    }

    /// What a bill's own fact means.
    pub const fn evolve(&mut self, fact: &Fact) {
        match fact {
            Fact::Opened(f) => self.total = f.total,
            Fact::TotalChanged(f) => self.total = f.total,
        }
    }

    /// A payment on it stands so now.
    pub fn put(&mut self, order_no: OrderNo, claim: Claim) {
        self.parts.insert(order_no, claim);
    }

    /// The payments on it, oldest first.
    pub fn parts(&self) -> impl Iterator<Item = (OrderNo, Claim)> {
        self.parts.iter().map(|(no, claim)| (*no, *claim))
    }

    /// What is paid.
    #[must_use]
    pub fn covered(&self) -> Fen {
        sum(self.parts.values().map(|claim| claim.covered))
    }

    /// What may be paid.
    #[must_use]
    pub fn locked(&self) -> Fen {
        sum(self.parts.values().map(|claim| claim.locked))
    }

    /// What is neither.
    #[must_use]
    pub fn free(&self) -> Fen {
        let held = sum([self.covered(), self.locked()]);
        self.total.checked_sub(held).unwrap_or(Fen::ZERO)
    }

    /// Whether this sum may be charged now.
    ///
    /// # Errors
    /// What stands in its way, and what is free.
    pub fn admit(&self, amount: Fen) -> Result<(), Full> {
        let free = self.free();
        if amount <= free {
            return Ok(());
        }
        let uncovered = self.total.checked_sub(self.covered()).unwrap_or(Fen::ZERO);
        Err(if amount <= uncovered { Full::Locked { free } } else { Full::Covered { free } })
    }

    /// Whether a payment's money that came late fits what is free beside its own lock.
    #[must_use]
    pub fn late(&self, order_no: OrderNo, amount: Fen) -> Late {
        let others = self.parts.iter().filter(|(no, _)| **no != order_no);
        let held = sum(others.flat_map(|(_, claim)| [claim.covered, claim.locked]));
        let room = self.total.checked_sub(held).unwrap_or(Fen::ZERO);
        if amount <= room { Late::Fits } else { Late::SettledOtherwise }
    }

    /// Whether a payment found the bill paid: what others cover, but those that came later still, leaves no room for it. Another
    /// doubt's lock is no payment.
    #[must_use]
    pub fn came_second(&self, order_no: OrderNo, amount: Fen, later: &[OrderNo]) -> bool {
        let earlier = self.parts.iter().filter(|(no, _)| **no != order_no && !later.contains(no));
        let covered = sum(earlier.map(|(_, claim)| claim.covered));
        sum([covered, amount]) > self.total
    }

    /// Whether its total may become this: never below what is covered or locked.
    #[must_use]
    pub fn may_total(&self, total: Fen) -> bool {
        sum([self.covered(), self.locked()]) <= total
    }
}

/// A sum that cannot overflow: a bill's payments are each bounded, and past 2^64 fen nothing is free anyway.
fn sum(parts: impl IntoIterator<Item = Fen>) -> Fen {
    parts.into_iter().fold(Fen::ZERO, |sum, part| sum.checked_add(part).unwrap_or(Fen::new(u64::MAX)))
}

#[cfg(test)]
mod tests;
