//! The fold that makes a day's figures. Node and hub run the same one, so their sums can only differ by facts not yet synced.
//!
//! A payment counts once as paid, with what was asked, on the business day of its intent; a void and each refund count as
//! movements of their own on the day they happen. Net is paid minus voided minus refunded. What an acquirer's discount took off
//! is a figure beside them.

use alloc::{vec, vec::Vec};

use crate::{
    money::Fen,
    payment::{Fact, Place, Standing},
    secret::Wallet,
};

/// Which way money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// In, as asked.
    Paid,
    /// Of what was asked, what the customer did not pay himself.
    Discounted,
    /// Back, whole, by void.
    Voided,
    /// Back, by refund.
    Refunded,
}

impl Movement {
    const ALL: [Self; 4] = [Self::Paid, Self::Discounted, Self::Voided, Self::Refunded];

    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Discounted => "discounted",
            Self::Voided => "voided",
            Self::Refunded => "refunded",
        }
    }

    /// Reads [`Self::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|movement| movement.as_str() == text)
    }

    /// Whether it is money going back.
    #[must_use]
    pub const fn is_back(self) -> bool {
        match self {
            Self::Voided | Self::Refunded => true,
            Self::Paid | Self::Discounted => false,
        }
    }
}

/// One movement to count, or to take off where its day was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatChange {
    /// Which way.
    pub movement: Movement,
    /// Which wallet.
    pub wallet: Wallet,
    /// Day, hour, till and cashier.
    pub place: Place,
    /// How much.
    pub amount: Fen,
    /// Whether it is taken off instead of added.
    pub off: bool,
}

/// What a fact counts.
#[must_use]
pub fn count(fact: &Fact, before: Option<&Standing>, after: &Standing) -> Vec<StatChange> {
    let wallet = after.wallet();
    let back = |movement, place: Option<&Place>, amount| {
        let place = place.unwrap_or(&after.intent().place).clone();
        vec![StatChange { movement, wallet, place, amount, off: false }]
    };
    match fact {
        // Both branches of a restored box may know of the same money.
        Fact::Paid(_) if before.is_some_and(|before| before.received().is_some()) => vec![],
        Fact::Paid(_) => taken(after, &after.intent().place, false),
        Fact::DayCorrected(_) => {
            let Some(before) = before.filter(|before| before.received().is_some()) else { return vec![] };
            let mut moved = taken(before, &before.intent().place, true);
            moved.extend(taken(after, &after.intent().place, false));
            moved
        }
        // What had gone back already, in the other branch of a restored or copied box, does not go back twice.
        Fact::Reversed(f) => {
            let Some(before) = before.filter(|before| before.received().is_some()) else { return vec![] };
            match f.amount.checked_sub(before.refunded()) {
                None | Some(Fen::ZERO) => vec![],
                Some(left) => back(Movement::Voided, before.reversal().map(|reversal| &reversal.place), left),
            }
        }
        Fact::Refunded(f) => {
            let refund = before.and_then(Standing::refund);
            back(Movement::Refunded, refund.map(|refund| &refund.place), f.amount)
        }
        Fact::Intended(_)
        | Fact::Pended(_)
        | Fact::Doubted(_)
        | Fact::Declined(_)
        | Fact::Closed(_)
        | Fact::Quarantined(_)
        | Fact::HandedOver(_)
        | Fact::NotHandedOver(_)
        | Fact::CancelAsked(_)
        | Fact::ReversalIntended(_)
        | Fact::ReversalRefused(_)
        | Fact::GiveBackOwed(_)
        | Fact::LateChecked(_)
        | Fact::NumberUsed(_)
        | Fact::Settled(_)
        | Fact::RefundIntended(_)
        | Fact::RefundRefused(_) => vec![],
    }
}

fn taken(standing: &Standing, place: &Place, off: bool) -> Vec<StatChange> {
    let asked = standing.intent().amount;
    let received = standing.received().map_or(asked, |received| received.amount);
    let discount = asked.checked_sub(received).filter(|discount| *discount > Fen::ZERO);
    let change =
        |movement, amount| StatChange { movement, wallet: standing.wallet(), place: place.clone(), amount, off };
    let mut changes = vec![change(Movement::Paid, asked)];
    changes.extend(discount.map(|discount| change(Movement::Discounted, discount)));
    changes
}
