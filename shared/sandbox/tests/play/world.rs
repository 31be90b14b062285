//! A running sandbox and a merchant that talks to it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use guitai_core::{
    acquirer::{
        Answer, Call, ChargeAnswer, ChargeCall, Expected, ExpectedReturn, QueryAnswer, RefundAnswer, Reply,
        ReversalAnswer, Terminal,
        allinpay::{Allinpay, Config, Keys},
        date::parse_http_date,
    },
    ids::{Issuer, Numbering, OrderNo},
    money::Fen,
    secret::{PaymentCode, Wallet},
    time::{UtcMs, beijing_second},
};
use serde_json::{Value, json};

/// Long enough for an answer of a loaded machine, except where no answer is what is tested.
const PATIENCE: Duration = Duration::from_secs(20);
const IMPATIENCE: Duration = Duration::from_millis(100);

/// Longer than any test's own time and advances, save those of whole days.
const MIDNIGHT_MARGIN_S: u32 = 300;

#[derive(Clone, Copy)]
pub(crate) enum Signing {
    Md5,
    Rsa,
}

pub(crate) struct World {
    process: Child,
    pub(crate) at: String,
    pub(crate) control: String,
    pub(crate) credentials: Value,
    pub(crate) codec: Allinpay,
    pub(crate) patience: Duration,
    numbering: Numbering,
    /// What each return was first asked for.
    returns: Mutex<BTreeMap<OrderNo, ExpectedReturn>>,
    codes: u64,
    pub(crate) data: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        // A test may have ended it already.
        let _ = self.process.kill();
        self.process.wait().expect("it was started here");
    }
}

