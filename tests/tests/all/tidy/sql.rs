//! SQL stays in the two stores: whoever replaces a database looks nowhere else.

use anyhow::ensure;

use super::shown;
use crate::source::{self, Kind, Token};

/// Where SQL may stand.
const STORES: &[&str] = &["shared/store/", "cloud/src/store/"];

/// Words that follow each other in a statement, with others between them.
const STATEMENTS: &[&[&str]] = &[
    &["SELECT", "FROM"],
    &["INSERT", "INTO"],
    &["UPDATE", "SET"],
    &["DELETE", "FROM"],
    &["CREATE", "TABLE"],
    &["CREATE", "INDEX"],
    &["ALTER", "TABLE"],
    &["DROP", "TABLE"],
    &["PRAGMA"],
    &["WHERE"],
];

#[test]
fn sql_stays_in_the_stores() -> anyhow::Result<()> {
    let (mut wrong, mut stores) = (Vec::new(), 0);
    for file in super::product_sources()? {
        let name = shown(&file);
        let lines = statements(&source::product(&std::fs::read_to_string(&file)?));
        if STORES.iter().any(|store| name.starts_with(store)) {
            stores += lines.len();
        } else {
            wrong.extend(lines.into_iter().map(|line| format!("{name}:{line}")));
        }
    }
    ensure!(stores > 10, "only {stores} statements in the stores: this test no longer knows SQL");
    ensure!(wrong.is_empty(), "SQL outside the stores:\n{}", wrong.join("\n"));
    Ok(())
}

/// Lines with a string that holds a statement, or a part of one.
fn statements(tokens: &[Token]) -> Vec<usize> {
    let is_sql = |text: &str| {
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphabetic()).collect();
        STATEMENTS.iter().any(|statement| {
            let mut rest = words.iter();
            statement.iter().all(|word| rest.any(|other| other == word))
        })
    };
    let sql = |token: &Token| matches!(&token.kind, Kind::Text(text) if is_sql(text));
    tokens.iter().filter(|token| sql(token)).map(|token| token.line).collect()
}

#[test]
fn statements_are_found_and_words_are_not() {
    let text = "const A: &str = \"SELECT no\n FROM payment\";\nconst B: &str = r#\"DELETE FROM fact\"#;
        // \"UPDATE fact SET body = 1\"\n const METHOD: &str = \"DELETE\"; const SAID: &str = \"select one from the list\";
        #[cfg(test)] mod tests { const C: &str = \"UPDATE fact SET body = 1\"; }";
    assert_eq!(statements(&source::product(text)), [1, 3]);
}
