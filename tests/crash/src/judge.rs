//! What must be true of a disk after a crash.

use anyhow::{Context, ensure};
use guitai_core::{ids::FactNo, journal::chain::ChainHash, payment::State, time::UtcMs};
use guitai_store::{ingest, query, refold};
use guitai_vfs::{Disk, Random};
use rusqlite::{Connection, types::ValueRef};

use crate::{
    script::{Acked, Record, hub_file, node_file, take_over},
    till::{OPENING, ScriptedTill, Settings, issuer, journal_id, open_journal},
};

/// The shop opens again so much later, in ms.
const CLOSED_MS: i64 = 3_600_000;

/// Opens node and hub anew and answers how many acknowledged facts are gone. All else must be right: both files and the chain are
/// sound, what is there is what was written, up to the end of a commit; the till sells on, the hub takes it over, and rows made
/// anew equal rows as written.
///
/// # Errors
/// What is not right.
pub fn judge(disk: &Disk, record: &Record, acked: Acked) -> anyhow::Result<u64> {
    let node = node_file(disk).context("the node's file")?;
    let journal = open_journal(&node, Settings::default(), OPENING).context("the journal")?;
    is_sound(journal.connection()).context("the node's file")?;
    let last = journal.last();
    ensure!(record.is_commit(last), "half a commit: the journal ends at {last}");
    is_as_written(journal.connection(), record, last).context("the journal")?;

    let hub = hub_file(disk).context("the hub's file")?;
    let mut hub = hub.shared_writer()?;
    is_sound(&hub).context("the hub's file")?;
    let (held, _) = ingest::head(&hub, &journal_id())?;
    ensure!(record.is_taken(held), "half a run: the hub's copy ends at {held}");
    is_as_written(&hub, record, held).context("the hub's copy")?;
    let lost = acked.node.number.saturating_sub(last.number) + acked.hub.number.saturating_sub(held.number);
    if lost > 0 {
        return Ok(lost);
    }

    let reader = node.reader()?;
    let later = UtcMs(OPENING.0 + CLOSED_MS);
    let mut till = ScriptedTill::resume(journal, Random::of(1, 1), later, Box::new(|_| {})).context("the till")?;
    let sold = till.sell_for_certain().context("a sale")?.context("a sale that is charged")?;
    drop(till);
    let row = query::payment(&reader, sold.as_str())?.context("the sale's row")?;
    ensure!(row.state == State::Paid, "the sale is {:?}", row.state);
    while take_over(&reader, &mut hub).context("the hub takes over")? {}
    let (head, copy) = (ingest::head(&reader, &journal_id())?, ingest::head(&hub, &journal_id())?);
    ensure!(head == copy, "the node is at {}, the hub at {}", head.0, copy.0);
    drop(reader);

    let mut node = node.writer()?;
    folds_as_written(&mut node).context("the node's rows")?;
    folds_as_written(&mut hub).context("the hub's rows")?;
    Ok(0)
}

/// SQLite's own check.
///
/// # Errors
/// What it finds.
pub fn is_sound(connection: &Connection) -> anyhow::Result<()> {
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(found == "ok", "{found}");
    Ok(())
}

/// The chain was checked: with its end, all before it is as written.
fn is_as_written(connection: &Connection, record: &Record, last: FactNo) -> anyhow::Result<()> {
    ensure!(last.epoch == 1, "another epoch: {last}");
    let Some(index) = last.number.checked_sub(1) else { return Ok(()) };
    let written: Option<&ChainHash> = record.heads.get(usize::try_from(index)?);
    let (_, head) = ingest::head(connection, &journal_id())?;
    ensure!(written == Some(&head), "fact {last} is not as written");
    Ok(())
}

fn folds_as_written(connection: &mut Connection) -> anyhow::Result<()> {
    let written = rows(connection)?;
    refold::refold(connection, &|_, _| Ok(Some(vec![issuer()])))?;
    let folded = rows(connection)?;
    let changed = written.iter().zip(&folded).find(|(written, folded)| written != folded);
    ensure!(written == folded, "{} rows, {} anew; first: {changed:?}", written.len(), folded.len());
    Ok(())
}

/// Every row of every table but the notes, where a refold keeps its place.
fn rows(connection: &Connection) -> anyhow::Result<Vec<String>> {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('note', 'sqlite_sequence')";
    let mut statement = connection.prepare(tables)?;
    let tables: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = statement.column_count();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let mut text = table.clone();
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null => text.push_str("|-"),
                    ValueRef::Integer(value) => text.push_str(&format!("|{value}")),
                    ValueRef::Real(value) => text.push_str(&format!("|{value}")),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        text.push('|');
                        text.push_str(&String::from_utf8_lossy(bytes));
                    }
                }
            }
            all.push(text);
        }
    }
    all.sort();
    Ok(all)
}
