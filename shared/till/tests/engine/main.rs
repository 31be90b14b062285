//! The engine over a real journal, with the acquirer's answers given by hand.

mod late;
mod queue;
mod rights;

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::{Call, ChargeAnswer, Kind, PaidEvidence, QueryAnswer, ReversalAnswer, Terminal},
    bill::BillKey,
    ids::{AccountId, FactNo, Issuer, JournalId, OrderNo, StoreId, TillId},
    journal::fact::Fact,
    money::Fen,
    payment::{Say, State},
    people::{AccountSet, Approval, Idempotency, Role},
    secret::{PaymentCode, Wallet},
    time::{BusinessClock, Now, Ticks, UtcMs},
    trust::Bar,
};
use guitai_store::{Database, Journal, ingest, query};
use guitai_till::{
    Accepted, Answer, ChargeRequest, Command, Engine, NotAccepted, Output, ReturnRequest, Setup,
    command::{Cashier, NamedBill, Pays},
};

struct Counter {
    folder: tempfile::TempDir,
    engine: Engine,
    now: Now,
    calls: Rc<RefCell<Vec<&'static str>>>,
    shown: Vec<Accepted>,
    commits: usize,
}

type Answered = Arc<Mutex<Option<Result<Accepted, NotAccepted>>>>;

fn setup(folder: &std::path::Path, now: Now) -> Setup {
    let database = Database::open(&folder.join("journal.db")).expect("a database");
    let store = StoreId::parse("S001").expect("a name");
    let issuer = Issuer::new(7).expect("in range");
    let identity = SigningKey::from_bytes(&[5; 32]);
    let journal =
        Journal::open(&database, JournalId::node(store), issuer, identity, None, now.wall).expect("a journal");
    Setup {
        journal,
        issuer,
        acquirer: Kind::Allinpay,
        clock: BusinessClock::beijing(),
        code_key: [7; 32],
        subject: "测试店".into(),
        last_offset_ms: None,
        bar: None,
        awaits_hub: false,
    }
}

impl Counter {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Now::vouched(UtcMs(1_767_579_072_000), Ticks(0));
        let engine = Engine::resume(setup(folder.path(), now), now).expect("an engine");
        Self { folder, engine, now, calls: Rc::default(), shown: vec![], commits: 0 }
    }

    /// The process ends without a word and starts again, 10 s later by the wall and from zero by its own clock.
    fn restart(self) -> Self {
        self.restart_as(|setup| setup)
    }

    fn restart_as(mut self, changed: impl FnOnce(Setup) -> Setup) -> Self {
        self.now = Now::vouched(UtcMs(self.now.wall.0 + 10_000), Ticks(0));
        let Self { folder, now, calls, engine, .. } = self;
        drop(engine);
        let engine = Engine::resume(changed(setup(folder.path(), now)), now).expect("an engine");
        let mut counter = Self { folder, engine, now, calls, shown: vec![], commits: 0 };
        counter.commit();
        counter
    }

    fn handle(&mut self, command: Command) {
        self.engine.handle(self.now, command).expect("handled");
    }

    fn commit(&mut self) {
        let (calls, shown, commits) = (Rc::clone(&self.calls), &mut self.shown, &mut self.commits);
        let output = |output| match output {
            Output::Call(call) => calls.borrow_mut().push(match call {
                Call::Charge(_) => "charge",
                Call::Query(_) => "query",
                _ => "other",
            }),
            Output::Committed { changed, .. } => {
                shown.extend(changed);
                *commits += 1;
            }
        };
        self.engine.commit(output).expect("committed");
    }

    fn pass(&mut self, ms: u64) {
        self.now.up = self.now.up.after_ms(ms);
        self.now.wall.0 += i64::try_from(ms).expect("a short wait");
        self.engine.due(self.now).expect("due");
        self.commit();
    }

    fn charge(&mut self, key: &str, code: &str, fen: u64, bill: Pays) -> Answered {
        let answered = Answered::default();
        let reply = Arc::clone(&answered);
        let reply = Box::new(move |answer| *reply.lock().expect("no panic") = Some(answer));
        let hash = u8::try_from(fen % 251).expect("below 251");
        self.handle(Command::Charge(
            ChargeRequest {
                amount: Fen::new(fen),
                code: PaymentCode::parse(code).expect("a code"),
                till: TillId::parse("T1").expect("a name"),
                cashier: Cashier::Present(AccountId::parse("03").expect("a name")),
                terminal: Terminal {
                    termno: "00000001".into(),
                    longitude: "+121.48352".into(),
                    latitude: "+31.221345".into(),
                },
                bill,
                remark: None,
                idempotency: Idempotency { caller: "erp".into(), key: key.into(), body_hash: [hash; 32] },
            },
            reply,
        ));
        answered
    }

    fn sale(&mut self, key: &str, code: &str, fen: u64) -> OrderNo {
        let answered = self.charge(key, code, fen, Pays::Itself);
        self.commit();
        taken(&answered).expect("taken in").order_no
    }

    fn answer(&mut self, order_no: OrderNo, answer: Answer) {
        self.handle(Command::Answered(order_no, answer, None));
        self.commit();
    }

    fn stored_state(&self, order_no: OrderNo) -> State {
        let database = Database::open(&self.folder.path().join("journal.db")).expect("a database");
        let connection = database.reader().expect("a reader");
        query::payment(&connection, order_no.as_str()).expect("read").expect("stored").state
    }
}

