//! What Allinpay's answers mean: the checks every answer passes, then the status table.

use alloc::{format, string::String, vec::Vec};

use serde_json::{Map, Value};

use super::Allinpay;
use crate::{
    acquirer::{ChargeAnswer, Expected, PaidEvidence, QueryAnswer, RefundAnswer, Refusal, Reply, ReversalAnswer},
    ids::OrderNo,
    limits,
    money::Fen,
    secret::Wallet,
    time::{UtcMs, parse_beijing},
};

/// What a `trxstatus` says about the call or the order it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Success,
    Pending,
    NotFound,
    /// Final, and no money moved.
    Failed,
    /// Final: the order was reversed.
    Cancelled,
    /// Known, but it decides nothing: ask again.
    Undecided,
}

/// The whole table (acquirers.md 2.6). A code that is not here is unknown, whatever its first digit.
const STATUSES: [(&str, Status); 14] = [
    ("0000", Status::Success),
    ("1001", Status::NotFound),
    ("2000", Status::Pending),
    ("2008", Status::Pending),
    ("3014", Status::Failed),
    ("3031", Status::Failed),
    ("3045", Status::Failed),
    ("3050", Status::Cancelled),
    ("3088", Status::Failed),
    ("3089", Status::Undecided),
    ("3099", Status::Failed),
    ("3888", Status::Undecided),
    ("3889", Status::Failed),
    ("3999", Status::Failed),
];

/// "Cancel abnormal": the money, if any moved, comes back by itself.
const CANCEL_ABNORMAL: &str = "3089";

/// Refusals of the request itself, unsigned since the acquirer does not know whose they are; nothing was done.
const CONFIGURATION_REFUSALS: [&str; 2] = ["PARAMERR", "SIGNAUTHERR"];

/// A payment may look this much older than its intent. `fintime` is the acquirer's clock and the intent is ours; a
/// till's PC is kept within a minute, five leave room for one that is not. What the check is for, another payment's
/// answer, is hours off.
const CLOCK_TOLERANCE_MS: i64 = 5 * 60 * 1000;

impl Allinpay {
    /// What became of a charge call.
    #[must_use]
    pub fn decode_charge(&self, expected: &Expected, reply: &Reply) -> ChargeAnswer {
        let members = match self.open(&expected.order_no, reply) {
            Ok(members) => members,
            Err(Closed::NotSent(detail)) => return ChargeAnswer::NotSent { detail },
            Err(Closed::Configuration(refusal)) => return ChargeAnswer::Misconfigured(refusal),
            Err(Closed::Unknown(detail)) => return ChargeAnswer::Unknown { detail },
        };
        match members.status() {
            Ok(Status::Success) => match members.paid(expected) {
                Ok(evidence) => ChargeAnswer::Paid(evidence),
                Err(Unpaid::Mismatched(detail, claimed)) => ChargeAnswer::Mismatched { detail, claimed },
                Err(Unpaid::Unknown(detail)) => ChargeAnswer::Unknown { detail },
            },
            Ok(Status::Pending) => ChargeAnswer::Pending,
            Ok(Status::Failed | Status::Cancelled) => match members.other_amount(expected) {
                None => ChargeAnswer::Declined(members.refusal()),
                Some(detail) => ChargeAnswer::Unknown { detail },
            },
            Ok(Status::NotFound | Status::Undecided) => ChargeAnswer::Unknown { detail: members.undecided() },
            Err(detail) => ChargeAnswer::Unknown { detail },
        }
    }

    /// What a query says about a charge.
    #[must_use]
    pub fn decode_query(&self, expected: &Expected, reply: &Reply) -> QueryAnswer {
        let members = match self.open(&expected.order_no, reply) {
            Ok(members) => members,
            Err(closed) => return QueryAnswer::Unknown { detail: closed.detail() },
        };
        match members.status() {
            Ok(Status::Success) => match members.paid(expected) {
                Ok(evidence) => QueryAnswer::Paid(evidence),
                Err(Unpaid::Mismatched(detail, claimed)) => QueryAnswer::Mismatched { detail, claimed },
                Err(Unpaid::Unknown(detail)) => QueryAnswer::Unknown { detail },
            },
            Ok(Status::Pending) => QueryAnswer::Pending,
            Ok(Status::NotFound) => QueryAnswer::NotFound,
            Ok(Status::Failed) => match members.other_amount(expected) {
                None => QueryAnswer::Failed(members.refusal()),
                Some(detail) => QueryAnswer::Unknown { detail },
            },
            Ok(Status::Cancelled) => QueryAnswer::Reversed,
            Ok(Status::Undecided) => QueryAnswer::Unknown { detail: members.undecided() },
            Err(detail) => QueryAnswer::Unknown { detail },
        }
    }