impl World {
    pub(crate) fn start(signing: Signing) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let (process, at, control) = spawn(data.path());
        let text = std::fs::read(data.path().join("credentials.json")).expect("it is written before the first line");
        let credentials: Value = serde_json::from_slice(&text).expect("JSON");
        let codec = codec(&credentials, signing);
        let numbering = Numbering::resume(Issuer::new(7).expect("in range"), None);
        let world = Self {
            process,
            at,
            control,
            credentials,
            codec,
            patience: PATIENCE,
            numbering,
            returns: Mutex::default(),
            codes: 130_000_000_000_000_000,
            data,
        };
        // Cancels work on one Beijing day only: no test may run across its end.
        if beijing_second(wall()) > 86_400 - MIDNIGHT_MARGIN_S {
            world.advance(i64::from(MIDNIGHT_MARGIN_S) * 1000);
        }
        world
    }

    /// Ends the process without warning, in the middle of writing, and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it was started here");
        let log = self.data.path().join("book.jsonl");
        let mut log = std::fs::OpenOptions::new().append(true).open(log).expect("a log");
        log.write_all(b"{\"order\":{\"acqu").expect("room on the disk");
        (self.process, self.at, self.control) = spawn(self.data.path());
    }

    /// Asks the process to end; whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        let kill = format!("kill -TERM {}", self.process.id());
        Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        self.process.wait().expect("it was started here").success()
    }

    pub(crate) fn number(&mut self) -> OrderNo {
        self.numbering.next(wall())
    }

    /// A code nobody used yet.
    pub(crate) fn code(&mut self) -> String {
        self.codes += 1;
        self.codes.to_string()
    }

    pub(crate) fn charge(&mut self, amount_fen: u64) -> (OrderNo, ChargeAnswer) {
        let (number, code) = (self.number(), self.code());
        (number, self.charge_as(number, amount_fen, &code))
    }

    /// A charge whose answer is waited for only briefly.
    pub(crate) fn charge_in_vain(&mut self, amount_fen: u64) -> OrderNo {
        self.patience = IMPATIENCE;
        let (number, answer) = self.charge(amount_fen);
        self.patience = PATIENCE;
        assert!(matches!(answer, ChargeAnswer::Unknown { .. }), "{answer:?}");
        number
    }

    pub(crate) fn charge_as(&self, order_no: OrderNo, amount_fen: u64, code: &str) -> ChargeAnswer {
        let answer = self.ask(&charge_call(order_no, amount_fen, code, "00000001"));
        let Answer::Charge(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    pub(crate) fn query(&self, order_no: OrderNo, amount_fen: u64) -> QueryAnswer {
        let answer = self.ask(&Call::Query(expected(order_no, amount_fen)));
        let Answer::Query(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    pub(crate) fn reverse(&mut self, order_no: OrderNo, amount_fen: u64) -> (OrderNo, ReversalAnswer) {
        let reversal_no = self.number();
        (reversal_no, self.reverse_as(reversal_no, order_no, amount_fen))
    }

    pub(crate) fn reverse_as(&self, return_no: OrderNo, order_no: OrderNo, amount_fen: u64) -> ReversalAnswer {
        let expected = ExpectedReturn { return_no, order_no, amount: Fen::new(amount_fen) };
        self.remember(expected);
        let answer = self.ask(&Call::Reverse(expected));
        let Answer::Reversal(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    pub(crate) fn query_reversal(&self, reversal_no: OrderNo) -> ReversalAnswer {
        let answer = self.ask(&Call::QueryReversal(self.remembered(reversal_no)));
        let Answer::ReversalQuery(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    pub(crate) fn refund(&mut self, order_no: OrderNo, amount_fen: u64) -> (OrderNo, RefundAnswer) {
        let refund_no = self.number();
        (refund_no, self.refund_as(refund_no, order_no, amount_fen))
    }

    pub(crate) fn refund_as(&self, return_no: OrderNo, order_no: OrderNo, amount_fen: u64) -> RefundAnswer {
        let expected = ExpectedReturn { return_no, order_no, amount: Fen::new(amount_fen) };
        self.remember(expected);
        let answer = self.ask(&Call::Refund(expected));
        let Answer::Refund(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    pub(crate) fn query_refund(&self, refund_no: OrderNo) -> RefundAnswer {
        let answer = self.ask(&Call::QueryRefund(self.remembered(refund_no)));
        let Answer::RefundQuery(answer) = answer else { panic!("{answer:?}") };
        answer
    }

    fn remember(&self, expected: ExpectedReturn) {
        self.returns.lock().expect("no panic").entry(expected.return_no).or_insert(expected);
    }

    fn remembered(&self, return_no: OrderNo) -> ExpectedReturn {
        self.returns.lock().expect("no panic").get(&return_no).copied().expect("it was asked for")
    }

    fn ask(&self, call: &Call) -> Answer {
        self.codec.decode(&call.question(), &self.call(call))
    }

    pub(crate) fn call(&self, call: &Call) -> Reply {
        let request = self.codec.encode(call, "0123456789abcdef");
        let path = format!("/allinpay/apiweb{}", request.path);
        post(&self.at, &path, request.body.expose(), self.patience)
    }

    /// The order as the book shows it.
    pub(crate) fn book_line(&self, order_no: OrderNo) -> Option<Value> {
        let (status, book) = http(&self.control, "GET", "/control/book", "");
        assert_eq!(status, 200);
        let order = book["orders"].as_array().expect("a list").iter().find(|o| o["order_no"] == order_no.as_str())?;
        assert_eq!(order["acquirer"], "allinpay");
        Some(order.clone())
    }

    /// State, what went back, times money was taken; `None` if the book does not have it.
    pub(crate) fn booked(&self, order_no: OrderNo) -> Option<(String, u64, u64)> {
        let order = self.book_line(order_no)?;
        Some((
            order["state"].as_str().expect("a text").to_owned(),
            order["refunded_fen"].as_u64().expect("fen"),
            order["charges"].as_u64().expect("a count"),
        ))
    }

    #[track_caller]
    pub(crate) fn check_book(&self, order_no: OrderNo, state: &str, refunded_fen: u64, charges: u64) {
        assert_eq!(self.booked(order_no), Some((state.to_owned(), refunded_fen, charges)));
    }

    pub(crate) fn advance(&self, ms: i64) {
        let (status, _) = http(&self.at, "POST", "/control/clock", &json!({"advance_ms": ms}).to_string());
        assert_eq!(status, 200);
    }

    pub(crate) fn line(&self, mode: &str) {
        self.switch("line", &json!({"mode": mode}));
    }

    pub(crate) fn switch(&self, what: &str, body: &Value) {
        let (status, said) = http(&self.control, "POST", &format!("/control/{what}"), &body.to_string());
        assert_eq!(status, 200, "{said}");
    }
}

fn spawn(data: &Path) -> (Child, String, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_guitai-sandbox"))
        .args(["run", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let address = |name: &str| {
        let at = line.split_whitespace().find_map(|word| word.strip_prefix(name)).expect("an address");
        at.to_owned()
    };
    let (at, control) = (address("listen=http://"), address("control=http://"));
    (process, at, control)
}

pub(crate) fn codec(credentials: &Value, signing: Signing) -> Allinpay {
    let text = |name: &str| credentials["allinpay"][name].as_str().expect("a text").to_owned();
    let keys = match signing {
        Signing::Md5 => Keys::md5(&text("md5_key")),
        Signing::Rsa => Keys::rsa(&text("merchant_private_key"), &text("platform_public_key")),
    };
    Allinpay::new(Config {
        orgid: Some(text("orgid")),
        cusid: text("cusid"),
        appid: text("appid"),
        keys: keys.expect("keys"),
    })
}

pub(crate) fn charge_call(order_no: OrderNo, amount_fen: u64, code: &str, termno: &str) -> Call {
    Call::Charge(ChargeCall {
        order_no,
        amount: Fen::new(amount_fen),
        code: PaymentCode::parse(code).expect("a code"),
        terminal: Terminal { termno: termno.into(), longitude: "+121.48352".into(), latitude: "+31.221345".into() },
        subject: "测试 商品".into(),
        operator: "01".into(),
    })
}

pub(crate) fn expected(order_no: OrderNo, amount_fen: u64) -> Expected {
    Expected { order_no, amount: Fen::new(amount_fen), wallet: Wallet::Wechat }
}

pub(crate) fn wall() -> UtcMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    UtcMs(i64::try_from(since.as_millis()).expect("before the year 292 million"))
}

/// One form to an acquirer, on a connection of its own.
pub(crate) fn post(at: &str, path: &str, form: &str, patience: Duration) -> Reply {
    let mut stream = match TcpStream::connect(at) {
        Ok(stream) => stream,
        Err(error) => return Reply::NotSent { detail: error.to_string() },
    };
    stream.set_read_timeout(Some(patience)).expect("a positive time");
    exchange(&mut stream, "POST", path, form).map_or_else(
        |error| Reply::NoAnswer { detail: error.to_string() },
        |Exchanged { status, date, body }| Reply::Http { status, date, body },
    )
}

pub(crate) fn http(at: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(at).expect("control is always reachable");
    stream.set_read_timeout(Some(PATIENCE)).expect("a positive time");
    let Exchanged { status, body, .. } = exchange(&mut stream, method, path, body).expect("an answer");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

/// What an HTTP answer says.
pub(crate) struct Exchanged {
    pub(crate) status: u16,
    pub(crate) date: Option<UtcMs>,
    pub(crate) body: Vec<u8>,
}

/// One request and its answer; the connection stays open.
pub(crate) fn exchange(stream: &mut TcpStream, method: &str, path: &str, body: &str) -> std::io::Result<Exchanged> {
    let length = body.len();
    let kind = "application/x-www-form-urlencoded";
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    let mut reader = BufReader::new(&*stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let (mut length, mut date) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().expect("a length")
            }
            Some((name, value)) if name.eq_ignore_ascii_case("date") => date = parse_http_date(value),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Exchanged { status, date, body })
}
