//! What becomes of a charge, told answer by answer.

mod returns;

use alloc::{format, vec};

use super::*;
use crate::journal::fact::Fact as Stored;

#[test]
fn doubt_ends_by_asking() {
    Story::begin()
        .charge(no_answer())
        .query(no_query_answer())
        .query(QueryAnswer::NotFound)
        .query(QueryAnswer::Paid(evidence()))
        .ends(State::Paid, "charge query query query");
}

#[test]
fn before_the_deadline_nothing_is_reversed_after_it_one_query_decides() {
    let mut story = Story::begin().charge(ChargeAnswer::Pending);
    while story.now.up < Ticks(5_000 + 90_000) {
        story = story.query(QueryAnswer::Pending);
        let reversing = story.calls.contains(&"reverse");
        assert_eq!(reversing, story.now.up >= Ticks(95_000), "at {:?}", story.now.up);
    }
    story
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Failed(refusal()))
        .ends(State::Closed, &format!("charge {}reverse query", "query ".repeat(10)));
}

#[test]
fn without_answers_nothing_is_reversed_however_long() {
    let mut story = Story::begin().charge(no_answer());
    for _ in 0..50 {
        story = story.query(no_query_answer());
    }
    assert!(!story.calls.contains(&"reverse"));
    assert_eq!(story.payment.state(), State::Unknown);
}

fn reversing_unpaid() -> Story {
    reversing_unpaid_at(Now::vouched(morning(), Ticks(5_000)))
}

fn reversing_unpaid_at(now: Now) -> Story {
    let mut story = Story::begin_at(now).charge(no_answer()).after(100 * SECOND).query(QueryAnswer::NotFound);
    assert_eq!(story.payment.state(), State::Reversing);
    story.calls = vec!["reverse"];
    story
}

#[test]
fn an_abnormal_reversal_is_asked_about_and_sent_again_under_a_new_number() {
    let story = reversing_unpaid()
        .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
        .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
        .reversal(ReversalAnswer::Refused(refusal()))
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Reversed);
    let numbers: Vec<_> = story
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::ReversalIntended(f) => Some(f.reversal_no),
            _ => None,
        })
        .collect();
    assert_eq!(numbers.len(), 2);
    assert_ne!(numbers[0], numbers[1]);
    story.ends(State::Reversed, "reverse query_reversal query_reversal reverse query");
}

#[test]
fn a_refused_reversal_is_tried_again_and_late_money_is_given_back() {
    let mut story = reversing_unpaid()
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Paid(evidence()));
    assert_eq!(story.payment.standing().owed(), Fen::new(1250));
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!(story.payment.standing().owed(), Fen::ZERO);
    story.ends(State::Refunded, "reverse query close query refund");
}

#[test]
fn what_the_acquirer_will_not_reverse_is_closed() {
    reversing_unpaid()
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Failed(refusal()))
        .ends(State::Closed, "reverse query close query reverse query close query");
}

#[test]
fn what_was_refused_before_a_restart_is_closed_after_it() {
    let story = reversing_unpaid().reversal(ReversalAnswer::Refused(refusal()));
    let now = Now::vouched(UtcMs(story.now.wall.0 + 1_000), Ticks(7));
    let mut resumed = Story { now, payment: Payment::replay(&story.facts, &TERMS).expect("an intent"), ..story };
    let step = resumed.payment.resume(now);
    resumed.take(step);
    resumed
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Failed(refusal()))
        .ends(State::Closed, "reverse query query close query");
}

#[test]
fn a_reversal_whose_answers_never_come_is_closed_in_the_end() {
    let mut story = reversing_unpaid();
    for _ in 0..2 {
        story = story
            .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
            .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
            .reversal(ReversalAnswer::Refused(refusal()));
    }
    story.query(QueryAnswer::Pending).reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal())).ends(
        State::Closed,
        "reverse query_reversal query_reversal reverse query_reversal query_reversal query close query",
    );
}

#[test]
fn a_correction_of_the_clock_ends_no_wait() {
    let mut story = Story::begin_at(Now::alone(morning(), Ticks(5_000)));
    story = story.charge(ChargeAnswer::Pending);
    let twelve_hours = 12 * 3_600_000;
    story.now.wall.0 += twelve_hours;
    story.now.ahead_ms = Some(0);
    let intended_at = UtcMs(story.payment.standing().intent().at.0 + twelve_hours);
    let place = place(intended_at);
    story.input(Input::CorrectDay { intended_at, business_day: place.business_day, hour: place.hour });
    let story = story.query(QueryAnswer::Pending);
    assert_eq!(story.calls.join(" "), "charge query", "three seconds after the charge nothing is reversed");
}

