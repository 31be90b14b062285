//! The control interface: read the book, move the clock, spoil the line.

use guitai_core::{secret::Wallet, time::UtcMs};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    book::{Acquirer, Book},
    switches::{Occupied, Odd, What},
};

/// Before every control path.
pub const PREFIX: &str = "/control/";

/// The clock moves at most ten years at once.
const ADVANCE_MAX_MS: i64 = 10 * 366 * 24 * 3600 * 1000;

/// How the line to the acquirer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineCondition {
    /// As it should be.
    #[default]
    Up,
    /// Connections are refused.
    Refuse,
    /// Requests are acted on and never answered.
    Mute,
    /// Answers come after [`SLOW_ANSWER_MS`].
    Slow,
    /// Answers break off half-way.
    Cut,
}

/// How late answers come on a slow line.
pub const SLOW_ANSWER_MS: u64 = 8_000;

/// A control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Show the book.
    Book,
    /// Move sandbox time on.
    Clock {
        /// By so much.
        advance_ms: i64,
    },
    /// Change the line.
    Line(LineCondition),
    /// Refuse every new refund or cancel, or take them again.
    Refuse {
        /// Refunds or cancels; charges are refused by their amounts.
        what: Return,
        /// Whether they are refused from now on.
        refuse: bool,
    },
    /// Spell answers oddly.
    Odd(Odd),
    /// Let the next call of a kind find its number used.
    Occupy(Occupied),
}

/// What gives money back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Return {
    /// `refund`.
    Refund,
    /// `cancel`.
    Cancel,
}

/// A control request that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    mode: LineCondition,
    // One acquirer is played, so naming it changes nothing; naming another is an error.
    #[serde(default, rename = "acquirer")]
    _acquirer: Option<Acquirer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseBody {
    what: Return,
    mode: RefuseMode,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefuseMode {
    Refuse,
    Accept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OddBody {
    form: Odd,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OccupyBody {
    what: What,
    amount_fen: Option<u64>,
    wallet: Option<WalletName>,
    #[serde(default)]
    age_ms: i64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WalletName {
    Wechat,
    Alipay,
    Unionpay,
}

impl From<WalletName> for Wallet {
    fn from(name: WalletName) -> Self {
        match name {
            WalletName::Wechat => Self::Wechat,
            WalletName::Alipay => Self::Alipay,
            WalletName::Unionpay => Self::Unionpay,
        }
    }
}

/// Reads a control request.
///
/// # Errors
/// What is wrong with it.
pub fn parse(method: &str, path: &str, body: &[u8]) -> Result<Command, Rejection> {
    match (method, path) {
        ("GET", "/control/book") => Ok(Command::Book),
        ("POST", "/control/clock") => match read::<ClockBody>(body)?.advance_ms {
            advance_ms @ 0..=ADVANCE_MAX_MS => Ok(Command::Clock { advance_ms }),
            _ => Err(bad(format!("advance_ms is 0 to {ADVANCE_MAX_MS}"))),
        },
        ("POST", "/control/line") => read::<LineBody>(body).map(|line| Command::Line(line.mode)),
        ("POST", "/control/refuse") => read::<RefuseBody>(body).map(|RefuseBody { what, mode }| Command::Refuse {
            what,
            refuse: match mode {
                RefuseMode::Refuse => true,
                RefuseMode::Accept => false,
            },
        }),
        ("POST", "/control/odd") => read::<OddBody>(body).map(|odd| Command::Odd(odd.form)),
        ("POST", "/control/occupy") => match read::<OccupyBody>(body)? {
            OccupyBody { what, amount_fen, wallet, age_ms: age_ms @ 0..=ADVANCE_MAX_MS } => {
                Ok(Command::Occupy(Occupied { what, amount_fen, wallet: wallet.map(Wallet::from), age_ms }))
            }
            OccupyBody { .. } => Err(bad(format!("age_ms is 0 to {ADVANCE_MAX_MS}"))),
        },
        (
            _,
            "/control/book" | "/control/clock" | "/control/line" | "/control/refuse" | "/control/odd"
            | "/control/occupy",
        ) => Err(Rejection { status: 405, reason: "method not allowed".into() }),
        _ => Err(Rejection { status: 404, reason: "no such control".into() }),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
}

const fn bad(reason: String) -> Rejection {
    Rejection { status: 400, reason }
}

/// The book as `GET /control/book` shows it.
pub fn show_book(book: &mut Book, wall: UtcMs) -> Value {
    let now = book.now(wall);
    let order = |order: &crate::book::Order| {
        json!({
            "acquirer": order.acquirer,
            "order_no": order.order_no,
            "trade_no": order.trade_no,
            "amount_fen": order.amount_fen,
            "received_fen": order.received_fen,
            "state": order.state,
            "refunded_fen": order.refunded_fen,
            "charges": order.charges,
        })
    };
    let orders: Vec<Value> = book.orders(now).iter().map(order).collect();
    json!({ "orders": orders })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_read_strictly() {
        let read = |method, path, body: &str| parse(method, path, body.as_bytes()).map_err(|no| no.status);
        assert_eq!(read("GET", "/control/book", ""), Ok(Command::Book));
        assert_eq!(read("POST", "/control/clock", r#"{"advance_ms":5}"#), Ok(Command::Clock { advance_ms: 5 }));
        assert_eq!(read("POST", "/control/clock", r#"{"advance_ms":-5}"#), Err(400));
        assert_eq!(read("POST", "/control/line", r#"{"mode":"mute"}"#), Ok(Command::Line(LineCondition::Mute)));
        let named = r#"{"mode":"cut","acquirer":"allinpay"}"#;
        assert_eq!(read("POST", "/control/line", named), Ok(Command::Line(LineCondition::Cut)));
        assert_eq!(read("POST", "/control/line", r#"{"mode":"up","acquirer":"nobody"}"#), Err(400));
        assert_eq!(read("POST", "/control/line", r#"{"mode":"sideways"}"#), Err(400));
        let refuse = r#"{"what":"refund","mode":"refuse"}"#;
        let refused = Command::Refuse { what: Return::Refund, refuse: true };
        assert_eq!(read("POST", "/control/refuse", refuse), Ok(refused));
        assert_eq!(read("POST", "/control/refuse", r#"{"what":"charge","mode":"refuse"}"#), Err(400));
        let amounts = r#"{"form":"refusal_amount"}"#;
        assert_eq!(read("POST", "/control/odd", amounts), Ok(Command::Odd(Odd::RefusalAmount)));
        assert_eq!(read("POST", "/control/odd", r#"{"form":"even"}"#), Err(400));
        let occupied = Occupied { what: What::Charge, amount_fen: Some(5), wallet: Some(Wallet::Alipay), age_ms: 9 };
        let occupy = r#"{"what":"charge","amount_fen":5,"wallet":"alipay","age_ms":9}"#;
        assert_eq!(read("POST", "/control/occupy", occupy), Ok(Command::Occupy(occupied)));
        let plain = Occupied { what: What::Refund, amount_fen: None, wallet: None, age_ms: 0 };
        assert_eq!(read("POST", "/control/occupy", r#"{"what":"refund"}"#), Ok(Command::Occupy(plain)));
        assert_eq!(read("POST", "/control/occupy", r#"{"what":"refund","age_ms":-1}"#), Err(400));
        for path in ["/control/clock", "/control/refuse", "/control/odd", "/control/occupy"] {
            assert_eq!(read("GET", path, ""), Err(405), "{path}");
        }
        assert_eq!(read("POST", "/control/book", ""), Err(405));
        assert_eq!(read("GET", "/control/else", ""), Err(404));
    }
}
