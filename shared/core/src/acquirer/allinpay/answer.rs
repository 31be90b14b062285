//! What Allinpay's answers mean: the checks every answer passes, then the status table.

use alloc::{format, string::String};

use super::{
    Allinpay,
    members::{Members, Received},
};
use crate::{
    acquirer::{
        Answer, ChargeAnswer, Expected, ExpectedReturn, PaidEvidence, QueryAnswer, Question, RefundAnswer, Refusal,
        Reply, ReversalAnswer, SetUp,
    },
    ids::OrderNo,
    money::Fen,
    secret::Wallet,
    time::parse_beijing,
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
    /// "Cancel abnormal": the money, if any moved, comes back by itself.
    CancelAbnormal,
    /// The call's own number was used before.
    NumberUsed,
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
    ("3089", Status::CancelAbnormal),
    ("3099", Status::Failed),
    ("3888", Status::NumberUsed),
    ("3889", Status::Failed),
    ("3999", Status::Failed),
];

/// Refusals of the request itself, unsigned since the acquirer does not know whose they are; nothing was done.
const CONFIGURATION_REFUSALS: [&str; 2] = ["PARAMERR", "SIGNAUTHERR"];

/// The longest `trxcode`.
const TRXCODE_MAX_BYTES: usize = 8;

/// What a trade did, by the last digit of its code (`VSP501`, `VSP502`, `VSP503`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sale,
    Void,
    Refund,
}

/// Which request an answer belongs to. The answer to a call speaks of that call, even where it says little; a query's is about
/// whatever trade has the number, so it must say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Call,
    Query,
}

impl Allinpay {
    /// What a reply to this question means.
    #[must_use]
    pub fn decode(&self, question: &Question, reply: &Reply) -> Answer {
        match question {
            Question::Charge(expected) => Answer::Charge(self.charge_answer(expected, reply)),
            Question::Query(expected) => Answer::Query(self.query_answer(expected, reply)),
            Question::Reverse(back) => Answer::Reversal(self.reversal_answer(back, reply, Of::Call)),
            Question::QueryReversal(back) => Answer::ReversalQuery(self.reversal_answer(back, reply, Of::Query)),
            Question::Close { order_no } => Answer::Reversal(self.close_answer(order_no, reply)),
            Question::Refund(back) => Answer::Refund(self.refund_answer(back, reply, Of::Call)),
            Question::QueryRefund(back) => Answer::RefundQuery(self.refund_answer(back, reply, Of::Query)),
        }
    }

    /// What the acquirer makes of this merchant and its keys, by a reply to this question.
    #[must_use]
    pub fn set_up(&self, question: &Question, reply: &Reply) -> SetUp {
        match self.open(&question.order_no(), reply) {
            Ok(_) => SetUp::Right,
            Err(Closed::Configuration(refusal)) => SetUp::Refused(refusal),
            Err(Closed::Unproven(detail)) => SetUp::Unproven { detail },
            Err(Closed::NotSent(detail) | Closed::Unknown(detail)) => SetUp::Unclear { detail },
        }
    }

    /// What became of a charge call.
    fn charge_answer(&self, expected: &Expected, reply: &Reply) -> ChargeAnswer {
        let members = match self.open(&expected.order_no, reply) {
            Ok(members) => members,
            Err(Closed::NotSent(detail)) => return ChargeAnswer::NotSent { detail },
            Err(Closed::Configuration(refusal)) => return ChargeAnswer::Misconfigured(refusal),
            Err(Closed::Unproven(detail) | Closed::Unknown(detail)) => return ChargeAnswer::Unknown { detail },
        };
        match members.status() {
            Ok(Status::Success) => match members.paid(expected) {
                Ok(evidence) => ChargeAnswer::Paid(evidence),
                Err(Unpaid::Mismatched(detail, claimed)) => ChargeAnswer::Mismatched { detail, claimed },
                Err(Unpaid::Unknown(detail)) => ChargeAnswer::Unknown { detail },
            },
            Ok(Status::Pending) => ChargeAnswer::Pending,
            Ok(Status::Failed | Status::Cancelled) => ChargeAnswer::Declined(members.refusal()),
            Ok(Status::NumberUsed) => ChargeAnswer::NumberUsed { detail: members.said() },
            Ok(Status::NotFound | Status::CancelAbnormal) => ChargeAnswer::Unknown { detail: members.said() },
            Err(detail) => ChargeAnswer::Unknown { detail },
        }
    }

