//! Allinpay 收银宝 as the acquirer plays it (acquirers.md section 2): opens signed forms, seals signed flat JSON.
//!
//! Answers are awkward on purpose: their members stand in another order each time, one is empty, one is new to
//! everybody, text is Chinese, slashes are escaped and there is white space. A client that reads them reads the real
//! ones.

mod occupied;
mod odd;
mod trade;

use std::collections::BTreeMap;

use guitai_core::{
    acquirer::allinpay::{KeyError, Keys},
    secret::{PaymentCode, Wallet},
    time::UtcMs,
};

use self::odd::Spelled;
use crate::{
    HttpAnswer, Outcome, Played,
    book::Book,
    credentials::Credentials,
    outcome::Manner,
    switches::{Odd, Switches},
};

/// Before the operation's path in every request.
pub const PREFIX: &str = "/allinpay/apiweb";

/// Longest `reqsn`.
const NUMBER_MAX_CHARS: usize = 32;

/// Longest `randomstr`.
const NONCE_MAX_CHARS: usize = 32;

const JSON: &str = "application/json;charset=UTF-8";

/// The merchant's keys as the acquirer holds them.
#[derive(Debug)]
pub struct Wire {
    orgid: String,
    cusid: String,
    appid: String,
    md5: Keys,
    rsa: Keys,
    code_key: [u8; 32],
}

/// A request whose signature was right.
#[derive(Debug)]
pub struct Operation {
    /// How it was signed; its answer is signed the same way.
    pub signtype: Signtype,
    /// What it wants.
    pub call: Call,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signtype {
    /// With the shared secret.
    Md5,
    /// With the merchant's private key.
    Rsa,
}

/// What a request wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// `scanqrpay`.
    Charge {
        /// The merchant's number.
        reqsn: String,
        /// What to take.
        amount_fen: u64,
        /// Of the wallet that the code names.
        trade_code: &'static str,
        /// Keyed hash of the payment code; `None` if it is no code.
        code_hash: Option<u64>,
    },
    /// `query`.
    Query(Named),
    /// `cancel`.
    Cancel {
        /// The cancel's own number.
        reqsn: String,
        /// The charge.
        order: Named,
        /// Must be the charge's whole amount.
        amount_fen: u64,
    },
    /// `refund`.
    Refund {
        /// The refund's own number.
        reqsn: String,
        /// The charge.
        order: Named,
        /// What goes back.
        amount_fen: u64,
    },
    /// `close`.
    Close(Named),
}

/// How a request names an order.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    /// By the merchant's number.
    Reqsn(String),
    /// By the acquirer's number.
    Trxid(String),
}

/// A request that is not played; unsigned, since nobody knows whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplayed {
    /// No such path.
    NotFound,
    /// A refusal in the wire's own form.
    Refused {
        /// `PARAMERR`, `SIGNAUTHERR`, or `FAIL` for versions below 12.
        retcode: &'static str,
        /// Why.
        retmsg: &'static str,
    },
}

impl Unplayed {
    /// The answer.
    #[must_use]
    pub fn into_outcome(self) -> Outcome {
        match self {
            Self::NotFound => {
                Outcome::Answer(HttpAnswer { status: 404, content_type: "text/html", body: b"<h1>404</h1>".to_vec() })
            }
            Self::Refused { retcode, retmsg } => Outcome::Answer(unsigned(retcode, retmsg)),
        }
    }
}

type Form = BTreeMap<String, String>;

impl Wire {
    /// The acquirer's side of these credentials.
    ///
    /// # Errors
    /// A key is not one.
    pub fn new(credentials: &Credentials) -> Result<Self, KeyError> {
        let mut code_key = [0; 32];
        for (to, from) in code_key.iter_mut().zip(credentials.md5_key.bytes()) {
            *to = from;
        }
        Ok(Self {
            orgid: credentials.orgid.clone(),
            cusid: credentials.cusid.clone(),
            appid: credentials.appid.clone(),
            md5: Keys::md5(&credentials.md5_key)?,
            // The same signatures with the roles swapped: the platform signs, the merchant's public key proves.
            rsa: Keys::rsa(&credentials.platform_private_key, &credentials.merchant_public_key)?,
            code_key,
        })
    }

    const fn keys(&self, signtype: Signtype) -> &Keys {
        match signtype {
            Signtype::Md5 => &self.md5,
            Signtype::Rsa => &self.rsa,
        }
    }

