//! Cost follows the news: no statement reads a table that grows from end to end.
//!
//! Every text in the two stores that looks like a statement is found by reading their sources; SQLite says how it would run it on
//! an empty file, which is how it runs it on any, since nothing here gathers statistics. What cannot be explained as it stands
//! in the source is named in [`PIECES`] and run by [`growth`]; what may read everything is named in [`WHOLE`].

mod growth;

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use guitai_store::{Database, query::Connection};

use crate::{
    source::{self, Kind, Token},
    tidy::{product_sources, root, shown},
};

/// The two stores.
const STORES: [&str; 2] = ["shared/store/src/", "cloud/src/store/"];

/// Tables with a row or two for each person, program or setting. All others grow.
const SMALL: [&str; 9] =
    ["note", "astray", "account", "api_key", "document_peer", "hub_account", "hub_api_key", "sqlite_schema", "pragma"];

/// Indexes that hold only what is under way, or what a person ended.
const OF_FEW: [&str; 4] = ["payment_unfinished", "payment_for_a_person", "payment_settled", "payment_of_original"];

/// Columns that single nothing out: a node has one store and few epochs.
const WIDE: [&str; 3] = ["store", "writer", "epoch"];

/// What may read all there is, by a part of it that no other has, and why.
const WHOLE: &[(&str, &str)] = &[
    (
        "SELECT body FROM fact WHERE store = ?1 AND writer = ?2 AND epoch = ?3 ORDER BY number DESC",
        "read until the first that says it",
    ),
    ("AND epoch = ?3 AND order_no IS NOT NULL", "after a fork only: the epoch that a heal opened"),
    ("FROM seal s LEFT JOIN fact f", "verify walks everything"),
    ("f.number) >= (?3, ?4) ORDER BY f.epoch", "read until the run is as large as was asked"),
    ("f.number) > (?3, ?4) ORDER BY f.epoch", "a fill: what was written after the fork"),
    (
        "DELETE FROM {table} WHERE store = ?1 AND writer = ?2 AND (epoch, number) >=",
        "a fill: what was written after the fork",
    ),
    ("WHERE store = ?1 AND at >= ?2 AND kind = 'charge'", "what was stamped while the time was in doubt"),
    ("SELECT count(*) FROM undigested", "facts of a newer version, until this one is updated"),
    ("FROM branch WHERE store = ?1 AND writer = ?2 ORDER BY branch", "an operator's command; what a fork left behind"),
    ("FROM hub_store ORDER BY id", "the list of all stores is what was asked for"),
    ("FROM hub_grant WHERE store = ?1 ORDER BY serial DESC", "the boxes of one store are shown"),
    ("SELECT issuer FROM hub_grant WHERE store = ?1", "the boxes of one store"),
    ("SELECT count(*) FROM {table}", "is a new file empty? then it is foreign"),
    ("SELECT * FROM \"{table}\"", "a journal's file is written anew: all of it is carried over"),
    ("DELETE FROM document_change WHERE document = ?1", "one document, kept short by compaction"),
];

/// What is put together when it runs: run by [`growth`], by a part of it, and why it cannot stand whole.
const PIECES: &[(&str, &str)] = &[
    ("FROM payment p INDEXED BY {}", "a list: walks the index that its filter names"),
    ("SELECT * FROM (SELECT p.no, p.store FROM payment p INDEXED BY payment_by_amount", "a part of a search"),
    ("SELECT * FROM (SELECT p.no, p.store FROM payment p WHERE {indexed}p.{column}", "a part of a search"),
    ("SELECT * FROM (SELECT p.no, p.store FROM payment p INDEXED BY payment_with_remark", "a part of a search"),
    ("FROM found f CROSS JOIN payment p", "a part of a search"),
    ("p.no, p.store, p.kind, p.original", "columns"),
    ("payment_by_", "an index and the condition that goes with it"),
    ("payment_returns", "an index and the condition that goes with it"),
    (
        "SELECT * FROM \"{table}\" ORDER BY {}",
        "whole tables are compared: in the order of their own keys, by the test of damage",
    ),
    ("INSERT OR REPLACE INTO \"{table}\" VALUES ({places})", "a journal's file is written anew"),
    ("payment_unfinished WHERE p", "an index and the condition that goes with it"),
];

