//! Whatever comes in: no panic, no hang, and what is taken is what was meant. Devices, web layer, node and hub have targets of their own.

#[path = "../../../tests/fuzz/canary.rs"]
mod canary;
#[path = "../../../tests/fuzz/target.rs"]
mod target;

use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::{
        Answer, Call, ChargeAnswer, Expected, ExpectedReturn, QueryAnswer, Question, Reply,
        allinpay::{Allinpay, Config, Keys},
    },
    ids::{FactNo, Issuer, JournalId, Numbering, StoreId, Writer},
    journal::{
        chain::{self, Seal},
        fact::{Fact, FactError},
    },
    money::Fen,
    payment::{Paid, Pended},
    secret::{CodeError, PaymentCode, Wallet},
    sync::{
        contract::{Authorisation, HubConfig, NodeConfig, Output, Papers, Purpose, Standing},
        frame::{Ack, Bye, ByeReason, Chunk, DocDigest, DocMessage, Frame, Have, Status, Want, Word},
        session::Session,
        wire::FrameReader,
    },
    time::{Ticks, UtcMs},
    trust::{EnrolmentCode, EnrolmentCodeError, Grant, RosterEntry},
};
use target::Target;

/// Inputs made for each target; with those of other crates some 300,000 a run.
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

/// Reads a stream as the line brings it: in two parts, cut anywhere. Whether it was refused stands behind what was taken before.
fn read(stream: &[u8], cut: usize) -> (Vec<Frame>, bool) {
    let mut reader = FrameReader::default();
    reader.hello_accepted();
    let mut frames = Vec::new();
    for part in [&stream[..cut], &stream[cut..]] {
        reader.push(part);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

#[test]
fn sync_frames() {
    let seen = Target::new("sync_frames", 1, INPUTS).run(frames(), |input, mutator| {
        let (frames, refused) = read(input, mutator.below(input.len()));
        for frame in &frames {
            // What is taken is whole: it is written as it was read.
            assert!(input.windows(frame.to_wire().len()).any(|part| part == frame.to_wire()), "{frame:?}");
        }
        match (refused, frames.is_empty()) {
            (true, _) => "refused",
            (false, true) => "waits",
            (false, false) => "taken",
        }
    });
    assert!(seen.count("taken") > INPUTS / 100, "the inputs are too far off to be of use");
}

/// A hub's session, and whether it let somebody in.
struct Caller {
    hub: Session,
    admitted: bool,
}

impl Caller {
    fn new() -> Self {
        let config = HubConfig {
            identity: key(1),
            peer_key: Some(key(2).verifying_key().to_bytes()),
            exporter: [9; 32],
            app_version: "0.1.0".into(),
        };
        Self { hub: Session::hub(Ticks(0), config), admitted: false }
    }

    /// Says these, until one is refused.
    fn says(&mut self, frames: Vec<Frame>) -> bool {
        frames.into_iter().all(|frame| self.hub.handle(Ticks(1), frame).is_ok() && self.is_heard())
    }

    fn is_heard(&mut self) -> bool {
        for _ in 0..100 {
            match self.hub.poll() {
                None => break,
                Some(Output::Authorise(claim)) => {
                    assert_eq!(claim.key, key(2).verifying_key().to_bytes(), "somebody else's key");
                    let standing = Standing { store: store(), outgoing: None, incoming: None };
                    self.hub.authorised(Ticks(1), Authorisation::Admitted(standing), Word::default());
                    self.admitted = true;
                }
                // Whatever it asks to be kept must be sealed by the node's key.
                Some(Output::Persist(batch)) => {
                    assert!(batch.seal.verify(&key(2).verifying_key(), &JournalId::node(store())));
                }
                Some(_) => {}
            }
        }
        true
    }
}

#[test]
fn sync_sessions() {
    let examples = frames();
    let seen = Target::new("sync_sessions", 2, INPUTS / 4).run(examples.clone(), move |input, mutator| {
        let (frames, refused) = read(input, mutator.below(input.len()));
        let nothing = frames.is_empty();
        let mut stranger = Caller::new();
        stranger.says(frames.clone());
        // The same behind a hello; then it says anything, in any order.
        let mut node = Caller::new();
        node.says(vec![hello()]);
        assert!(node.admitted, "a node is let in");
        let taken = node.says(frames);
        for _ in 0..3 {
            let input = mutator.input(&examples);
            node.says(read(&input, mutator.below(input.len())).0);
        }
        match (stranger.admitted, taken && !refused) {
            (true, _) => "admitted",
            (false, false) => "refused",
            (false, true) if nothing => "waits",
            (false, true) => "taken",
        }
    });
    assert!(
        seen.count("admitted") > 0 && seen.count("taken") > INPUTS / 400,
        "the inputs are too far off to be of use"
    );
}

#[test]
fn journal_facts() {
    Target::new("journal_facts", 3, INPUTS).run(facts(), |input, _| match Fact::from_bytes(input) {
        Ok(fact) => {
            // A newer version's member is passed over; what is understood is understood the same way again.
            assert_eq!(Fact::from_bytes(&fact.to_bytes()), Ok(fact));
            "taken"
        }
        Err(FactError::Malformed) => "refused",
        Err(FactError::UnknownKind(_)) => "unknown",
        Err(FactError::Undigestible) => "undigestible",
    });
}

#[test]
fn journal_seals() {
    let example = minicbor::to_vec(seal()).expect("writing to a Vec cannot fail");
    Target::new("journal_seals", 10, INPUTS).run(vec![example], |input, _| {
        let Ok(read) = minicbor::decode::<Seal>(input) else { return "refused" };
        let right = read.verify(&key(2).verifying_key(), &JournalId::node(store()));
        assert!(!right || read == seal(), "a seal that the node never signed: {read:?}");
        if right { "right" } else { "wrong" }
    });
}

#[test]
fn roster_words() {
    let grant = Grant::sign(&key(1), store(), issuer(), key(2).verifying_key().to_bytes(), 7);
    Target::new("roster_words", 4, INPUTS).run(vec![grant.to_bytes()], move |input, _| {
        let read = Grant::from_bytes(input);
        if let Some(read) = read.as_ref().filter(|read| read.verify(key(1).verifying_key().as_bytes())) {
            assert_eq!(*read, grant, "a grant that the hub never signed");
            return "granted";
        }
        match (read, RosterEntry::from_bytes(input)) {
            (Some(_), _) => "grant",
            (None, Some(_)) => "entry",
            (None, None) => "refused",
        }
    });
}

/// What the acquirer signed in the corpus.
const SIGN: &[u8] = b"75428CACC4E2506E014756D38332AD96";

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
    Target::new("acquirer_replies", 5, INPUTS).run(examples, move |input, mutator| {
        let status = [200, 200, 200, 302, 404, 500][mutator.below(6)];
        let question = questions[mutator.below(questions.len())];
        let answer = codec.decode(&question, &Reply::Http { status, date: None, body: input.to_vec() });
        let signed = input.windows(SIGN.len()).any(|part| part.eq_ignore_ascii_case(SIGN));
        let moves = matches!(answer, Answer::Charge(ChargeAnswer::Paid(_)) | Answer::Query(QueryAnswer::Paid(_)));
        // What nobody signed moves no money.
        assert!(signed || !moves, "{question:?}: {answer:?}");
        // The same as the answer to a charge, which every line of the corpus is.
        match codec.decode(&Call::Charge(expected), &Reply::Http { status: 200, date: None, body: input.to_vec() }) {
            Answer::Charge(ChargeAnswer::Paid(evidence)) => {
                // Whatever else is bent, what is proved is what was signed.
                assert!(signed && evidence.acquirer_no == "112094120001088317", "{evidence:?}");
                "paid"
            }
            Answer::Charge(ChargeAnswer::Misconfigured(_)) => "misconfigured",
            Answer::Charge(ChargeAnswer::Unknown { .. }) => "unknown",
            answer => panic!("an answer that nobody signed: {answer:?}"),
        }
    });
}

#[test]
fn enrolment_codes() {
    let code = EnrolmentCode::new(key(1).verifying_key().to_bytes(), [5; EnrolmentCode::SECRET_BYTES]);
    let examples = vec![code.text().into_bytes(), "ＡＢＣ－１２".as_bytes().to_vec()];
    Target::new("enrolment_codes", 6, INPUTS).run(examples, |input, _| {
        let typed = String::from_utf8_lossy(input).into_owned();
        match EnrolmentCode::parse(&typed) {
            Ok(read) => {
                let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
                assert_eq!(letters(&read.text()).len(), EnrolmentCode::CHARS, "{typed}");
                "taken"
            }
            Err(EnrolmentCodeError::Character { .. }) => "character",
            Err(EnrolmentCodeError::Length { .. }) => "length",
            Err(EnrolmentCodeError::Checksum) => "checksum",
        }
    });
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
    let examples = examples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target::new("payment_codes", 7, INPUTS).run(examples, |input, _| {
        let scanned = String::from_utf8_lossy(input).into_owned();
        match PaymentCode::parse(&scanned) {
            Ok(code) => {
                assert!(!format!("{code:?}").contains(scanned.trim()), "a payment code in a log");
                "taken"
            }
            Err(CodeError::Empty) => "empty",
            Err(CodeError::GoodsCode) => "goods",
            Err(CodeError::Link) => "link",
            Err(CodeError::NotDigits) => "not_digits",
            Err(CodeError::Length) => "length",
            Err(CodeError::OrderNo) => "order_no",
        }
    });
}
