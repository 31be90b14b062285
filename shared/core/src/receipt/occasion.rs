//! What a receipt is about: money that moved, as it stood when the fact was written that says so.

use alloc::{boxed::Box, string::String};

use super::Kind;
use crate::{
    bill::BillKey,
    ids::{AccountId, OrderNo, TillId},
    money::Fen,
    payment::{Fact, Intended, Standing, State},
    rows::{self, ChargeRow, ReturnRow, RowChange},
    secret::Wallet,
    time::UtcMs,
};

/// One movement of money at a till.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// What the money did.
    pub kind: Kind,
    /// Our number of it: the charge's, the void's or the refund's.
    pub no: OrderNo,
    /// Where the charge, void or refund stood then.
    pub state: State,
    /// The amount asked for, or given back.
    pub amount: Fen,
    /// What the customer's wallet really paid or got.
    pub received: Fen,
    /// Whose wallet, when it is known.
    pub wallet: Option<Wallet>,
    /// The acquirer's number.
    pub acquirer_no: Option<String>,
    /// The wallet's own number.
    pub wallet_no: Option<String>,
    /// When this store knew.
    pub at: UtcMs,
    /// At which till.
    pub till: TillId,
    /// Who stood there.
    pub cashier: AccountId,
    /// The bill that was paid.
    pub bill: Option<BillKey>,
}

/// What the rows say of a payment and of one return of it, fact by fact.
#[derive(Default)]
struct Seen {
    opened: Option<(Box<Intended>, BillKey)>,
    charge: Option<Box<ChargeRow>>,
    given_back: Option<Box<ReturnRow>>,
    /// The return's state, the acquirer's number and when.
    ended: Option<(State, Option<String>, UtcMs)>,
}

impl Occasion {
    /// What the last of a payment's facts moved; they begin with its intent. None if it moved nothing.
    #[must_use]
    pub fn of(facts: &[Fact]) -> Option<Self> {
        let no = facts.last()?.moved()?;
        let (mut seen, mut standing) = (Seen::default(), None::<Standing>);
        for fact in facts {
            let before = standing.clone();
            match &mut standing {
                Some(standing) => standing.evolve(fact),
                None => standing = Standing::replay([fact]),
            }
            for change in rows::changes(&fact.clone().into(), before.as_ref(), standing.as_ref()) {
                seen.take(change, no);
            }
        }
        if seen.given_back.is_some() { seen.given_back() } else { seen.sale(no) }
    }
}

impl Seen {
    fn take(&mut self, change: RowChange, returned: OrderNo) {
        match change {
            RowChange::ChargeOpened(intent, bill, row) => {
                (self.opened, self.charge) = (Some((intent, bill)), Some(row));
            }
            RowChange::ChargeStands(row) => self.charge = Some(row),
            RowChange::ReturnOpened(row) if row.no == returned => self.given_back = Some(row),
            RowChange::ReturnStands { no, state, acquirer_no, at, .. } if no == returned => {
                self.ended = Some((state, acquirer_no, at));
            }
            RowChange::ReturnOpened(_)
            | RowChange::ReturnStands { .. }
            | RowChange::Requested { .. }
            | RowChange::Counted(_)
            | RowChange::BillTotal { .. }
            | RowChange::Account { .. }
            | RowChange::ApiKey { .. }
            | RowChange::ApiKeyRevoked { .. } => {}
        }
    }

    fn sale(self, no: OrderNo) -> Option<Occasion> {
        let ((intent, bill), row) = (self.opened?, self.charge?);
        Some(Occasion {
            kind: Kind::Sale,
            no,
            state: row.state,
            amount: intent.amount,
            received: row.received.unwrap_or(intent.amount),
            wallet: Some(row.wallet),
            acquirer_no: row.acquirer_no,
            wallet_no: row.wallet_no,
            at: row.paid_at.unwrap_or(row.changed_at),
            till: intent.place.till,
            cashier: intent.place.cashier,
            bill: Some(bill),
        })
    }

    fn given_back(self) -> Option<Occasion> {
        let (row, charge, (state, acquirer_no, at)) = (self.given_back?, self.charge?, self.ended?);
        Some(Occasion {
            kind: Kind::of_row(row.kind),
            no: row.no,
            state,
            amount: row.amount,
            received: row.amount,
            wallet: Some(charge.wallet),
            acquirer_no,
            wallet_no: None,
            at,
            till: row.place.till,
            cashier: row.place.cashier,
            bill: None,
        })
    }
}
