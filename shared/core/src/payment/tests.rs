#![expect(clippy::disallowed_methods, reason = "the tests stand in for the store and its commit")]

mod replay;
mod stories;
mod terms;

use alloc::{format, string::String, vec, vec::Vec};

use super::*;
use crate::{
    acquirer::{
        Answer, Call, ChargeAnswer, Kind, Pace, PaidEvidence, QueryAnswer, RefundAnswer, Refusal, ReversalAnswer,
        ReversalTerms, Window,
    },
    bill::Late,
    ids::{AccountId, Issuer, TillId},
    journal::Committed,
    people::Approval,
    secret::Wallet,
    time::{BusinessClock, UtcMs, parse_beijing},
};

const SECOND: u64 = 1000;

/// An acquirer's terms with round numbers.
const TERMS: Terms = Terms {
    pace: Pace {
        first_query_ms: 3 * SECOND,
        query_interval_ms: 10 * SECOND,
        deadline_ms: 90 * SECOND,
        connect_timeout_ms: 5 * SECOND,
        answer_timeout_ms: 15 * SECOND,
    },
    reversal: ReversalTerms {
        numbered: true,
        window: Window::SameDay,
        not_before_ms: 15 * SECOND,
        close_when_refused: true,
    },
};

fn answered(answer: Answer) -> Input {
    Input::Answered { answer, date: None, late: Late::Fits }
}

/// A payment, its clock and what it did so far.
struct Story {
    now: Now,
    numbers: Numbering,
    payment: Payment,
    facts: Vec<Fact>,
    calls: Vec<&'static str>,
    receipts: usize,
}

impl Story {
    fn begin() -> Self {
        Self::begin_at(Now::vouched(morning(), Ticks(5_000)))
    }

    fn begin_at(now: Now) -> Self {
        Self::begin_under(&TERMS, now)
    }

    fn begin_under(terms: &'static Terms, now: Now) -> Self {
        let mut numbers = Numbering::resume(Issuer::new(1).expect("in range"), None);
        let (payment, step) = Payment::open(now, order(now.wall), terms, &mut numbers);
        let mut story = Self { now, numbers, payment, facts: vec![], calls: vec![], receipts: 0 };
        story.take(step);
        story
    }

    fn take(&mut self, step: Step) -> Option<Refused> {
        let refused = step.refused();
        let (facts, held) = step.split();
        self.receipts += facts.iter().filter(|fact| fact.moved().is_some()).count();
        self.facts.extend(facts);
        for effect in held.release(Committed::after_durable_commit()) {
            let Effect::Call(call) = effect;
            self.calls.push(name(&call));
        }
        let replayed = Standing::replay(&self.facts).expect("begins with its intent");
        assert_eq!(&replayed, self.payment.standing(), "replay agrees in everything durable");
        refused
    }

    fn input(&mut self, input: Input) -> Option<Refused> {
        let step = self.payment.step(self.now, input, &mut self.numbers);
        self.take(step)
    }

    fn charge(mut self, answer: ChargeAnswer) -> Self {
        self.input(answered(Answer::Charge(answer)));
        self
    }

    fn query(mut self, answer: QueryAnswer) -> Self {
        self.wait();
        assert_eq!(self.calls.last(), Some(&"query"));
        self.answer_query(answer, Late::Fits);
        self
    }

    fn answer_query(&mut self, answer: QueryAnswer, late: Late) {
        self.input(Input::Answered { answer: Answer::Query(answer), date: None, late });
    }

    fn reversal(mut self, answer: ReversalAnswer) -> Self {
        self.wait();
        match *self.calls.last().expect("a call") {
            "reverse" | "close" => self.input(answered(Answer::Reversal(answer))),
            "query_reversal" => self.input(answered(Answer::ReversalQuery(answer))),
            other => panic!("{other} is no reversal"),
        };
        self
    }

    /// Lets time pass until the payment acts, if no answer is awaited.
    fn wait(&mut self) {
        if let Some(wake) = self.payment.wake() {
            let passed = wake.0.saturating_sub(self.now.up.0);
            self.now.up = self.now.up.max(wake);
            self.now.wall.0 += i64::try_from(passed).expect("a short wait");
            self.input(Input::Due);
        }
    }

    fn after(mut self, ms: u64) -> Self {
        self.now.up = self.now.up.after_ms(ms);
        self
    }

