//! Every ending of the table, from the charge to the book.

use guitai_core::acquirer::{ChargeAnswer, QueryAnswer, RefundAnswer, ReversalAnswer};

use crate::world::{Signing, World};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The name of the variant.
fn word(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").split(|c: char| !c.is_alphabetic()).next().unwrap_or("").to_owned()
}

#[test]
fn charges_and_their_first_queries() {
    let mut world = World::start(Signing::Rsa);
    // amount, charge, query, query, query; book: state and times taken, or nothing
    let table = [
        (1000, "Paid", ["Paid"; 3], Some(("paid", 1))),
        (1001, "Paid", ["Paid"; 3], Some(("paid", 1))),
        (1002, "Pending", ["Pending", "Pending", "Paid"], Some(("paid", 1))),
        (1003, "Pending", ["Pending"; 3], Some(("pending", 0))),
        (1004, "Pending", ["Pending", "Failed", "Failed"], Some(("failed", 0))),
        (1007, "Unknown", ["Paid"; 3], Some(("paid", 1))),
        (1008, "Unknown", ["NotFound"; 3], None),
        (1009, "Declined", ["Failed"; 3], Some(("failed", 0))),
        (1010, "Declined", ["Failed"; 3], Some(("failed", 0))),
        (1011, "Declined", ["Failed"; 3], Some(("failed", 0))),
        (1012, "Unknown", ["Paid"; 3], Some(("paid", 1))),
        (1013, "Mismatched", ["Mismatched"; 3], Some(("paid", 1))),
        (1014, "Unknown", ["Paid"; 3], Some(("paid", 1))),
        (1015, "Unknown", ["NotFound"; 3], None),
        (1016, "Unknown", ["Paid"; 3], Some(("paid", 1))),
        (1017, "Pending", ["NotFound"; 3], Some(("pending", 0))),
        (1018, "Pending", ["Pending"; 3], Some(("pending", 0))),
        (1019, "Pending", ["Pending"; 3], Some(("pending", 0))),
        (1020, "Paid", ["Paid"; 3], Some(("paid", 1))),
        (1022, "Paid", ["Paid"; 3], Some(("paid", 1))),
        (1025, "Pending", ["Pending"; 3], Some(("pending", 0))),
        (1099, "Paid", ["Paid"; 3], Some(("paid", 1))),
    ];
    for (amount, charge, queries, booked) in table {
        let (number, answer) = world.charge(amount);
        assert_eq!(word(&answer), charge, "charge {amount}: {answer:?}");
        for query in queries {
            let answer = world.query(number, amount);
            assert_eq!(word(&answer), query, "query {amount}: {answer:?}");
        }
        let booked = booked.map(|(state, charges)| (state.to_owned(), 0, charges));
        assert_eq!(world.booked(number), booked, "book {amount}");
    }
}

#[test]
fn silent_charges_are_taken_or_lost() {
    let mut world = World::start(Signing::Md5);
    let taken = world.charge_in_vain(1005);
    assert_eq!(word(&world.query(taken, 1005)), "Paid");
    world.check_book(taken, "paid", 0, 1);
    let lost = world.charge_in_vain(1006);
    assert_eq!(world.query(lost, 1006), QueryAnswer::NotFound);
    assert_eq!(world.booked(lost), None);
}

#[test]
fn refusals_say_why_and_discounts_say_what_was_paid() {
    let mut world = World::start(Signing::Md5);
    for (amount, code, words) in
        [(1009, "3999", "余额不足"), (1010, "3999", "付款码已失效"), (1011, "3889", "风控拒绝")]
    {
        let (_, ChargeAnswer::Declined(refusal)) = world.charge(amount) else { panic!("not declined") };
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), (code, words));
    }
    let (number, ChargeAnswer::Paid(evidence)) = world.charge(1022) else { panic!("not paid") };
    assert_eq!(evidence.received.get(), 920);
    assert!(evidence.finished_at.is_some() && evidence.wallet_no.is_some());
    assert_eq!(world.reverse(number, 1022).1, ReversalAnswer::Done);
}