#[test]
fn what_an_approver_let_go_is_not_held_again() {
    let mut story = Story::begin().charge(no_answer()).after(70 * SECOND);
    let approver = AccountId::parse("01").ok();
    story.input(Input::NotHandedOver(Say { approver, ..say() }));
    assert_eq!(story.input(Input::HandedOver(say())), Some(Refused::SaidAlready));
    let accept =
        Input::Settle { how: Settlement::Accept, approval: approval(), note: None, late: Late::SettledOtherwise };
    let mut story = story.after(60 * SECOND);
    assert_eq!(story.input(accept), Some(Refused::BillSettled));
}

#[test]
fn a_coupon_that_pays_all_covers_the_bill() {
    let story = Story::begin().charge(ChargeAnswer::Paid(PaidEvidence { received: Fen::ZERO, ..evidence() }));
    assert_eq!(story.payment.standing().claim(), crate::bill::Claim::covers(Fen::new(1250)));
}

/// Expired the day after, when acquirers reverse no more: no reversal of ours is on record.
fn expired_unreversed() -> Story {
    let mut story = Story::begin().charge(no_answer()).after(100 * SECOND);
    story.now.wall = parse_beijing("20260106000030").expect("a time");
    let mut story = story.query(QueryAnswer::NotFound);
    assert_eq!(story.payment.state(), State::Closed);
    story.wait();
    story
}

#[test]
fn a_late_paid_is_attached_if_it_fits_and_given_back_if_not() {
    let mut open = expired_unreversed();
    open.answer_query(QueryAnswer::Paid(evidence()), Late::Fits);
    assert_eq!(open.payment.state(), State::Paid);

    let mut settled = expired_unreversed();
    settled.answer_query(QueryAnswer::Paid(evidence()), Late::SettledOtherwise);
    assert_eq!(settled.payment.state(), State::Refunding);
    settled.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!(settled.payment.state(), State::Refunded);
}

#[test]
fn late_money_after_a_reversal_of_ours_goes_back_whatever_its_bill_says() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    story.wait();
    story.answer_query(QueryAnswer::Paid(evidence()), Late::Fits);
    assert_eq!(story.payment.state(), State::Refunding);
}

#[test]
fn late_checks_count_from_the_end_and_stop_after_72_hours() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    let ended = story.now.wall;
    for minutes in [1, 10, 60, 6 * 60, 24 * 60, 72 * 60] {
        story = story.query(QueryAnswer::Failed(refusal()));
        assert_eq!(story.now.wall.0 - ended.0, minutes * 60_000);
    }
    assert!(story.payment.is_at_rest());
    assert!(!story.payment.standing().is_unfinished());
}

#[test]
fn late_checks_wait_no_longer_where_stamps_are_ahead_of_the_truth() {
    for ahead_ms in [3_600_000, 172_800_000] {
        let ahead = Now { ahead_ms: Some(ahead_ms), ..Now::vouched(morning(), Ticks(5_000)) };
        let mut story = reversing_unpaid_at(ahead).reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
        for minutes in [1, 9, 50] {
            let before = story.now.up;
            story = story.query(QueryAnswer::Failed(refusal()));
            assert_eq!(story.now.up.0 - before.0, minutes * 60_000, "stamps ahead by {ahead_ms} ms");
        }
    }
}

#[test]
fn late_checks_of_one_life_ignore_a_clock_that_nobody_vouches_for() {
    let story = reversing_unpaid_at(Now::alone(morning(), Ticks(5_000)));
    let mut story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    let ended = story.now.up;
    story.now.wall = UtcMs(story.now.wall.0 + 7 * 86_400_000);
    let story = story.query(QueryAnswer::Failed(refusal())).query(QueryAnswer::Failed(refusal()));
    assert_eq!(story.now.up.0 - ended.0, 600_000);
}

