#![expect(clippy::disallowed_methods, reason = "the tests stand in for the store and its commit")]

use alloc::{format, string::String, vec, vec::Vec};

use super::*;
use crate::{
    acquirer::{Call, ChargeAnswer, PaidEvidence, QueryAnswer, RefundAnswer, Refusal, ReversalAnswer},
    ids::{AccountId, Issuer, TillId},
    journal::{
        Committed,
        fact::{Approval, Fact},
    },
    time::{BusinessClock, UtcMs, parse_beijing},
};

const SECOND: u64 = 1000;

/// An acquirer's pace with round numbers.
const TIMINGS: Timings = Timings {
    first_query_ms: 3 * SECOND,
    query_interval_ms: 10 * SECOND,
    deadline_ms: 90 * SECOND,
    connect_timeout_ms: 5 * SECOND,
    answer_timeout_ms: 15 * SECOND,
};

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
        let now = Now { wall: parse_beijing("20260105101112").expect("a time"), up: Ticks(5_000) };
        let mut numbers = Numbering::resume(Issuer::new(1).expect("in range"), None);
        let (payment, step) = Payment::open(now, order(now.wall), TIMINGS, &mut numbers);
        let mut story = Self { now, numbers, payment, facts: vec![], calls: vec![], receipts: 0 };
        story.take(step);
        story
    }

    fn take(&mut self, step: Step) -> Option<Refused> {
        let refused = step.refused();
        let (facts, held) = step.split();
        self.facts.extend(facts);
        for effect in held.release(Committed::after_durable_commit()) {
            match effect {
                Effect::Call { call, .. } => self.calls.push(name(&call)),
                Effect::PrintReceipt(_) => self.receipts += 1,
                Effect::Show(_) => {}
            }
        }
        let replayed = Payment::replay(&self.facts, TIMINGS).expect("begins with its intent");
        assert_eq!(replayed.state(), self.payment.state(), "replay agrees");
        refused
    }

    fn input(&mut self, input: Input) -> Option<Refused> {
        let step = self.payment.step(self.now, input, &mut self.numbers);
        self.take(step)
    }

    fn charge(mut self, answer: ChargeAnswer) -> Self {
        self.input(Input::ChargeAnswered(answer));
        self
    }

    fn query(mut self, answer: QueryAnswer) -> Self {
        self.wait();
        assert_eq!(self.calls.last(), Some(&"query"));
        self.input(Input::QueryAnswered(answer, BillView::Open));
        self
    }

    fn reversal(mut self, answer: ReversalAnswer) -> Self {
        self.wait();
        match *self.calls.last().expect("a call") {
            "reverse" => self.input(Input::ReversalAnswered(answer)),
            "query_reversal" => self.input(Input::ReversalQueried(answer)),
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

fn order(at: UtcMs) -> Order {
    Order {
        amount: Fen::new(1250),
        code: PaymentCode::parse("130000000000000001").expect("a code"),
        code_key: [7; 32],
        acquirer: "allinpay".into(),
        terminal: Terminal { termno: "00000001".into(), longitude: "+121.48352".into(), latitude: "+31.221345".into() },
        subject: "测试店".into(),
        place: place(at),
        bill: None,
        remark: None,
        idempotency: idempotency(),
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
    Say { by: "03".into(), idempotency: idempotency() }
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
        Call::Query { .. } => "query",
        Call::Reverse { .. } => "reverse",
        Call::QueryReversal { .. } => "query_reversal",
        Call::Refund { .. } => "refund",
        Call::QueryRefund { .. } => "query_refund",
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
        story.input(Input::RefundAnswered(RefundAnswer::Done { acquirer_no: "2".into() }));
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
    let open = BillView::Open;
    let refund =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(at), approval: Some(approval()), reason: None };
    vec![
        ("charge paid", Input::ChargeAnswered(ChargeAnswer::Paid(evidence()))),
        ("charge silent", Input::ChargeAnswered(no_answer())),
        ("query paid", Input::QueryAnswered(QueryAnswer::Paid(evidence()), open)),
        ("query failed", Input::QueryAnswered(QueryAnswer::Failed(refusal()), open)),
        ("query not found", Input::QueryAnswered(QueryAnswer::NotFound, open)),
        ("query reversed", Input::QueryAnswered(QueryAnswer::Reversed, open)),
        ("reversal done", Input::ReversalAnswered(ReversalAnswer::Done)),
        ("reversal refused", Input::ReversalAnswered(ReversalAnswer::Refused(refusal()))),
        ("reversal queried", Input::ReversalQueried(ReversalAnswer::Done)),
        ("refund done", Input::RefundAnswered(RefundAnswer::Done { acquirer_no: "2".into() })),
        ("refund queried", Input::RefundQueried(RefundAnswer::Refused(refusal()))),
        ("due", Input::Due),
        ("cancel", Input::Cancel(say())),
        ("handed over", Input::HandedOver(say())),
        ("not handed over", Input::NotHandedOver(say())),
        ("void", Input::Void { approval: approval(), place: place(at) }),
        ("refund all", Input::Refund(refund(1250))),
        ("refund too much", Input::Refund(refund(1251))),
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
        (state, _) => state,
    };
    let refused = match input {
        "cancel" => !matches!(state, Pending | Unknown),
        "handed over" | "not handed over" => !matches!(state, Pending | Unknown | Held),
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
    assert_eq!(pairs, 12 * 18);
}

#[test]
fn a_plain_sale_is_two_facts_one_call_one_receipt() {
    let story = in_state(State::Paid);
    let names: Vec<_> = story.facts.iter().map(Fact::name).collect();
    assert_eq!(names, ["Intended", "Paid"]);
    assert_eq!(story.receipts, 1);
    assert!(story.payment.is_at_rest());
}

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
    let mut story = Story::begin().charge(no_answer()).after(100 * SECOND).query(QueryAnswer::NotFound);
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
fn a_refused_reversal_whose_customer_paid_after_all_ends_paid() {
    reversing_unpaid()
        .reversal(ReversalAnswer::Refused(refusal()))
        .query(QueryAnswer::Pending)
        .query(QueryAnswer::Paid(evidence()))
        .ends(State::Paid, "reverse query query");
}

#[test]
fn a_late_paid_is_attached_or_given_back() {
    let closed = || {
        let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
        assert_eq!(story.payment.state(), State::Closed);
        story.wait();
        story
    };
    let mut open = closed();
    open.input(Input::QueryAnswered(QueryAnswer::Paid(evidence()), BillView::Open));
    assert_eq!(open.payment.state(), State::Paid);

    let mut settled = closed();
    settled.input(Input::QueryAnswered(QueryAnswer::Paid(evidence()), BillView::SettledOtherwise));
    assert_eq!(settled.payment.state(), State::Refunding);
    settled.input(Input::RefundAnswered(RefundAnswer::Done { acquirer_no: "2".into() }));
    assert_eq!(settled.payment.state(), State::Refunded);
}

#[test]
fn late_checks_come_at_1_10_and_60_minutes_and_end() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    let ended = story.now.up;
    for minutes in [1, 10, 60] {
        story = story.query(QueryAnswer::Failed(refusal()));
        assert_eq!(story.now.up, ended.after_ms(minutes * 60 * SECOND));
    }
    assert!(story.payment.is_at_rest());
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
    story.input(Input::QueryAnswered(QueryAnswer::Pending, BillView::Open));
    assert_eq!(story.payment.state(), State::Reversing);
    let story = story.reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    assert!(matches!(story.facts.last(), Some(Fact::Closed(f)) if f.reason.as_str() == "cancelled"));
}

#[test]
fn a_void_is_for_the_same_beijing_day() {
    let mut story = in_state(State::Paid);
    story.now.wall = parse_beijing("20260106000000").expect("a time");
    let (approval, place) = (approval(), place(story.now.wall));
    assert_eq!(story.input(Input::Void { approval, place }), Some(Refused::OtherDay));
    assert_eq!(story.payment.state(), State::Paid);
}

#[test]
fn refunds_never_exceed_what_was_paid() {
    let mut story = in_state(State::PartRefunded);
    assert_eq!(story.payment.remaining(), Fen::new(1000));
    let order =
        |fen| ReturnOrder { amount: Fen::new(fen), place: place(UtcMs(0)), approval: Some(approval()), reason: None };
    assert_eq!(story.input(Input::Refund(order(1001))), Some(Refused::OverRemaining));
    assert_eq!(story.input(Input::Refund(order(1000))), None);
    assert_eq!(story.input(Input::Refund(order(1))), Some(Refused::State), "one at a time");
    story.input(Input::RefundAnswered(RefundAnswer::Processing));
    story.wait();
    story.input(Input::RefundQueried(RefundAnswer::NotFound));
    story.wait();
    story.input(Input::RefundAnswered(RefundAnswer::Done { acquirer_no: "3".into() }));
    story.ends(State::Refunded, "charge refund refund query_refund refund");
}

#[test]
fn a_restart_turns_a_charge_under_way_into_a_doubt_and_asks() {
    let story = Story::begin();
    let mut resumed = Payment::replay(&story.facts, TIMINGS).expect("an intent");
    let now = Now { wall: story.now.wall, up: Ticks(3) };
    let (facts, _) = resumed.resume(now).split();
    assert!(matches!(facts.as_slice(), [Fact::Doubted(_)]));
    assert_eq!(resumed.wake(), Some(now.up));
    let mut numbers = story.numbers.clone();
    let (_, held) = resumed.step(now, Input::Due, &mut numbers).split();
    let effects = held.release(Committed::after_durable_commit());
    assert!(matches!(effects.as_slice(), [Effect::Call { call: Call::Query { .. }, .. }]));
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
    assert_eq!(story.payment.state(), State::Paid, "what four questions in a row confirm");
}

#[test]
fn a_cancel_trusts_only_a_query_that_left_after_it() {
    let mut story = Story::begin().charge(no_answer()).after(16 * SECOND);
    story.input(Input::Due);
    assert_eq!(story.calls.last(), Some(&"query"), "under way");
    story = story.after(1);
    assert_eq!(story.input(Input::Cancel(say())), None);
    story.input(Input::QueryAnswered(QueryAnswer::Pending, BillView::Open));
    assert_eq!(story.payment.state(), State::Pending, "that query had left before");
    story.query(QueryAnswer::Paid(evidence())).ends(State::Paid, "charge query query");
}

#[test]
fn a_cancel_survives_a_restart() {
    let mut story = Story::begin().charge(no_answer()).after(16 * SECOND);
    story.input(Input::Cancel(say()));
    let mut resumed = Payment::replay(&story.facts, TIMINGS).expect("an intent");
    let now = Now { wall: story.now.wall, up: Ticks(3) };
    let _ = resumed.resume(now);
    let _ = resumed.step(now, Input::Due, &mut story.numbers);
    let step = resumed.step(now, Input::QueryAnswered(QueryAnswer::NotFound, BillView::Open), &mut story.numbers);
    assert!(matches!(step.split().0.as_slice(), [Fact::ReversalIntended(_)]));
}

#[test]
fn a_give_back_that_is_refused_is_owed_until_it_is_done() {
    let mut story = reversing_unpaid().reversal(ReversalAnswer::Done).query(QueryAnswer::Failed(refusal()));
    story.wait();
    story.input(Input::QueryAnswered(QueryAnswer::Paid(evidence()), BillView::SettledOtherwise));
    for _ in 0..3 {
        assert_eq!(story.payment.state(), State::Refunding);
        story.input(Input::RefundAnswered(RefundAnswer::Refused(refusal())));
        assert_eq!(story.payment.state(), State::Paid);
        let replayed = Payment::replay(&story.facts, TIMINGS).map(|mut payment| {
            let _ = payment.resume(story.now);
            payment.wake()
        });
        assert_eq!(replayed, Some(Some(story.now.up)), "also after a restart");
        story.wait();
    }
    story.input(Input::RefundAnswered(RefundAnswer::Done { acquirer_no: "9".into() }));
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
fn past_midnight_nothing_is_cancelled() {
    let mut story = Story::begin().charge(no_answer()).after(100 * SECOND);
    story.now.wall = parse_beijing("20260106000030").expect("a time");
    let story = story.query(QueryAnswer::Pending);
    assert_eq!(story.payment.state(), State::Pending, "the customer holds it: wait");
    story.query(QueryAnswer::NotFound).ends(State::Closed, "charge query query");
}

#[test]
fn long_texts_of_others_are_cut() {
    let long = Refusal { code: "3999".into(), message: "长".repeat(40_000) };
    let story = Story::begin().charge(ChargeAnswer::Declined(long));
    for fact in &story.facts {
        assert_eq!(Fact::from_bytes(&fact.to_bytes()).as_ref(), Ok(fact), "reads back");
    }
}