#[test]
fn reversals_close_what_is_pending_and_give_back_what_is_paid() {
    let mut world = World::start(Signing::Rsa);
    let (pending, _) = world.charge(1003);
    let (reversal, answer) = world.reverse(pending, 1003);
    assert_eq!(answer, ReversalAnswer::Done);
    assert_eq!(world.query_reversal(reversal), ReversalAnswer::Done);
    assert!(matches!(world.query(pending, 1003), QueryAnswer::Failed(refusal) if refusal.code == "3045"));
    world.check_book(pending, "closed", 0, 0);

    let (paid, _) = world.charge(1000);
    assert_eq!(word(&world.reverse(paid, 999).1), "Refused", "only whole");
    assert_eq!(word(&world.reverse_as(reversal, paid, 1000)), "NumberUsed", "it reversed nothing");
    world.check_book(paid, "paid", 0, 1);
    assert_eq!(world.reverse(paid, 1000).1, ReversalAnswer::Done);
    assert_eq!(world.query(paid, 1000), QueryAnswer::Reversed);
    world.check_book(paid, "reversed", 0, 1);
    assert_eq!(world.reverse(paid, 1000).1, ReversalAnswer::Done, "already cancelled is done");
    assert_eq!(word(&world.refund(paid, 1).1), "Refused");

    let nobody = world.number();
    let (reversal, answer) = world.reverse(nobody, 1000);
    assert_eq!(answer, ReversalAnswer::NotFound);
    assert_eq!(world.query_reversal(reversal), ReversalAnswer::NotFound);

    let (yesterday, _) = world.charge(1000);
    world.advance(DAY_MS);
    assert_eq!(word(&world.reverse(yesterday, 1000).1), "Refused", "same day only");
    assert_eq!(word(&world.refund(yesterday, 1000).1), "Done");
    world.check_book(yesterday, "refunded", 1000, 1);
}

#[test]
fn awkward_reversals() {
    let mut world = World::start(Signing::Md5);
    let (abnormal, _) = world.charge(1018);
    let (first, answer) = world.reverse(abnormal, 1018);
    assert_eq!(word(&answer), "Unknown");
    // By its own number the answer is firm: this cancel did nothing (decision 3).
    assert_eq!(word(&world.query_reversal(first)), "Refused");
    assert_eq!(world.query(abnormal, 1018), QueryAnswer::Pending);
    assert_eq!(world.reverse(abnormal, 1018).1, ReversalAnswer::Done);
    world.check_book(abnormal, "closed", 0, 0);

    let (refused, _) = world.charge(1019);
    let (number, answer) = world.reverse(refused, 1019);
    assert_eq!(word(&answer), "Refused");
    assert_eq!(word(&world.query_reversal(number)), "Refused");
    assert_eq!(word(&world.query(refused, 1019)), "Paid");
    assert_eq!(word(&world.reverse(refused, 1019).1), "Refused");
    world.check_book(refused, "paid", 0, 1);

    let (late, _) = world.charge(1025);
    assert_eq!(world.reverse(late, 1025).1, ReversalAnswer::Done);
    world.check_book(late, "closed", 0, 0);
    assert_eq!(word(&world.query(late, 1025)), "Failed");
    world.advance(30_000);
    world.check_book(late, "paid", 0, 1);
    assert_eq!(word(&world.query(late, 1025)), "Paid");
    assert_eq!(world.reverse(late, 1025).1, ReversalAnswer::Done);
    world.check_book(late, "reversed", 0, 1);
}

#[test]
fn a_hidden_order_is_paid_in_the_end() {
    let mut world = World::start(Signing::Md5);
    let (hidden, _) = world.charge(1017);
    assert_eq!(world.reverse(hidden, 1017).1, ReversalAnswer::NotFound);
    assert_eq!(world.query(hidden, 1017), QueryAnswer::NotFound);
    world.advance(20_000);
    assert_eq!(word(&world.query(hidden, 1017)), "Paid");
    world.check_book(hidden, "paid", 0, 1);
}

#[test]
fn refunds_are_idempotent_and_follow_their_own_amount() {
    let mut world = World::start(Signing::Md5);
    let (order, _) = world.charge(5000);
    let (first, answer) = world.refund(order, 1000);
    assert_eq!(word(&answer), "Done");
    assert_eq!(world.refund_as(first, order, 1000), answer, "the same refund");
    assert_eq!(word(&world.refund_as(first, order, 900)), "NumberUsed", "another amount under a used number");
    assert_eq!(world.query_refund(first), answer);
    world.check_book(order, "part_refunded", 1000, 1);
    assert_eq!(word(&world.reverse(order, 5000).1), "Refused");

    let (slow, answer) = world.refund(order, 320);
    assert_eq!(answer, RefundAnswer::Processing);
    assert_eq!(word(&world.refund(order, 3900).1), "Refused", "a refund in process speaks for its amount");
    let queries = [(); 3].map(|()| word(&world.query_refund(slow)));
    assert_eq!(queries, ["Processing", "Processing", "Done"]);
    world.check_book(order, "part_refunded", 1320, 1);

    let (failing, answer) = world.refund(order, 321);
    assert_eq!(answer, RefundAnswer::Processing);
    let queries = [(); 3].map(|()| word(&world.query_refund(failing)));
    assert_eq!(queries, ["Processing", "Processing", "Refused"]);
    world.check_book(order, "part_refunded", 1320, 1);

    assert_eq!(word(&world.refund(order, 3681).1), "Refused", "over the remainder");
    assert_eq!(word(&world.refund(order, 3680).1), "Done");
    world.check_book(order, "refunded", 5000, 1);
    assert_eq!(word(&world.query(order, 5000)), "Paid", "refunds have queries of their own");
    let nobody = world.number();
    assert_eq!(word(&world.refund(nobody, 1).1), "NotFound");
}