    /// What became of a reversal call. A charge that is already cancelled (3050) is what the call wanted.
    #[must_use]
    pub fn decode_reversal(&self, reversal_no: &OrderNo, reply: &Reply) -> ReversalAnswer {
        let members = match self.open(reversal_no, reply) {
            Ok(members) => members,
            Err(closed) => return ReversalAnswer::Unknown { detail: closed.detail() },
        };
        match members.status() {
            Ok(Status::Success | Status::Cancelled) => ReversalAnswer::Done,
            Ok(Status::Failed) => ReversalAnswer::Refused(members.refusal()),
            Ok(Status::NotFound) => ReversalAnswer::NotFound,
            Ok(Status::Pending | Status::Undecided) => ReversalAnswer::Unknown { detail: members.undecided() },
            Err(detail) => ReversalAnswer::Unknown { detail },
        }
    }

    /// What a query by the reversal's own number says about it. Here 3089 is firm: this cancel did nothing, and another one,
    /// under its own number, is in order; in the answer to the call itself it is a doubt.
    #[must_use]
    pub fn decode_reversal_query(&self, reversal_no: &OrderNo, reply: &Reply) -> ReversalAnswer {
        if let Ok(members) = self.open(reversal_no, reply)
            && members.get("trxstatus") == CANCEL_ABNORMAL
        {
            return ReversalAnswer::Refused(members.refusal());
        }
        self.decode_reversal(reversal_no, reply)
    }

    /// What became of a refund call. Accepted is not done: 2000 needs a query.
    #[must_use]
    pub fn decode_refund(&self, refund_no: &OrderNo, reply: &Reply) -> RefundAnswer {
        let members = match self.open(refund_no, reply) {
            Ok(members) => members,
            Err(closed) => return RefundAnswer::Unknown { detail: closed.detail() },
        };
        match members.status() {
            Ok(Status::Success) => RefundAnswer::Done { acquirer_no: members.get("trxid").into() },
            Ok(Status::Pending) => RefundAnswer::Processing,
            Ok(Status::Failed | Status::Cancelled) => RefundAnswer::Refused(members.refusal()),
            Ok(Status::NotFound) => RefundAnswer::NotFound,
            Ok(Status::Undecided) => RefundAnswer::Unknown { detail: members.undecided() },
            Err(detail) => RefundAnswer::Unknown { detail },
        }
    }

    /// What a query by the refund's own number says about it.
    #[must_use]
    pub fn decode_refund_query(&self, refund_no: &OrderNo, reply: &Reply) -> RefundAnswer {
        self.decode_refund(refund_no, reply)
    }

    /// The members of an answer that is whole, signed, and about this merchant and this number.
    fn open(&self, number: &OrderNo, reply: &Reply) -> Result<Members, Closed> {
        let body = match reply {
            Reply::NotSent { detail } => return Err(Closed::NotSent(detail.clone())),
            Reply::NoAnswer { detail } => return Err(Closed::Unknown(detail.clone())),
            Reply::Http { status: 200, body } => body,
            Reply::Http { status, .. } => return Err(Closed::Unknown(format!("HTTP status {status}"))),
        };
        let members = Members::parse(body).map_err(|detail| Closed::Unknown(detail.into()))?;
        match members.get("retcode") {
            "SUCCESS" => {}
            code if CONFIGURATION_REFUSALS.contains(&code) => {
                let (code, message) = (code.into(), members.get("retmsg").into());
                return Err(Closed::Configuration(Refusal { code, message }));
            }
            code => return Err(Closed::Unknown(format!("retcode {code:.16} {:.100}", members.get("retmsg")))),
        }
        if !self.config.keys.verify(&members.pairs()) {
            return Err(Closed::Unknown("wrong signature".into()));
        }
        let config = &self.config;
        let ours = [("cusid", config.cusid.as_str()), ("appid", &config.appid), ("reqsn", number.as_str())];
        match ours.into_iter().find(|(name, value)| members.get(name) != *value) {
            None => Ok(members),
            Some((name, _)) => Err(Closed::Unknown(format!("the answer has another {name}"))),
        }
    }
}

