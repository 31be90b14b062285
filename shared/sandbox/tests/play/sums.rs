//! What was asked, what the customer paid, and what went back are three sums.

use guitai_core::acquirer::{ChargeAnswer, RefundAnswer, ReversalAnswer};
use serde_json::json;

use crate::world::{Signing, World};

#[track_caller]
fn check_sums(world: &World, order_no: guitai_core::ids::OrderNo, state: &str, sums: [u64; 3]) {
    let line = world.book_line(order_no).expect("it is in the book");
    let found = json!([line["state"], line["amount_fen"], line["received_fen"], line["refunded_fen"]]);
    assert_eq!(found, json!([state, sums[0], sums[1], sums[2]]));
}

#[test]
fn no_more_goes_back_than_the_customer_paid() {
    let mut world = World::start(Signing::Md5);
    let (order, answer) = world.charge(1022);
    let ChargeAnswer::Paid(evidence) = answer else { panic!("{answer:?}") };
    assert_eq!((evidence.asked.get(), evidence.received.get()), (1022, 920));
    check_sums(&world, order, "paid", [1022, 920, 0]);
    assert!(matches!(world.refund(order, 1022).1, RefundAnswer::Refused(_)), "the whole sum asked for");
    assert!(matches!(world.refund(order, 500).1, RefundAnswer::Done { .. }));
    check_sums(&world, order, "part_refunded", [1022, 920, 500]);
    assert!(matches!(world.refund(order, 421).1, RefundAnswer::Refused(_)), "one fen over the rest");
    let (slow, accepted) = world.refund(order, 320);
    assert_eq!(accepted, RefundAnswer::Processing);
    assert!(matches!(world.refund(order, 101).1, RefundAnswer::Refused(_)), "what is in process is spoken for");
    assert!(matches!(world.refund(order, 100).1, RefundAnswer::Done { .. }));
    for _ in 0..3 {
        world.query_refund(slow);
    }
    check_sums(&world, order, "refunded", [1022, 920, 920]);
    assert!(matches!(world.refund(order, 1).1, RefundAnswer::Refused(_)), "nothing is left");
}

#[test]
fn a_void_takes_a_discounted_payment_back_whole() {
    let mut world = World::start(Signing::Rsa);
    let (order, _) = world.charge(1022);
    assert!(matches!(world.reverse(order, 920).1, ReversalAnswer::Refused(_)), "by the sum asked for only");
    let (reversal, answer) = world.reverse(order, 1022);
    assert_eq!(answer, ReversalAnswer::Done);
    assert_eq!(world.query_reversal(reversal), ReversalAnswer::Done);
    check_sums(&world, order, "reversed", [1022, 920, 0]);
    let (pending, _) = world.charge(1003);
    check_sums(&world, pending, "pending", [1003, 0, 0]);
}
