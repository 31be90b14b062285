//! What waits for the engine, and what the engine asks of the acquirer, comes one after the other.

use std::sync::mpsc;

use guitai_core::limits::ENGINE_REQUESTS_MAX;
use guitai_till::NotTaken;

use super::*;

#[test]
fn payments_found_open_at_a_start_are_asked_about_one_after_the_other() {
    let mut counter = Counter::open();
    for n in 1..=4_u64 {
        counter.sale(&format!("key-0000000{n}"), &format!("13000000000000000{n}"), 1_000 * n);
    }
    let mut counter = counter.restart();
    let asked = |counter: &Counter| counter.calls.borrow().iter().filter(|call| **call == "query").count();
    counter.pass(0);
    assert_eq!(asked(&counter), 1, "the first one at once");
    for n in 2..=4 {
        counter.pass(49);
        assert_eq!(asked(&counter), n - 1);
        counter.pass(1);
        assert_eq!(asked(&counter), n);
    }
}

#[test]
fn a_queue_that_is_full_refuses_requests_and_loses_no_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Now::vouched(UtcMs(1_767_579_072_000), Ticks(0));
    let (go_on, gate) = mpsc::channel::<()>();
    let (stuck, is_stuck) = mpsc::channel::<()>();
    let output = move |output| {
        if matches!(output, Output::Committed { .. }) && stuck.send(()).is_ok() {
            let _ = gate.recv();
        }
    };
    let (till, thread) = guitai_till::spawn(setup(folder.path(), now), output, |why| panic!("{why}")).expect("a till");
    let done = Arc::new(Mutex::new(0_usize));
    let request = |n: usize| {
        let done = Arc::clone(&done);
        let key = guitai_core::people::ApiKeyCreated {
            name: format!("key{n}"),
            scopes: "read".into(),
            hash: [u8::try_from(n % 251).expect("below 251"); 32],
            at: now.wall,
        };
        Command::CreateApiKey(
            key,
            Box::new(move |answer| {
                assert_eq!(answer, Ok(()));
                *done.lock().expect("no panic") += 1;
            }),
        )
    };
    till.send(request(0)).expect("taken");
    is_stuck.recv().expect("the engine is busy");
    for n in 1..=ENGINE_REQUESTS_MAX {
        till.send(request(n)).expect("there is room");
    }
    assert_eq!(till.send(request(9_999)), Err(NotTaken::Full));
    till.send(Command::HubHeard).expect("the engine's own news are taken");
    drop((go_on, is_stuck));
    till.send(Command::Stop).expect("taken");
    // Stopping takes no more than one commit: what is behind it is refused with the queue.
    thread.join().expect("no panic");
    assert_eq!(till.send(request(9_999)), Err(NotTaken::Ended));
    assert!(*done.lock().expect("no panic") > guitai_core::limits::COMMIT_MAX_INPUTS, "those it took it has done");
}
