//! Rows of the store as people and programs see them.

use guitai_core::{money::Fen, normal, payment};
use guitai_http::dto::{self, BillRef, Can, Date, Payment, Time};
use guitai_store::query::PaymentRow;

/// A payment. Nothing can be done with it here: only its store's node moves money. Its texts came in the node's facts as they are.
pub(crate) fn payment(row: &PaymentRow) -> Payment {
    let shown = |text: &Option<String>| text.as_deref().map(normal::shown);
    Payment {
        order_no: row.no.to_string(),
        kind: dto::Kind::parse(&row.kind).unwrap_or(dto::Kind::Charge),
        original_no: row.original.clone(),
        state: state(row.state),
        reason: shown(&row.reason),
        message: shown(&row.message),
        amount_fen: row.amount.get(),
        received_fen: row.received.map(Fen::get),
        refunded_fen: row.refunded.get(),
        owed_fen: Some(row.owed.get()).filter(|owed| *owed > 0),
        settled: shown(&row.settled),
        refund_no: None,
        void_no: None,
        wallet: row.wallet.map(Into::into),
        code_last_two: row.code_last_two.clone(),
        acquirer: shown(&row.acquirer).unwrap_or_default(),
        acquirer_no: shown(&row.acquirer_no),
        wallet_no: shown(&row.wallet_no),
        till: row.till.clone(),
        cashier: row.cashier.clone(),
        bill: row.bill.as_ref().map(|bill| BillRef {
            source: normal::shown(&bill.key.source),
            number: normal::shown(&bill.key.number),
            total_fen: Some(bill.total.get()),
            day: bill.key.day.map(Into::into),
        }),
        business_day: Date(row.business_day),
        created_at: Time(row.at),
        finished_at: row.paid_at.or(is_known(row.state).then_some(row.changed_at)).map(Time),
        remark: shown(&row.remark),
        approver: shown(&row.approver),
        can: Can::default(),
        fact: row.fact.to_string(),
        store: Some(row.store.clone()),
    }
}

const fn state(state: payment::State) -> dto::State {
    match state {
        payment::State::Pending => dto::State::Pending,
        payment::State::Paid => dto::State::Paid,
        payment::State::Declined => dto::State::Declined,
        payment::State::Unknown => dto::State::Unknown,
        payment::State::Held => dto::State::Held,
        payment::State::Reversing => dto::State::Reversing,
        payment::State::Closed => dto::State::Closed,
        payment::State::Reversed => dto::State::Reversed,
        payment::State::Refunding => dto::State::Refunding,
        payment::State::PartRefunded => dto::State::PartRefunded,
        payment::State::Refunded => dto::State::Refunded,
        payment::State::Quarantined => dto::State::Quarantined,
    }
}

/// Whether nothing is under way any more.
const fn is_known(state: payment::State) -> bool {
    match state {
        payment::State::Pending
        | payment::State::Unknown
        | payment::State::Held
        | payment::State::Reversing
        | payment::State::Refunding => false,
        payment::State::Paid
        | payment::State::Declined
        | payment::State::Closed
        | payment::State::Reversed
        | payment::State::PartRefunded
        | payment::State::Refunded
        | payment::State::Quarantined => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_name_in_core_and_on_the_wire() {
        for each in payment::State::ALL {
            assert_eq!(state(each).as_str(), each.as_str());
        }
        for each in dto::State::ALL {
            assert!(payment::State::parse(each.as_str()).is_some(), "{each:?} can be filtered by");
        }
        for kind in ["charge", "void", "refund"] {
            assert!(dto::Kind::parse(kind).is_some());
        }
    }
}