#[test]
fn late_checks_survive_any_pause() {
    for (hours_off, left) in [(3, 3), (30, 1), (1_000, 0)] {
        let story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
        let now = Now::vouched(UtcMs(story.now.wall.0 + hours_off * 3_600_000), Ticks(7));
        let mut resumed = Story { now, payment: Payment::replay(&story.facts, &TERMS).expect("an intent"), ..story };
        let step = resumed.payment.resume(now);
        resumed.take(step);
        assert_eq!(resumed.payment.wake(), Some(now.up), "asked at once after {hours_off} h");
        resumed = resumed.query(QueryAnswer::Failed(refusal()));
        for _ in 0..left {
            resumed = resumed.query(QueryAnswer::Failed(refusal()));
        }
        assert!(resumed.payment.is_at_rest(), "after {hours_off} h");
    }
}

#[test]
fn held_is_never_reversed_by_itself() {
    let mut story = in_state(State::Held);
    for _ in 0..20 {
        story = story.query(QueryAnswer::NotFound);
    }
    assert_eq!(story.payment.state(), State::Held);
    story.query(QueryAnswer::Paid(evidence())).ends(State::Paid, &format!("charge {}", "query ".repeat(21).trim_end()));
}

#[test]
fn the_goods_keys_open_after_a_minute_and_cancel_after_15_s() {
    let mut story = Story::begin().charge(no_answer()).after(10 * SECOND);
    assert_eq!(story.input(Input::Cancel(say())), Some(Refused::TooEarly(5 * SECOND)));
    assert_eq!(story.input(Input::HandedOver(say())), Some(Refused::TooEarly(50 * SECOND)));
    let mut story = story.after(5 * SECOND);
    assert_eq!(story.input(Input::Cancel(say())), None);
    assert_eq!(story.calls.last(), Some(&"query"), "asks at once");
    story.answer_query(QueryAnswer::Pending, Late::Fits);
    assert_eq!(story.payment.state(), State::Reversing);
    let story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    assert!(matches!(story.facts.last(), Some(Fact::Closed(f)) if f.reason.as_str() == "cancelled"));
}

#[test]
fn a_restart_turns_a_charge_under_way_into_a_doubt_and_asks() {
    let story = Story::begin();
    let mut resumed = Payment::replay(&story.facts, &TERMS).expect("an intent");
    let now = Now::vouched(story.now.wall, Ticks(3));
    let (facts, _) = resumed.resume(now).split();
    assert!(matches!(facts.as_slice(), [Fact::Doubted(_)]));
    assert_eq!(resumed.wake(), Some(now.up));
    let mut numbers = story.numbers.clone();
    let (_, held) = resumed.step(now, Input::Due, &mut numbers).split();
    let effects = held.release(Committed::after_durable_commit());
    assert!(matches!(effects.as_slice(), [Effect::Call(Call::Query(_))]));
}

#[test]
fn paid_right_after_a_done_reversal_is_asked_about_before_it_is_believed() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done);
    for _ in 0..3 {
        story = story.query(QueryAnswer::Paid(evidence()));
        assert_eq!(story.payment.state(), State::Reversing);
    }
    story.query(QueryAnswer::Failed(refusal())).ends(State::Closed, "reverse query query query query");
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done);
    for _ in 0..4 {
        story = story.query(QueryAnswer::Paid(evidence()));
    }
    assert_eq!(story.payment.state(), State::Refunding, "what four questions in a row confirm goes back by refund");
}

#[test]
fn a_cancel_trusts_only_a_query_that_left_after_it() {
    let mut story = Story::begin().charge(no_answer()).after(16 * SECOND);
    story.input(Input::Due);
    assert_eq!(story.calls.last(), Some(&"query"), "under way");
    story = story.after(1);
    assert_eq!(story.input(Input::Cancel(say())), None);
    story.answer_query(QueryAnswer::Pending, Late::Fits);
    assert_eq!(story.payment.state(), State::Pending, "that query had left before");
    // Given up: what the customer paid after all goes back.
    story.query(QueryAnswer::Paid(evidence())).ends(State::Reversing, "charge query query reverse");
}

#[test]
fn given_up_money_is_reversed_and_past_midnight_refunded() {
    let given_up = || {
        let mut story = Story::begin().charge(no_answer()).after(16 * SECOND);
        story.input(Input::Cancel(say()));
        assert_eq!(story.input(Input::Cancel(say())), Some(Refused::SaidAlready), "a second time it does nothing");
        story
    };
    given_up()
        .query(QueryAnswer::Paid(evidence()))
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Reversed)
        .ends(State::Reversed, "charge query reverse query");
    let mut story = given_up();
    story.now.wall = parse_beijing("20260106000030").expect("a time");
    let mut story = story.query(QueryAnswer::Paid(evidence()));
    assert_eq!(story.payment.standing().owed(), Fen::new(1250));
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    story.ends(State::Refunded, "charge query refund");
}

