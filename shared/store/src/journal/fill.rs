//! A journal takes back what it lost, from the copy the hub holds.

use guitai_core::{
    ids::{FactNo, Issuer, JournalId},
    journal::{
        branch::entered_again,
        chain::{self, ChainHash},
        epoch::{Point, goes_on_from},
        fact::Fact,
        text::Record,
    },
    time::UtcMs,
};
use rusqlite::{Connection, ErrorCode, params};

use super::Journal;
use crate::{
    StoreError,
    column::fact_no,
    ingest::{self, Run},
    note, record, refold, request,
    standings::Standings,
};

/// Holds how far the last fill reached, for whoever follows the journal: see [`Reach`].
const REACH_NOTE: &str = "filled";

/// Holds what it entered again, a line each: the number in the dead branch and the one it has now.
const ENTERED_NOTE: &str = "filled_again";

/// What a fill came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Facts that came back.
    pub taken: usize,
    /// Facts written after the fork that were entered again, in a new epoch.
    pub entered: usize,
    /// Facts written after the fork that are kept as evidence only: the history taken tells the same.
    pub kept: usize,
}

/// Where in the journal the last fill wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The last fact that was here before and stayed.
    pub(crate) fork: FactNo,
    /// The last that it wrote: what came back, and behind that what it entered again.
    pub(crate) last: FactNo,
}

impl Reach {
    /// The last fill's.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn of_last(connection: &Connection) -> Result<Option<Self>, StoreError> {
        let text = note::get(connection, REACH_NOTE)?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| {
            let (fork, last) = text.split_once(' ')?;
            Some(Self { fork: FactNo::parse(fork)?, last: FactNo::parse(last)? })
        }))
    }

    /// What it entered again: the number each fact had in the dead branch, and the one it has now.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn entered(connection: &Connection) -> Result<Vec<(FactNo, FactNo)>, StoreError> {
        let text = note::get(connection, ENTERED_NOTE)?.and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = |line: &str| {
            let (was, is) = line.split_once(' ')?;
            Some((FactNo::parse(was)?, FactNo::parse(is)?))
        };
        Ok(text.unwrap_or_default().lines().filter_map(pair).collect())
    }

    fn keep(self, connection: &Connection, entered: &[(FactNo, FactNo)]) -> Result<(), StoreError> {
        let lines: Vec<String> = entered.iter().map(|(was, is)| format!("{was} {is}")).collect();
        note::set(connection, REACH_NOTE, format!("{} {}", self.fork, self.last).as_bytes())?;
        note::set(connection, ENTERED_NOTE, lines.join("\n").as_bytes())
    }
}

/// A fact of a dead branch, as it was written.
#[derive(Debug)]
pub struct BranchFact {
    /// The branch's name: the chain's value after its first fact.
    pub branch: ChainHash,
    /// The number it had. Facts of other branches, or of the living journal, may have the same.
    pub no: FactNo,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// The facts of this journal's dead branches, branch by branch. There are few: a box writes them between waking up in the past and
/// hearing the hub.
///
/// # Errors
/// What SQLite says.
pub fn branch_facts(connection: &Connection, id: &JournalId) -> Result<Vec<BranchFact>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT epoch, number, branch, body FROM branch WHERE store = ?1 AND writer = ?2 ORDER BY branch, epoch, number",
    )?;
    let rows = statement.query_map(params![id.store.as_str(), id.writer.text()], |row| {
        Ok(BranchFact { no: fact_no(row)?, branch: row.get(2)?, body: row.get(3)? })
    })?;
    rows.map(|row| Ok(row?)).collect()
}

/// A fact written after the fork.
struct Dead {
    no: FactNo,
    body: Vec<u8>,
    head: ChainHash,
    signature: Option<[u8; 64]>,
    fact: Option<Fact>,
    records: Vec<Record>,
}

