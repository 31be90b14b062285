//! Allinpay's answers as tomorrow's version may send them, and as somebody in between may change them.

use guitai_core::{
    acquirer::{
        Answer, Call, Expected, ExpectedReturn, Reply,
        allinpay::{Allinpay, Config, Keys},
    },
    ids::{Issuer, Numbering, OrderNo},
    money::Fen,
    secret::Wallet,
    time::UtcMs,
};
use proptest::{prelude::*, sample::Index};

const KEY: &str = "allinpay888";

fn number() -> OrderNo {
    Numbering::resume(Issuer::new(7).expect("in range"), None).next(UtcMs(1_767_579_072_345))
}

fn codec() -> Allinpay {
    Allinpay::new(Config {
        orgid: None,
        cusid: "990581007426001".into(),
        appid: "00000051".into(),
        keys: Keys::md5(KEY).expect("a key"),
    })
}

/// What an answer may be asked for.
#[derive(Clone, Copy, Debug)]
enum Question {
    Charge,
    Query,
    Reversal,
    ReversalQuery,
    Refund,
    RefundQuery,
}

const QUESTIONS: [Question; 6] = [
    Question::Charge,
    Question::Query,
    Question::Reversal,
    Question::ReversalQuery,
    Question::Refund,
    Question::RefundQuery,
];

const STATUSES: [&str; 7] = ["0000", "1001", "2000", "3050", "3888", "3889", "3999"];

impl Question {
    const fn trxcode(self) -> &'static str {
        match self {
            Self::Charge | Self::Query => "VSP501",
            Self::Reversal | Self::ReversalQuery => "VSP502",
            Self::Refund | Self::RefundQuery => "VSP503",
        }
    }

    /// The whole answer in words; its first word is the verdict.
    fn verdict(self, body: &[u8]) -> String {
        let reply = Reply::Http { status: 200, date: None, body: body.to_vec() };
        let amount = Fen::new(1234);
        let charge = Expected { order_no: number(), amount, wallet: Wallet::Wechat };
        let back = ExpectedReturn { return_no: number(), order_no: number(), amount };
        let codec = codec();
        let question = match self {
            Self::Charge => Call::Charge(charge),
            Self::Query => Call::Query(charge),
            Self::Reversal => Call::Reverse(back),
            Self::ReversalQuery => Call::QueryReversal(back),
            Self::Refund => Call::Refund(back),
            Self::RefundQuery => Call::QueryRefund(back),
        };
        match codec.decode(&question, &reply) {
            Answer::Charge(answer) => format!("{answer:?}"),
            Answer::Query(answer) => format!("{answer:?}"),
            Answer::Reversal(answer) | Answer::ReversalQuery(answer) => format!("{answer:?}"),
            Answer::Refund(answer) | Answer::RefundQuery(answer) => format!("{answer:?}"),
        }
    }
}

/// A member on the line: its name, its value as JSON, and the text its signer signs.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    json: String,
    signed: String,
}

impl Member {
    fn text(name: &str, value: &str) -> Self {
        Self { name: name.into(), json: format!("\"{value}\""), signed: value.into() }
    }

    fn odd(name: &str, json: &str, signed: &str) -> Self {
        Self { name: name.into(), json: json.into(), signed: signed.into() }
    }

    /// The same value as a number, where it can be one.
    fn into_number(self) -> Self {
        let plain = !self.signed.is_empty() && self.signed.bytes().all(|b| b.is_ascii_digit());
        let numeric = plain && (self.signed == "0" || !self.signed.starts_with('0'));
        if numeric { Self { json: self.signed.clone(), ..self } } else { self }
    }
}

fn decisive(question: Question, status: &str) -> Vec<Member> {
    [
        ("retcode", "SUCCESS"),
        ("cusid", "990581007426001"),
        ("appid", "00000051"),
        ("reqsn", number().as_str()),
        ("trxid", "112094120001088317"),
        ("chnltrxid", "42000000001"),
        ("trxcode", question.trxcode()),
        ("trxamt", "1234"),
        ("fintime", "20260105101112"),
        ("trxstatus", status),
        ("errmsg", "余额不足"),
    ]
    .map(|(name, value)| Member::text(name, value))
    .to_vec()
}