fn taken(answered: &Answered) -> Result<Accepted, NotAccepted> {
    answered.lock().expect("no panic").take().expect("a reply")
}

fn evidence() -> PaidEvidence {
    evidence_of(1250)
}

fn evidence_of(fen: u64) -> PaidEvidence {
    PaidEvidence {
        acquirer_no: "1".into(),
        wallet_no: None,
        wallet: Some(Wallet::Wechat),
        asked: Fen::new(fen),
        received: Fen::new(fen),
        finished_at: None,
    }
}

/// 2026-01-06 00:00:00 in Beijing.
const MIDNIGHT: UtcMs = UtcMs(1_767_628_800_000);

const CODE: &str = "130000000000000001";
const OTHER_CODE: &str = "130000000000000002";

#[test]
fn nothing_leaves_before_the_commit() {
    let mut counter = Counter::open();
    let answered = counter.charge("key-00000001", CODE, 1250, Pays::Itself);
    assert!(answered.lock().expect("no panic").is_none(), "no reply");
    assert!(counter.calls.borrow().is_empty(), "no call");
    counter.commit();
    assert!(taken(&answered).is_ok());
    assert_eq!(*counter.calls.borrow(), ["charge"]);
}

#[test]
fn many_sales_share_one_commit() {
    let mut counter = Counter::open();
    let before = counter.commits;
    let answers: Vec<_> = (0..32)
        .map(|n| counter.charge(&format!("key-{n:08}"), &format!("1300000000000001{n:02}"), 1250, Pays::Itself))
        .collect();
    counter.commit();
    assert_eq!(counter.commits, before + 1);
    let mut numbers: Vec<_> = answers.iter().map(|answered| taken(answered).expect("taken").order_no).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 32, "every sale has its own number");
}

#[test]
fn a_repeated_request_is_the_same_payment_and_another_body_a_conflict() {
    let mut counter = Counter::open();
    let first = counter.charge("key-00000001", CODE, 1250, Pays::Itself);
    let twin = counter.charge("key-00000001", CODE, 1250, Pays::Itself);
    let other = counter.charge("key-00000001", OTHER_CODE, 1300, Pays::Itself);
    counter.commit();
    let order_no = taken(&first).expect("taken").order_no;
    assert_eq!(taken(&twin).expect("the same").order_no, order_no, "also within one commit");
    assert_eq!(taken(&other), Err(NotAccepted::IdempotencyConflict));
    assert_eq!(*counter.calls.borrow(), ["charge"]);
    counter.answer(order_no, Answer::Charge(ChargeAnswer::Paid(evidence())));
    let mut counter = counter.restart();
    let again = counter.charge("key-00000001", CODE, 1250, Pays::Itself);
    counter.commit();
    assert_eq!(taken(&again), Ok(Accepted { order_no, state: State::Paid, return_no: None }), "also after a restart");
}

#[test]
fn a_payment_code_goes_out_once() {
    let mut counter = Counter::open();
    counter.sale("key-00000001", CODE, 1250);
    let again = counter.charge("key-00000002", CODE, 1250, Pays::Itself);
    counter.commit();
    assert_eq!(taken(&again), Err(NotAccepted::CodeUsed));
}