/// Sorts of what is bounded, by a part of the statement, and why.
const SORTED: &[(&str, &str)] = &[
    ("FROM sqlite_schema", "our own tables"),
    ("FROM pragma_table_info(?1)", "the columns of one table"),
    ("FROM api_key WHERE store = ?1 ORDER BY name", "a key for each program"),
    ("FROM hub_api_key ORDER BY name", "a key for each program"),
    ("p.state = 'quarantined' OR p.owed > 0", "what waits for a person"),
    ("WITH found (no, store)", "at most the rows that its look-ups may bring"),
    ("p.bill_number = ?3 AND p.bill_day", "the payments of one bill"),
    ("bill_number = ?3 AND bill_day = ?4 ORDER BY no", "the payments of one bill"),
];

/// A statement of the stores, and where it stands.
struct Statement {
    place: String,
    sql: String,
}

/// A file with every table of node and hub.
fn file(folder: &tempfile::TempDir) -> anyhow::Result<Connection> {
    let connection = Database::open(&folder.path().join("all.db"))?.writer()?;
    connection.execute_batch(&std::fs::read_to_string(root().join("cloud/src/store/schema.sql"))?)?;
    Ok(connection)
}

fn statements() -> anyhow::Result<Vec<Statement>> {
    let mut files = Vec::new();
    for path in product_sources()? {
        let name = shown(&path);
        if STORES.iter().any(|store| name.starts_with(store)) {
            files.push((name, source::product(&std::fs::read_to_string(&path)?)));
        }
    }
    let constants: BTreeMap<String, String> = files.iter().flat_map(|(_, tokens)| constants(tokens)).collect();
    let mut found = Vec::new();
    for (name, tokens) in &files {
        for Token { kind, line } in tokens {
            let Kind::Text(text) = kind else { continue };
            if is_sql(text) {
                found.push(Statement { place: format!("{name}:{line}"), sql: whole(text, &constants) });
            }
        }
    }
    Ok(found)
}

fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let has = |word: &str| words.contains(&word);
    (has("SELECT") || has("DELETE")) && has("FROM")
        || has("INSERT") && has("INTO")
        || has("UPDATE") && has("SET")
        || has("WHERE") && !has("CREATE")
}

/// `const NAME: &str = "text"`.
fn constants(tokens: &[Token]) -> Vec<(String, String)> {
    let named = tokens.windows(7).filter_map(|seven| {
        let [head, name, colon, reference, of, is, Token { kind: Kind::Text(text), .. }] = seven else { return None };
        let is_text = head.is("const") && colon.is(":") && reference.is("&") && of.is("str") && is.is("=");
        is_text.then(|| Some((name.word()?.to_owned(), text.clone()))).flatten()
    });
    named.collect()
}

/// With the constants it names.
fn whole(text: &str, constants: &BTreeMap<String, String>) -> String {
    let mut sql = text.replace("\\\"", "\"");
    for (name, value) in constants {
        sql = sql.replace(&format!("{{{name}}}"), value);
    }
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How SQLite would run a statement.
fn plan(connection: &Connection, sql: &str) -> anyhow::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(row.get(3)?);
    }
    Ok(steps)
}

/// What is wrong with a plan, if anything is.
fn fault(sql: &str, plan: &[String]) -> Option<String> {
    let named = |list: &[(&str, &str)]| list.iter().any(|(part, _)| sql.contains(part));
    let small = |table: &str| SMALL.iter().any(|small| is_of(sql, table, small));
    for step in plan {
        let words: Vec<&str> = step.split(' ').collect();
        match words[..] {
            ["SCAN", "CONSTANT", ..] | ["SCAN", "f"] => {}
            // A subquery, whose own steps are judged.
            ["SCAN", table, ..] if table.starts_with('(') => {}
            ["SCAN", table, ..] if small(table) || named(WHOLE) => {}
            ["SCAN", ..] => return Some(step.clone()),
            ["SEARCH", table, ..] if small(table) || named(WHOLE) => {}
            // The first or the last of an index.
            ["SEARCH", _] | ["SEARCH", _, "USING", "COVERING", "INDEX", _] => {}
            ["SEARCH", ..] if !narrows(step) && !sql.contains("LIMIT") => return Some(step.clone()),
            ["USE", "TEMP", "B-TREE", "FOR", ..] if step.contains("ORDER BY") && !named(SORTED) => {
                return Some(step.clone());
            }
            _ => {}
        }
    }
    None
}

