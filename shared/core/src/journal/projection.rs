//! The one fold from facts to rows. It needs no earlier state, so a database only writes what it says, at the node and at
//! the hub alike, in the same transaction as the fact; and it can be run again over the whole journal at any time.

use alloc::{string::String, vec, vec::Vec};

use super::fact::{Fact, Idempotency, Intended, Place, ReversalIntended, Role};
use crate::{
    ids::{AccountId, OrderNo},
    money::Fen,
    payment::State,
    secret::Wallet,
    stats::{self, StatChange},
    time::UtcMs,
};

/// One change to the rows people and programs read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// A charge appears.
    ChargeOpened(Intended),
    /// A void or refund appears as a row of its own.
    ReturnOpened(ReturnRow),
    /// A row's state changes.
    StateChanged {
        /// The row: a charge, void or refund.
        no: OrderNo,
        /// The new state.
        state: State,
        /// Why, as a stable name.
        reason: Option<&'static str>,
        /// Why, in the acquirer's words or ours.
        message: Option<String>,
        /// When.
        at: UtcMs,
    },
    /// What is known of a payment that took money.
    Received {
        /// The charge.
        no: OrderNo,
        /// The acquirer's number.
        acquirer_no: String,
        /// The wallet's number.
        wallet_no: Option<String>,
        /// Which wallet paid.
        wallet: Wallet,
        /// What the customer paid after discounts.
        received: Fen,
        /// When this store knew.
        at: UtcMs,
    },
    /// The sum given back so far.
    RefundedTo {
        /// The charge.
        no: OrderNo,
        /// What went back in all.
        refunded: Fen,
    },
    /// The acquirer's number of a refund.
    ReturnNumbered {
        /// The refund's row.
        no: OrderNo,
        /// The acquirer's number.
        acquirer_no: String,
    },
    /// A request that moves money, or may, was taken in under its caller's key.
    Requested {
        /// Who asked, with what key, hashed with what body.
        idempotency: Idempotency,
        /// The charge it is about.
        order_no: OrderNo,
    },
    /// A day's figure grows.
    Counted(StatChange),
    /// An account is made or changed.
    Account {
        /// The account.
        account: AccountId,
        /// The person's name.
        name: String,
        /// What they may do.
        role: Role,
        /// Argon2id PHC string.
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
    },
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

/// What a fact changes.
#[must_use]
pub fn apply(fact: &Fact) -> Vec<RowChange> {
    let mut rows = rows(fact);
    rows.extend(stats::count(fact).map(RowChange::Counted));
    rows
}

