//! Allinpay 收银宝 (apiweb): requests are signed forms, answers are flat JSON of signed strings (acquirers.md section 2).
//!
//! One request = [`Allinpay::encode`], one answer = [`Allinpay::decode`]. The version is always 12: only
//! then does `retcode` tell a configuration refusal (`PARAMERR`, `SIGNAUTHERR`) from a system error. Rules in order:
//! a line failure before the first byte is *not sent*; HTTP other than 200, a body that is no JSON object, a wrong
//! signature, another merchant or another order number are *unknown*; then the status table in `answer` decides, and a
//! code that is not in it is unknown. `members` reads leniently, since acquirers add members and change their types
//! without asking; `answer` judges strictly.

mod answer;
mod members;
mod sign;

use alloc::{format, string::String, vec::Vec};

use form_urlencoded::Serializer;
use serde_json::{Map, Value};

pub use self::sign::{KeyError, Keys};
use super::{Call, ChargeCall, Expected, ExpectedReturn, Pace, Request, ReversalTerms, Terminal, Terms, Window};
use crate::{normal, secret::SecretText};

/// The merchant at Allinpay and its keys.
#[derive(Clone, Debug)]
pub struct Config {
    /// The group's number; with it `appid` and the keys are the group's.
    pub orgid: Option<String>,
    /// The merchant's number, at most 15 characters.
    pub cusid: String,
    /// The application's number, at most 8 characters.
    pub appid: String,
    /// What signs requests and proves answers.
    pub keys: Keys,
}

/// The codec of one merchant.
#[derive(Clone, Debug)]
pub struct Allinpay {
    config: Config,
}

/// Title of an order: the documents say nothing, 100 bytes pass everywhere (33 hanzi).
const SUBJECT_MAX_BYTES: usize = 100;

/// Barcode auxiliary terminal: a scanner at a till; the other kind (10) needs a hardware serial.
const DEVICE_TYPE: &str = "11";

impl Allinpay {
    /// Pending trades are asked about every 10 s, the first time after 3 s (section 7). A cancel has a number of its own and works on
    /// the day of the sale; WeChat behind it takes none in the first 15 s. `close` takes what is unpaid on any day.
    pub const TERMS: Terms = Terms {
        pace: Pace {
            first_query_ms: 3_000,
            query_interval_ms: 10_000,
            deadline_ms: 90_000,
            connect_timeout_ms: 5_000,
            answer_timeout_ms: 15_000,
        },
        reversal: ReversalTerms {
            numbered: true,
            window: Window::SameDay,
            not_before_ms: 15_000,
            close_when_refused: true,
        },
    };

    /// A codec for the merchant.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    /// The signed request for a call. `nonce` is fresh randomness in at most 32 ASCII characters.
    #[must_use]
    pub fn encode(&self, call: &Call, nonce: &str) -> Request {
        match call {
            Call::Charge(charge) => self.charge(charge, nonce),
            Call::Query(Expected { order_no: number, .. })
            | Call::QueryReversal(ExpectedReturn { return_no: number, .. })
            | Call::QueryRefund(ExpectedReturn { return_no: number, .. }) => {
                self.request("/tranx/query", nonce, &[("reqsn", number.as_str())])
            }
            Call::Reverse(back) => self.give_back("/tranx/cancel", back, nonce),
            Call::Close { order_no } => self.request("/tranx/close", nonce, &[("oldreqsn", order_no.as_str())]),
            Call::Refund(back) => self.give_back("/tranx/refund", back, nonce),
        }
    }

    fn give_back(&self, path: &'static str, back: &ExpectedReturn, nonce: &str) -> Request {
        let (number, charge, amount) = (back.return_no.as_str(), back.order_no.as_str(), format!("{}", back.amount));
        self.request(path, nonce, &[("reqsn", number), ("oldreqsn", charge), ("trxamt", &amount)])
    }

    fn charge(&self, charge: &ChargeCall, nonce: &str) -> Request {
        self.request(
            "/unitorder/scanqrpay",
            nonce,
            &[
                ("reqsn", charge.order_no.as_str()),
                ("trxamt", &format!("{}", charge.amount)),
                ("authcode", charge.code.expose()),
                ("terminfo", &terminal_text(&charge.terminal)),
                ("body", clip(&normal::basic_plane(&charge.subject), SUBJECT_MAX_BYTES)),
                ("operatorid", &charge.operator),
            ],
        )
    }

    fn request(&self, path: &'static str, nonce: &str, business: &[(&str, &str)]) -> Request {
        let config = &self.config;
        let mut members: Vec<(&str, &str)> = Vec::from([
            ("cusid", config.cusid.as_str()),
            ("appid", &config.appid),
            ("version", "12"),
            ("randomstr", nonce),
            ("signtype", config.keys.signtype()),
        ]);
        members.extend(config.orgid.as_deref().map(|orgid| ("orgid", orgid)));
        members.extend_from_slice(business);
        members.retain(|(_, value)| !value.is_empty());
        let sign = config.keys.sign(&members);
        members.push(("sign", &sign));
        // Room for everything escaped: a buffer that grew would leave copies of the payment code behind.
        let room = members.iter().map(|(name, value)| (name.len() + value.len()) * 3 + 2).sum();
        let body = Serializer::new(String::with_capacity(room)).extend_pairs(members).finish();
        Request { path, content_type: "application/x-www-form-urlencoded; charset=UTF-8", body: SecretText::new(body) }
    }
}

