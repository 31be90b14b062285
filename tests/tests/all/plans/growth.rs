//! What people and programs read costs the same after four times the trade: counted in steps of SQLite's machine, on histories
//! written by the product's own code.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use anyhow::ensure;
use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, OrderNo, StoreId, TillId},
    payment::State,
    time::{BusinessClock, Day, UtcMs},
};
use guitai_store::{
    Database, Journal, StoreError, bills, journal,
    list::{self, PaymentFilter},
    query::{self, Connection},
};
use guitai_tests::history::{Past, acquirer_no, write};
use rusqlite::{
    StatementStatus,
    trace::{TraceEvent, TraceEventCodes},
};

use super::{fault, plan};

/// Payments of the shorter history, enough for a page of refunds; the longer one has four times as many.
const SHORT: u64 = 8_000;

/// 48 sales a day.
const EVERY_MS: i64 = 30 * 60_000;

/// When both histories end.
const END: UtcMs = UtcMs(1_767_579_072_000);

/// What differs between the two by chance: a tree one level deeper, another day at the edge of a stretch of time.
const SLACK_STEPS: u64 = 400;

struct History {
    database: Database,
    id: JournalId,
    last: FactNo,
    /// A payment of long ago and one of the last day.
    numbers: [OrderNo; 2],
    _folder: tempfile::TempDir,
}

fn history(payments: u64) -> anyhow::Result<History> {
    let folder = tempfile::tempdir()?;
    let database = Database::open(&folder.path().join("a.db"))?;
    let (store, issuer) = (StoreId::parse("S001").expect("a store"), Issuer::new(7).expect("an issuer"));
    let begin = UtcMs(END.0 - i64::try_from(payments)? * EVERY_MS);
    let id = JournalId::node(store);
    let mut journal = Journal::open(&database, id.clone(), issuer, SigningKey::from_bytes(&[5; 32]), None, begin)?;
    let mut past = Past::new(issuer, begin, EVERY_MS);
    let sampled = write(&mut journal, &mut past, payments - 20, 1_000)?;
    let mut newest = None;
    for _ in 0..10 {
        for (no, facts) in [past.doubt(), past.sale()] {
            newest = Some(no);
            facts.iter().try_for_each(|fact| journal.append(fact).map(drop))?;
        }
    }
    journal.commit()?;
    let numbers = [sampled[0], newest.expect("sold")];
    Ok(History { database, id, last: journal.last(), numbers, _folder: folder })
}

/// Runs a read on a connection of its own; answers how many steps it took, and its statements.
fn steps(
    history: &History,
    read: impl Fn(&Connection, &History) -> Result<usize, StoreError>,
) -> anyhow::Result<(u64, usize, Vec<String>)> {
    let mut connection = history.database.reader()?;
    let (counted, said) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (count, say) = (Arc::clone(&counted), Arc::clone(&said));
    connection.trace_v2(
        TraceEventCodes::SQLITE_TRACE_PROFILE,
        Some(move |event: TraceEvent<'_>| {
            if let TraceEvent::Profile(statement, _) = event {
                let took = statement.get_status(StatementStatus::VmStep);
                count.fetch_add(u64::try_from(took).unwrap_or(0), Ordering::Relaxed);
                say.lock().expect("no panic").push(statement.sql().into_owned());
            }
        }),
    )?;
    let rows = read(&connection, history)?;
    drop(connection);
    let said = said.lock().expect("no panic").clone();
    Ok((counted.load(Ordering::Relaxed), rows, said))
}

fn filters(history: &History) -> Vec<PaymentFilter> {
    let text = |text: &str| Some(text.to_owned());
    let day_ms = 24 * 3600 * 1000;
    let [old, new] = history.numbers;
    let mut filters = Vec::new();
    for store in [None, text("S001")] {
        for cashier in [None, text("01"), text("99")] {
            for state in [None].into_iter().chain(State::ALL.map(Some)) {
                for kind in [None, text("charge"), text("refund"), text("void")] {
                    // Of the few returns the state is judged on the way.
                    if state.is_some() && kind.as_deref().is_some_and(|kind| kind != "charge") {
                        continue;
                    }
                    let plain = PaymentFilter {
                        store: store.clone(),
                        cashier: cashier.clone(),
                        state,
                        kind,
                        now: END,
                        ..PaymentFilter::default()
                    };
                    let bounded = PaymentFilter {
                        from: Some(UtcMs(END.0 - 20 * day_ms)),
                        to: Some(UtcMs(END.0 - 10 * day_ms)),
                        ..plain.clone()
                    };
                    let paged = PaymentFilter { after: Some((END, new.to_string())), ..plain.clone() };
                    filters.extend([plain, bounded, paged]);
                }
            }
            for search in [
                old.to_string(),
                new.to_string(),
                old.as_str()[..18].to_owned(),
                acquirer_no(&old),
                format!("4200002026{new}"),
                "MZ-000000011".into(),
                "mz-000000011".into(),
                "12.50".into(),
                "会员 1".into(),
                "nothing like it".into(),
                "2".into(),
            ] {
                filters.push(PaymentFilter {
                    store: store.clone(),
                    cashier: cashier.clone(),
                    search: Some(search),
                    now: END,
                    ..PaymentFilter::default()
                });
            }
        }
    }
    filters
}

