//! Replay equals live, over everything durable, whatever comes in whatever order.

use super::*;

/// A small generator of its own: the same seed is the same story for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

fn answers(dice: &mut Dice, story: &Story) -> Vec<Input> {
    let discounted = PaidEvidence { received: Fen::new(1125), ..evidence() };
    let wrong = || PaidEvidence { asked: Fen::new(1251), received: Fen::new(1251), ..evidence() };
    let late = if dice.roll(2) == 0 { Late::Fits } else { Late::SettledOtherwise };
    let detail = || String::from("no answer");
    let charge =
        |answer| Input::Answered { answer: Answer::Charge(answer), date: Some(story.now.wall), late: Late::Fits };
    let query = |answer| Input::Answered { answer: Answer::Query(answer), date: None, late };
    let say = |approver: Option<&str>| Say {
        approver: approver.and_then(|text| AccountId::parse(text).ok()),
        ..super::say()
    };
    let refund = |fen| {
        Input::Refund(ReturnOrder {
            amount: Fen::new(fen),
            place: place(story.now.wall),
            approval: Some(approval()),
            reason: Some("退货".into()),
        })
    };
    let settle = |how| Input::Settle { how, approval: approval(), note: None, late: Late::Fits };
    vec![
        charge(ChargeAnswer::Paid(evidence())),
        charge(ChargeAnswer::Paid(discounted.clone())),
        charge(ChargeAnswer::Pending),
        charge(ChargeAnswer::Declined(refusal())),
        charge(ChargeAnswer::NotSent { detail: detail() }),
        charge(ChargeAnswer::Misconfigured(refusal())),
        charge(ChargeAnswer::Mismatched { detail: detail(), claimed: wrong() }),
        charge(ChargeAnswer::NumberUsed { detail: detail() }),
        charge(ChargeAnswer::Unknown { detail: detail() }),
        query(QueryAnswer::Paid(evidence())),
        query(QueryAnswer::Paid(discounted)),
        query(QueryAnswer::Pending),
        query(QueryAnswer::Failed(refusal())),
        query(QueryAnswer::NotFound),
        query(QueryAnswer::Reversed),
        query(QueryAnswer::Mismatched { detail: detail(), claimed: wrong() }),
        query(QueryAnswer::Unknown { detail: detail() }),
        answered(Answer::Reversal(ReversalAnswer::Done)),
        answered(Answer::Reversal(ReversalAnswer::Refused(refusal()))),
        answered(Answer::Reversal(ReversalAnswer::NotFound)),
        answered(Answer::Reversal(ReversalAnswer::NumberUsed { detail: detail() })),
        answered(Answer::Reversal(ReversalAnswer::Unknown { detail: detail() })),
        answered(Answer::ReversalQuery(ReversalAnswer::Done)),
        answered(Answer::ReversalQuery(ReversalAnswer::Refused(refusal()))),
        answered(Answer::ReversalQuery(ReversalAnswer::Unknown { detail: detail() })),
        answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })),
        answered(Answer::Refund(RefundAnswer::Processing)),
        answered(Answer::Refund(RefundAnswer::Refused(refusal()))),
        answered(Answer::Refund(RefundAnswer::NumberUsed { detail: detail() })),
        answered(Answer::RefundQuery(RefundAnswer::Done { acquirer_no: "3".into() })),
        answered(Answer::RefundQuery(RefundAnswer::NotFound)),
        answered(Answer::RefundQuery(RefundAnswer::Refused(refusal()))),
        Input::Cancel(say(None)),
        Input::Cancel(say(Some("01"))),
        Input::HandedOver(say(None)),
        Input::NotHandedOver(say(None)),
        Input::NotHandedOver(say(Some("01"))),
        Input::Void { approval: approval(), place: place(story.now.wall) },
        refund(1),
        refund(625),
        refund(1250),
        settle(Settlement::Accept),
        settle(Settlement::GiveBack),
        settle(Settlement::Close),
        settle(Settlement::WriteOff),
        Input::CameSecond,
        Input::CorrectDay { intended_at: story.now.wall, business_day: place(story.now.wall).business_day, hour: 3 },
    ]
}

/// Time passes: often to the next wait, sometimes for hours, now and then the process restarts.
fn pass(dice: &mut Dice, story: &mut Story) {
    match dice.roll(8) {
        0 => {
            story.now.up = story.now.up.after_ms(7_200_000);
            story.now.wall.0 += 7_200_000;
        }
        1 => {
            story.now = Now::vouched(UtcMs(story.now.wall.0 + 60_000), Ticks(1));
            story.payment = Payment::replay(&story.facts, &TERMS).expect("begins with its intent");
            let step = story.payment.resume(story.now);
            story.take(step);
        }
        _ => story.wait(),
    }
}

#[test]
fn replay_equals_live_over_every_durable_field() {
    let mut reached = alloc::collections::BTreeSet::new();
    for seed in 0..4_000 {
        let mut dice = Dice(seed);
        let mut story = Story::begin();
        for _ in 0..40 {
            // `take` compares the whole standing after every step.
            let mut inputs = answers(&mut dice, &story);
            let input = inputs.swap_remove(dice.roll(inputs.len()));
            story.input(input);
            pass(&mut dice, &mut story);
            let standing = story.payment.standing();
            reached.insert(standing.state());
            let taken = standing.received().map_or(Fen::ZERO, |received| received.amount);
            let voided = standing.state() == State::Reversed;
            assert!(voided || standing.refunded() <= taken, "seed {seed}: more given back than taken");
            assert!(standing.owed() <= taken, "seed {seed}: more owed than taken");
            let paid = story.facts.iter().filter(|fact| matches!(fact, Fact::Paid(_))).count();
            assert!(paid <= 1 || !standing.state().is_final() || paid == 1, "seed {seed}: paid {paid} times");
        }
        let charges = story.calls.iter().filter(|call| **call == "charge").count();
        assert_eq!(charges, 1, "seed {seed}: a payment code goes out once");
    }
    assert_eq!(reached.len(), State::ALL.len(), "every state was visited: {reached:?}");
}
