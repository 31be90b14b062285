//! What a new kind of fact, a new state or a new answer must reach, it breaks the build at: matches name every case.

use std::collections::BTreeSet;

use anyhow::ensure;

use super::{shown, sources};
use crate::source::{self, Kind, Token};

/// Folders where a catch-all arm would let a new case pass unseen. Numbers are matched by ranges there.
const EVERY_CASE: &[&str] = &["shared/core/src/bill", "shared/core/src/payment"];

/// Where the kinds of facts about payments are told apart: their own module, the rows and figures they lead to, the journal.
const TELL_APART: &[&str] = &[
    "shared/core/src/journal/",
    "shared/core/src/payment/",
    "shared/core/src/rows.rs",
    "shared/core/src/stats.rs",
    // A payment's life begins at its first fact.
    "shared/store/src/standings.rs",
];

/// Where the kinds are listed.
const KINDS: &str = "shared/core/src/payment/fact.rs";

#[test]
fn payments_and_bills_name_every_case() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for folder in EVERY_CASE {
        for file in sources(&super::root().join(folder))? {
            let is_test = shown(&file).contains("/tests");
            let text = std::fs::read_to_string(&file)?;
            let lines = if is_test { vec![] } else { catch_alls(&source::product(&text)) };
            wrong.extend(lines.into_iter().map(|line| format!("{}:{line}", shown(&file))));
        }
    }
    ensure!(wrong.is_empty(), "arms that catch what is not there yet:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_new_kind_of_payment_fact_touches_one_module_and_its_rows() -> anyhow::Result<()> {
    let kinds = kinds(&source::product(&std::fs::read_to_string(super::root().join(KINDS))?));
    ensure!(kinds.len() > 10, "only {kinds:?} in {KINDS}");
    let (mut wrong, mut unused) = (Vec::new(), BTreeSet::from_iter(TELL_APART));
    for file in super::product_sources()? {
        let name = shown(&file);
        let lines = told_apart(&source::product(&std::fs::read_to_string(&file)?), &kinds);
        match TELL_APART.iter().find(|place| name.starts_with(*place)) {
            Some(place) if !lines.is_empty() => {
                unused.remove(place);
            }
            Some(_) => {}
            None => wrong.extend(lines.into_iter().map(|line| format!("{name}:{line}"))),
        }
    }
    // The journal's own module needs none today: it reads kinds by family.
    unused.remove(&TELL_APART[0]);
    ensure!(wrong.is_empty(), "kinds of facts are told apart outside {TELL_APART:?}:\n{}", wrong.join("\n"));
    ensure!(unused.is_empty(), "nothing is told apart there any more, take it off the list: {unused:?}");
    Ok(())
}

/// Lines with an arm `_ =>` or `_ if`.
fn catch_alls(tokens: &[Token]) -> Vec<usize> {
    let pairs = tokens.windows(2).filter(|pair| pair[0].is("_") && (pair[1].is("=>") || pair[1].is("if")));
    pairs.map(|pair| pair[0].line).collect()
}

/// The kinds in a list `20 => Intended`.
fn kinds(tokens: &[Token]) -> BTreeSet<String> {
    let is_number = |token: &Token| token.word().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let listed = tokens.windows(3).filter(|three| is_number(&three[0]) && three[1].is("=>"));
    listed.filter_map(|three| three[2].word().map(str::to_owned)).collect()
}

/// Lines where `Fact::` is followed by one of these kinds.
fn told_apart(tokens: &[Token], kinds: &BTreeSet<String>) -> Vec<usize> {
    let named = tokens.windows(3).filter(|three| three[0].is("Fact") && three[1].is("::"));
    named.filter(|three| three[2].word().is_some_and(|kind| kinds.contains(kind))).map(|three| three[0].line).collect()
}

#[test]
fn catch_alls_and_kinds_are_found() {
    let text = "fn f(x: State) -> u8 {\n match x {\n State::Paid { .. } => 1,\n _ => 2,\n }\n }\n
        #[cfg(test)]\n mod tests { fn g() { match 1 { _ => {} } } }";
    assert_eq!(catch_alls(&source::product(text)), [4]);
    assert_eq!(catch_alls(&source::product("match (a, b) { (_, 1) => {} (_, 0 | 2..) => {} }")), [0; 0]);
    assert_eq!(catch_alls(&source::product("match a { _ if b => {} 0.. => {} }")), [1]);
    let kinds = kinds(&source::product("family! { Payment: /// Doc.\n 23 => Paid, 24 => Declined[message], }"));
    assert_eq!(kinds.iter().collect::<Vec<_>>(), ["Declined", "Paid"]);
    let elsewhere = "match fact {\n Fact::Bill(_) => {}\n payment::Fact::Paid(_) => {}\n }";
    assert_eq!(told_apart(&source::product(elsewhere), &kinds), [3]);
    let is_text = source::product("const A: &str = \"Fact::Paid\";");
    assert!(is_text.iter().any(|token| matches!(token.kind, Kind::Text(_))));
    assert_eq!(told_apart(&is_text, &kinds), [0; 0]);
}
