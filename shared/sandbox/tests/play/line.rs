//! The line's modes, restarts, and many requests at once.

use std::{net::TcpStream, thread};

use guitai_core::{
    acquirer::{Answer, ChargeAnswer, QueryAnswer},
    ids::{Issuer, Numbering},
    time::UtcMs,
};

use crate::world::{Exchanged, Signing, World, charge_call, exchange};

#[test]
fn each_mode_spoils_the_line_in_its_way_and_up_mends_it() {
    let mut world = World::start(Signing::Md5);
    world.line("refuse");
    let (refused, answer) = world.charge(1000);
    assert!(matches!(answer, ChargeAnswer::NotSent { .. }), "{answer:?}");
    assert_eq!(world.booked(refused), None);
    world.line("up");
    assert_eq!(world.query(refused, 1000), QueryAnswer::NotFound);

    for mode in ["mute", "slow"] {
        world.line(mode);
        let number = world.charge_in_vain(1000);
        world.check_book(number, "paid", 0, 1);
        world.line("up");
        assert!(matches!(world.query(number, 1000), QueryAnswer::Paid(_)), "{mode}");
    }

    world.line("cut");
    let (cut, answer) = world.charge(1000);
    assert!(matches!(answer, ChargeAnswer::Unknown { .. }), "{answer:?}");
    assert!(matches!(world.query(cut, 1000), QueryAnswer::Unknown { .. }));
    world.check_book(cut, "paid", 0, 1);
    world.line("up");
    assert!(matches!(world.query(cut, 1000), QueryAnswer::Paid(_)));
}

#[test]
fn a_refused_line_ends_idle_connections_too() {
    let world = World::start(Signing::Md5);
    let mut kept = TcpStream::connect(&world.at).expect("it listens");
    kept.set_read_timeout(Some(world.patience)).expect("a positive time");
    for _ in 0..2 {
        let answer = exchange(&mut kept, "GET", "/control/book", "").expect("an answer");
        assert_eq!(answer.status, 200, "connections are kept");
    }
    world.line("refuse");
    assert!(exchange(&mut kept, "GET", "/control/book", "").is_err());
}

#[test]
fn the_book_and_the_keys_survive_a_kill() {
    let mut world = World::start(Signing::Rsa);
    let (paid, _) = world.charge(1000);
    let (pending, _) = world.charge(1002);
    assert_eq!(world.query(pending, 1002), QueryAnswer::Pending);
    let (refund, _) = world.refund(paid, 320);
    let (late, _) = world.charge(1025);
    let (reversal, _) = world.reverse(late, 1025);
    let used = world.code();
    let number = world.number();
    world.charge_as(number, 1000, &used);
    world.advance(15_000);

    world.kill_and_restart();
    world.check_book(paid, "paid", 0, 1);
    assert_eq!(world.query(pending, 1002), QueryAnswer::Pending);
    assert!(matches!(world.query(pending, 1002), QueryAnswer::Paid(_)), "queries are counted across restarts");
    world.query_refund(refund);
    world.query_refund(refund);
    world.query_refund(refund);
    world.check_book(paid, "part_refunded", 320, 1);
    world.query_reversal(reversal);
    world.check_book(late, "closed", 0, 0);
    world.advance(15_000);
    world.check_book(late, "paid", 0, 1);
    let again = world.number();
    assert!(matches!(world.charge_as(again, 1000, &used), ChargeAnswer::Declined(_)));
}

#[test]
fn it_ends_when_asked_even_with_a_silent_line() {
    let mut world = World::start(Signing::Md5);
    let request = world.number();
    let code = world.code();
    let form = world.codec.encode(&charge_call(request, 1005, &code, "00000001"), "n");
    thread::scope(|scope| {
        let at = world.at.clone();
        let hanging = scope.spawn(move || {
            let mut stream = TcpStream::connect(&at).expect("it listens");
            exchange(&mut stream, "POST", "/allinpay/apiweb/unitorder/scanqrpay", form.body.expose())
        });
        while world.booked(request).is_none() {
            thread::yield_now();
        }
        assert!(world.terminate(), "a quiet end");
        assert!(hanging.join().expect("no panic").is_err());
    });
}

#[test]
fn many_tills_at_once_are_all_charged_once() {
    const TILLS: u32 = 8;
    const CHARGES: u32 = 100;
    let world = World::start(Signing::Md5);
    let (world, numbers) = (&world, |till: u32| {
        let mut numbering = Numbering::resume(Issuer::new(till).expect("in range"), None);
        (0..CHARGES).map(|_| numbering.next(UtcMs(1_767_579_072_000))).collect::<Vec<_>>()
    });
    thread::scope(|scope| {
        for till in 1..=TILLS {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(&world.at).expect("it listens");
                for (at, number) in (0_u32..).zip(numbers(till)) {
                    let code = format!("13{till:08}{at:08}");
                    let call = charge_call(number, 1000, &code, "00000001");
                    let request = world.codec.encode(&call, "n");
                    let path = "/allinpay/apiweb/unitorder/scanqrpay";
                    let Exchanged { status, date, body } =
                        exchange(&mut stream, "POST", path, request.body.expose()).expect("an answer");
                    let reply = guitai_core::acquirer::Reply::Http { status, date, body };
                    let answer = world.codec.decode(&call.question(), &reply);
                    assert!(matches!(answer, Answer::Charge(ChargeAnswer::Paid(_))), "{answer:?}");
                }
            });
        }
    });
    for till in 1..=TILLS {
        let numbers = numbers(till);
        world.check_book(*numbers.last().expect("some"), "paid", 0, 1);
    }
}