/// An answer that says nothing about the order.
enum Closed {
    NotSent(String),
    Configuration(Refusal),
    Unknown(String),
}

impl Closed {
    /// For calls where every one of them means: ask again.
    fn detail(self) -> String {
        match self {
            Self::NotSent(detail) | Self::Unknown(detail) => detail,
            Self::Configuration(refusal) => format!("configuration: {} {}", refusal.code, refusal.message),
        }
    }
}

/// A success that is no evidence of this payment.
enum Unpaid {
    Mismatched(String, PaidEvidence),
    Unknown(String),
}

/// An answer's members, all of them texts.
struct Members(Vec<(String, String)>);

impl Members {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        if body.len() > limits::ACQUIRER_ANSWER_MAX_BYTES {
            return Err("the answer is too long");
        }
        let members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| "the answer is no JSON object")?;
        let text = |(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err("a member of the answer is no text")
            }
        };
        members.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// A member's text; absent and empty are the same on this wire.
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn status(&self) -> Result<Status, String> {
        let code = self.get("trxstatus");
        let known = STATUSES.iter().find(|(known, _)| *known == code);
        known.map(|(_, status)| *status).ok_or_else(|| format!("trxstatus {code:.8} {:.100}", self.get("errmsg")))
    }

    fn refusal(&self) -> Refusal {
        Refusal { code: self.get("trxstatus").into(), message: self.get("errmsg").into() }
    }

    fn undecided(&self) -> String {
        format!("{} {:.100}", self.get("trxstatus"), self.get("errmsg"))
    }

    /// The amount that must match: the one before discounts where the answer has it.
    fn order_amount(&self) -> Option<Fen> {
        match self.get("initamt") {
            "" => fen(self.get("trxamt")),
            initial => fen(initial),
        }
    }

    /// For failures: an amount, if they state one, must be ours.
    fn other_amount(&self, expected: &Expected) -> Option<String> {
        let stated = !(self.get("initamt").is_empty() && self.get("trxamt").is_empty());
        (stated && self.order_amount() != Some(expected.amount)).then(|| "a refusal of another amount".into())
    }

    fn paid(&self, expected: &Expected) -> Result<PaidEvidence, Unpaid> {
        let (Some(amount), Some(received)) = (self.order_amount(), fen(self.get("trxamt"))) else {
            return Err(Unpaid::Unknown("a success without an amount".into()));
        };
        let finished_at = match self.get("fintime") {
            "" => None,
            text => {
                Some(parse_beijing(text).ok_or_else(|| Unpaid::Unknown(format!("a success at no time: {text:.20}")))?)
            }
        };
        let evidence = PaidEvidence {
            acquirer_no: self.get("trxid").into(),
            wallet_no: Some(String::from(self.get("chnltrxid"))).filter(|number| !number.is_empty()),
            wallet: wallet(self.get("trxcode")),
            received,
            finished_at,
        };
        let asked = expected.amount;
        if amount != asked || received > asked {
            return Err(Unpaid::Mismatched(format!("asked {asked} fen, answered {amount}, took {received}"), evidence));
        }
        match finished_at {
            Some(at) if at < earliest(expected.intended_at) => {
                Err(Unpaid::Mismatched("finished before the payment was asked for".into(), evidence))
            }
            Some(_) | None => Ok(evidence),
        }
    }
}

/// The acquirer's times have whole seconds, so the intent is cut to one before they are compared.
fn earliest(intended_at: UtcMs) -> UtcMs {
    UtcMs((intended_at.0 - intended_at.0.rem_euclid(1000)).saturating_sub(CLOCK_TOLERANCE_MS))
}

fn fen(text: &str) -> Option<Fen> {
    // `parse` alone would take a leading plus.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok().map(Fen::new)).flatten()
}

fn wallet(trxcode: &str) -> Option<Wallet> {
    match trxcode {
        "VSP501" => Some(Wallet::Wechat),
        "VSP511" => Some(Wallet::Alipay),
        "VSP551" => Some(Wallet::Unionpay),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