    /// Reads and proves a request.
    ///
    /// # Errors
    /// What is wrong with it, in the wire's words.
    pub fn open(&self, path: &str, form: &[u8]) -> Result<Operation, Unplayed> {
        let path = path.strip_prefix(PREFIX).ok_or(Unplayed::NotFound)?;
        if !PATHS.iter().any(|(known, _)| *known == path) {
            return Err(Unplayed::NotFound);
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
        let form: Form = pairs.iter().cloned().collect();
        let retcode = |code| if get(&form, "version") == "12" { code } else { "FAIL" };
        let parameter = |retmsg| Unplayed::Refused { retcode: retcode("PARAMERR"), retmsg };
        if form.len() != pairs.len() {
            return Err(parameter("参数重复"));
        }
        let nonce = get(&form, "randomstr").chars().count();
        if nonce == 0 || nonce > NONCE_MAX_CHARS {
            return Err(parameter("randomstr不正确"));
        }
        let signtype = match get(&form, "signtype") {
            "" | "MD5" => Signtype::Md5,
            "RSA" => Signtype::Rsa,
            _ => return Err(parameter("signtype不支持")),
        };
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let orgid = get(&form, "orgid");
        let ours = get(&form, "cusid") == self.cusid
            && get(&form, "appid") == self.appid
            && (orgid.is_empty() || orgid == self.orgid);
        if !ours {
            return Err(Unplayed::Refused { retcode: retcode("SIGNAUTHERR"), retmsg: "商户无此应用权限" });
        }
        if !self.keys(signtype).verify(&pairs) {
            return Err(Unplayed::Refused { retcode: retcode("SIGNAUTHERR"), retmsg: "验签失败" });
        }
        let call = self.call(path, &form).map_err(parameter)?;
        Ok(Operation { signtype, call })
    }

    fn call(&self, path: &str, form: &Form) -> Result<Call, &'static str> {
        let kind = PATHS.iter().find(|(known, _)| *known == path).map(|(_, kind)| *kind).ok_or("接口不存在")?;
        match kind {
            Kind::Charge => {
                check_terminal(get(form, "terminfo"))?;
                let code = PaymentCode::parse(get(form, "authcode"));
                if get(form, "authcode").is_empty() {
                    return Err("authcode为空");
                }
                let wallet = code.as_ref().map_or(Wallet::Other, PaymentCode::wallet);
                Ok(Call::Charge {
                    reqsn: number(form)?,
                    amount_fen: amount(form)?,
                    trade_code: trade_code(wallet),
                    code_hash: code.ok().map(|code| code.trace(&self.code_key).hash),
                })
            }
            Kind::Query => named(form, "reqsn", "trxid").map(Call::Query),
            Kind::Cancel => Ok(Call::Cancel {
                reqsn: number(form)?,
                order: named(form, "oldreqsn", "oldtrxid")?,
                amount_fen: amount(form)?,
            }),
            Kind::Refund => Ok(Call::Refund {
                reqsn: number(form)?,
                order: named(form, "oldreqsn", "oldtrxid")?,
                amount_fen: amount(form)?,
            }),
            Kind::Close => named(form, "oldreqsn", "oldtrxid").map(Call::Close),
        }
    }

    /// Signs an answer and puts it on the line.
    #[must_use]
    pub fn seal(&self, played: Played, signtype: Signtype, odd: Odd, random: [u8; 16]) -> Outcome {
        let whole = |wrong: Wrong| self.signed(&played.members, signtype, odd, random, wrong);
        match played.manner {
            Manner::Whole => Outcome::Answer(whole(Wrong::Nothing)),
            Manner::WrongSignature => Outcome::Answer(whole(Wrong::Signature)),
            Manner::CutShort => Outcome::CutShort(whole(Wrong::Nothing)),
            Manner::Silent => Outcome::Silent,
            Manner::SystemError => Outcome::Answer(unsigned("SYSTEMERR", "系统异常，请稍后查询")),
            Manner::HtmlPage => Outcome::Answer(HttpAnswer {
                status: 200,
                content_type: "text/html;charset=UTF-8",
                body: "<html><body><h1>系统维护中</h1></body></html>".into(),
            }),
            Manner::BadGateway => Outcome::Answer(HttpAnswer {
                status: 502,
                content_type: "text/html",
                body: b"<html><body><h1>502 Bad Gateway</h1></body></html>".to_vec(),
            }),
        }
    }

