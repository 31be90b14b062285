//! What goes back to the customer: voids, refunds, and what is owed.

use alloc::collections::BTreeMap;

use super::*;
use crate::{
    bill::Claim,
    payment::fact::TakeBack,
    receipt::{Kind, Occasion},
    rows::{self, RowChange},
    stats::{self, Movement},
};

#[test]
fn a_return_without_an_end_is_ended_by_a_manager() {
    let settle = |how| Input::Settle { how, approval: approval(), note: None, late: Late::Fits };
    for (how, refund, void) in
        [(Settlement::Accept, State::Paid, State::Paid), (Settlement::Close, State::Refunded, State::Reversed)]
    {
        for (kind, end) in [("refund", refund), ("void", void)] {
            let mut story = in_state(State::Paid);
            let (approval, place) = (approval(), place(story.now.wall));
            story.input(match kind {
                "void" => Input::Void { approval, place },
                _ => {
                    Input::Refund(ReturnOrder { amount: Fen::new(1250), place, approval: Some(approval), reason: None })
                }
            });
            assert_eq!(story.input(settle(how)), Some(Refused::State), "not before its deadline");
            story.now.wall.0 += 100_000;
            story.now.up = story.now.up.after_ms(100_000);
            assert!(matches!(story.input(settle(how)), Some(Refused::TooEarly(_))), "its answer may be on the way");
            let silent = silence(|detail| ReversalAnswer::Unknown { detail });
            story.input(if kind == "void" {
                answered(Answer::Reversal(silent))
            } else {
                answered(Answer::Refund(silence(|detail| RefundAnswer::Unknown { detail })))
            });
            assert_eq!(story.input(settle(how)), None);
            assert_eq!(story.payment.state(), end, "{kind}");
        }
    }
}

#[test]
fn a_void_is_for_the_same_beijing_day() {
    let mut story = in_state(State::Paid);
    story.now.wall = parse_beijing("20260106000000").expect("a time");
    let (approval, place) = (approval(), place(story.now.wall));
    assert_eq!(story.input(Input::Void { approval, place }), Some(Refused::PastWindow));
    assert_eq!(story.payment.state(), State::Paid);
}

#[test]
fn refunds_never_exceed_what_was_paid() {
    let mut story = in_state(State::PartRefunded);
    assert_eq!(story.payment.standing().remaining(), Fen::new(1000));
    let order =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(UtcMs(0)), approval: Some(approval()), reason: None };
    assert_eq!(story.input(Input::Refund(order(1001))), Some(Refused::OverRemaining));
    assert_eq!(story.input(Input::Refund(order(1000))), None);
    assert_eq!(story.input(Input::Refund(order(1))), Some(Refused::State), "one at a time");
    story.input(answered(Answer::Refund(RefundAnswer::Processing)));
    story.wait();
    story.input(answered(Answer::RefundQuery(RefundAnswer::NotFound)));
    story.wait();
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "3".into() })));
    story.ends(State::Refunded, "charge refund refund query_refund refund");
}

#[test]
fn a_void_keeps_its_row_through_all_tries() {
    let mut story = in_state(State::Paid);
    let (approval, place) = (approval(), place(story.now.wall));
    story.input(Input::Void { approval, place });
    let story = story
        .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
        .reversal(ReversalAnswer::Refused(refusal()))
        .reversal(ReversalAnswer::Done);
    let intended = story.facts.iter().filter_map(|fact| match fact {
        Fact::ReversalIntended(f) => Some(f.reversal_no),
        _ => None,
    });
    let numbers: Vec<_> = intended.collect();
    assert_eq!(numbers.len(), 2);
    let Some(Fact::Reversed(reversed)) = story.facts.last() else { panic!("{:?}", story.facts.last()) };
    assert_eq!((reversed.void_no, reversed.reversal_no), (Some(numbers[0]), Some(numbers[1])));
    assert_eq!(story.receipts, 2, "one of the sale, one of the void");
}

#[test]
fn a_give_back_that_is_refused_is_owed_until_it_is_done() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    story.wait();
    story.answer_query(QueryAnswer::Paid(evidence()), Late::SettledOtherwise);
    for _ in 0..3 {
        assert_eq!(story.payment.state(), State::Refunding);
        story.input(answered(Answer::Refund(RefundAnswer::Refused(refusal()))));
        assert_eq!(story.payment.state(), State::Paid);
        let replayed = Payment::replay(&story.facts, &TERMS).map(|mut payment| {
            let _ = payment.resume(story.now);
            payment.wake()
        });
        assert_eq!(replayed, Some(Some(story.now.up)), "also after a restart");
        story.wait();
    }
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "9".into() })));
    assert_eq!(story.payment.state(), State::Refunded);
    assert!(story.payment.is_at_rest());
}