#[test]
fn only_what_is_paid_or_in_doubt_is_locked_on_a_bill() {
    let mut counter = Counter::open();
    let bill = || {
        let (source, number) = ("erp".into(), "B1".into());
        Pays::Named(NamedBill { source, number, total: Fen::new(10_000), day: None, daily: false })
    };
    let first = counter.charge("key-00000001", CODE, 6_000, bill());
    counter.commit();
    let first = taken(&first).expect("taken").order_no;
    let over = counter.charge("key-00000002", OTHER_CODE, 4_001, bill());
    counter.commit();
    assert_eq!(taken(&over), Err(NotAccepted::BillLocked { free: Fen::new(4_000) }), "the first may yet fall away");
    counter.answer(first, Answer::Charge(ChargeAnswer::NotSent { detail: "refused".into() }));
    let whole = counter.charge("key-00000003", OTHER_CODE, 10_000, bill());
    counter.commit();
    let whole = taken(&whole).expect("what was not sent locks nothing").order_no;
    counter.answer(whole, Answer::Charge(ChargeAnswer::Paid(evidence_of(10_000))));
    let more = counter.charge("key-00000004", "130000000000000003", 1, bill());
    counter.commit();
    assert_eq!(taken(&more), Err(NotAccepted::BillCovered { free: Fen::ZERO }), "it is paid");
}

