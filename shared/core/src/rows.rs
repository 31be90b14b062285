//! From facts to rows: what people and programs read. What a fact means is said by [`crate::payment::Standing`] and
//! [`crate::bill`]; here is only what of it stands in which row. A database writes what [`changes`] says, at the node and at the
//! hub alike, in the same transaction as the fact; and it can be done again over the whole journal at any time.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{
    bill::{self, BillKey, Claim},
    ids::{AccountId, OrderNo},
    journal::fact::Fact,
    money::Fen,
    payment::{self, Intended, Place, Settlement, Standing, State},
    people::{self, Idempotency, Role},
    secret::Wallet,
    stats::{self, StatChange},
    text::Text,
    time::{Day, UtcMs},
};

/// One change to the rows people and programs read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// A charge appears, and stands so.
    ChargeOpened(Box<Intended>, BillKey, Box<ChargeRow>),
    /// A charge stands so now.
    ChargeStands(Box<ChargeRow>),
    /// A void or refund appears as a row of its own.
    ReturnOpened(Box<ReturnRow>),
    /// A void or refund stands so now.
    ReturnStands {
        /// The row.
        no: OrderNo,
        /// The charge.
        original: OrderNo,
        /// The new state.
        state: State,
        /// The acquirer's words.
        message: Option<String>,
        /// The acquirer's number, once known.
        acquirer_no: Option<String>,
        /// When.
        at: UtcMs,
    },
    /// A request that moves money, or may, was taken in under its caller's key.
    Requested {
        /// Who asked, with what key, hashed with what body.
        idempotency: Idempotency,
        /// The charge it is about; none where it changed a bill's total.
        order_no: Option<OrderNo>,
    },
    /// A day's figure moves.
    Counted(StatChange),
    /// A bill comes to this.
    BillTotal {
        /// Which.
        bill: BillKey,
        /// What it comes to.
        total: Fen,
        /// When it was first named; none where only the total changed.
        opened: Option<(Day, UtcMs)>,
    },
    /// An account is made or changed.
    Account {
        /// The account.
        account: AccountId,
        /// The person's name.
        name: String,
        /// What they may do.
        role: Role,
        /// Argon2id PHC string; empty when erased: nobody logs in with it.
        verifier: String,
        /// Whether it may log in no more.
        disabled: bool,
    },
    /// A program's key is made.
    ApiKey {
        /// Its name.
        name: String,
        /// Its scopes.
        scopes: String,
        /// SHA-256 of the key.
        hash: [u8; 32],
        /// When it was made.
        at: UtcMs,
    },
    /// A program's key is good no more.
    ApiKeyRevoked {
        /// SHA-256 of the key.
        hash: [u8; 32],
        /// Since when.
        at: UtcMs,
    },
}

/// What of a charge's standing its row shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in design section 5, see the accessors of Standing")]
pub struct ChargeRow {
    pub no: OrderNo,
    pub state: State,
    pub reason: Option<&'static str>,
    pub message: Option<String>,
    pub wallet: Wallet,
    pub received: Option<Fen>,
    pub acquirer_no: Option<String>,
    pub wallet_no: Option<String>,
    pub paid_at: Option<UtcMs>,
    pub refunded: Fen,
    pub owed: Fen,
    pub claim: Claim,
    pub settled: Option<Settlement>,
    /// Given up by the cashier.
    pub given_up: bool,
    /// Must go on after a restart.
    pub unfinished: bool,
    pub at: UtcMs,
    pub business_day: Day,
    pub changed_at: UtcMs,
    /// The acquirer's or the wallet's number is another than before: to write the same again costs as much as a new one.
    pub renumbered: bool,
    /// Likewise when it was intended, and its day.
    pub moved: bool,
}

/// A void or refund as a row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnRow {
    /// Its own number.
    pub no: OrderNo,
    /// The charge.
    pub original: OrderNo,
    /// `void` or `refund`.
    pub kind: &'static str,
    /// How it stands.
    pub state: State,
    /// What goes back.
    pub amount: Fen,
    /// Where it counts.
    pub place: Place,
    /// When it was asked for.
    pub at: UtcMs,
    /// Who approved it.
    pub approver: Option<AccountId>,
    /// The reason given.
    pub remark: Option<String>,
}