fn rows(fact: &Fact) -> Vec<RowChange> {
    let state = |no, state, at| RowChange::StateChanged { no, state, reason: None, message: None, at };
    let told = |no, state, at, reason, message| RowChange::StateChanged { no, state, reason, message, at };
    match fact {
        Fact::Opened(_) => vec![],
        Fact::AccountSet(f) => vec![RowChange::Account {
            account: f.account.clone(),
            name: f.name.clone(),
            role: f.role,
            verifier: f.verifier.clone(),
            disabled: f.disabled,
        }],
        Fact::ApiKeyCreated(f) => {
            vec![RowChange::ApiKey { name: f.name.clone(), scopes: f.scopes.clone(), hash: f.hash }]
        }
        Fact::Intended(f) => vec![RowChange::ChargeOpened(f.clone()), requested(f.order_no, &f.idempotency)],
        Fact::Pended(f) => vec![state(f.order_no, State::Pending, f.at)],
        Fact::Doubted(f) => vec![told(f.order_no, State::Unknown, f.at, None, Some(f.detail.clone()))],
        Fact::Paid(f) => vec![
            state(f.order_no, State::Paid, f.at),
            RowChange::Received {
                no: f.order_no,
                acquirer_no: f.acquirer_no.clone(),
                wallet_no: f.wallet_no.clone(),
                wallet: f.wallet,
                received: f.received,
                at: f.at,
            },
        ],
        Fact::Declined(f) => vec![told(f.order_no, State::Declined, f.at, None, Some(f.message.clone()))],
        Fact::Closed(f) => {
            vec![told(f.order_no, State::Closed, f.at, Some(f.reason.as_str()), f.message.clone())]
        }
        Fact::Quarantined(f) => {
            vec![told(f.order_no, State::Quarantined, f.at, None, Some(f.detail.clone()))]
        }
        Fact::HandedOver(f) => {
            vec![state(f.order_no, State::Held, f.at), requested(f.order_no, &f.idempotency)]
        }
        Fact::NotHandedOver(f) => {
            vec![state(f.order_no, State::Unknown, f.at), requested(f.order_no, &f.idempotency)]
        }
        Fact::CancelAsked(f) => vec![requested(f.order_no, &f.idempotency)],
        Fact::ReversalIntended(f) => reversal_rows(f),
        Fact::Reversed(f) => {
            let mut rows = vec![state(f.order_no, State::Reversed, f.at)];
            if let Some(no) = f.void_no {
                rows.push(state(no, State::Reversed, f.at));
                rows.push(RowChange::RefundedTo { no: f.order_no, refunded: f.amount });
            }
            rows
        }
        Fact::ReversalRefused(f) => match f.void_no {
            Some(no) => vec![
                told(f.order_no, State::Paid, f.at, None, Some(f.message.clone())),
                told(no, State::Declined, f.at, None, Some(f.message.clone())),
            ],
            None => vec![told(f.order_no, State::Reversing, f.at, None, Some(f.message.clone()))],
        },
        Fact::RefundIntended(f) => {
            let mut rows = vec![
                state(f.order_no, State::Refunding, f.at),
                RowChange::ReturnOpened(ReturnRow {
                    no: f.refund_no,
                    original: f.order_no,
                    kind: "refund",
                    amount: f.amount,
                    place: f.place.clone(),
                    at: f.at,
                    approver: f.approval.as_ref().and_then(|approval| approval.approver.clone()),
                    remark: f.reason.clone(),
                }),
            ];
            rows.extend(f.approval.as_ref().map(|approval| requested(f.order_no, &approval.idempotency)));
            rows
        }
        Fact::Refunded(f) => {
            let after = if f.left == Fen::ZERO { State::Refunded } else { State::PartRefunded };
            vec![
                state(f.order_no, after, f.at),
                state(f.refund_no, State::Refunded, f.at),
                RowChange::ReturnNumbered { no: f.refund_no, acquirer_no: f.acquirer_no.clone() },
                RowChange::RefundedTo { no: f.order_no, refunded: f.refunded },
            ]
        }
        Fact::RefundRefused(f) => {
            let after = if f.refunded_before == Fen::ZERO { State::Paid } else { State::PartRefunded };
            vec![
                told(f.order_no, after, f.at, None, Some(f.message.clone())),
                told(f.refund_no, State::Declined, f.at, None, Some(f.message.clone())),
            ]
        }
    }
}

fn reversal_rows(f: &ReversalIntended) -> Vec<RowChange> {
    let reversing =
        RowChange::StateChanged { no: f.order_no, state: State::Reversing, reason: None, message: None, at: f.at };
    let Some(void) = &f.void else {
        return vec![reversing];
    };
    let row = ReturnRow {
        no: f.reversal_no,
        original: f.order_no,
        kind: "void",
        amount: f.amount,
        place: f.place.clone(),
        at: f.at,
        approver: void.approver.clone(),
        remark: None,
    };
    vec![reversing, RowChange::ReturnOpened(row), requested(f.order_no, &void.idempotency)]
}

fn requested(order_no: OrderNo, idempotency: &Idempotency) -> RowChange {
    RowChange::Requested { idempotency: idempotency.clone(), order_no }
}