#[test]
fn a_charge_under_way_at_a_crash_is_a_doubt_that_ends_by_asking() {
    let mut counter = Counter::open();
    let order_no = counter.sale("key-00000001", CODE, 1250);
    let mut counter = counter.restart();
    assert_eq!(counter.stored_state(order_no), State::Unknown);
    counter.pass(1);
    assert_eq!(*counter.calls.borrow(), ["charge", "query"]);
    counter.answer(order_no, Answer::Query(QueryAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Paid);
    assert_eq!(counter.engine.open_payments(), 0, "it leaves memory");
    assert_eq!(counter.shown.last().map(|changed| changed.state), Some(State::Paid));
}

#[test]
fn numbers_go_on_after_a_restart() {
    let mut counter = Counter::open();
    let first = counter.sale("key-00000001", CODE, 1250);
    counter.now.wall.0 -= 3_600_000;
    let mut counter = counter.restart();
    let second = counter.sale("key-00000002", OTHER_CODE, 1250);
    assert!(second > first, "{second} after {first} though the clock went back an hour");
}

#[test]
fn a_number_nobody_issued_is_not_found() {
    let mut counter = Counter::open();
    let order_no = counter.sale("key-00000001", CODE, 1250);
    let digits = order_no.as_str();
    let strange = (0..97)
        .find_map(|check| OrderNo::parse(&format!("09132{}{check:02}", &digits[5..18])))
        .expect("one check fits");
    let answered = Answered::default();
    let reply = Arc::clone(&answered);
    let idempotency = Idempotency { caller: "erp".into(), key: "key-00000009".into(), body_hash: [9; 32] };
    let say = Say { by: "key:erp".into(), idempotency, approver: None };
    counter.handle(Command::Cancel(
        strange,
        say,
        Box::new(move |answer| *reply.lock().expect("no panic") = Some(answer)),
    ));
    counter.commit();
    assert_eq!(taken(&answered), Err(NotAccepted::NotFound));
}

#[test]
fn a_barred_till_moves_no_money_repeats_what_it_said_and_asks_on() {
    let mut counter = Counter::open();
    let open = counter.sale("key-0001", "130000000000000001", 1_000);
    let returned = |counter: &mut Counter, key: &str| {
        let answered = Answered::default();
        let reply = Arc::clone(&answered);
        let reply = Box::new(move |answer| *reply.lock().expect("no panic") = Some(answer));
        let idempotency = Idempotency { caller: "erp".into(), key: key.into(), body_hash: [1; 32] };
        let request = ReturnRequest {
            order_no: open,
            till: TillId::parse("T1").expect("a name"),
            cashier: AccountId::parse("03").expect("a name"),
            approval: Approval { by: "erp".into(), approver: None, idempotency },
            reason: None,
        };
        counter.handle(Command::Void(request, reply));
        counter.commit();
        taken(&answered)
    };
    for bar in [Bar::Revoked, Bar::Replaced, Bar::Duplicate] {
        counter.handle(Command::Bar(Some(bar)));
        let refused = counter.charge(&format!("key-{bar}"), "130000000000000002", 500, Pays::Itself);
        counter.commit();
        assert_eq!(taken(&refused), Err(NotAccepted::Barred(bar)));
        assert_eq!(returned(&mut counter, &format!("void-{bar}")), Err(NotAccepted::Barred(bar)));
    }
    let again = counter.charge("key-0001", "130000000000000001", 1_000, Pays::Itself);
    counter.commit();
    assert_eq!(taken(&again).map(|accepted| accepted.order_no), Ok(open), "the same request is answered as before");
    counter.answer(open, Answer::Charge(ChargeAnswer::Unknown { detail: "no answer".into() }));
    counter.pass(60_000);
    assert!(counter.calls.borrow().contains(&"query"), "what is open is asked about");

    counter.handle(Command::Bar(Some(Bar::Forked)));
    let sold = counter.charge("key-0003", "130000000000000003", 500, Pays::Itself);
    counter.commit();
    assert!(taken(&sold).is_ok(), "a forked node sells on");
    assert_eq!(returned(&mut counter, "void-forked"), Err(NotAccepted::Barred(Bar::Forked)));
    counter.handle(Command::Bar(None));
    assert!(!matches!(returned(&mut counter, "void-free"), Err(NotAccepted::Barred(_))));
}

#[test]
fn numbers_go_on_above_what_the_hub_saw() {
    let mut counter = Counter::open();
    let hour_ahead = UtcMs(counter.now.wall.0 + 3_600_000);
    let seen = guitai_core::ids::Numbering::resume(Issuer::new(9).expect("in range"), None).next(hour_ahead);
    counter.handle(Command::NumberFloor(seen));
    let no = counter.sale("key-0001", "130000000000000001", 1_000);
    assert_eq!((&no.as_str()[11..18], no.issuer()), ("4027201", Issuer::new(7)));
}

#[test]
fn a_history_that_finds_no_room_on_the_disk_leaves_the_counter_selling() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Now::vouched(UtcMs(1_767_579_072_000), Ticks(0));
    let lost = tempfile::tempdir().expect("a folder");
    let mut hub = setup(lost.path(), now).journal;
    let older = folder.path().join("journal.db");
    hub.connection().execute("VACUUM INTO ?1", [older.to_str()]).expect("copied");
    for number in 0..400 {
        let account = AccountSet {
            account: AccountId::parse(&format!("{number:04}")).expect("a name"),
            name: Some("收".repeat(100).into()),
            role: Role::Cashier,
            verifier: Some("x".into()),
            disabled: false,
            by: None,
            at: now.wall,
        };
        hub.append(&Fact::from(account)).expect("appended");
    }
    hub.commit().expect("committed");
    let next = FactNo { epoch: 1, number: 2 };
    let run = ingest::load(hub.connection(), hub.id(), next, usize::MAX).expect("loaded").expect("a run");

    let mut setup_full = setup(folder.path(), now);
    let connection = setup_full.journal.connection();
    let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("read");
    connection.pragma_update(None, "max_page_count", pages + 20).expect("set");
    setup_full.bar = Some(Bar::Forked);
    let engine = Engine::resume(setup_full, now).expect("an engine");
    let mut counter = Counter { folder, engine, now, calls: Rc::default(), shown: vec![], commits: 0 };
    let order_no = counter.sale("key-00000001", CODE, 1250);
    let fill = |counter: &mut Counter| {
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let done = Box::new(move |filled| *tell.lock().expect("no panic") = Some(filled));
        counter.handle(Command::Fill(vec![run.clone()], done));
        counter.commit();
        let mut told = told.lock().expect("no panic");
        told.take().expect("told")
    };
    let full = fill(&mut counter).expect_err("no room");
    assert!(full.contains("磁盘") && full.contains("free disk space"), "{full}");
    counter.answer(order_no, Answer::Charge(ChargeAnswer::Paid(evidence())));
    assert_eq!(counter.stored_state(order_no), State::Paid, "what was open goes on");
    counter.sale("key-00000002", OTHER_CODE, 1250);
    let mut counter = counter.restart();
    assert_eq!(fill(&mut counter).map(|filled| filled.taken), Ok(400), "with room it comes back");
    assert_eq!(counter.stored_state(order_no), State::Paid);
}
