//! Where a payment stands: everything about it that is durable. [`Standing::evolve`] is its only writer and the one place that
//! says what a payment's fact means; rows, figures, bills and the live payment all read the outcome here.

mod evolve;

use alloc::{string::String, vec::Vec};

use super::{
    State,
    fact::{ClosedReason, Intended, Place, Settlement, TakeBack},
};
use crate::{
    bill::{BillKey, Claim},
    ids::OrderNo,
    money::Fen,
    secret::Wallet,
    time::UtcMs,
};

/// Everything durable about one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    intent: Intended,
    state: State,
    reason: Option<ClosedReason>,
    message: Option<String>,
    wallet: Wallet,
    /// What the customer paid; none until money was taken.
    received: Option<Received>,
    refunded: Fen,
    owed: Fen,
    said: Option<Said>,
    number_used: Option<UtcMs>,
    claimed: Option<Claimed>,
    settled: Option<Settlement>,
    reversal: Option<Reversal>,
    /// The first number of the void that was refused last.
    refused_void: Option<OrderNo>,
    /// Under way, the newest last: of the two branches of a restored box each may have begun one.
    refunds: Vec<Refund>,
    watch: Option<Watch>,
}

/// Money taken, as the acquirer told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What the customer paid after discounts.
    pub amount: Fen,
    /// The acquirer's number.
    pub acquirer_no: String,
    /// The wallet's own number.
    pub wallet_no: Option<String>,
    /// When this store knew.
    pub at: UtcMs,
}

/// What the cashier said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// 货已交.
    HandedOver,
    /// 没交货, or given up.
    GivenUp {
        /// Whether the bill was let go at once, by an approver.
        freed: bool,
        /// Whether it was the cancel key.
        cancelled: bool,
    },
}

/// What an answer claims that does not match its intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What it says was taken.
    pub amount: Fen,
    /// The acquirer's number.
    pub acquirer_no: String,
    /// The wallet's own number.
    pub wallet_no: Option<String>,
}

/// The last try to take the charge back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its number.
    pub no: OrderNo,
    /// A void's first number, which its row keeps through all tries; none where a doubt is reversed.
    pub void_no: Option<OrderNo>,
    /// Voids that another branch asked for while this was under way: they end with it, unless one is refused by its own name.
    pub beside: Vec<OrderNo>,
    /// Where it counts.
    pub place: Place,
    /// How it is done.
    pub how: TakeBack,
    /// When this try was intended.
    pub at: UtcMs,
    /// Whether the acquirer refused it.
    pub refused: bool,
    /// A try that nobody asked for of a payment that had ended here: the other branch of a copied box made it. Whether it worked
    /// is asked; it is never repeated, and the payment stands again as before.
    pub strays: bool,
    /// Where the payment stood before its first try, and stands again where a void is refused.
    pub before: State,
    /// Why it stood there.
    pub reason: Option<ClosedReason>,
}

/// A refund under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Its number.
    pub no: OrderNo,
    /// What goes back.
    pub amount: Fen,
    /// Where it counts.
    pub place: Place,
    /// When it was intended.
    pub at: UtcMs,
    /// Where the payment stood before, and stands again where it is refused.
    pub before: State,
}

/// An end after which money can still land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When it ended.
    pub since: UtcMs,
    /// How many late checks are done.
    pub checks: u8,
}

/// Late checks after an end of ours: at 1, 10 and 60 minutes, 6, 24 and 72 hours, in ms from the end.
pub const LATE_CHECKS_MS: [u64; 6] = [60_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 259_200_000];

impl Standing {
    /// Where a payment stands with its intent on record.
    #[must_use]
    pub const fn intended(intent: Intended) -> Self {
        Self {
            state: State::Pending,
            reason: None,
            message: None,
            wallet: intent.code.wallet,
            received: None,
            refunded: Fen::ZERO,
            owed: Fen::ZERO,
            said: None,
            number_used: None,
            claimed: None,
            settled: None,
            reversal: None,
            refused_void: None,
            refunds: Vec::new(),
            watch: None,
            intent,
        }
    }

    /// What was intended, with its day as corrected.
    #[must_use]
    pub const fn intent(&self) -> &Intended {
        &self.intent
    }

