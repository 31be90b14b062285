//! One HTTP request: to an acquirer, over the line as it is, or to the control interface.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use guitai_core::acquirer::date::format_http_date;
use guitai_sandbox::{
    HttpAnswer, Outcome,
    allinpay::Wire,
    control::{self, Command, LineCondition, Rejection, Return},
    play,
    switches::Switches,
};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue},
};
use serde_json::{Value, json};
use tokio::time::{Sleep, sleep};

use super::{gate::Gate, ledger::Ledger, wall};

/// The largest real request, a charge with promotion data, is a few kB.
const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// A silent line is held this long: longer than any client waits.
const SILENCE: Duration = Duration::from_secs(300);

/// Between the first half of a cut answer and the cut, so that the half arrives.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// What all connections share.
pub(super) struct Server {
    wire: Wire,
    ledger: Mutex<Ledger>,
    /// Locked before the ledger.
    switches: Mutex<Switches>,
    gate: Gate,
    has_control_door: bool,
}

/// Which socket a request came through.
#[derive(Clone, Copy)]
pub(super) enum Door {
    /// The acquirers', with the control interface beside them.
    Acquirer,
    /// The control interface alone.
    Control,
}

/// The connection ends here without another byte.
#[derive(Debug)]
pub(super) struct Hangup;

impl fmt::Display for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hung up on purpose")
    }
}

impl std::error::Error for Hangup {}

type Answered = Response<Either<Full<Bytes>, FirstHalf>>;