    fn ends(self, state: State, calls: &str) {
        assert_eq!(self.payment.state(), state);
        assert_eq!(self.calls.join(" "), calls);
    }
}

fn morning() -> UtcMs {
    parse_beijing("20260105101112").expect("a time")
}

fn order(at: UtcMs) -> Order {
    Order {
        amount: Fen::new(1250),
        code: PaymentCode::parse("130000000000000001").expect("a code"),
        code_key: [7; 32],
        acquirer: Kind::Allinpay,
        terminal: Terminal { termno: "00000001".into(), longitude: "+121.48352".into(), latitude: "+31.221345".into() },
        subject: "测试店".into(),
        place: place(at),
        bill: None,
        remark: None,
        idempotency: idempotency(),
        clock_doubted: false,
    }
}

fn place(at: UtcMs) -> Place {
    let clock = BusinessClock::beijing();
    let till = TillId::parse("T1").expect("a name");
    let cashier = AccountId::parse("03").expect("a name");
    Place { business_day: clock.day(at), hour: clock.hour(at), till, cashier }
}

fn idempotency() -> Idempotency {
    Idempotency { caller: "03".into(), key: "key-00000001".into(), body_hash: [1; 32] }
}

fn say() -> Say {
    Say { by: "03".into(), idempotency: idempotency(), approver: None }
}

fn approval() -> Approval {
    let approver = AccountId::parse("01").expect("a name");
    Approval { by: "03".into(), approver: Some(approver), idempotency: idempotency() }
}

fn evidence() -> PaidEvidence {
    PaidEvidence {
        acquirer_no: "112094120001088317".into(),
        wallet_no: None,
        wallet: Some(Wallet::Wechat),
        asked: Fen::new(1250),
        received: Fen::new(1250),
        finished_at: None,
    }
}

fn refusal() -> Refusal {
    Refusal { code: "3999".into(), message: "余额不足".into() }
}

fn silence<T>(make: impl FnOnce(String) -> T) -> T {
    make("no answer".into())
}

fn no_answer() -> ChargeAnswer {
    silence(|detail| ChargeAnswer::Unknown { detail })
}

fn no_query_answer() -> QueryAnswer {
    silence(|detail| QueryAnswer::Unknown { detail })
}

const fn name(call: &Call) -> &'static str {
    match call {
        Call::Charge(_) => "charge",
        Call::Query(_) => "query",
        Call::Reverse(_) => "reverse",
        Call::QueryReversal(_) => "query_reversal",
        Call::Close { .. } => "close",
        Call::Refund(_) => "refund",
        Call::QueryRefund(_) => "query_refund",
    }
}

fn in_state(state: State) -> Story {
    let paid = || Story::begin().charge(ChargeAnswer::Paid(evidence()));
    let refund = |mut story: Story, fen| {
        let order = ReturnOrder {
            amount: Fen::new(fen),
            place: place(story.now.wall),
            approval: Some(approval()),
            reason: None,
        };
        story.input(Input::Refund(order));
        story
    };
    let refunded = |mut story: Story| {
        story.input(answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() })));
        story
    };
    let story = match state {
        State::Pending => Story::begin().charge(ChargeAnswer::Pending),
        State::Paid => paid(),
        State::Declined => Story::begin().charge(ChargeAnswer::Declined(refusal())),
        State::Unknown => Story::begin().charge(no_answer()),
        State::Held => {
            let mut story = Story::begin().charge(no_answer()).after(70 * SECOND);
            story.input(Input::HandedOver(say()));
            story
        }
        State::Reversing => {
            let mut story = paid();
            let (approval, place) = (approval(), place(story.now.wall));
            story.input(Input::Void { approval, place });
            story
        }
        State::Closed => Story::begin().charge(silence(|detail| ChargeAnswer::NotSent { detail })),
        State::Reversed => in_state(State::Reversing).reversal(ReversalAnswer::Done),
        State::Refunding => refund(paid(), 250),
        State::PartRefunded => refunded(refund(paid(), 250)),
        State::Refunded => refunded(refund(paid(), 1250)),
        State::Quarantined => {
            Story::begin().charge(ChargeAnswer::Mismatched { detail: "amount 1251".into(), claimed: evidence() })
        }
    };
    assert_eq!(story.payment.state(), state);
    story
}