    /// What a query says about a charge.
    fn query_answer(&self, expected: &Expected, reply: &Reply) -> QueryAnswer {
        let members = match self.open(&expected.order_no, reply) {
            Ok(members) => members,
            Err(closed) => return QueryAnswer::Unknown { detail: closed.detail() },
        };
        match members.of_kind(Kind::Sale).and_then(|()| members.status()) {
            Ok(Status::Success) => match members.paid(expected) {
                Ok(evidence) => QueryAnswer::Paid(evidence),
                Err(Unpaid::Mismatched(detail, claimed)) => QueryAnswer::Mismatched { detail, claimed },
                Err(Unpaid::Unknown(detail)) => QueryAnswer::Unknown { detail },
            },
            Ok(Status::Pending) => QueryAnswer::Pending,
            Ok(Status::NotFound) => QueryAnswer::NotFound,
            Ok(Status::Failed) => QueryAnswer::Failed(members.refusal()),
            Ok(Status::Cancelled) => QueryAnswer::Reversed,
            Ok(Status::CancelAbnormal | Status::NumberUsed) => QueryAnswer::Unknown { detail: members.said() },
            Err(detail) => QueryAnswer::Unknown { detail },
        }
    }

    /// What became of a reversal. A charge that is already cancelled (3050) is what the call wanted. 3089 is firm in the answer to
    /// a query: this cancel did nothing, and another one, under its own number, is in order; in the answer to the call itself it is
    /// a doubt.
    fn reversal_answer(&self, expected: &ExpectedReturn, reply: &Reply, of: Of) -> ReversalAnswer {
        let members = match self.open(&expected.return_no, reply) {
            Ok(members) => members,
            Err(closed) => return ReversalAnswer::Unknown { detail: closed.detail() },
        };
        let unknown = |detail| ReversalAnswer::Unknown { detail };
        match (members.about(expected, Kind::Void, of).and_then(|()| members.status()), of) {
            (Ok(Status::Success), _) => {
                members.gave_back(expected, Kind::Void, of).map_or_else(unknown, |()| ReversalAnswer::Done)
            }
            (Ok(Status::Cancelled), _) => ReversalAnswer::Done,
            (Ok(Status::Failed), _) | (Ok(Status::CancelAbnormal), Of::Query) => {
                ReversalAnswer::Refused(members.refusal())
            }
            (Ok(Status::NotFound), _) => ReversalAnswer::NotFound,
            (Ok(Status::NumberUsed), Of::Call) => ReversalAnswer::NumberUsed { detail: members.said() },
            (Ok(Status::Pending), _) | (Ok(Status::CancelAbnormal), Of::Call) | (Ok(Status::NumberUsed), Of::Query) => {
                unknown(members.said())
            }
            (Err(detail), _) => unknown(detail),
        }
    }

    /// What became of closing an unpaid charge; the answer bears the charge's own number. Refused is also what was paid meanwhile.
    fn close_answer(&self, order_no: &OrderNo, reply: &Reply) -> ReversalAnswer {
        let members = match self.open(order_no, reply) {
            Ok(members) => members,
            Err(closed) => return ReversalAnswer::Unknown { detail: closed.detail() },
        };
        match members.status() {
            Ok(Status::Success | Status::Cancelled) => ReversalAnswer::Done,
            Ok(Status::Failed) => ReversalAnswer::Refused(members.refusal()),
            Ok(Status::NotFound) => ReversalAnswer::NotFound,
            Ok(Status::Pending | Status::CancelAbnormal | Status::NumberUsed) => {
                ReversalAnswer::Unknown { detail: members.said() }
            }
            Err(detail) => ReversalAnswer::Unknown { detail },
        }
    }