/// `terminfo`: JSON as a text of its own, signed as exactly these bytes.
fn terminal_text(terminal: &Terminal) -> String {
    let members = [
        ("termno", terminal.termno.as_str()),
        ("devicetype", DEVICE_TYPE),
        ("longitude", &terminal.longitude),
        ("latitude", &terminal.latitude),
    ];
    let members: Map<String, Value> =
        members.into_iter().map(|(name, value)| (String::from(name), Value::from(value))).collect();
    format!("{}", Value::Object(members))
}

/// The longest beginning of whole characters within `max` bytes.
fn clip(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::ToOwned, collections::BTreeMap};

    use super::*;
    use crate::{
        ids::OrderNo,
        money::Fen,
        secret::{PaymentCode, Wallet},
    };

    fn order_no() -> OrderNo {
        let mut numbering = crate::ids::Numbering::resume(crate::ids::Issuer::new(7).expect("in range"), None);
        numbering.next(crate::time::UtcMs(1_767_579_072_000))
    }

    fn codec(orgid: Option<&str>) -> Allinpay {
        Allinpay::new(Config {
            orgid: orgid.map(ToOwned::to_owned),
            cusid: "990581007426001".into(),
            appid: "00000051".into(),
            keys: Keys::md5("allinpay888").expect("a key"),
        })
    }

    fn members(request: &Request) -> BTreeMap<String, String> {
        form_urlencoded::parse(request.body.expose().as_bytes()).into_owned().collect()
    }

    fn charge(subject: &str) -> Call {
        Call::Charge(ChargeCall {
            order_no: order_no(),
            amount: Fen::new(1234),
            code: PaymentCode::parse("130000000000000001").expect("a code"),
            terminal: Terminal {
                termno: "00000001".into(),
                longitude: "+121.48352".into(),
                latitude: "+31.221345".into(),
            },
            subject: subject.into(),
            operator: "01".into(),
        })
    }

    #[test]
    fn a_charge_is_complete_and_its_signature_covers_the_raw_values() {
        let request = codec(None).encode(&charge("测试 商品&more"), "0123456789abcdef");
        assert_eq!(request.path, "/unitorder/scanqrpay");
        let members = members(&request);
        for (name, value) in [
            ("version", "12"),
            ("signtype", "MD5"),
            ("trxamt", "1234"),
            ("authcode", "130000000000000001"),
            ("body", "测试 商品&more"),
            ("operatorid", "01"),
            ("randomstr", "0123456789abcdef"),
            ("reqsn", order_no().as_str()),
            ("terminfo", r#"{"devicetype":"11","latitude":"+31.221345","longitude":"+121.48352","termno":"00000001"}"#),
        ] {
            assert_eq!(members.get(name).map(String::as_str), Some(value), "{name}");
        }
        let pairs: Vec<_> = members.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert!(codec(None).config.keys.verify(&pairs));
        assert!(!alloc::format!("{request:?}").contains("130000000000000001"));
    }

    #[test]
    fn empty_members_are_left_out_and_the_group_is_sent_when_there_is_one() {
        assert!(!members(&codec(None).encode(&charge(""), "n")).contains_key("body"));
        assert!(!members(&codec(None).encode(&charge("x"), "n")).contains_key("orgid"));
        let grouped = members(&codec(Some("55000")).encode(&charge("x"), "n"));
        assert_eq!(grouped.get("orgid").map(String::as_str), Some("55000"));
    }

    #[test]
    fn a_title_holds_nothing_of_four_bytes() {
        let title = members(&codec(None).encode(&charge("𠮷野家😀"), "n")).remove("body");
        assert_eq!(title.as_deref(), Some("?野家?"));
    }

    #[test]
    fn a_long_title_is_cut_between_characters() {
        assert_eq!(clip(&"店".repeat(40), SUBJECT_MAX_BYTES), "店".repeat(33));
        assert_eq!(clip("短", SUBJECT_MAX_BYTES), "短");
    }

    #[test]
    fn each_call_has_its_path_and_numbers() {
        let codec = codec(None);
        let no = order_no();
        let issuer = crate::ids::Issuer::new(7).expect("in range");
        let other = crate::ids::Numbering::resume(issuer, Some(no)).next(crate::time::UtcMs(0));
        assert_ne!(other, no);
        let of = |call: Call| {
            let request = codec.encode(&call, "n");
            let members = members(&request);
            let get = |name: &str| members.get(name).cloned().unwrap_or_default();
            (request.path, get("reqsn"), get("oldreqsn"), get("trxamt"))
        };
        let query = ("/tranx/query", no.as_str().into(), String::new(), String::new());
        let amount = Fen::new(5);
        assert_eq!(of(Call::Query(Expected { order_no: no, amount, wallet: Wallet::Wechat })), query);
        let asked = ExpectedReturn { return_no: no, order_no: other, amount };
        assert_eq!(of(Call::QueryReversal(asked)), query);
        assert_eq!(of(Call::QueryRefund(asked)), query);
        let back = |path| (path, other.as_str().into(), no.as_str().into(), "5".into());
        let given = ExpectedReturn { return_no: other, order_no: no, amount };
        assert_eq!(of(Call::Reverse(given)), back("/tranx/cancel"));
        assert_eq!(of(Call::Refund(given)), back("/tranx/refund"));
    }
}