#[test]
fn a_refused_void_after_an_unanswered_try_asks_before_it_says_paid() {
    let void = || {
        let mut story = in_state(State::Paid);
        let (approval, place) = (approval(), place(story.now.wall));
        story.input(Input::Void { approval, place });
        story
            .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
            .reversal(ReversalAnswer::NotFound)
            .reversal(ReversalAnswer::Refused(refusal()))
    };
    void().query(QueryAnswer::Reversed).ends(State::Reversed, "charge reverse query_reversal reverse query");
    void().query(QueryAnswer::Paid(evidence())).ends(State::Paid, "charge reverse query_reversal reverse query");
}

#[test]
fn what_was_discounted_is_not_given_back() {
    let mut story = Story::begin().charge(ChargeAnswer::Paid(PaidEvidence { received: Fen::new(1125), ..evidence() }));
    let order =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(UtcMs(0)), approval: Some(approval()), reason: None };
    assert_eq!(story.input(Input::Refund(order(1126))), Some(Refused::OverRemaining));
    assert_eq!(story.input(Input::Refund(order(1125))), None);
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!(story.payment.state(), State::Refunded);
}

#[test]
fn a_receipt_says_what_was_true_at_its_fact_whatever_came_after() {
    let mut story = Story::begin().charge(ChargeAnswer::Paid(PaidEvidence { received: Fen::new(1125), ..evidence() }));
    let mut part = place(UtcMs(0));
    part.cashier = AccountId::parse("05").expect("a name");
    let order = ReturnOrder { amount: Fen::new(400), place: part, approval: Some(approval()), reason: None };
    story.input(Input::Refund(order));
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!((story.payment.state(), story.receipts), (State::PartRefunded, 2));

    let names: Vec<_> = story.facts.iter().map(Fact::name).collect();
    assert_eq!(names, ["Intended", "Paid", "RefundIntended", "Refunded"]);
    let occasions: Vec<_> = (1..=4).map(|upto| Occasion::of(&story.facts[..upto])).collect();
    let [None, Some(sale), None, Some(refund)] = &occasions[..] else { panic!("{occasions:?}") };
    assert_eq!((sale.kind, sale.state, sale.no), (Kind::Sale, State::Paid, story.payment.order_no()));
    assert_eq!((sale.amount.get(), sale.received.get(), sale.cashier.as_str()), (1250, 1125, "03"));
    assert_eq!(sale.acquirer_no.as_deref(), Some("112094120001088317"));
    assert_eq!((refund.kind, refund.state, refund.amount.get()), (Kind::Refund, State::Refunded, 400));
    assert_eq!((refund.received.get(), refund.cashier.as_str()), (400, "05"));
    assert_eq!((refund.acquirer_no.as_deref(), Some(refund.no)), (Some("2"), story.facts[3].moved()));
    assert_eq!((refund.wallet, &refund.bill), (Some(Wallet::Wechat), &None));
    assert_eq!(Occasion::of(&story.facts[1..2]), None, "without its intent it is of nothing");
}

#[test]
fn a_voids_receipt_bears_its_first_number_and_a_doubt_taken_back_has_none() {
    let mut story = in_state(State::Paid);
    let (approval, place) = (approval(), place(story.now.wall));
    story.input(Input::Void { approval, place });
    let story = story
        .reversal(silence(|detail| ReversalAnswer::Unknown { detail }))
        .reversal(ReversalAnswer::NotFound)
        .reversal(ReversalAnswer::Done);
    let void = Occasion::of(&story.facts).expect("money went back");
    let first = story.facts.iter().find_map(Fact::return_no);
    assert_eq!((void.kind, void.state, Some(void.no)), (Kind::Void, State::Reversed, first));
    assert_eq!((void.amount, void.received), (Fen::new(1250), Fen::new(1250)));

    let doubt = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Reversed);
    assert_eq!(doubt.facts.last().map(Fact::name), Some("Reversed"));
    assert_eq!(Occasion::of(&doubt.facts), None);
}

