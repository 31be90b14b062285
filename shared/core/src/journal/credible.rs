//! What no box of ours writes. A hub counts its stores' facts unasked, so what it must not count is named here: one store must not
//! blind headquarters with sums beyond all money or moments that sort before everything for ever.

use crate::{
    bill,
    journal::fact::Fact,
    limits,
    money::Fen,
    payment::{self, Place},
    time::{Day, UtcMs},
};

/// Why a hub does not count a fact, in words; none if it does.
#[must_use]
pub fn incredible(fact: &Fact) -> Option<&'static str> {
    let sums_max = if matches!(fact, Fact::Payment(fact) if !matches!(fact, payment::Fact::Quarantined(_))) {
        limits::AMOUNT_MAX_FEN
    } else {
        limits::BILL_TOTAL_MAX_FEN
    };
    if fact.greatest_amount().is_some_and(|sum| sum > Fen::new(sums_max)) {
        return Some("more money than one payment moves");
    }
    let (moments, days, hour) = stamps(fact);
    if moments.into_iter().flatten().chain([fact.at()]).any(|at| !limits::FACT_AT_MS.contains(&at.0)) {
        return Some("a moment that no clock shows");
    }
    if days.into_iter().flatten().any(|day| day.count().is_none_or(|count| !limits::ORDER_DAYS.contains(&count))) {
        return Some("a day that no number has");
    }
    hour.filter(|hour| *hour > 23).map(|_| "an hour that no day has")
}

type Stamps = ([Option<UtcMs>; 1], [Option<Day>; 2], Option<u8>);

/// The moments beside its own, the days and the hour that it states.
fn stamps(fact: &Fact) -> Stamps {
    let placed = |place: &Place, bill_day| ([None], [Some(place.business_day), bill_day], Some(place.hour));
    match fact {
        Fact::Opened(_) | Fact::People(_) => ([None], [None, None], None),
        Fact::Bill(bill::Fact::Opened(f)) => ([None], [Some(f.business_day), f.bill.day], None),
        Fact::Bill(bill::Fact::TotalChanged(f)) => ([None], [f.bill.day, None], None),
        Fact::Payment(fact) => match fact {
            payment::Fact::Intended(f) => placed(&f.place, f.bill.as_ref().and_then(|bill| bill.day)),
            payment::Fact::ReversalIntended(f) => placed(&f.place, None),
            payment::Fact::RefundIntended(f) => placed(&f.place, None),
            payment::Fact::Paid(f) => ([f.finished_at], [None, None], None),
            payment::Fact::NumberUsed(f) => ([Some(f.answered_at)], [None, None], None),
            payment::Fact::DayCorrected(f) => ([Some(f.intended_at)], [Some(f.business_day), None], Some(f.hour)),
            payment::Fact::Pended(_)
            | payment::Fact::Doubted(_)
            | payment::Fact::Declined(_)
            | payment::Fact::Closed(_)
            | payment::Fact::Quarantined(_)
            | payment::Fact::HandedOver(_)
            | payment::Fact::NotHandedOver(_)
            | payment::Fact::CancelAsked(_)
            | payment::Fact::Reversed(_)
            | payment::Fact::ReversalRefused(_)
            | payment::Fact::GiveBackOwed(_)
            | payment::Fact::Refunded(_)
            | payment::Fact::RefundRefused(_)
            | payment::Fact::LateChecked(_)
            | payment::Fact::Settled(_) => ([None], [None, None], None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::OrderNo, payment::Paid, secret::Wallet};

    fn paid(received: u64, at: i64, finished_at: i64) -> Fact {
        Paid {
            order_no: OrderNo::parse("09827010001501189454").unwrap(),
            at: UtcMs(at),
            received: Fen::new(received),
            wallet: Wallet::Wechat,
            acquirer_no: "A1".into(),
            wallet_no: None,
            finished_at: Some(UtcMs(finished_at)),
        }
        .into()
    }

    #[test]
    fn what_is_beyond_all_money_and_all_clocks_is_not_counted() {
        const NOW: i64 = 1_767_579_072_000;
        let most = limits::AMOUNT_MAX_FEN;
        assert_eq!(incredible(&paid(most, NOW, NOW)), None);
        assert_eq!(incredible(&paid(1, 946_684_800_000, NOW)), None, "a till whose clock stands at its beginning");
        for fact in [paid(most + 1, NOW, NOW), paid(u64::MAX, NOW, NOW)] {
            assert!(incredible(&fact).is_some_and(|why| why.contains("money")), "{fact:?}");
        }
        let year_2990 = 32_188_000_000_000;
        for (at, finished) in [(i64::MAX, NOW), (i64::MIN, NOW), (-1, NOW), (year_2990, NOW), (NOW, i64::MAX)] {
            assert!(incredible(&paid(1, at, finished)).is_some_and(|why| why.contains("moment")), "{at} {finished}");
        }
    }
}
