//! The doors of a till: what a request must pass before a payment begins or goes on. The engine finds out what is known; what
//! follows from it is said here.

use crate::{
    bill::{Bill, Full},
    money::Fen,
    payment::Refused,
    time::Day,
    trust::Bar,
};

/// Why a request was not taken in. Nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The key was used with another request.
    IdempotencyConflict,
    /// This payment code went out before; it is good for one call.
    CodeUsed,
    /// The bill is paid, all but so much.
    BillCovered {
        /// What is left.
        free: Fen,
    },
    /// Payments that have not ended hold the bill, all but so much.
    BillLocked {
        /// What is left.
        free: Fen,
    },
    /// The bill is on record with another total; changing it is an act of its own.
    TotalDiffers {
        /// What it comes to.
        total: Fen,
    },
    /// The total may not be below what is covered and locked.
    TotalTooLow {
        /// What is covered and locked.
        held: Fen,
    },
    /// The bill's source starts its numbers anew each day, and only the caller knows which day is meant.
    BillDayNeeded {
        /// The day before.
        before: Day,
        /// Today.
        today: Day,
    },
    /// Nobody named this bill yet.
    BillUnknown,
    /// No account of this store, or one that is disabled.
    CashierUnknown,
    /// The account is there already.
    AccountExists,
    /// Another program's key has this name.
    KeyExists,
    /// Nobody could let accounts in or approve anything any more.
    LastAdministrator,
    /// Too many payments are open.
    TooManyOpen,
    /// There is no such payment, account or key.
    NotFound,
    /// The payment's state forbids it.
    Payment(Refused),
    /// This till may not move money so.
    Barred(Bar),
}

/// What is known about a charge before it is taken in.
#[derive(Debug)]
pub struct Known<'a> {
    /// What the roster or a fork forbids.
    pub bar: Option<Bar>,
    /// Whether as many payments are open as may be.
    pub full: bool,
    /// Whether the cashier named is one of this store's.
    pub cashier: bool,
    /// Whether this payment code went out before.
    pub code_used: bool,
    /// The bill as it stands, if the charge names one that is on record.
    pub bill: Option<&'a Bill>,
    /// What the request says the bill comes to, if it does.
    pub total: Option<Fen>,
}

/// Whether a charge of `amount` may begin.
///
/// # Errors
/// The first door that is shut.
pub fn admit(amount: Fen, known: &Known<'_>) -> Result<(), NotAccepted> {
    if let Some(bar) = known.bar.filter(|bar| bar.stops_charges()) {
        return Err(NotAccepted::Barred(bar));
    }
    if known.full {
        return Err(NotAccepted::TooManyOpen);
    }
    if !known.cashier {
        return Err(NotAccepted::CashierUnknown);
    }
    if known.code_used {
        return Err(NotAccepted::CodeUsed);
    }
    match (known.bill, known.total) {
        (Some(bill), Some(total)) if bill.total() != total => Err(NotAccepted::TotalDiffers { total: bill.total() }),
        (Some(bill), _) => bill.admit(amount).map_err(shut),
        (None, Some(total)) => Bill::new(total).admit(amount).map_err(shut),
        (None, None) => Ok(()),
    }
}

/// Whether money may be moved back at all.
///
/// # Errors
/// What forbids it.
pub const fn may_give_back(bar: Option<Bar>) -> Result<(), NotAccepted> {
    match bar {
        Some(bar) => Err(NotAccepted::Barred(bar)),
        None => Ok(()),
    }
}

const fn shut(full: Full) -> NotAccepted {
    match full {
        Full::Covered { free } => NotAccepted::BillCovered { free },
        Full::Locked { free } => NotAccepted::BillLocked { free },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Known<'_> = Known { bar: None, full: false, cashier: true, code_used: false, bill: None, total: None };

    #[test]
    fn every_door_shuts_by_itself() {
        let amount = Fen::new(100);
        let bill = Bill::new(Fen::new(50));
        assert_eq!(admit(amount, &OPEN), Ok(()));
        for (known, refusal) in [
            (Known { bar: Some(Bar::Revoked), ..OPEN }, NotAccepted::Barred(Bar::Revoked)),
            (Known { full: true, ..OPEN }, NotAccepted::TooManyOpen),
            (Known { cashier: false, ..OPEN }, NotAccepted::CashierUnknown),
            (Known { code_used: true, ..OPEN }, NotAccepted::CodeUsed),
            (Known { bill: Some(&bill), ..OPEN }, NotAccepted::BillCovered { free: Fen::new(50) }),
            (
                Known { bill: Some(&bill), total: Some(amount), ..OPEN },
                NotAccepted::TotalDiffers { total: Fen::new(50) },
            ),
            (Known { total: Some(Fen::new(99)), ..OPEN }, NotAccepted::BillCovered { free: Fen::new(99) }),
        ] {
            assert_eq!(admit(amount, &known), Err(refusal));
        }
        assert_eq!(admit(amount, &Known { bar: Some(Bar::Forked), ..OPEN }), Ok(()), "a forked node sells on");
        assert!(may_give_back(Some(Bar::Forked)).is_err());
    }
}