#[test]
fn a_debt_outlives_what_people_try() {
    let owing = || {
        let mut story = expired_unreversed();
        story.answer_query(QueryAnswer::Paid(evidence()), Late::SettledOtherwise);
        story.input(answered(Answer::Refund(RefundAnswer::Refused(refusal()))));
        assert_eq!(story.payment.state(), State::Paid);
        story
    };
    let order =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(UtcMs(0)), approval: Some(approval()), reason: None };
    // A manager's try is refused as well.
    let mut story = owing();
    story.input(Input::Refund(order(1250)));
    story.input(answered(Answer::Refund(RefundAnswer::Refused(refusal()))));
    assert_eq!(story.payment.standing().owed(), Fen::new(1250));
    assert!(story.payment.wake().is_some());
    // A manager gives a part back: the rest follows by itself.
    let mut story = owing();
    story.input(Input::Refund(order(250)));
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!(story.payment.standing().owed(), Fen::new(1000));
    story.wait();
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "3".into() })));
    assert_eq!(story.payment.state(), State::Refunded);
    // Written off by a manager: nothing goes back any more, and nothing of it pays a bill.
    let mut story = owing();
    let settled = Input::Settle { how: Settlement::WriteOff, approval: approval(), note: None, late: Late::Fits };
    assert_eq!(story.input(settled), None);
    assert!(story.payment.is_at_rest());
    assert_eq!(story.payment.standing().claim(), crate::bill::Claim::NONE);
}

#[test]
fn a_void_keeps_its_bill_until_it_is_done_and_a_doubt_frees_it_with_an_approver_only() {
    use crate::bill::Claim;
    let all = Fen::new(1250);
    let voiding = in_state(State::Reversing);
    assert_eq!(voiding.payment.standing().claim(), Claim::covers(all));
    assert_eq!(voiding.reversal(ReversalAnswer::Done).payment.standing().claim(), Claim::NONE);
    assert_eq!(reversing_unpaid().payment.standing().claim(), Claim::locks(all));
    let mut story = Story::begin().charge(no_answer()).after(70 * SECOND);
    story.input(Input::NotHandedOver(say()));
    assert_eq!(story.payment.standing().claim(), Claim::locks(all));
    let approver = AccountId::parse("01").ok();
    assert_eq!(story.input(Input::NotHandedOver(Say { approver, ..say() })), None, "now with an approver");
    assert_eq!(story.payment.standing().claim(), Claim::NONE);
}

/// What the two branches of a restored box hold of one payment, one after the other.
fn joined(living: &Story, dead: &[Fact]) -> Standing {
    Standing::replay(living.facts.iter().chain(dead)).expect("begins with its intent")
}

#[test]
fn a_return_refused_in_a_dead_branch_leaves_the_living_end() {
    let at_backup = in_state(State::Paid).facts.len();
    let returned = |kind: &str, answer: fn() -> Input| {
        let mut story = in_state(State::Paid);
        let (approval, place) = (approval(), place(story.now.wall));
        story.input(if kind == "void" {
            Input::Void { approval, place }
        } else {
            Input::Refund(ReturnOrder { amount: Fen::new(1250), place, approval: Some(approval), reason: None })
        });
        story.input(answer());
        story
    };
    let refunded = || answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() }));
    let refund_refused = || answered(Answer::Refund(RefundAnswer::Refused(refusal())));
    let voided = || answered(Answer::Reversal(ReversalAnswer::Done));
    let void_refused = || answered(Answer::Reversal(ReversalAnswer::Refused(refusal())));
    for (living, end) in [(returned("refund", refunded), State::Refunded), (returned("void", voided), State::Reversed)]
    {
        assert_eq!(living.payment.state(), end);
        for dead in [returned("refund", refund_refused), returned("void", void_refused)] {
            let standing = joined(&living, &dead.facts[at_backup..]);
            assert_eq!((standing.state(), standing.remaining()), (end, Fen::ZERO));
        }
    }
}

#[test]
fn what_came_second_goes_back_once() {
    let mut story = in_state(State::Paid);
    assert_eq!(story.input(Input::CameSecond), None);
    assert_eq!(story.payment.standing().owed(), Fen::new(1250));
    story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
    assert_eq!(story.input(Input::CameSecond), None);
    story.ends(State::Refunded, "charge refund");
    let mut open = in_state(State::Unknown);
    open.input(Input::CameSecond);
    assert_eq!(open.payment.state(), State::Unknown);
    let mut gone = in_state(State::Held).query(QueryAnswer::Paid(evidence()));
    gone.input(Input::CameSecond);
    assert_eq!(gone.payment.state(), State::Paid, "its goods were handed over");
}

