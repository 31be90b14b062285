use super::*;
use crate::{
    ids::{Issuer, Numbering},
    time::UtcMs,
};

fn numbers() -> [OrderNo; 3] {
    let mut numbering = Numbering::resume(Issuer::new(7).expect("in range"), None);
    core::array::from_fn(|_| numbering.next(UtcMs(1_767_579_072_000)))
}

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

#[test]
fn only_what_is_neither_covered_nor_locked_is_free() {
    let [a, b, _] = numbers();
    let mut bill = Bill::new(Fen::new(10_000));
    bill.put(a, Claim::covers(Fen::new(6_000)));
    bill.put(b, Claim::locks(Fen::new(3_000)));
    assert_eq!(bill.free(), Fen::new(1_000));
    assert_eq!(bill.admit(Fen::new(1_000)), Ok(()));
    assert_eq!(bill.admit(Fen::new(1_001)), Err(Full::Locked { free: Fen::new(1_000) }));
    assert_eq!(bill.admit(Fen::new(4_001)), Err(Full::Covered { free: Fen::new(1_000) }));
    assert!(bill.may_total(Fen::new(9_000)) && !bill.may_total(Fen::new(8_999)));
    bill.put(b, Claim::NONE);
    assert_eq!(bill.free(), Fen::new(4_000));
}

#[test]
fn late_money_fits_beside_its_own_lock_only() {
    let [a, b, c] = numbers();
    let mut bill = Bill::new(Fen::new(10_000));
    bill.put(a, Claim::locks(Fen::new(10_000)));
    assert_eq!(bill.late(a, Fen::new(10_000)), Late::Fits);
    bill.put(a, Claim::NONE);
    bill.put(b, Claim::covers(Fen::new(4_000)));
    assert_eq!(bill.late(a, Fen::new(6_000)), Late::Fits);
    bill.put(c, Claim::locks(Fen::new(1)));
    assert_eq!(bill.late(a, Fen::new(6_000)), Late::SettledOtherwise);
}

#[test]
fn a_payment_came_second_only_behind_what_was_paid_before_it() {
    let [a, b, c] = numbers();
    let mut bill = Bill::new(Fen::new(10_000));
    bill.put(a, Claim::locks(Fen::new(10_000)));
    bill.put(b, Claim::covers(Fen::new(10_000)));
    assert!(!bill.came_second(b, Fen::new(10_000), &[]), "another's doubt is no payment");
    assert!(bill.came_second(a, Fen::new(10_000), &[]));
    bill.put(a, Claim::covers(Fen::new(6_000)));
    bill.put(b, Claim::covers(Fen::new(4_000)));
    bill.put(c, Claim::covers(Fen::new(6_000)));
    assert!(!bill.came_second(b, Fen::new(4_000), &[c]), "what came later still is not before it");
    assert!(bill.came_second(c, Fen::new(6_000), &[]));
}

#[test]
fn an_open_bill_stays_one_over_midnight_and_a_doubtful_day_is_asked_for() {
    let (before, today) = (day("2026-01-05"), day("2026-01-06"));
    let [a, ..] = numbers();
    let open = Bill::new(Fen::new(500));
    let mut covered = open.clone();
    covered.put(a, Claim::covers(Fen::new(500)));
    let needed = Err(DayNeeded { before, today });
    assert_eq!(choose_day(today, None, None, Fen::new(500)), Ok(today));
    assert_eq!(choose_day(today, None, Some((before, &open)), Fen::new(500)), Ok(before));
    assert_eq!(choose_day(today, None, Some((before, &open)), Fen::new(501)), needed);
    assert_eq!(choose_day(today, None, Some((before, &covered)), Fen::new(500)), needed);
    assert_eq!(choose_day(today, Some(&open), Some((before, &covered)), Fen::new(500)), Ok(today));
}