    fn signed(
        &self,
        played: &[(&'static str, String)],
        signtype: Signtype,
        odd: Odd,
        random: [u8; 16],
        wrong: Wrong,
    ) -> HttpAnswer {
        let nonce: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let keys = self.keys(signtype);
        let ours = [
            ("retcode", "SUCCESS"),
            ("cusid", self.cusid.as_str()),
            ("appid", &self.appid),
            ("signtype", keys.signtype()),
            ("randomstr", &nonce),
            ("cmid", ""),
            ("chnldata", "优惠/无"),
            ("futuremember", "以后新增的字段"),
        ];
        let played = played.iter().map(|(name, value)| (*name, value.as_str()));
        let mut members: Vec<Spelled> =
            ours.into_iter().chain(played).map(|(name, value)| Spelled::text(name, value)).collect();
        odd::respell(&mut members, odd);
        let mut signed: Vec<(&str, &str)> = members.iter().map(Spelled::signed).collect();
        match wrong {
            Wrong::Nothing => {}
            Wrong::Signature => signed.push(("tampered", "1")),
        }
        let sign = Spelled::text("sign", &keys.sign(&signed));
        members.push(sign);
        HttpAnswer { status: 200, content_type: JSON, body: odd::body(members, odd, random).into_bytes() }
    }
}

#[derive(Clone, Copy)]
enum Wrong {
    Nothing,
    Signature,
}

#[derive(Clone, Copy)]
enum Kind {
    Charge,
    Query,
    Cancel,
    Refund,
    Close,
}

const PATHS: [(&str, Kind); 9] = [
    ("/unitorder/scanqrpay", Kind::Charge),
    ("/tranx/query", Kind::Query),
    ("/unitorder/query", Kind::Query),
    ("/tranx/cancel", Kind::Cancel),
    ("/unitorder/cancel", Kind::Cancel),
    ("/tranx/refund", Kind::Refund),
    ("/unitorder/refund", Kind::Refund),
    ("/tranx/close", Kind::Close),
    ("/unitorder/close", Kind::Close),
];

/// Absent and empty are the same on this wire.
fn get<'a>(form: &'a Form, name: &str) -> &'a str {
    form.get(name).map_or("", String::as_str)
}

fn number(form: &Form) -> Result<String, &'static str> {
    let number = get(form, "reqsn");
    let fine = (1..=NUMBER_MAX_CHARS).contains(&number.len()) && number.is_ascii();
    if fine { Ok(number.to_owned()) } else { Err("reqsn不正确") }
}

fn amount(form: &Form) -> Result<u64, &'static str> {
    let text = get(form, "trxamt");
    let digits = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|fen| digits && *fen > 0).ok_or("trxamt不正确")
}

fn named(form: &Form, reqsn: &str, trxid: &str) -> Result<Named, &'static str> {
    match (get(form, trxid), get(form, reqsn)) {
        ("", "") => Err("商户订单号和平台流水号不能同时为空"),
        ("", number) => Ok(Named::Reqsn(number.to_owned())),
        (number, _) => Ok(Named::Trxid(number.to_owned())),
    }
}

/// Any terminal number of 8 digits counts as registered.
fn check_terminal(terminfo: &str) -> Result<(), &'static str> {
    let members: BTreeMap<String, String> = serde_json::from_str(terminfo).map_err(|_| "terminfo不是JSON")?;
    let termno = get(&members, "termno");
    if termno.len() != 8 || !termno.bytes().all(|b| b.is_ascii_digit()) {
        return Err("终端号未登记");
    }
    match (get(&members, "devicetype"), get(&members, "termsn")) {
        ("11", _) => {}
        ("10", serial) if !serial.is_empty() => {}
        _ => return Err("devicetype不正确"),
    }
    let placed = !get(&members, "longitude").is_empty() && !get(&members, "latitude").is_empty();
    if placed || !get(&members, "deviceip").is_empty() { Ok(()) } else { Err("经纬度和IP不能同时为空") }
}

/// Plays one operation at a moment of sandbox time.
pub(crate) fn play(book: &mut Book, switches: &mut Switches, now: UtcMs, operation: Operation) -> Played {
    occupied::occupy(book, switches, now, &operation.call);
    trade::play(book, switches, now, operation)
}

const fn trade_code(wallet: Wallet) -> &'static str {
    match wallet {
        Wallet::Wechat => "VSP501",
        Wallet::Alipay => "VSP511",
        Wallet::Unionpay => "VSP551",
        Wallet::Bestpay | Wallet::Ecny | Wallet::Other => "VSP541",
    }
}

fn unsigned(retcode: &str, retmsg: &str) -> HttpAnswer {
    let body = odd::plain(&[("retcode", retcode), ("retmsg", retmsg)]);
    HttpAnswer { status: 200, content_type: JSON, body: body.into_bytes() }
}