/// What a fact changes. `before` and `after` are where its payment stands; both absent where it is about none.
#[must_use]
pub fn changes(fact: &Fact, before: Option<&Standing>, after: Option<&Standing>) -> Vec<RowChange> {
    match fact {
        Fact::Opened(_) => vec![],
        Fact::People(fact) => vec![of_people(fact)],
        Fact::Bill(fact) => of_bill(fact),
        Fact::Payment(fact) => after.map_or_else(Vec::new, |after| of_payment(fact, before, after)),
    }
}

fn of_people(fact: &people::Fact) -> RowChange {
    match fact {
        people::Fact::AccountSet(f) => RowChange::Account {
            account: f.account.clone(),
            name: text(f.name.as_ref()).unwrap_or_else(|| f.account.to_string()),
            role: f.role,
            verifier: text(f.verifier.as_ref()).unwrap_or_default(),
            disabled: f.disabled,
        },
        people::Fact::ApiKeyCreated(f) => {
            RowChange::ApiKey { name: f.name.clone(), scopes: f.scopes.clone(), hash: f.hash, at: f.at }
        }
        people::Fact::ApiKeyRevoked(f) => RowChange::ApiKeyRevoked { hash: f.hash, at: f.at },
    }
}

fn of_bill(fact: &bill::Fact) -> Vec<RowChange> {
    match fact {
        bill::Fact::Opened(f) => {
            vec![RowChange::BillTotal { bill: f.bill.clone(), total: f.total, opened: Some((f.business_day, f.at)) }]
        }
        bill::Fact::TotalChanged(f) => vec![
            RowChange::BillTotal { bill: f.bill.clone(), total: f.total, opened: None },
            RowChange::Requested { idempotency: f.approval.idempotency.clone(), order_no: None },
        ],
    }
}

fn of_payment(fact: &payment::Fact, before: Option<&Standing>, after: &Standing) -> Vec<RowChange> {
    let mut row = Box::new(charge_row(after, fact.at()));
    if let Some(before) = before.map(|before| charge_row(before, fact.at())) {
        row.renumbered = (&before.acquirer_no, &before.wallet_no) != (&row.acquirer_no, &row.wallet_no);
        row.moved = (before.at, before.business_day) != (row.at, row.business_day);
    }
    let mut rows = match fact {
        payment::Fact::Intended(f) => vec![RowChange::ChargeOpened(Box::new(f.clone()), after.bill(), row)],
        payment::Fact::Pended(_)
        | payment::Fact::Doubted(_)
        | payment::Fact::Paid(_)
        | payment::Fact::Declined(_)
        | payment::Fact::Closed(_)
        | payment::Fact::Quarantined(_)
        | payment::Fact::HandedOver(_)
        | payment::Fact::NotHandedOver(_)
        | payment::Fact::CancelAsked(_)
        | payment::Fact::ReversalIntended(_)
        | payment::Fact::Reversed(_)
        | payment::Fact::ReversalRefused(_)
        | payment::Fact::GiveBackOwed(_)
        | payment::Fact::LateChecked(_)
        | payment::Fact::NumberUsed(_)
        | payment::Fact::Settled(_)
        | payment::Fact::DayCorrected(_)
        | payment::Fact::RefundIntended(_)
        | payment::Fact::Refunded(_)
        | payment::Fact::RefundRefused(_) => vec![RowChange::ChargeStands(row)],
    };
    rows.extend(of_return(fact));
    rows.extend(of_ended_voids(fact, before, after));
    if let Some(idempotency) = fact.idempotency() {
        rows.push(RowChange::Requested { idempotency: idempotency.clone(), order_no: Some(fact.order_no()) });
    }
    rows.extend(stats::count(fact, before, after).into_iter().map(RowChange::Counted));
    rows
}