#[test]
fn a_refund_under_way_in_both_branches_is_asked_about_in_both() {
    let at_backup = in_state(State::Paid).facts.len();
    let begun = |fen, day| {
        let mut story = in_state(State::Paid);
        // Another number: the copy wakes up later.
        story.now.wall.0 += day;
        let place = place(story.now.wall);
        story.input(Input::Refund(ReturnOrder {
            amount: Fen::new(fen),
            place,
            approval: Some(approval()),
            reason: None,
        }));
        story
    };
    let living = begun(1000, 0);
    for (answer, state, left) in [
        (RefundAnswer::Refused(refusal()), State::PartRefunded, 250),
        (RefundAnswer::Done { acquirer_no: "2".into() }, State::Refunded, 0),
    ] {
        let mut dead = begun(250, 60_000);
        dead.input(answered(Answer::Refund(answer)));
        let facts: Vec<Fact> = living.facts.iter().chain(&dead.facts[at_backup..]).cloned().collect();
        let payment = Payment::replay(&facts, &TERMS).expect("an intent");
        assert_eq!(payment.state(), State::Refunding, "the living branch's is under way");
        let mut joined = Story { payment, facts, calls: vec![], ..dead };
        let step = joined.payment.resume(joined.now);
        joined.take(step);
        joined.wait();
        assert_eq!(joined.calls, ["query_refund"]);
        joined.input(answered(Answer::RefundQuery(RefundAnswer::Done { acquirer_no: "1".into() })));
        assert_eq!((joined.payment.state(), joined.payment.standing().remaining()), (state, Fen::new(left)));
    }
}

/// A try of the other branch of a copied box, entered again behind what happened here; the node then goes on with it.
fn strays(story: &mut Story) -> OrderNo {
    let (order_no, at, reversal_no) = (story.payment.order_no(), story.now.wall, story.numbers.next(story.now.wall));
    let (amount, how, place) = (Fen::new(1250), TakeBack::Reverse, place(at));
    story.facts.push(Fact::from(ReversalIntended { order_no, at, reversal_no, amount, place, void: None, how }));
    story.payment = Payment::replay(&story.facts, &TERMS).expect("begins with its intent");
    let step = story.payment.resume(story.now);
    story.take(step);
    reversal_no
}

#[test]
fn a_later_try_of_a_void_that_was_refused_gives_nothing_back_unless_it_worked() {
    let refused = || {
        let mut story = in_state(State::Paid);
        let (approval, place) = (approval(), place(story.now.wall));
        story.input(Input::Void { approval, place });
        story.reversal(ReversalAnswer::Refused(refusal()))
    };
    for answer in [ReversalAnswer::NotFound, ReversalAnswer::Refused(refusal())] {
        let mut story = refused();
        strays(&mut story);
        story.reversal(answer).ends(State::Paid, "charge reverse query_reversal");
    }
    let mut story = refused();
    let Some(Fact::ReversalRefused(void)) = story.facts.last().cloned() else { panic!("a void was refused") };
    let stray = strays(&mut story);
    let story = story.reversal(ReversalAnswer::Done);
    let story = story.query(QueryAnswer::Reversed);
    let Some(Fact::Reversed(reversed)) = story.facts.last() else { panic!("{:?}", story.facts.last()) };
    assert_eq!((reversed.reversal_no, reversed.void_no), (Some(stray), void.void_no), "that void's row ends so");
}

#[test]
fn a_reversal_by_a_copy_does_not_take_back_what_was_found_paid_here() {
    for answer in [ReversalAnswer::NotFound, ReversalAnswer::Refused(refusal())] {
        let mut story = Story::begin().charge(no_answer()).query(QueryAnswer::Paid(evidence()));
        strays(&mut story);
        let story = story.reversal(answer);
        assert_eq!(story.payment.standing().owed(), Fen::ZERO);
        story.ends(State::Paid, "charge query query_reversal");
    }
    let mut story = Story::begin().charge(no_answer()).query(QueryAnswer::Paid(evidence()));
    strays(&mut story);
    let story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Reversed);
    assert_eq!(story.payment.standing().refunded(), Fen::new(1250));
    story.ends(State::Reversed, "charge query query_reversal query");
}

#[test]
fn what_ended_here_stays_ended_whatever_a_copy_began() {
    let declined = || Story::begin().charge(ChargeAnswer::Declined(refusal()));
    let cancelled = || {
        let mut story = Story::begin().charge(no_answer());
        story.input(Input::Cancel(say()));
        story.query(QueryAnswer::Failed(refusal()))
    };
    for (story, calls) in [(declined(), "charge"), (cancelled(), "charge query")] {
        let (state, reason) = (story.payment.state(), story.payment.standing().reason());
        for answer in [ReversalAnswer::NotFound, ReversalAnswer::Refused(refusal())] {
            let mut story = Story { facts: story.facts.clone(), calls: story.calls.clone(), ..Story::begin() };
            strays(&mut story);
            assert_eq!(story.payment.standing().claim(), Claim::NONE, "its bill is free meanwhile");
            let story = story.reversal(answer);
            assert_eq!((story.payment.state(), story.payment.standing().reason()), (state, reason));
            assert_eq!(story.calls.join(" "), [calls, "query_reversal"].join(" "));
        }
        let mut story = Story { facts: story.facts.clone(), calls: story.calls.clone(), ..Story::begin() };
        strays(&mut story);
        let story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
        assert_eq!((story.payment.state(), story.payment.standing().reason()), (state, reason), "the charge failed");
    }
}

