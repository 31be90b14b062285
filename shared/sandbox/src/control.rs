//! The control interface: read the book, move the clock, spoil the line.

use guitai_core::time::UtcMs;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::book::{Acquirer, Book};

/// Before every control path.
pub const PREFIX: &str = "/control/";

/// The clock moves at most ten years at once.
const ADVANCE_MAX_MS: i64 = 10 * 366 * 24 * 3600 * 1000;

/// How the line to the acquirer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
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
    Line(Line),
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
    mode: Line,
    // One acquirer is played, so naming it changes nothing; naming another is an error.
    #[serde(default, rename = "acquirer")]
    _acquirer: Option<Acquirer>,
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
        (_, "/control/book" | "/control/clock" | "/control/line") => {
            Err(Rejection { status: 405, reason: "method not allowed".into() })
        }
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
        assert_eq!(read("POST", "/control/line", r#"{"mode":"mute"}"#), Ok(Command::Line(Line::Mute)));
        let named = r#"{"mode":"cut","acquirer":"allinpay"}"#;
        assert_eq!(read("POST", "/control/line", named), Ok(Command::Line(Line::Cut)));
        assert_eq!(read("POST", "/control/line", r#"{"mode":"up","acquirer":"nobody"}"#), Err(400));
        assert_eq!(read("POST", "/control/line", r#"{"mode":"sideways"}"#), Err(400));
        assert_eq!(read("POST", "/control/book", ""), Err(405));
        assert_eq!(read("GET", "/control/else", ""), Err(404));
    }
}