    /// The state on the wire.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why it stands so, as a stable name.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        let used =
            || self.number_used.is_some() && matches!(self.state, State::Unknown | State::Held | State::Quarantined);
        self.reason.or_else(|| used().then_some(ClosedReason::NumberUsed)).map(ClosedReason::as_str)
    }

    /// Why it stands so, in the acquirer's words or ours.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Whose wallet it is, as far as is known.
    #[must_use]
    pub const fn wallet(&self) -> Wallet {
        self.wallet
    }

    /// Money taken.
    #[must_use]
    pub const fn received(&self) -> Option<&Received> {
        self.received.as_ref()
    }

    /// What went back so far.
    #[must_use]
    pub const fn refunded(&self) -> Fen {
        self.refunded
    }

    /// What must still go back by itself.
    #[must_use]
    pub const fn owed(&self) -> Fen {
        self.owed
    }

    /// What the cashier said last.
    #[must_use]
    pub const fn said(&self) -> Option<Said> {
        self.said
    }

    /// When the acquirer said that this number was used before.
    #[must_use]
    pub const fn number_used(&self) -> Option<UtcMs> {
        self.number_used
    }

    /// What an answer claims that does not match.
    #[must_use]
    pub const fn claimed(&self) -> Option<&Claimed> {
        self.claimed.as_ref()
    }

    /// How a person ended it, if one did.
    #[must_use]
    pub const fn settled(&self) -> Option<Settlement> {
        self.settled
    }

    /// The last try to take it back.
    #[must_use]
    pub const fn reversal(&self) -> Option<&Reversal> {
        self.reversal.as_ref()
    }

    /// The refund under way; of several the newest.
    #[must_use]
    pub fn refund(&self) -> Option<&Refund> {
        self.refunds.last()
    }

    /// The end after which money can still land, while late checks are left.
    #[must_use]
    pub fn watch(&self) -> Option<Watch> {
        self.watch.filter(|watch| usize::from(watch.checks) < LATE_CHECKS_MS.len())
    }

    /// What the customer paid and did not get back.
    #[must_use]
    pub fn remaining(&self) -> Fen {
        let received = self.received.as_ref().map_or(Fen::ZERO, |received| received.amount);
        received.checked_sub(self.refunded).unwrap_or(Fen::ZERO)
    }

    /// Whether what is taken back was paid: by a void, or by a try that strays.
    #[must_use]
    pub fn is_being_voided(&self) -> bool {
        self.state == State::Reversing && self.reversal.as_ref().is_some_and(|reversal| reversal.before.has_money())
    }

    /// The voids under way: one, unless the branches of a copied box asked for several.
    pub fn voids(&self) -> impl Iterator<Item = OrderNo> {
        let reversal = self.reversal.as_ref().filter(|_| self.state == State::Reversing);
        reversal.into_iter().flat_map(|reversal| reversal.void_no.into_iter().chain(reversal.beside.iter().copied()))
    }

    /// The try under way that nobody here made, if it is one: see [`Reversal::strays`].
    #[must_use]
    pub fn stray(&self) -> Option<&Reversal> {
        self.reversal.as_ref().filter(|reversal| reversal.strays && self.state == State::Reversing)
    }

    /// Whether the cashier gave it up and has not said otherwise since.
    #[must_use]
    pub const fn is_given_up(&self) -> bool {
        matches!(self.said, Some(Said::GivenUp { .. }))
    }

    /// Whether an approver let its bill go: others may have paid it since.
    #[must_use]
    pub const fn is_freed(&self) -> bool {
        matches!(self.said, Some(Said::GivenUp { freed: true, .. }))
    }

    /// Rule 6: money that still comes goes back whatever its bill says: given up, or a reversal of ours is on record, and the
    /// goods were not handed over.
    #[must_use]
    pub fn gives_back(&self) -> bool {
        let reversed = self.reversal.as_ref().is_some_and(|reversal| reversal.void_no.is_none());
        self.is_given_up() || (reversed && self.said != Some(Said::HandedOver))
    }

    /// Whether it must go on after a restart: it is not at its end, owes, or can still be paid late.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.state.is_final() || self.owed > Fen::ZERO || self.watch().is_some()
    }

    /// The bill it pays.
    #[must_use]
    pub fn bill(&self) -> BillKey {
        self.intent.bill.clone().unwrap_or_else(|| BillKey::counter(self.intent.order_no))
    }

    /// What it claims of its bill (rule 7).
    #[must_use]
    pub fn claim(&self) -> Claim {
        let amount = self.intent.amount;
        let freed = self.is_freed();
        // A sale that coupons paid whole covers its bill like any other.
        let kept = amount.checked_sub(self.refunded).unwrap_or(Fen::ZERO);
        // An end is an end for its bill, whatever a try that strays finds out.
        let state = self.stray().map_or(self.state, |stray| stray.before);
        match state {
            State::Pending | State::Unknown | State::Quarantined if freed => Claim::NONE,
            State::Reversing if freed && !self.is_being_voided() => Claim::NONE,
            State::Pending | State::Unknown | State::Held | State::Quarantined => Claim::locks(amount),
            // What is being taken back keeps its bill until that is done: it may be refused.
            State::Reversing if self.is_being_voided() => Claim::covers(kept),
            State::Reversing => Claim::locks(amount),
            // Written off: it pays nothing and nothing of it is awaited.
            State::Paid | State::PartRefunded if self.settled == Some(Settlement::WriteOff) => Claim::NONE,
            State::Paid | State::Refunding | State::PartRefunded if self.owed > Fen::ZERO && freed => Claim::NONE,
            State::Paid | State::Refunding | State::PartRefunded if self.owed > Fen::ZERO => Claim::locks(kept),
            State::Paid | State::Refunding | State::PartRefunded => Claim::covers(kept),
            State::Declined | State::Closed | State::Reversed | State::Refunded => Claim::NONE,
        }
    }
}
