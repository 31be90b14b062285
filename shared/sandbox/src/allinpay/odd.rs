//! An answer's members as they are spelled on the line, and as they are signed.

use crate::switches::Odd;

/// One member.
#[derive(Clone)]
pub(super) struct Spelled {
    name: &'static str,
    json: String,
    /// What the signature covers; an empty text is left out.
    signed: String,
}

impl Spelled {
    pub(super) fn text(name: &'static str, value: &str) -> Self {
        Self { name, json: text(value), signed: value.to_owned() }
    }

    fn raw(name: &'static str, json: &str) -> Self {
        Self { name, json: json.to_owned(), signed: json.to_owned() }
    }

    fn null(name: &'static str) -> Self {
        Self { name, json: "null".to_owned(), signed: String::new() }
    }

    /// Name and text under the signature.
    pub(super) fn signed(&self) -> (&'static str, &str) {
        (self.name, &self.signed)
    }

    fn spell_as_number(&mut self) {
        let digits = !self.signed.is_empty() && self.signed.bytes().all(|b| b.is_ascii_digit());
        if digits && (self.signed == "0" || !self.signed.starts_with('0')) {
            self.json.clone_from(&self.signed);
        }
    }
}

/// Changes what the signature will cover.
pub(super) fn respell(members: &mut Vec<Spelled>, odd: Odd) {
    match odd {
        Odd::Off | Odd::Bom | Odd::Shuffle => {}
        Odd::Null => members.extend([Spelled::null("nullmember"), Spelled::null("remark")]),
        Odd::Number => {
            members.iter_mut().for_each(Spelled::spell_as_number);
            members.extend([Spelled::raw("rate", "1.0"), Spelled::raw("points", "1e2")]);
        }
        Odd::Bool => members.extend([Spelled::raw("isfirst", "true"), Spelled::raw("isshared", "false")]),
        Odd::Object => members.extend([
            Spelled::raw("promotion", r#"{ "amount" : 1.0,"page": "https:\/\/qr.example\/a b" , "of":null}"#),
            Spelled::raw("goods", r#"[ 1e2, {"name" : "茶"} ]"#),
        ]),
        Odd::RefusalAmount => {
            let is_refusal = |member: &Spelled| member.name == "trxstatus" && member.signed.starts_with('3');
            if members.iter().any(is_refusal) {
                members.retain(|member| member.name != "trxamt" && member.name != "initamt");
                members.extend([Spelled::text("trxamt", "1"), Spelled::text("initamt", "1")]);
            }
        }
    }
}

/// The body, with the members in an order that changes from answer to answer.
pub(super) fn body(mut members: Vec<Spelled>, odd: Odd, random: [u8; 16]) -> String {
    let turn = usize::from(random[0]) % members.len().max(1);
    members.rotate_left(turn);
    match odd {
        Odd::Shuffle => {
            for (at, byte) in random.iter().cycle().take(members.len()).enumerate() {
                let with = usize::from(*byte) % members.len();
                members.swap(at, with);
            }
            let again = members.first().cloned();
            members.extend(again);
        }
        Odd::Off | Odd::Null | Odd::Number | Odd::Bool | Odd::Object | Odd::Bom | Odd::RefusalAmount => {}
    }
    let mark = if odd == Odd::Bom { "\u{feff}" } else { "" };
    format!("{mark}{}", object(&members))
}

/// A body whose values are all texts.
pub(super) fn plain(members: &[(&'static str, &str)]) -> String {
    object(&members.iter().map(|(name, value)| Spelled::text(name, value)).collect::<Vec<_>>())
}

/// JSON that keeps the members' order and escapes slashes, as the real one does.
fn object(members: &[Spelled]) -> String {
    let members: Vec<String> =
        members.iter().map(|member| format!("{} : {}", text(member.name), member.json)).collect();
    format!("{{ {} }}\n", members.join(" ,\n  "))
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('/', "\\/")
}
