//! Money that comes late, and what keeps it from going back.

use super::*;

/// A charge that was not paid, reversed after its deadline, and closed.
fn closed(counter: &mut Counter) -> OrderNo {
    let order_no = counter.sale("key-00000001", CODE, 1250);
    counter.answer(order_no, Answer::Charge(ChargeAnswer::Unknown { detail: "silence".into() }));
    counter.pass(100_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::NotFound));
    counter.answer(order_no, Answer::Reversal(ReversalAnswer::Done));
    counter.answer(order_no, Answer::Query(QueryAnswer::NotFound));
    assert_eq!(counter.stored_state(order_no), State::Closed);
    order_no
}

/// A charge that was not paid and ended over midnight, when acquirers reverse no more: no reversal of ours is on record.
fn expired_unreversed(counter: &mut Counter) -> OrderNo {
    counter.now.wall = MIDNIGHT;
    counter.now.wall.0 -= 30_000;
    let order_no = counter.sale("key-00000001", CODE, 1250);
    counter.answer(order_no, Answer::Charge(ChargeAnswer::Unknown { detail: "silence".into() }));
    counter.pass(100_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::NotFound));
    assert_eq!(counter.stored_state(order_no), State::Closed);
    assert!(!counter.calls.borrow().contains(&"other"), "nothing was taken back");
    order_no
}

#[test]
fn late_money_after_a_reversal_of_ours_goes_back_though_its_bill_is_open() {
    let mut counter = Counter::open();
    let order_no = closed(&mut counter);
    counter.pass(60_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Refunding);
    assert_eq!(counter.calls.borrow().last(), Some(&"other"), "the refund");
}

#[test]
fn late_money_is_attached_until_the_till_goes_on_and_given_back_afterwards() {
    let mut counter = Counter::open();
    let order_no = expired_unreversed(&mut counter);
    counter.pass(60_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Paid);

    let mut counter = Counter::open();
    let order_no = expired_unreversed(&mut counter);
    counter.pass(10_000);
    counter.sale("key-00000002", OTHER_CODE, 700);
    counter.pass(50_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Refunding);
    assert_eq!(counter.calls.borrow().last(), Some(&"other"), "the refund");
}

#[test]
fn late_money_of_a_second_attempt_goes_back_too_once_the_till_went_on() {
    let mut counter = Counter::open();
    counter.now.wall.0 = MIDNIGHT.0 - 60_000;
    let first = counter.sale("key-00000001", CODE, 1250);
    let refusal = guitai_core::acquirer::Refusal { code: "3999".into(), message: "余额不足".into() };
    counter.answer(first, Answer::Charge(ChargeAnswer::Declined(refusal)));
    let again = Pays::Again(BillKey::counter(first));
    let answered = counter.charge("key-00000002", "130000000000000003", 1250, again);
    counter.commit();
    let second = taken(&answered).expect("taken in").order_no;
    counter.answer(second, Answer::Charge(ChargeAnswer::Unknown { detail: "silence".into() }));
    counter.pass(100_000);
    counter.answer(second, Answer::Query(QueryAnswer::NotFound));
    assert_eq!(counter.stored_state(second), State::Closed);
    counter.sale("key-00000003", OTHER_CODE, 1250);
    counter.pass(60_000);
    counter.answer(second, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(second), State::Refunding);
}

#[test]
fn nothing_goes_back_before_the_hub_was_heard() {
    let mut counter = Counter::open();
    let order_no = closed(&mut counter);
    let mut counter = counter.restart_as(|setup| Setup { awaits_hub: true, ..setup });
    let asked = counter.calls.borrow().len();
    counter.pass(60_000);
    assert_eq!(counter.calls.borrow().len(), asked, "it is not even asked");
    counter.handle(Command::HubHeard);
    counter.pass(1_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Refunding);
}

#[test]
fn late_money_waits_while_the_journal_is_forked() {
    let mut counter = Counter::open();
    let order_no = closed(&mut counter);
    counter.handle(Command::Bar(Some(Bar::Forked)));
    let asked = counter.calls.borrow().len();
    counter.pass(60_000);
    assert_eq!(counter.calls.borrow().len(), asked, "it is not even asked");
    counter.handle(Command::Bar(None));
    counter.pass(60_000);
    // Asked before, answered after the fork was noticed.
    counter.handle(Command::Bar(Some(Bar::Forked)));
    let before = counter.stored_state(order_no);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), before, "nothing is given back yet");
    counter.handle(Command::Bar(None));
    counter.pass(60_000);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Refunding);
}
