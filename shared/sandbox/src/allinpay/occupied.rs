//! A number that turns out to belong to somebody else: two boxes counting from one number, a copied folder.

use guitai_core::{secret::Wallet, time::UtcMs};

use super::{
    Call,
    trade::{OURS, REFUNDED, SUCCESS, VOIDED, is_used, new_order, returned},
    trade_code,
};
use crate::{
    book::{Book, Entry, Refund, RefundState, Reversal},
    switches::{Switches, What},
};

/// What a return of somebody else's is a return of.
const ANOTHERS_ORDER: &str = "another's";

/// Books the trade that a switch wants to be there before this call.
pub(super) fn occupy(book: &mut Book, switches: &mut Switches, now: UtcMs, call: &Call) {
    let (what, reqsn, amount_fen) = match call {
        Call::Charge { reqsn, amount_fen, .. } => (What::Charge, reqsn, *amount_fen),
        Call::Cancel { reqsn, amount_fen, .. } => (What::Cancel, reqsn, *amount_fen),
        Call::Refund { reqsn, amount_fen, .. } => (What::Refund, reqsn, *amount_fen),
        Call::Query(_) | Call::Close(_) => return,
    };
    if is_used(book, now, reqsn) {
        return;
    }
    let Some(other) = switches.take_occupied(what) else { return };
    let then = UtcMs(now.0.saturating_sub(other.age_ms));
    let amount_fen = other.amount_fen.unwrap_or(amount_fen);
    let sale = match (other.wallet, call) {
        (Some(wallet), _) => trade_code(wallet),
        (None, Call::Charge { trade_code, .. }) => trade_code,
        (None, Call::Cancel { .. } | Call::Refund { .. } | Call::Query(_) | Call::Close(_)) => {
            trade_code(Wallet::Other)
        }
    };
    let trade_no = book.next_trade_no(then);
    let entry = match what {
        What::Charge => Entry::Order(new_order(book, then, reqsn.clone(), amount_fen, sale, None).take(then)),
        What::Cancel => Entry::Reversal(Reversal {
            acquirer: OURS,
            reversal_no: reqsn.clone(),
            order_no: ANOTHERS_ORDER.to_owned(),
            trade_no,
            amount_fen,
            trade_code: returned(sale, VOIDED),
            status: SUCCESS.0.to_owned(),
            message: SUCCESS.1.to_owned(),
            created_ms: then.0,
        }),
        What::Refund => Entry::Refund(Refund {
            acquirer: OURS,
            refund_no: reqsn.clone(),
            order_no: ANOTHERS_ORDER.to_owned(),
            trade_no,
            amount_fen,
            trade_code: returned(sale, REFUNDED),
            state: RefundState::Done,
            message: String::new(),
            queries: 0,
            created_ms: then.0,
        }),
    };
    book.put(entry);
}
