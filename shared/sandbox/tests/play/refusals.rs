//! Requests that are not played, and numbers and codes that were used.

use guitai_core::acquirer::{
    Answer, ChargeAnswer, Reply,
    allinpay::{Allinpay, Config, Keys},
};

use crate::world::{Signing, World, charge_call, http, post};

fn reply_text(reply: &Reply) -> String {
    let Reply::Http { status: 200, body, .. } = reply else { panic!("{reply:?}") };
    String::from_utf8(body.clone()).expect("UTF-8")
}

#[test]
fn numbers_and_codes_are_good_once() {
    let mut world = World::start(Signing::Md5);
    let (number, code) = (world.number(), world.code());
    assert!(matches!(world.charge_as(number, 1000, &code), ChargeAnswer::Paid(_)));
    let other_code = world.code();
    let again = world.charge_as(number, 1000, &other_code);
    assert!(matches!(again, ChargeAnswer::NumberUsed { .. }), "3888 is no refusal: {again:?}");
    world.check_book(number, "paid", 0, 1);
    let other_number = world.number();
    let ChargeAnswer::Declined(refusal) = world.charge_as(other_number, 1000, &code) else { panic!("taken twice") };
    assert_eq!(refusal.message, "付款码已使用");
    world.check_book(other_number, "failed", 0, 0);
    let log = std::fs::read_to_string(world.data.path().join("book.jsonl")).expect("a log");
    assert!(log.contains(number.as_str()) && !log.contains(&code), "codes are not kept");
}

#[test]
fn wrong_keys_and_unregistered_terminals_are_configuration_refusals() {
    let mut world = World::start(Signing::Rsa);
    let (number, code) = (world.number(), world.code());
    let answered = |codec: &Allinpay, termno: &str| {
        let call = charge_call(number, 1000, &code, termno);
        let request = codec.encode(&call, "n");
        let reply = post(&world.at, "/allinpay/apiweb/unitorder/scanqrpay", request.body.expose(), world.patience);
        let Answer::Charge(answer) = codec.decode(&call.question(), &reply) else {
            panic!("another question's answer")
        };
        (answer, reply_text(&reply))
    };
    let (answer, text) = answered(&world.codec, "T1");
    assert!(matches!(answer, ChargeAnswer::Misconfigured(refusal) if refusal.code == "PARAMERR"));
    assert!(!text.contains("sign\""), "{text}");

    let text = |name: &str| world.credentials["allinpay"][name].as_str().expect("a text").to_owned();
    let with = |cusid: String, key: &str| {
        Allinpay::new(Config { orgid: None, cusid, appid: text("appid"), keys: Keys::md5(key).expect("a key") })
    };
    for codec in [with(text("cusid"), "wrong"), with("990000000000002".into(), &text("md5_key"))] {
        let (answer, _) = answered(&codec, "00000001");
        assert!(matches!(answer, ChargeAnswer::Misconfigured(refusal) if refusal.code == "SIGNAUTHERR"));
    }
    assert_eq!(world.booked(number), None);
    let old = "cusid=1&appid=1&randomstr=1&sign=1&version=11";
    let reply = post(&world.at, "/allinpay/apiweb/tranx/query", old, world.patience);
    assert!(reply_text(&reply).contains("\"FAIL\""), "versions below 12 know no other refusal");
    assert!(matches!(post(&world.at, "/allinpay/apiweb/else", old, world.patience), Reply::Http { status: 404, .. }));
    assert_eq!(http(&world.control, "POST", "/control/line", "{}").0, 400);
}