fn sign(members: &[Member]) -> Member {
    let mut signed: Vec<(&str, &str)> = Vec::new();
    for member in members {
        let pair = (member.name.as_str(), member.signed.as_str());
        if !signed.contains(&pair) {
            signed.push(pair);
        }
    }
    Member::text("sign", &Keys::md5(KEY).expect("a key").sign(&signed))
}

fn body(members: &[Member], bom: bool, space: &str) -> Vec<u8> {
    let members: Vec<String> = members
        .iter()
        .map(|member| format!("{space}\"{}\"{space}:{space}{}{space}", member.name, member.json))
        .collect();
    format!("{}{space}{{{}}}{space}", if bom { "\u{feff}" } else { "" }, members.join(",")).into_bytes()
}

/// Values that a version of tomorrow may send, with what is signed of them. White space in nested ones is the signer's own.
fn odd_value() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("null", ""),
        ("null", "null"),
        ("\"\"", ""),
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("1.0", "1.0"),
        ("1e2", "1e2"),
        ("-0.0", "-0.0"),
        ("1E+400", "1E+400"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("{}", "{}"),
        ("[ ]", "[ ]"),
        (r#"{"a" : 1.0,"b":[1e2, "x\/y", null]}"#, r#"{"a" : 1.0,"b":[1e2, "x\/y", null]}"#),
        (r#"{ "a" : "b \" c" }"#, r#"{"a":"b \" c"}"#),
        (r#""https:\/\/qr.example\/a""#, "https://qr.example/a"),
        (r#""\u4f18\u60e0 \"1\"\n""#, "优惠 \"1\"\n"),
        (r#""a=1&b=2""#, "a=1&b=2"),
    ])
}

/// How one answer is dressed up.
#[derive(Clone, Debug)]
struct Dress {
    odd: Vec<Member>,
    numbers: bool,
    twice: Option<Index>,
    bom: bool,
    space: &'static str,
}

prop_compose! {
    fn dress()(
        values in prop::collection::btree_map("x[a-z]{1,5}", odd_value(), 0..6),
        numbers: bool,
        twice in prop::option::of(any::<Index>()),
        bom: bool,
        space in prop::sample::select(vec!["", " ", "\r\n\t"]),
    ) -> Dress {
        // One signer either leaves nulls out or writes the word, and either keeps the spaces of nested values or none.
        let null = values.values().find(|(json, _)| *json == "null").map_or("", |(_, signed)| signed);
        let spaced = values.values().find(|(json, _)| json.contains(" : ")).is_none_or(|(json, signed)| json == signed);
        let compact = |json: &str| json.replace("{ ", "{").replace(" }", "}").replace(" : ", ":").replace(", ", ",").replace("[ ]", "[]");
        let odd = values.into_iter().map(|(name, (json, signed))| match json.as_bytes() {
            b"null" => Member::odd(&name, json, null),
            [b'{' | b'[', ..] => Member::odd(&name, json, &if spaced { json.to_owned() } else { compact(json) }),
            _ => Member::odd(&name, json, signed),
        });
        Dress { odd: odd.collect(), numbers, twice, bom, space }
    }
}

fn dressed(question: Question, status: &str, dress: &Dress) -> Vec<Member> {
    let mut members = decisive(question, status);
    if dress.numbers {
        members = members.into_iter().map(Member::into_number).collect();
    }
    members.extend(dress.odd.iter().cloned());
    members.push(sign(&members));
    if let Some(index) = &dress.twice {
        let again = index.get(&members).clone();
        members.push(again);
    }
    members
}

fn any_question() -> impl Strategy<Value = (Question, &'static str)> {
    (prop::sample::select(QUESTIONS.to_vec()), prop::sample::select(STATUSES.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn however_a_signed_answer_is_written_it_says_the_same(
        (question, status, dress, members) in (any_question(), dress()).prop_flat_map(|((question, status), dress)| {
            let members = Just(dressed(question, status, &dress)).prop_shuffle();
            (Just(question), Just(status), Just(dress), members)
        }),
    ) {
        let mut plain = decisive(question, status);
        plain.push(sign(&plain));
        let verdict = question.verdict(&body(&plain, false, ""));
        prop_assert_eq!(question.verdict(&body(&members, dress.bom, dress.space)), verdict);
    }

    #[test]
    fn no_byte_of_a_signed_answer_can_be_changed_to_say_something_else(
        (question, status) in any_question(),
        dress in dress(),
        at: Index,
        byte: u8,
    ) {
        let mut body = body(&dressed(question, status, &dress), dress.bom, dress.space);
        let verdict = question.verdict(&body);
        let at = at.index(body.len());
        body[at] = byte;
        let changed = question.verdict(&body);
        prop_assert!(changed == verdict || changed.starts_with("Unknown"), "{} became {}", verdict, changed);
    }
}

#[test]
fn no_single_byte_of_a_decisive_member_is_free() {
    const DECISIVE: [&str; 6] = ["retcode", "cusid", "appid", "reqsn", "trxamt", "trxstatus"];
    for question in QUESTIONS {
        for status in ["0000", "3999"] {
            let mut members = decisive(question, status);
            members.push(sign(&members));
            let right = question.verdict(&body(&members, false, ""));
            assert!(!right.starts_with("Unknown"), "{question:?} {status}: {right}");
            for name in DECISIVE.into_iter().chain(["trxcode"]) {
                let member = members.iter().position(|member| member.name == name).expect("it is there");
                for at in 0..members[member].signed.len() {
                    for byte in b"0123456789ABSUVPX" {
                        let mut changed = members.clone();
                        let mut text = changed[member].signed.clone().into_bytes();
                        if text[at] == *byte {
                            continue;
                        }
                        text[at] = *byte;
                        changed[member] = Member::text(name, &String::from_utf8(text).expect("ASCII"));
                        let verdict = question.verdict(&body(&changed, false, ""));
                        assert!(verdict.starts_with("Unknown"), "{question:?} {name}[{at}]: {verdict}");
                    }
                }
            }
        }
    }
}

#[test]
fn two_values_under_one_name_are_what_was_signed_or_nothing() {
    let question = Question::Query;
    let mut members = decisive(question, "3999");
    members.push(sign(&members));
    let right = question.verdict(&body(&members, false, ""));
    let forged = Member::text("trxstatus", "0000");
    for at in [0, members.len()] {
        let mut twice = members.clone();
        twice.insert(at, forged.clone());
        assert_eq!(question.verdict(&body(&twice, false, "")), right, "the signed one counts wherever it stands");
    }
    // Both before and after: neither the first nor the last is the signed one.
    let mut thrice = members.clone();
    thrice.insert(0, forged.clone());
    thrice.push(forged);
    assert!(question.verdict(&body(&thrice, false, "")).starts_with("Unknown"));
    // An unsigned refusal that says two things says nothing.
    let unsigned = br#"{"retcode":"PARAMERR","retcode":"SUCCESS","retmsg":"x"}"#;
    assert!(Question::Charge.verdict(unsigned).starts_with("Unknown"));
}

#[test]
fn a_decisive_member_that_is_not_understood_decides_nothing() {
    for (name, json) in [
        ("trxamt", "1234.0"),
        ("trxamt", "1.234e3"),
        ("trxamt", r#"{"fen":1234}"#),
        ("trxamt", "null"),
        ("initamt", "[1234]"),
        ("initamt", "true"),
        ("trxstatus", "0"),
        ("trxstatus", "null"),
        ("trxstatus", r#"["0000"]"#),
        ("reqsn", "null"),
        ("cusid", r#"{"cusid":"990581007426001"}"#),
        ("trxcode", r#"["VSP501"]"#),
        ("retcode", "null"),
        ("sign", "null"),
        ("sign", "1"),
    ] {
        for question in [Question::Charge, Question::Query] {
            let mut members: Vec<Member> =
                decisive(question, "0000").into_iter().filter(|member| member.name != name).collect();
            members.push(Member::odd(name, json, if json == "null" { "" } else { json }));
            if name != "sign" {
                members.push(sign(&members));
            }
            let verdict = question.verdict(&body(&members, false, ""));
            assert!(verdict.starts_with("Unknown"), "{name} {json}: {verdict}");
        }
    }
    // What only people read may be anything.
    for (name, json) in [("errmsg", "[]"), ("trxid", "{}"), ("chnltrxid", "null"), ("fintime", "false")] {
        let mut members: Vec<Member> =
            decisive(Question::Query, "0000").into_iter().filter(|member| member.name != name).collect();
        members.push(Member::odd(name, json, if json == "null" { "" } else { json }));
        members.push(sign(&members));
        let verdict = Question::Query.verdict(&body(&members, false, ""));
        assert!(verdict.starts_with("Paid"), "{name} {json}: {verdict}");
        assert!(!verdict.contains("{}"), "{verdict}");
    }
}