#[test]
fn a_cancel_survives_a_restart() {
    let mut story = Story::begin().charge(no_answer()).after(16 * SECOND);
    story.input(Input::Cancel(say()));
    let mut resumed = Payment::replay(&story.facts, &TERMS).expect("an intent");
    let now = Now::vouched(story.now.wall, Ticks(3));
    let _ = resumed.resume(now);
    let _ = resumed.step(now, Input::Due, &mut story.numbers);
    let answer = answered(Answer::Query(QueryAnswer::NotFound));
    let step = resumed.step(now, answer, &mut story.numbers);
    assert!(matches!(step.split().0.as_slice(), [Fact::ReversalIntended(_)]));
}

#[test]
fn past_midnight_nothing_is_cancelled() {
    let mut story = Story::begin().charge(no_answer()).after(100 * SECOND);
    story.now.wall = parse_beijing("20260106000030").expect("a time");
    let story = story.query(QueryAnswer::Pending);
    assert_eq!(story.payment.state(), State::Reversing, "what the customer holds is closed");
    story
        .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
        .query(QueryAnswer::Pending)
        .reversal(ReversalAnswer::Done)
        .query(QueryAnswer::Failed(refusal()))
        .ends(State::Closed, "charge query close query close query");
}

#[test]
fn long_texts_of_others_are_cut() {
    let long = Refusal { code: "3999".into(), message: "长".repeat(40_000) };
    let story = Story::begin().charge(ChargeAnswer::Declined(long));
    for fact in story.facts {
        let mut fact = Stored::from(fact);
        let records = fact.commit_texts(|_| [0; 16]);
        let mut read = Stored::from_bytes(&fact.to_bytes()).expect("reads back");
        assert!(read.open_texts(records));
        assert_eq!(read, fact);
    }
}

#[test]
fn a_number_used_before_is_never_simply_paid() {
    let clash = || {
        let mut story = Story::begin();
        let answer = ChargeAnswer::NumberUsed { detail: "订单号重复".into() };
        let date = Some(story.now.wall);
        story.input(Input::Answered { answer: Answer::Charge(answer), date, late: Late::Fits });
        assert_eq!(story.payment.standing().reason(), Some("number_used"));
        story
    };
    let found = |change: fn(&mut PaidEvidence, UtcMs)| {
        let mut story = clash();
        let mut evidence = evidence();
        change(&mut evidence, story.now.wall);
        story = story.query(QueryAnswer::Paid(evidence));
        story.payment.state()
    };
    assert_eq!(found(|_, _| {}), State::Quarantined, "agrees in everything");
    assert_eq!(found(|e, _| e.asked = Fen::new(1251)), State::Closed);
    assert_eq!(found(|e, _| e.wallet = Some(Wallet::Alipay)), State::Closed);
    assert_eq!(found(|e, at| e.finished_at = Some(UtcMs(at.0 - 121_000))), State::Closed);
    assert_eq!(found(|e, at| e.finished_at = Some(UtcMs(at.0 - 119_000))), State::Quarantined);
    // However long it is asked about, another's pending order is not reversed.
    let mut story = clash();
    for _ in 0..30 {
        story = story.query(QueryAnswer::Pending);
    }
    assert!(!story.calls.contains(&"reverse"));
    story
        .query(QueryAnswer::Failed(refusal()))
        .payment
        .standing()
        .reason()
        .map_or_else(|| panic!("no reason"), |reason| assert_eq!(reason, "number_used"));
}

#[test]
fn a_stuck_doubt_is_ended_by_a_manager() {
    let stuck = || Story::begin().charge(no_answer()).after(100 * SECOND);
    let settle = |how| Input::Settle { how, approval: approval(), note: Some("后台查过".into()), late: Late::Fits };
    let mut early = Story::begin().charge(no_answer());
    assert_eq!(early.input(settle(Settlement::Close)), Some(Refused::State));
    for (how, state) in [
        (Settlement::Accept, State::Paid),
        (Settlement::Close, State::Closed),
        (Settlement::GiveBack, State::Reversing),
    ] {
        let mut story = stuck();
        assert_eq!(story.input(settle(how)), None);
        assert_eq!(story.payment.state(), state);
    }
}