    /// What became of a refund. Accepted is not done: 2000 needs a query.
    fn refund_answer(&self, expected: &ExpectedReturn, reply: &Reply, of: Of) -> RefundAnswer {
        let members = match self.open(&expected.return_no, reply) {
            Ok(members) => members,
            Err(closed) => return RefundAnswer::Unknown { detail: closed.detail() },
        };
        let unknown = |detail| RefundAnswer::Unknown { detail };
        match (members.about(expected, Kind::Refund, of).and_then(|()| members.status()), of) {
            (Ok(Status::Success), _) => members
                .gave_back(expected, Kind::Refund, of)
                .map_or_else(unknown, |()| RefundAnswer::Done { acquirer_no: members.words("trxid").into() }),
            (Ok(Status::Pending), _) => RefundAnswer::Processing,
            (Ok(Status::Failed | Status::Cancelled), _) => RefundAnswer::Refused(members.refusal()),
            (Ok(Status::NotFound), _) => RefundAnswer::NotFound,
            (Ok(Status::NumberUsed), Of::Call) => RefundAnswer::NumberUsed { detail: members.said() },
            (Ok(Status::NumberUsed), Of::Query) | (Ok(Status::CancelAbnormal), _) => unknown(members.said()),
            (Err(detail), _) => unknown(detail),
        }
    }

    /// The members of an answer that is whole, signed, and about this merchant and this number.
    fn open(&self, number: &OrderNo, reply: &Reply) -> Result<Members, Closed> {
        let body = match reply {
            Reply::NotSent { detail } => return Err(Closed::NotSent(detail.clone())),
            Reply::NoAnswer { detail } => return Err(Closed::Unknown(detail.clone())),
            Reply::Http { status: 200, body, .. } => body,
            Reply::Http { status, .. } => return Err(Closed::Unknown(format!("HTTP status {status}"))),
        };
        let received = Received::parse(body).map_err(|detail| Closed::Unknown(detail.into()))?;
        match received.claim("retcode") {
            "SUCCESS" => {}
            code if CONFIGURATION_REFUSALS.contains(&code) => {
                let (code, message) = (code.into(), received.claim("retmsg").into());
                return Err(Closed::Configuration(Refusal { code, message }));
            }
            code => return Err(Closed::Unknown(format!("retcode {code:.16} {:.100}", received.claim("retmsg")))),
        }
        let config = &self.config;
        let members = received.prove(&config.keys).ok_or_else(|| Closed::Unproven("wrong signature".into()))?;
        let ours = [("cusid", config.cusid.as_str()), ("appid", &config.appid), ("reqsn", number.as_str())];
        match ours.into_iter().find(|(name, value)| members.get(name) != *value) {
            None => Ok(members),
            Some((name, _)) => Err(Closed::Unproven(format!("the answer has another {name}"))),
        }
    }
}

/// An answer that says nothing about the order.
enum Closed {
    NotSent(String),
    Configuration(Refusal),
    /// Not signed by the configured key, or not about this merchant and number.
    Unproven(String),
    Unknown(String),
}

impl Closed {
    /// For calls where every one of them means: ask again.
    fn detail(self) -> String {
        match self {
            Self::NotSent(detail) | Self::Unproven(detail) | Self::Unknown(detail) => detail,
            Self::Configuration(refusal) => format!("configuration: {} {}", refusal.code, refusal.message),
        }
    }
}

/// A success that is no evidence of this payment.
enum Unpaid {
    Mismatched(String, PaidEvidence),
    Unknown(String),
}

impl Members {
    fn status(&self) -> Result<Status, String> {
        let code = self.get("trxstatus");
        let known = STATUSES.iter().find(|(known, _)| *known == code);
        known.map(|(_, status)| *status).ok_or_else(|| format!("trxstatus {code:.8} {:.100}", self.words("errmsg")))
    }

    fn refusal(&self) -> Refusal {
        Refusal { code: self.get("trxstatus").into(), message: self.words("errmsg").into() }
    }

    /// The code and the words of an answer that decides nothing.
    fn said(&self) -> String {
        format!("{} {:.100}", self.get("trxstatus"), self.words("errmsg"))
    }