impl Journal {
    /// Takes back runs of this journal that the hub holds, the first following a fact that both have. What was written here after
    /// that is kept as a branch and entered again behind them, in a new epoch. One transaction: a stop in the middle changes
    /// nothing. Nothing may be open; a fill of a long history holds its caller up while rows are made anew.
    ///
    /// # Errors
    /// `Corrupt` if the runs are not this journal's own, or what SQLite says: nothing is then changed, and the journal goes on.
    /// Only after `Undecided` it must not be used again.
    pub fn fill(&mut self, runs: &[Run], issuer: Issuer, now: UtcMs) -> Result<Filled, StoreError> {
        if self.in_transaction {
            return Err(StoreError::Fault("a fill while facts wait for their commit".into()));
        }
        let Some(before) = self.sound(runs)? else { return Ok(Filled::default()) };
        let (fork, runs) = self.new_here(before, runs)?;
        let runs = &runs[..];
        if runs.is_empty() {
            return Ok(Filled::default());
        }
        let (last, head) = (self.last, self.head);
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let filled = self.fill_in(fork, runs, (issuer, now)).and_then(|filled| {
            let committed = self.connection.execute_batch("COMMIT");
            committed.map(|()| filled).map_err(|error| match error.sqlite_error_code() {
                // No room: nothing was written. After any other failure only what is on the disk tells.
                Some(ErrorCode::DiskFull) => error.into(),
                Some(_) | None => StoreError::Undecided(error),
            })
        });
        (self.in_transaction, self.standings) = (false, Standings::default());
        if !matches!(filled, Ok(_) | Err(StoreError::Undecided(_))) {
            (self.last, self.head, self.unsealed_bytes) = (last, head, 0);
            // Of some errors, a full disk among them, SQLite has rolled back itself.
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK").map_err(StoreError::Undecided)?;
            }
        }
        filled
    }

    fn fill_in(&mut self, fork: FactNo, runs: &[Run], (issuer, now): (Issuer, UtcMs)) -> Result<Filled, StoreError> {
        let taken = runs.iter().map(|run| run.bodies.len()).sum();
        let dead = self.after(fork)?;
        if dead.is_empty() {
            for run in runs {
                ingest::append(&self.connection, &self.id, None, run)?;
            }
            (self.last, self.head) = ingest::head(&self.connection, &self.id)?;
            Reach { fork, last: self.last }.keep(&self.connection, &[])?;
            return Ok(Filled { taken, ..Filled::default() });
        }
        self.bury(&dead)?;
        let mut living = Vec::new();
        for run in runs {
            living.extend(run.bodies.iter().filter_map(|body| Fact::from_bytes(body).ok()));
            ingest::append_unfolded(&self.connection, &self.id, run)?;
        }
        let (last, head) = ingest::head(&self.connection, &self.id)?;
        // Each fact of the new epoch waits for the one commit; rows come from all facts together.
        self.in_transaction = true;
        self.open_epoch(issuer, now, Some(Point::new(last, head)))?;
        let facts: Vec<Option<Fact>> = dead.iter().map(|dead| dead.fact.clone()).collect();
        let again = entered_again(&facts, &living);
        let mut filled = Filled { taken, ..Filled::default() };
        let mut entered = Vec::new();
        for (dead, again) in dead.iter().zip(again) {
            if again {
                let order_no = dead.fact.as_ref().and_then(Fact::order_no);
                self.append_bytes(&dead.body, order_no, &dead.records)?;
                entered.push((dead.no, self.last));
            } else {
                filled.kept += 1;
            }
        }
        filled.entered = entered.len();
        Reach { fork, last: self.last }.keep(&self.connection, &entered)?;
        self.seal()?;
        // The one before may lie among what was taken out.
        self.set_checkpoint()?;
        refold::refold_in(&self.connection)?;
        Ok(filled)
    }

    /// The fact that the runs follow, once they are known to be this journal's own; none if there are no runs.
    fn sound(&self, runs: &[Run]) -> Result<Option<FactNo>, StoreError> {
        let (Some(first), Some(newest)) = (runs.first(), runs.last()) else { return Ok(None) };
        let strange = |no: FactNo| StoreError::Corrupt(format!("what came back is not this journal's own at {no}"));
        let body = first.bodies.first().map_or(&[][..], Vec::as_slice);
        let before = goes_on_from(first.first, body).ok_or_else(|| strange(first.first))?;
        let mut head = ingest::head_at(&self.connection, &self.id, before)?.ok_or_else(|| strange(first.first))?;
        let mut at = before;
        for run in runs {
            if run.first.epoch > at.epoch && run.first.number == 1 {
                head = chain::start(&self.id, run.first.epoch);
            } else if run.first != (FactNo { epoch: at.epoch, number: at.number + 1 }) {
                return Err(strange(run.first));
            }
            at = run.first;
            for body in &run.bodies {
                head = chain::link(&head, at, body);
                at.number += 1;
            }
            at.number -= 1;
            if run.seal.no != at || *run.seal.head() != head {
                return Err(strange(at));
            }
        }
        if !newest.seal.verify(&self.identity.verifying_key(), &self.id) {
            return Err(strange(newest.seal.no));
        }
        Ok(Some(before))
    }

    /// Leaves out what is here too: the hub gives from a place that both have, which may lie before the fork. Answers the last
    /// fact that both have.
    fn new_here(&self, before: FactNo, runs: &[Run]) -> Result<(FactNo, Vec<Run>), StoreError> {
        let (mut fork, mut new) = (before, Vec::new());
        let mut head = ingest::head_at(&self.connection, &self.id, before)?.unwrap_or_default();
        for run in runs {
            if run.first.number == 1 && run.first.epoch > fork.epoch {
                head = chain::start(&self.id, run.first.epoch);
            }
            let mut common = 0;
            for (body, number) in run.bodies.iter().zip(run.first.number..).take_while(|_| new.is_empty()) {
                let no = FactNo { epoch: run.first.epoch, number };
                head = chain::link(&head, no, body);
                if ingest::head_at(&self.connection, &self.id, no)? != Some(head) {
                    break;
                }
                (fork, common) = (no, common + 1);
            }
            if let Some(bodies) = run.bodies.get(common..).filter(|bodies| !bodies.is_empty()) {
                let number = run.first.number + integer_of(common);
                let first = FactNo { epoch: run.first.epoch, number };
                let records = run.records.iter().filter(|record| record.number >= number).cloned().collect();
                new.push(Run { first, bodies: bodies.to_vec(), seal: run.seal.clone(), records });
            }
        }
        Ok((fork, new))
    }

    /// Everything written after a fact.
    fn after(&self, fork: FactNo) -> Result<Vec<Dead>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT f.epoch, f.number, f.body, f.head, s.signature FROM fact f
                 LEFT JOIN seal s USING (store, writer, epoch, number)
             WHERE f.store = ?1 AND f.writer = ?2 AND (f.epoch, f.number) > (?3, ?4) ORDER BY f.epoch, f.number",
        )?;
        let mut rows = statement.query(self.place(fork))?;
        let mut dead = Vec::new();
        while let Some(row) = rows.next()? {
            let (no, body): (FactNo, Vec<u8>) = (fact_no(row)?, row.get(2)?);
            dead.push(Dead {
                no,
                head: row.get(3)?,
                signature: row.get(4)?,
                fact: Fact::from_bytes(&body).ok(),
                records: record::of_fact(&self.connection, &self.id, no)?,
                body,
            });
        }
        Ok(dead)
    }

    /// Moves facts out of the journal into its evidence. What their callers' keys stand for goes with them, or a key that the
    /// history taken used for another payment would go on standing for theirs; those entered again bring theirs back.
    fn bury(&self, dead: &[Dead]) -> Result<(), StoreError> {
        let Some(first) = dead.first() else { return Ok(()) };
        let mut insert = self.connection.prepare("INSERT INTO branch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        for Dead { no, body, head, signature, .. } in dead {
            insert.execute(params![
                self.id.store.as_str(),
                self.id.writer.text(),
                first.head,
                no.epoch,
                no.number,
                body,
                head,
                signature,
            ])?;
        }
        for table in ["fact", "seal", "undigested", "record"] {
            remove_from(&self.connection, table, self.place(first.no))?;
        }
        let requests = dead.iter().filter_map(|dead| dead.fact.as_ref()?.idempotency());
        for idempotency in requests {
            request::forget(&self.connection, &self.id, idempotency)?;
        }
        Ok(())
    }

    fn place(&self, no: FactNo) -> (&str, std::borrow::Cow<'static, str>, u32, u64) {
        (self.id.store.as_str(), self.id.writer.text(), no.epoch, no.number)
    }
}

fn integer_of(count: usize) -> u64 {
    u64::try_from(count).expect("memory holds fewer than 2^64 facts")
}

fn remove_from(connection: &Connection, table: &str, place: impl rusqlite::Params) -> Result<(), StoreError> {
    let sql = format!("DELETE FROM {table} WHERE store = ?1 AND writer = ?2 AND (epoch, number) >= (?3, ?4)");
    connection.execute(&sql, place)?;
    Ok(())
}