impl Server {
    pub(super) fn new(wire: Wire, ledger: Ledger, gate: Gate, has_control_door: bool) -> Self {
        Self { wire, ledger: Mutex::new(ledger), switches: Mutex::new(Switches::default()), gate, has_control_door }
    }

    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Answers a request, or hangs up.
    pub(super) async fn answer(&self, door: Door, request: Request<Incoming>) -> Result<Answered, Hangup> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REQUEST_MAX_BYTES).collect().await else {
            return Ok(plain(413, &json!({"error": "the request is too long"})));
        };
        let body = body.to_bytes();
        let path = head.uri.path();
        if path.starts_with(control::PREFIX) {
            return Ok(self.control(head.method.as_str(), path, &body).await);
        }
        match (door, head.method.as_str()) {
            (Door::Control, _) => Ok(plain(404, &json!({"error": "acquirers listen elsewhere"}))),
            (Door::Acquirer, "POST") => self.acquirer(path, &body).await.map(|answered| self.dated(answered)),
            (Door::Acquirer, _) => Ok(plain(405, &json!({"error": "acquirers are asked by POST"}))),
        }
    }

    async fn acquirer(&self, path: &str, form: &[u8]) -> Result<Answered, Hangup> {
        let line = self.gate.line();
        if line == LineCondition::Refuse {
            return Err(Hangup);
        }
        let outcome = self.play(path, form);
        match line {
            LineCondition::Up | LineCondition::Refuse => {}
            LineCondition::Slow => sleep(Duration::from_millis(control::SLOW_ANSWER_MS)).await,
            LineCondition::Mute => {
                sleep(SILENCE).await;
                return Err(Hangup);
            }
            LineCondition::Cut => {
                return match outcome {
                    Outcome::Answer(answer) | Outcome::CutShort(answer) => Ok(cut_short(answer)),
                    Outcome::Silent => Err(Hangup),
                };
            }
        }
        match outcome {
            Outcome::Answer(answer) => Ok(whole(answer)),
            Outcome::CutShort(answer) => Ok(cut_short(answer)),
            Outcome::Silent => {
                sleep(SILENCE).await;
                Err(Hangup)
            }
        }
    }

    /// `Date` is this machine's clock and not sandbox time: a test that moves sandbox time on wants later orders, not to tell
    /// every node that it is later. Nodes follow this header.
    fn dated(&self, mut answered: Answered) -> Answered {
        if let Ok(date) = HeaderValue::try_from(format_http_date(wall())) {
            answered.headers_mut().insert(DATE, date);
        }
        answered
    }

    fn play(&self, path: &str, form: &[u8]) -> Outcome {
        let operation = match self.wire.open(path, form) {
            Ok(operation) => operation,
            Err(unplayed) => return unplayed.into_outcome(),
        };
        let signtype = operation.signtype;
        let (played, odd) = self.switch(|switches| {
            let odd = switches.odd;
            (self.act(|book| play(book, switches, wall(), operation)), odd)
        });
        let mut random = [0; 16];
        if let Err(error) = getrandom::fill(&mut random) {
            die(&format!("no randomness: {error}"));
        }
        self.wire.seal(played, signtype, odd, random)
    }

    async fn control(&self, method: &str, path: &str, body: &[u8]) -> Answered {
        let done = match control::parse(method, path, body) {
            Ok(Command::Book) => Ok(self.act(|book| control::show_book(book, wall()))),
            Ok(Command::Clock { advance_ms }) => Ok(self.act(|book| {
                book.advance(advance_ms);
                json!({"now_ms": book.now(wall()).0})
            })),
            Ok(Command::Line(LineCondition::Refuse)) if !self.has_control_door => {
                Err(Rejection { status: 409, reason: "a refused line could never be mended without --control".into() })
            }
            Ok(Command::Line(line)) => match self.gate.change(line).await {
                Ok(()) => Ok(json!({"ok": true})),
                Err(reason) => Err(Rejection { status: 500, reason }),
            },
            Ok(Command::Refuse { what, refuse }) => Ok(self.switch(|switches| {
                match what {
                    Return::Refund => switches.refuse_refunds = refuse,
                    Return::Cancel => switches.refuse_cancels = refuse,
                }
                json!({"ok": true})
            })),
            Ok(Command::Odd(form)) => Ok(self.switch(|switches| {
                switches.odd = form;
                json!({"ok": true})
            })),
            Ok(Command::Occupy(occupied)) => Ok(self.switch(|switches| {
                switches.occupied = Some(occupied);
                json!({"ok": true})
            })),
            Err(rejection) => Err(rejection),
        };
        match done {
            Ok(value) => plain(200, &value),
            Err(Rejection { status, reason }) => plain(status, &json!({"error": reason})),
        }
    }

    fn switch<T>(&self, change: impl FnOnce(&mut Switches) -> T) -> T {
        change(&mut self.switches.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn act<T>(&self, act: impl FnOnce(&mut guitai_sandbox::book::Book) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        match ledger.act(act) {
            Ok(done) => done,
            Err(error) => die(&lost(&error)),
        }
    }
}

fn lost(error: &io::Error) -> String {
    format!("the book cannot be written: {error}")
}

/// A book that is not written must not be answered from.
fn die(reason: &str) -> ! {
    guitai_console::note("guitai-sandbox", reason);
    std::process::exit(1)
}

fn plain(status: u16, value: &Value) -> Answered {
    whole(HttpAnswer { status, content_type: "application/json", body: value.to_string().into_bytes() })
}

fn whole(answer: HttpAnswer) -> Answered {
    let (status, content_type) = (answer.status, answer.content_type);
    head(status, content_type, Either::Left(Full::new(Bytes::from(answer.body))))
}

fn cut_short(mut answer: HttpAnswer) -> Answered {
    let length = answer.body.len();
    answer.body.truncate(length / 2);
    let half = FirstHalf { half: Some(Bytes::from(answer.body)), until_cut: Box::pin(sleep(CUT_AFTER)) };
    let mut response = head(answer.status, answer.content_type, Either::Right(half));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn head(status: u16, content_type: &'static str, body: Either<Full<Bytes>, FirstHalf>) -> Answered {
    let mut response = Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A body that ends in an error, upon which the connection is dropped.
pub(super) struct FirstHalf {
    half: Option<Bytes>,
    until_cut: Pin<Box<Sleep>>,
}

impl Body for FirstHalf {
    type Data = Bytes;
    // `Either` wants one error that both sides turn into.
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.half.take() {
            Some(half) => Poll::Ready(Some(Ok(Frame::data(half)))),
            None => self.until_cut.as_mut().poll(context).map(|()| Some(Err(Box::from(Hangup)))),
        }
    }
}
