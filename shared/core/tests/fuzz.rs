//! Whatever comes in: no panic, no hang, and what is taken is what was meant. Beside these, the devices have two targets of their own.

#[path = "../../../tests/fuzz/mutate.rs"]
mod mutate;

use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::{
        Answer, Call, ChargeAnswer, Expected, ExpectedReturn, QueryAnswer, Question, Reply,
        allinpay::{Allinpay, Config, Keys},
    },
    ids::{FactNo, Issuer, JournalId, Numbering, StoreId, Writer},
    journal::{
        chain::{self, Seal},
        fact::Fact,
    },
    money::Fen,
    payment::{Paid, Pended},
    secret::{PaymentCode, Wallet},
    sync::{
        contract::{Authorisation, HubConfig, NodeConfig, Output, Papers, Purpose, Standing},
        frame::{Ack, Bye, ByeReason, Chunk, DocDigest, DocMessage, Frame, Have, Status, Want, Word},
        session::Session,
        wire::FrameReader,
    },
    time::{Ticks, UtcMs},
    trust::{EnrolmentCode, Grant, RosterEntry},
};
use mutate::Mutator;

/// Inputs of each target; with the devices' some 200,000 a run.
const INPUTS: usize = 20_000;

const SOLD: UtcMs = UtcMs(1_767_579_072_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn store() -> StoreId {
    StoreId::parse("S001").expect("a name")
}

fn issuer() -> Issuer {
    Issuer::new(7).expect("in range")
}

fn facts() -> Vec<Vec<u8>> {
    let order_no = Numbering::resume(issuer(), None).next(SOLD);
    let paid = Paid {
        order_no,
        at: SOLD,
        received: Fen::new(1_234),
        wallet: Wallet::Wechat,
        acquirer_no: "112094120001088317".into(),
        wallet_no: Some("42000000001".into()),
        finished_at: Some(SOLD),
    };
    vec![Fact::from(paid).to_bytes(), Fact::from(Pended { order_no, at: SOLD }).to_bytes()]
}

fn seal() -> Seal {
    let journal = JournalId::node(store());
    Seal::sign(&key(2), &journal, FactNo { epoch: 1, number: 2 }, chain::start(&journal, 1))
}

/// A node's first word to the hub with key 1, over a channel with this secret.
fn hello() -> Frame {
    let config = NodeConfig {
        identity: key(2),
        hub_key: key(1).verifying_key().to_bytes(),
        exporter: [9; 32],
        nonce: [8; 32],
        app_version: "0.1.0".into(),
        papers: Papers::default(),
        purpose: Purpose::Sync(Standing { store: store(), outgoing: None, incoming: None }),
    };
    match Session::node(Ticks(0), config).poll() {
        Some(Output::Send(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

/// One frame of each kind that an open session hears.
fn frames() -> Vec<Vec<u8>> {
    let (writer, no) = (Writer::Node, FactNo { epoch: 1, number: 2 });
    let first = FactNo { epoch: 1, number: 1 };
    let frames: Vec<Frame> = vec![
        hello(),
        Chunk { writer, first, bodies: facts(), seal: Some(seal()), records: Vec::new() }.into(),
        Have { writer, head: Some(no) }.into(),
        Want { writer, after: Some(seal()) }.into(),
        Ack { writer, upto: no }.into(),
        DocDigest { digest: [7; 32] }.into(),
        DocMessage { doc: "announcements/S001".into(), bytes: vec![0x42, 0, 0, 0, 0] }.into(),
        Status { unsent: Some(1), app_version: "0.1.0".into(), ..Status::default() }.into(),
        Bye { reason: ByeReason::Stopping, evidence: None }.into(),
    ];
    frames.iter().map(Frame::to_wire).collect()
}

/// Reads a stream as the line brings it: in two parts, cut anywhere.
fn read(stream: &[u8], cut: usize) -> Vec<Frame> {
    let mut reader = FrameReader::default();
    reader.hello_accepted();
    let mut frames = Vec::new();
    for part in [&stream[..cut], &stream[cut..]] {
        reader.push(part);
        while let Ok(Some(frame)) = reader.next_frame() {
            frames.push(frame);
        }
    }
    frames
}

#[test]
fn sync_frames() {
    let (mut mutator, examples) = (Mutator::new(1), frames());
    let mut taken = 0;
    for _ in 0..INPUTS {
        let input = mutator.input(&examples);
        for frame in read(&input, mutator.below(input.len())) {
            // What is taken is whole: it is written as it was read.
            assert!(input.windows(frame.to_wire().len()).any(|part| part == frame.to_wire()), "{frame:?}");
            taken += 1;
        }
    }
    assert!(taken > INPUTS / 100, "only {taken}: the inputs are too far off to be of use");
}

#[test]
fn sync_sessions() {
    let (mut mutator, examples) = (Mutator::new(2), frames());
    let mut opened = 0;
    for round in 0..INPUTS / 4 {
        let config = HubConfig {
            identity: key(1),
            peer_key: Some(key(2).verifying_key().to_bytes()),
            exporter: [9; 32],
            app_version: "0.1.0".into(),
        };
        let mut hub = Session::hub(Ticks(0), config);
        // Every other caller is let in first; then it says anything, in any order.
        let mut said = if round % 2 == 0 { vec![hello()] } else { Vec::new() };
        for _ in 0..4 {
            let input = mutator.input(&examples);
            said.extend(read(&input, mutator.below(input.len())));
        }
        for frame in said {
            if hub.handle(Ticks(1), frame).is_err() {
                break;
            }
            for _ in 0..100 {
                match hub.poll() {
                    None => break,
                    Some(Output::Authorise(claim)) => {
                        assert_eq!(claim.key, key(2).verifying_key().to_bytes(), "somebody else's key");
                        let standing = Standing { store: store(), outgoing: None, incoming: None };
                        hub.authorised(Ticks(1), Authorisation::Admitted(standing), Word::default());
                        opened += 1;
                    }
                    // Whatever it asks to be kept must be sealed by the node's key.
                    Some(Output::Persist(batch)) => {
                        assert!(batch.seal.verify(&key(2).verifying_key(), &JournalId::node(store())));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(opened >= INPUTS / 8, "only {opened} sessions were opened");
}

#[test]
fn journal_facts() {
    let (mut mutator, examples) = (Mutator::new(3), facts());
    for _ in 0..INPUTS {
        let input = mutator.input(&examples);
        if let Ok(fact) = Fact::from_bytes(&input) {
            // A newer version's member is passed over; what is understood is understood the same way again.
            assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
        }
    }
}

#[test]
fn roster_words() {
    let grant = Grant::sign(&key(1), store(), issuer(), key(2).verifying_key().to_bytes(), 7);
    let (mut mutator, examples) = (Mutator::new(4), vec![grant.to_bytes()]);
    for _ in 0..INPUTS {
        let input = mutator.input(&examples);
        if let Some(read) = Grant::from_bytes(&input).filter(|read| read.verify(key(1).verifying_key().as_bytes())) {
            assert_eq!(read, grant, "a grant that the hub never signed");
        }
        drop(RosterEntry::from_bytes(&input));
    }
}

#[test]
fn acquirer_replies() {
    let codec = Allinpay::new(Config {
        orgid: None,
        cusid: "990581007426001".into(),
        appid: "00000051".into(),
        keys: Keys::md5("allinpay888").expect("a key"),
    });
    let order_no = Numbering::resume(issuer(), None).next(SOLD);
    let expected = Expected { order_no, amount: Fen::new(1_234), wallet: Wallet::Wechat };
    let back = ExpectedReturn { return_no: order_no, order_no, amount: Fen::new(1_234) };
    let questions: [Question; 7] = [
        Call::Charge(expected),
        Call::Query(expected),
        Call::Reverse(back),
        Call::QueryReversal(back),
        Call::Close { order_no },
        Call::Refund(back),
        Call::QueryRefund(back),
    ];
    let right = format!(
        "{{\"retcode\":\"SUCCESS\",\"cusid\":\"990581007426001\",\"appid\":\"00000051\",\"reqsn\":\"{order_no}\",\
         \"trxstatus\":\"0000\",\"trxamt\":\"1234\",\"trxid\":\"112094120001088317\",\"fintime\":\"20260105101112\",\
         \"sign\":\"0123456789ABCDEF0123456789ABCDEF\"}}"
    );
    let examples =
        vec![right.into_bytes(), b"{\"retcode\":\"FAIL\",\"retmsg\":\"x\"}".to_vec(), b"<html>502</html>".to_vec()];
    let mut mutator = Mutator::new(5);
    for _ in 0..INPUTS {
        let body = mutator.input(&examples);
        let status = [200, 200, 200, 302, 404, 500][mutator.below(6)];
        let question = questions[mutator.below(questions.len())];
        let answer = codec.decode(&question, &Reply::Http { status, date: None, body });
        // Nobody signed it, so it moves no money.
        let moves = matches!(answer, Answer::Charge(ChargeAnswer::Paid(_)) | Answer::Query(QueryAnswer::Paid(_)));
        assert!(!moves, "{question:?}: {answer:?}");
    }
}

#[test]
fn enrolment_codes() {
    let code = EnrolmentCode::new(key(1).verifying_key().to_bytes(), [5; EnrolmentCode::SECRET_BYTES]);
    let shown = code.text();
    let (mut mutator, examples) =
        (Mutator::new(6), vec![shown.clone().into_bytes(), "ＡＢＣ－１２".as_bytes().to_vec()]);
    for _ in 0..INPUTS {
        let typed = String::from_utf8_lossy(&mutator.input(&examples)).into_owned();
        if let Ok(read) = EnrolmentCode::parse(&typed) {
            let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
            assert_eq!(letters(&read.text()).len(), EnrolmentCode::CHARS, "{typed}");
        }
    }
}

#[test]
fn payment_codes() {
    let examples = [
        "130000000000000001",
        "281234567890123456",
        "6212345678901234567",
        "fpabcdefghijklmnopqrstuvwxyz0123456",
        "]Q1１３０",
    ];
    let examples: Vec<Vec<u8>> = examples.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut mutator = Mutator::new(7);
    for _ in 0..INPUTS {
        let scanned = String::from_utf8_lossy(&mutator.input(&examples)).into_owned();
        if let Ok(code) = PaymentCode::parse(&scanned) {
            assert!(!format!("{code:?}").contains(scanned.trim()), "a payment code in a log");
        }
    }
}