fn every_input(at: UtcMs) -> Vec<(&'static str, Input)> {
    let settle =
        |how| Input::Settle { how, approval: approval(), note: Some("看过手机账单".into()), late: Late::Fits };
    let refund =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(at), approval: Some(approval()), reason: None };
    vec![
        ("charge paid", answered(Answer::Charge(ChargeAnswer::Paid(evidence())))),
        ("charge silent", answered(Answer::Charge(no_answer()))),
        ("query paid", answered(Answer::Query(QueryAnswer::Paid(evidence())))),
        ("query failed", answered(Answer::Query(QueryAnswer::Failed(refusal())))),
        ("query not found", answered(Answer::Query(QueryAnswer::NotFound))),
        ("query reversed", answered(Answer::Query(QueryAnswer::Reversed))),
        ("reversal done", answered(Answer::Reversal(ReversalAnswer::Done))),
        ("reversal refused", answered(Answer::Reversal(ReversalAnswer::Refused(refusal())))),
        ("reversal queried", answered(Answer::ReversalQuery(ReversalAnswer::Done))),
        ("refund done", answered(Answer::Refund(RefundAnswer::Done { acquirer_no: "2".into() }))),
        ("refund queried", answered(Answer::RefundQuery(RefundAnswer::Refused(refusal())))),
        ("due", Input::Due),
        ("cancel", Input::Cancel(say())),
        ("handed over", Input::HandedOver(say())),
        ("not handed over", Input::NotHandedOver(say())),
        ("void", Input::Void { approval: approval(), place: place(at) }),
        ("refund all", Input::Refund(refund(1250))),
        ("refund too much", Input::Refund(refund(1251))),
        ("accept", settle(Settlement::Accept)),
        ("give back", settle(Settlement::GiveBack)),
        ("close", settle(Settlement::Close)),
        ("write off", settle(Settlement::WriteOff)),
    ]
}

/// Where each input leads, a minute after the state was reached; a state not named stays. `!` marks a refusal.
fn expected(state: State, input: &str) -> (State, bool) {
    use State::*;
    let to = match (state, input) {
        // The only answers awaited in these states are those of a call under way.
        (Reversing, "reversal done") => Reversed,
        (Reversing, "reversal refused") => Paid,
        (Refunding, "refund done") => PartRefunded,
        (Pending | Unknown, "handed over") => Held,
        (Pending | Held, "not handed over") => Unknown,
        (Paid, "void") => Reversing,
        (Paid, "refund all") => Refunding,
        // Held for longer than the deadline it is stuck: a manager may end it. What does not match waits for nobody else.
        (Held, "accept") => Paid,
        (Held, "give back") => Reversing,
        (Held, "close") => Closed,
        (Quarantined, "accept") => Paid,
        (Quarantined, "give back") => Refunding,
        (state, _) => state,
    };
    let refused = match input {
        "cancel" => !matches!(state, Pending | Unknown),
        "handed over" => !matches!(state, Pending | Unknown),
        "not handed over" => !matches!(state, Pending | Unknown | Held),
        "accept" | "give back" => !matches!(state, Quarantined | Held),
        "close" => state != Held,
        "write off" => true,
        "void" => state != Paid,
        "refund all" => state != Paid,
        "refund too much" => true,
        _ => false,
    };
    (to, refused)
}

#[test]
fn every_state_answers_every_input() {
    let mut pairs = 0;
    for state in State::ALL {
        let at = in_state(state).now.wall;
        for (name, input) in every_input(at) {
            let mut story = in_state(state).after(60 * SECOND);
            let facts_before = story.facts.len();
            let refused = story.input(input).is_some();
            let (to, refuses) = expected(state, name);
            let pair = format!("{state:?}, {name}");
            assert_eq!(story.payment.state(), to, "{pair}");
            assert_eq!(refused, refuses, "{pair}");
            assert!(story.facts.len() > facts_before || to == state, "{pair}: no change without a fact");
            let charges = story.calls.iter().filter(|call| **call == "charge").count();
            assert_eq!(charges, 1, "{pair}: a payment code goes out once");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 12 * 22);
}

#[test]
fn a_plain_sale_is_two_facts_one_call_one_receipt() {
    let story = in_state(State::Paid);
    let names: Vec<_> = story.facts.iter().map(Fact::name).collect();
    assert_eq!(names, ["Intended", "Paid"]);
    assert_eq!(story.receipts, 1);
    assert!(story.payment.is_at_rest());
}