/// Whether a name in a plan, which may be a short one, is of a table.
fn is_of(sql: &str, name: &str, table: &str) -> bool {
    name == table
        || name.starts_with(&format!("{table}_")) && table == "pragma"
        || sql.contains(&format!(" {table} {name} "))
}

/// Whether a search looks for one thing, not for a store's all nor for all from a place on.
fn narrows(step: &str) -> bool {
    let looked_for = step.split_once(" (").map_or("", |(_, columns)| columns.trim_end_matches(')'));
    OF_FEW.iter().any(|index| step.contains(index))
        || looked_for
            .split(" AND ")
            .filter_map(|condition| condition.strip_suffix("=?"))
            .any(|column| !column.ends_with(['<', '>']) && !WIDE.contains(&column))
}

#[test]
fn no_statement_reads_a_table_that_grows_from_end_to_end() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let connection = file(&folder)?;
    let (mut explained, mut wrong) = (0, Vec::new());
    let statements = statements()?;
    for Statement { place, sql } in &statements {
        if PIECES.iter().any(|(part, _)| {
            sql.starts_with(part)
                || part.contains(" FROM ") && sql.contains(part)
                || part.starts_with("FROM ") && sql.contains(part)
        }) {
            continue;
        }
        // One of several tables is as good as another: these have the same columns.
        let stand_in = sql.replace("{table}", "fact").replace("\\\"{name}\\\"", "note");
        match plan(&connection, &stand_in) {
            Ok(steps) => {
                explained += 1;
                wrong.extend(fault(sql, &steps).map(|step| format!("{place}: {step}\n    {sql}")));
            }
            Err(error) => wrong.push(format!("{place}: cannot be explained as it stands: {error:#}\n    {sql}")),
        }
    }
    ensure!(explained > 80, "only {explained} statements were found: this test no longer knows SQL");
    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), statements.len(), wrong.join("\n"));
    // A reason that nothing needs any more would hide what comes next.
    for (part, why) in WHOLE {
        ensure!(statements.iter().any(|one| one.sql.contains(part)), "no statement has {part:?} any more ({why})");
    }
    Ok(())
}

#[test]
fn a_statement_that_scans_is_found() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let connection = file(&folder)?;
    let found = |sql: &str| fault(sql, &plan(&connection, sql).unwrap_or_else(|error| panic!("{sql}: {error:#}")));
    for scanning in [
        "SELECT count(*) FROM payment WHERE received > 5",
        "SELECT min(changed_at) FROM payment WHERE store = ?1 AND (epoch, number) > (?2, ?3)",
        "SELECT count(*) FROM fact WHERE store = ?1 AND writer = ?2",
        "SELECT no FROM payment WHERE state IN ('pending', 'unknown')",
        "SELECT sum(sum) FROM stat WHERE day = ?1 OR ?1 IS NULL",
        "UPDATE payment SET settled = NULL WHERE owed = 0",
        "DELETE FROM record WHERE slot = 3",
        "SELECT no FROM payment WHERE cashier = ?1 ORDER BY changed_at",
        "SELECT max(entry_at) FROM hub_store",
        "SELECT body FROM fact WHERE order_no = ?1 AND store = ?2 AND writer = ?3 AND (epoch, number) < (?4, ?5)",
    ] {
        ensure!(found(scanning).is_some(), "{scanning}: {:?}", plan(&connection, scanning)?);
    }
    for looking_up in [
        "SELECT state FROM payment WHERE no = ?1",
        "SELECT value FROM note",
        "SELECT sum(sum) FROM stat WHERE day = ?1",
        "UPDATE payment SET settled = NULL WHERE no = ?1 AND store = ?2",
    ] {
        ensure!(found(looking_up).is_none(), "{looking_up}: {:?}", found(looking_up).context("a fault")?);
    }
    Ok(())
}