#[test]
fn lists_and_searches_cost_the_same_after_four_times_the_trade() -> anyhow::Result<()> {
    let (short, long) = (history(SHORT)?, history(4 * SHORT)?);
    let mut wrong = Vec::new();
    let (mut most, mut found) = (0, 0);
    for (before, after) in filters(&short).iter().zip(filters(&long)) {
        let (few, _, _) = steps(&short, |connection, _| Ok(list::payments(connection, before, 51)?.len()))?;
        let (many, rows, said) = steps(&long, |connection, _| Ok(list::payments(connection, &after, 51)?.len()))?;
        most = most.max(many);
        found += rows;
        if many > few + few / 4 + SLACK_STEPS {
            wrong.push(format!("{few} steps, then {many}: {after:?}"));
        }
        let reader = long.database.reader()?;
        for sql in said {
            wrong.extend(fault(&sql, &plan(&reader, &sql)?).map(|step| format!("{step}: {sql}")));
        }
    }
    ensure!(found > 1_000, "only {found} rows: these lists are empty");
    wrong.sort();
    wrong.dedup();
    ensure!(wrong.is_empty(), "the dearest took {most} steps; {}:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

type Read = (&'static str, fn(&Connection, &History) -> Result<usize, StoreError>);

fn today() -> Day {
    BusinessClock::beijing().day(UtcMs(END.0 - EVERY_MS))
}

/// What is read beside lists: by health, status, figures, the engine, the line.
const READS: &[Read] = &[
    ("unsent, all sent", |connection, history| {
        let (count, _) = query::unsent(connection, &history.id, history.last)?;
        assert_eq!(count, 0);
        Ok(1)
    }),
    ("unsent, one not", |connection, history| {
        let acked = FactNo { number: history.last.number - 7, ..history.last };
        let (count, oldest) = query::unsent(connection, &history.id, acked)?;
        assert!(count == 7 && oldest.is_some(), "{count} {oldest:?}");
        Ok(1)
    }),
    ("unsent, none sent", |connection, history| {
        let (count, _) = query::unsent(connection, &history.id, FactNo { epoch: 1, number: 0 })?;
        assert_eq!(count, history.last.number);
        Ok(1)
    }),
    ("in doubt", |connection, _| {
        let (count, _) = query::in_doubt(connection, today(), Some("S001"), None)?;
        assert!(count > 0);
        Ok(1)
    }),
    ("the day of one", |connection, _| Ok(query::day_stats(connection, today(), Some("S001"))?.len())),
    ("the day of all", |connection, _| Ok(query::day_stats(connection, today(), None)?.len())),
    ("open", |connection, _| Ok(usize::try_from(bills::open_count(connection)?).unwrap_or(0))),
    ("unfinished", |connection, _| Ok(bills::unfinished(connection, "S001")?.len())),
    ("for a person", |connection, _| Ok(bills::for_a_person(connection, "S001", 0..=0)?.len())),
    ("settled", |connection, _| Ok(bills::settled(connection, "S001", 50)?.len() + 1)),
    ("charges of an hour", |connection, _| {
        Ok(bills::charges_since(connection, "S001", UtcMs(END.0 - 2 * EVERY_MS))?.len())
    }),
    ("a till's newest", |connection, _| {
        let till = TillId::parse("T1").expect("a till");
        Ok(bills::newest_of_till(connection, "S001", &till)?.map_or(0, |no| no.len()))
    }),
    ("a code", |connection, _| {
        let till = TillId::parse("T1").expect("a till");
        Ok(usize::from(!bills::code_was_used(connection, 5, &till)?))
    }),
    ("a trading day", |connection, _| {
        Ok(usize::from(bills::trading_day_before(connection, "S001", today())?.is_some()))
    }),
    ("one payment", |connection, history| {
        Ok(usize::from(query::payment(connection, history.numbers[0].as_str())?.is_some()))
    }),
    ("first and last", |connection, history| {
        let ends = (query::first_fact(connection, &history.id)?, query::last_fact(connection, &history.id)?);
        Ok(usize::from(
            ends.0.is_some() && ends.1 == Some(history.last) && query::last_seal(connection, &history.id)?.is_some(),
        ))
    }),
    ("last number", |connection, history| Ok(usize::from(journal::last_issued(connection, &history.id)?.is_some()))),
    ("what a page missed", |connection, history| {
        let from = FactNo { number: history.last.number - 20, ..history.last };
        Ok(query::changed_after(connection, &history.id, from, 100)?.len())
    }),
];

#[test]
fn health_figures_and_starts_cost_the_same_after_four_times_the_trade() -> anyhow::Result<()> {
    let (short, long) = (history(SHORT)?, history(4 * SHORT)?);
    let mut wrong = Vec::new();
    for (name, read) in READS {
        let ((few, before, _), (many, after, _)) = (steps(&short, read)?, steps(&long, read)?);
        ensure!(before > 0 && after > 0, "{name}: nothing was read");
        if many > few + few / 4 + SLACK_STEPS {
            wrong.push(format!("{name}: {few} steps, then {many}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What reads everything is noticed.
    let all: fn(&Connection, &History) -> Result<usize, StoreError> =
        |connection, _| Ok(connection.query_row("SELECT count(*) FROM payment WHERE received > 5", [], |_| Ok(1))?);
    let (few, many) = (steps(&short, all)?.0, steps(&long, all)?.0);
    ensure!(many > 3 * few, "{few} steps, then {many}: this test counts nothing");
    Ok(())
}