#[test]
fn a_void_that_both_branches_of_a_copied_box_did_counts_once() {
    let mut story = in_state(State::Paid);
    let (approval, place) = (approval(), place(story.now.wall));
    story.input(Input::Void { approval, place });
    let mut story = story.reversal(ReversalAnswer::Done);
    strays(&mut story);
    let story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Reversed);
    let told = story.facts.iter().filter(|fact| matches!(fact, Fact::Reversed(_))).count();
    assert_eq!(
        (told, story.payment.state(), story.payment.standing().refunded()),
        (2, State::Reversed, Fen::new(1250))
    );
    let mut before = None;
    let mut counted = vec![];
    for (place, fact) in story.facts.iter().enumerate() {
        let after = Standing::replay(&story.facts[..=place]).expect("begins with its intent");
        counted.extend(
            stats::count(fact, before.as_ref(), &after).into_iter().map(|change| (change.movement, change.amount)),
        );
        before = Some(after);
    }
    assert_eq!(counted, [(Movement::Paid, Fen::new(1250)), (Movement::Voided, Fen::new(1250))]);
}

/// A void that is under way, begun so much later: another branch's has another number.
fn void_begun(later_ms: i64) -> Story {
    let mut story = in_state(State::Paid);
    story.now.wall.0 += later_ms;
    let (approval, place) = (approval(), place(story.now.wall));
    story.input(Input::Void { approval, place });
    story
}

/// How the rows of voids stand after these facts.
fn void_rows(facts: &[Fact]) -> BTreeMap<OrderNo, State> {
    let (mut before, mut stand) = (None, BTreeMap::new());
    for (place, fact) in facts.iter().enumerate() {
        let after = Standing::replay(&facts[..=place]).expect("begins with its intent");
        for change in rows::changes(&fact.clone().into(), before.as_ref(), Some(&after)) {
            match change {
                RowChange::ReturnOpened(row) => drop(stand.insert(row.no, row.state)),
                RowChange::ReturnStands { no, state, .. } => drop(stand.insert(no, state)),
                _ => {}
            }
        }
        before = Some(after);
    }
    stand
}

#[test]
fn voids_that_both_branches_of_a_copied_box_asked_for_end_together() {
    let at_backup = in_state(State::Paid).facts.len();
    let (living, dead) = (void_begun(0), void_begun(60_000));
    let facts: Vec<Fact> = living.facts.iter().chain(&dead.facts[at_backup..]).cloned().collect();
    let rows = void_rows(&facts);
    assert_eq!(rows.values().copied().collect::<Vec<_>>(), [State::Reversing; 2]);
    for (answers, found, end) in [
        (vec![ReversalAnswer::Done], QueryAnswer::Reversed, State::Reversed),
        // It is tried once more under a number of its own.
        (vec![ReversalAnswer::Refused(refusal()); 2], QueryAnswer::Paid(evidence()), State::Declined),
    ] {
        let payment = Payment::replay(&facts, &TERMS).expect("an intent");
        let mut joined = Story { payment, facts: facts.clone(), calls: vec![], ..void_begun(120_000) };
        let step = joined.payment.resume(joined.now);
        joined.take(step);
        joined.wait();
        joined = answers.into_iter().fold(joined, Story::reversal).query(found);
        let rows = void_rows(&joined.facts);
        assert_eq!(rows.values().copied().collect::<Vec<_>>(), [end; 2], "{:?}", joined.calls);
    }
}

#[test]
fn a_void_refused_in_a_dead_branch_ends_no_other() {
    let at_backup = in_state(State::Paid).facts.len();
    let dead = void_begun(60_000).reversal(ReversalAnswer::Refused(refusal()));
    for (living, state, row) in [
        (void_begun(0), State::Reversing, State::Reversing),
        (void_begun(0).reversal(ReversalAnswer::Done), State::Reversed, State::Reversed),
    ] {
        let facts: Vec<Fact> = living.facts.iter().chain(&dead.facts[at_backup..]).cloned().collect();
        assert_eq!(Standing::replay(&facts).expect("begins with its intent").state(), state);
        let rows = void_rows(&facts);
        assert_eq!(rows.values().copied().collect::<Vec<_>>(), [row, State::Declined]);
    }
}