    /// Whether the trade, if the answer says what it was, was of this kind.
    fn of_kind(&self, kind: Kind) -> Result<(), String> {
        let code = self.get("trxcode");
        match trade_kind(code) {
            Ok(None) => Ok(()),
            Ok(Some(stated)) if stated == kind => Ok(()),
            Ok(Some(_)) | Err(NotACode) => {
                Err(format!("the number belongs to another kind of trade: trxcode {code:.16}"))
            }
        }
    }

    /// Whether the answer can be about this reversal or refund at all.
    fn about(&self, expected: &ExpectedReturn, kind: Kind, of: Of) -> Result<(), String> {
        match self.get("oldreqsn") {
            "" => {}
            original if original == expected.order_no.as_str() => {}
            original => return Err(format!("the number belongs to a return of {original:.32}")),
        }
        match of {
            // A refusal of a call may show the code of the sale it did not touch.
            Of::Call => Ok(()),
            Of::Query => self.of_kind(kind),
        }
    }

    /// Whether a success gave back what was asked. The answer to a call may leave the amount out, a query's may not.
    fn gave_back(&self, expected: &ExpectedReturn, kind: Kind, of: Of) -> Result<(), String> {
        self.of_kind(kind)?;
        let unstated = self.get("initamt").is_empty() && self.get("trxamt").is_empty();
        match (self.asked(), of) {
            (Some(amount), _) if amount == expected.amount => Ok(()),
            (None, Of::Call) if unstated => Ok(()),
            (Some(amount), _) => Err(format!("asked {} fen back, answered {amount}", expected.amount)),
            (None, _) => Err("a return without an amount".into()),
        }
    }

    /// The amount that must match: the one before discounts where the answer has it.
    fn asked(&self) -> Option<Fen> {
        match self.get("initamt") {
            "" => fen(self.get("trxamt")),
            initial => fen(initial),
        }
    }

    fn paid(&self, expected: &Expected) -> Result<PaidEvidence, Unpaid> {
        self.of_kind(Kind::Sale).map_err(Unpaid::Unknown)?;
        let (Some(asked), Some(received)) = (self.asked(), fen(self.get("trxamt"))) else {
            return Err(Unpaid::Unknown("a success without an amount".into()));
        };
        let evidence = PaidEvidence {
            acquirer_no: self.words("trxid").into(),
            wallet_no: Some(String::from(self.words("chnltrxid"))).filter(|number| !number.is_empty()),
            wallet: wallet(self.get("trxcode")),
            asked,
            received,
            finished_at: parse_beijing(self.get("fintime")),
        };
        let ours = expected.amount;
        if asked != ours || received > ours {
            return Err(Unpaid::Mismatched(format!("asked {ours} fen, answered {asked}, took {received}"), evidence));
        }
        Ok(evidence)
    }
}

fn fen(text: &str) -> Option<Fen> {
    // `parse` alone would take a leading plus.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok().map(Fen::new)).flatten()
}

/// A `trxcode` that reads like none.
struct NotACode;

/// What a trade of this code did (acquirers.md 2.6); `None` if there is no code, or one whose meaning is not known.
fn trade_kind(code: &str) -> Result<Option<Kind>, NotACode> {
    match code.as_bytes() {
        [] => Ok(None),
        // QQ counts on from the others, and cards have no voids of ours.
        b"VSP505" | b"VSP001" | b"VSP004" | b"VSP011" => Ok(Some(Kind::Sale)),
        b"VSP506" => Ok(Some(Kind::Void)),
        b"VSP507" => Ok(Some(Kind::Refund)),
        [b'V', b'S', b'P', b'5', b'0'..=b'9', b'1'] => Ok(Some(Kind::Sale)),
        [b'V', b'S', b'P', b'5', b'0'..=b'9', b'2'] => Ok(Some(Kind::Void)),
        [b'V', b'S', b'P', b'5', b'0'..=b'9', b'3'] => Ok(Some(Kind::Refund)),
        letters if letters.len() <= TRXCODE_MAX_BYTES && letters.iter().all(u8::is_ascii_alphanumeric) => Ok(None),
        _ => Err(NotACode),
    }
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