fn charge_row(standing: &Standing, changed_at: UtcMs) -> ChargeRow {
    let received = standing.received();
    let claimed = standing.claimed();
    let known = received
        .map(|received| (received.acquirer_no.clone(), received.wallet_no.clone()))
        .or_else(|| claimed.map(|claimed| (claimed.acquirer_no.clone(), claimed.wallet_no.clone())));
    let (acquirer_no, wallet_no) =
        known.map_or((None, None), |(acquirer_no, wallet_no)| (Some(acquirer_no), wallet_no));
    ChargeRow {
        no: standing.intent().order_no,
        state: standing.state(),
        reason: standing.reason(),
        message: standing.message().map(ToString::to_string),
        wallet: standing.wallet(),
        received: received.map(|received| received.amount),
        acquirer_no,
        wallet_no,
        paid_at: received.map(|received| received.at),
        refunded: standing.refunded(),
        owed: standing.owed(),
        claim: standing.claim(),
        settled: standing.settled(),
        given_up: standing.is_given_up(),
        unfinished: standing.is_unfinished(),
        at: standing.intent().at,
        business_day: standing.intent().place.business_day,
        changed_at,
        renumbered: true,
        moved: true,
    }
}

fn of_return(fact: &payment::Fact) -> Option<RowChange> {
    let original = fact.order_no();
    let stands = |no, state, message: Option<&Text>, acquirer_no: Option<&String>, at| {
        let (message, acquirer_no) = (text(message), acquirer_no.cloned());
        Some(RowChange::ReturnStands { no, original, state, message, acquirer_no, at })
    };
    match fact {
        payment::Fact::ReversalIntended(f) => {
            let void = f.void.as_ref()?;
            Some(RowChange::ReturnOpened(Box::new(ReturnRow {
                no: f.reversal_no,
                original: f.order_no,
                kind: "void",
                state: State::Reversing,
                amount: f.amount,
                place: f.place.clone(),
                at: f.at,
                approver: void.approver.clone(),
                remark: None,
            })))
        }
        payment::Fact::RefundIntended(f) => Some(RowChange::ReturnOpened(Box::new(ReturnRow {
            no: f.refund_no,
            original: f.order_no,
            kind: "refund",
            state: State::Refunding,
            amount: f.amount,
            place: f.place.clone(),
            at: f.at,
            approver: f.approval.as_ref().and_then(|approval| approval.approver.clone()),
            remark: text(f.reason.as_ref()),
        }))),
        payment::Fact::Refunded(f) => stands(f.refund_no, State::Refunded, None, Some(&f.acquirer_no), f.at),
        payment::Fact::RefundRefused(f) => stands(f.refund_no, State::Declined, f.message.as_ref(), None, f.at),
        payment::Fact::Intended(_)
        | payment::Fact::Pended(_)
        | payment::Fact::Doubted(_)
        | payment::Fact::Paid(_)
        | payment::Fact::Declined(_)
        | payment::Fact::Closed(_)
        | payment::Fact::Quarantined(_)
        | payment::Fact::HandedOver(_)
        | payment::Fact::NotHandedOver(_)
        | payment::Fact::CancelAsked(_)
        | payment::Fact::Reversed(_)
        | payment::Fact::ReversalRefused(_)
        | payment::Fact::GiveBackOwed(_)
        | payment::Fact::LateChecked(_)
        | payment::Fact::NumberUsed(_)
        | payment::Fact::Settled(_)
        | payment::Fact::DayCorrected(_) => None,
    }
}

/// The void that an end names ends so, and with it any other that was under way and is not any more: the branches of a copied box may
/// each have asked for one of the same money.
fn of_ended_voids(fact: &payment::Fact, before: Option<&Standing>, after: &Standing) -> Vec<RowChange> {
    let (named, state, message) = match fact {
        payment::Fact::Reversed(f) => (f.void_no, State::Reversed, None),
        payment::Fact::ReversalRefused(f) => (f.void_no, State::Declined, text(f.message.as_ref())),
        _ => return vec![],
    };
    let mut ended: Vec<OrderNo> = before.into_iter().flat_map(Standing::voids).chain(named).collect();
    ended.sort_unstable();
    ended.dedup();
    ended.retain(|no| after.voids().all(|left| left != *no));
    let stands = |no| RowChange::ReturnStands {
        no,
        original: fact.order_no(),
        state,
        message: message.clone(),
        acquirer_no: None,
        at: fact.at(),
    };
    ended.into_iter().map(stands).collect()
}

fn text(text: Option<&Text>) -> Option<String> {
    text.and_then(Text::as_str).map(ToString::to_string)
}
