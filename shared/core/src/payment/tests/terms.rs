//! Terms are asked, not known: what another acquirer's would change.

use super::*;

/// Reversals without numbers, for an hour, at once; a refused one is sent again.
const OTHER_TERMS: Terms = Terms {
    reversal: ReversalTerms {
        numbered: false,
        window: Window::Within { ms: 3_600 * SECOND },
        not_before_ms: 0,
        close_when_refused: false,
    },
    ..TERMS
};

fn evening() -> Now {
    Now::vouched(parse_beijing("20260105235930").expect("a time"), Ticks(5_000))
}

/// Not paid at the deadline, half a minute before or after which the day ends.
fn overdue(terms: &'static Terms) -> Story {
    let mut story = Story::begin_under(terms, evening()).charge(no_answer());
    (story.now.up, story.now.wall) = (story.now.up.after_ms(90 * SECOND), UtcMs(story.now.wall.0 + 90_000));
    story.query(QueryAnswer::Pending)
}

#[test]
fn the_window_decides_between_reversing_and_closing() {
    overdue(&TERMS).ends(State::Reversing, "charge query close");
    overdue(&OTHER_TERMS).ends(State::Reversing, "charge query reverse");

    let voided = |terms, passed_ms: u64| {
        let mut story = Story::begin_under(terms, evening()).charge(ChargeAnswer::Paid(evidence()));
        story.now.up = story.now.up.after_ms(passed_ms);
        story.now.wall.0 += i64::try_from(passed_ms).expect("a short wait");
        story.input(Input::Void { approval: approval(), place: place(story.now.wall) })
    };
    assert_eq!(voided(&TERMS, 60 * SECOND), Some(Refused::PastWindow));
    assert_eq!(voided(&OTHER_TERMS, 60 * SECOND), None);
    assert_eq!(voided(&OTHER_TERMS, 3_600 * SECOND), Some(Refused::PastWindow));
}

#[test]
fn a_reversal_in_doubt_is_asked_about_by_its_number_if_it_has_one() {
    let in_doubt = |terms| {
        let mut story = Story::begin_under(terms, Story::begin().now).charge(ChargeAnswer::Paid(evidence()));
        story.input(Input::Void { approval: approval(), place: place(story.now.wall) });
        let mut story = story.reversal(silence(|detail| ReversalAnswer::Unknown { detail }));
        story.wait();
        story
    };
    in_doubt(&TERMS).ends(State::Reversing, "charge reverse query_reversal");
    let mut other = in_doubt(&OTHER_TERMS);
    other.answer_query(QueryAnswer::Paid(evidence()), Late::Fits);
    other.wait();
    other.ends(State::Reversing, "charge reverse query reverse");
}

#[test]
fn what_follows_a_refused_reversal_of_an_unpaid_charge_is_a_term() {
    let refused = |terms| {
        let mut story = Story::begin_under(terms, Story::begin().now).charge(no_answer()).after(90 * SECOND);
        story = story.query(QueryAnswer::Pending).reversal(ReversalAnswer::Refused(refusal()));
        story.answer_query(QueryAnswer::Pending, Late::Fits);
        story.wait();
        story
    };
    refused(&TERMS).ends(State::Reversing, "charge query reverse query close");
    refused(&OTHER_TERMS).ends(State::Reversing, "charge query reverse query reverse");
}

#[test]
fn when_a_cashier_may_give_up_is_a_term() {
    let given_up =
        |terms| Story::begin_under(terms, Story::begin().now).charge(ChargeAnswer::Pending).input(Input::Cancel(say()));
    assert_eq!(given_up(&TERMS), Some(Refused::TooEarly(15 * SECOND)));
    assert_eq!(given_up(&OTHER_TERMS), None);
}
