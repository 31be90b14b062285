//! A follower reads a journal fact by fact, behind the commit, and remembers how far it has come.
//!
//! Whatever a payment leads to besides its answer is a follower's: it sees every fact at least once, in order, also what was
//! committed just before the process died. Doing the same fact twice must do no harm; its number tells.
//!
//! A fork's heal ([`Journal::fill`](crate::Journal::fill)) puts other facts under numbers that a follower has passed. What came
//! back was followed in the life that wrote it, so it is passed over; what was entered again is seen only where it was not
//! before.

use guitai_core::{
    ids::{FactNo, JournalId, OrderNo},
    journal::fact::Fact,
    limits, payment,
};
use rusqlite::{Connection, params};

use crate::{Database, StoreError, column::fact_no, journal::Reach, note, query, record, standings};

/// Its cursors are notes under this and the follower's name.
const NOTE_PREFIX: &str = "follower/";

/// A reader of a journal.
#[derive(Debug)]
pub struct Follower {
    name: &'static str,
    journal: JournalId,
    cursor: Cursor,
    /// The heal that is being crossed, by its last fact.
    crossing: Option<FactNo>,
    /// Where the cursor is kept; none where it lives in memory.
    kept: Option<Connection>,
}

/// How far a follower has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    at: FactNo,
    /// The last heal that it has crossed, by its last fact.
    healed: Option<FactNo>,
}

/// Where a follower begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Behind the last fact it had done.
    Resumed(FactNo),
    /// At the journal's end: nobody knows what it had done. This also is a new follower's beginning.
    AtEnd(FactNo),
}

/// A fact to act on.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Its number.
    pub no: FactNo,
    /// What happened, with its texts.
    pub fact: Fact,
    /// The charge it is about.
    pub order_no: Option<OrderNo>,
}

/// What came behind the cursor.
#[derive(Clone, Debug)]
pub struct News {
    /// Oldest first. What this version cannot read is left out.
    pub facts: Vec<Followed>,
    /// The cursor after all of them.
    pub upto: FactNo,
    /// A fork has healed: what was read before may stand under other numbers, or be gone, and more came back than is told here.
    pub healed: bool,
}

impl Follower {
    /// A follower that begins at the journal's end and whose cursor ends with the process.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn at_end(name: &'static str, journal: JournalId, connection: &Connection) -> Result<Self, StoreError> {
        let cursor = Cursor::at_end(&journal, connection)?;
        Ok(Self { name, journal, cursor, crossing: None, kept: None })
    }

    /// A follower that goes on where the last one of its name left off; its cursor lies in `side`. A cursor that is not there, or
    /// beyond the journal, is lost.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn resume(
        name: &'static str,
        journal: JournalId,
        side: &Database,
        connection: &Connection,
    ) -> Result<(Self, Begins), StoreError> {
        let kept = side.relaxed_writer()?;
        let end = Cursor::at_end(&journal, connection)?;
        let found = Cursor::kept(&kept, name)?.filter(|cursor| cursor.at <= end.at);
        let mut follower = Self { name, journal, cursor: found.unwrap_or(end), crossing: None, kept: Some(kept) };
        if let Some(cursor) = found {
            return Ok((follower, Begins::Resumed(cursor.at)));
        }
        follower.go_to(end)?;
        Ok((follower, Begins::AtEnd(end.at)))
    }

    /// The last fact it has done.
    #[must_use]
    pub const fn at(&self) -> FactNo {
        self.cursor.at
    }

    /// At most `most` of the facts behind the cursor, and all that a heal left to do.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn next(&mut self, connection: &Connection, most: usize) -> Result<News, StoreError> {
        // Of one moment: a heal in between would mix two histories.
        let snapshot = connection.unchecked_transaction()?;
        let Cursor { at, healed } = self.cursor;
        let ahead = Reach::of_last(&snapshot)?.filter(|reach| healed != Some(reach.last) && at < reach.last);
        match ahead {
            Some(reach) if at >= reach.fork => {
                self.crossing = Some(reach.last);
                let entered = Reach::entered(&snapshot)?;
                let mut facts = Vec::new();
                for (_, is) in entered.into_iter().filter(|(was, _)| *was > at) {
                    let before = FactNo { number: is.number.saturating_sub(1), ..is };
                    facts.extend(read(&snapshot, &self.journal, (before, is), 1)?.0);
                }
                Ok(News { facts, upto: reach.last, healed: true })
            }
            ahead => {
                let end = ahead.map_or(FactNo { epoch: u32::MAX, number: limits::COUNT_MAX }, |reach| reach.fork);
                let (facts, upto) = read(&snapshot, &self.journal, (at, end), most)?;
                Ok(News { facts, upto: upto.unwrap_or(at), healed: false })
            }
        }
    }

    /// Everything up to this fact is done.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn done(&mut self, no: FactNo) -> Result<(), StoreError> {
        match self.crossing {
            // Half a heal has no number between the two histories: it is done as a whole, or again.
            Some(last) if no < last => Ok(()),
            Some(last) => {
                self.crossing = None;
                self.go_to(Cursor { at: no, healed: Some(last) })
            }
            None if no > self.cursor.at => self.go_to(Cursor { at: no, ..self.cursor }),
            None => Ok(()),
        }
    }

    /// What cannot be kept is done all the same: nothing of it is told again in this life.
    fn go_to(&mut self, cursor: Cursor) -> Result<(), StoreError> {
        self.cursor = cursor;
        self.kept.as_ref().map_or(Ok(()), |kept| cursor.keep(kept, self.name))
    }
}

impl Cursor {
    fn at_end(journal: &JournalId, connection: &Connection) -> Result<Self, StoreError> {
        let healed = Reach::of_last(connection)?.map(|reach| reach.last);
        Ok(Self { at: query::last_fact(connection, journal)?.unwrap_or_default(), healed })
    }

    fn kept(side: &Connection, name: &str) -> Result<Option<Self>, StoreError> {
        let text = note::get(side, &format!("{NOTE_PREFIX}{name}"))?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| {
            let (at, healed) = text.split_once(' ').unwrap_or((&text, ""));
            Some(Self { at: FactNo::parse(at)?, healed: FactNo::parse(healed) })
        }))
    }

    fn keep(self, side: &Connection, name: &str) -> Result<(), StoreError> {
        let healed = self.healed.map_or_else(String::new, |healed| format!(" {healed}"));
        note::set(side, &format!("{NOTE_PREFIX}{name}"), format!("{}{healed}", self.at).as_bytes())
    }
}

/// How far a follower has come whose cursor lies in `side`.
///
/// # Errors
/// What SQLite says.
pub fn at(side: &Connection, name: &str) -> Result<Option<FactNo>, StoreError> {
    Ok(Cursor::kept(side, name)?.map(|cursor| cursor.at))
}

/// The facts of one payment up to and with `no`, oldest first: where it stood with that fact, whatever came after.
///
/// # Errors
/// What SQLite says.
pub fn payment_upto(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    order_no: OrderNo,
) -> Result<Vec<payment::Fact>, StoreError> {
    standings::before(connection, journal, FactNo { number: no.number.saturating_add(1), ..no }, order_no)
}

/// Facts behind one number up to and with another, and the number of the last one looked at.
fn read(
    connection: &Connection,
    journal: &JournalId,
    (after, upto): (FactNo, FactNo),
    most: usize,
) -> Result<(Vec<Followed>, Option<FactNo>), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT epoch, number, body FROM fact WHERE store = ?1 AND writer = ?2
             AND (epoch, number) > (?3, ?4) AND (epoch, number) <= (?5, ?6) ORDER BY epoch, number LIMIT ?7",
    )?;
    let place = params![
        journal.store.as_str(),
        journal.writer.text(),
        after.epoch,
        after.number,
        upto.epoch,
        upto.number,
        i64::try_from(most).unwrap_or(i64::MAX),
    ];
    let mut rows = statement.query(place)?;
    let (mut facts, mut last) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        let no = fact_no(row)?;
        let body = row.get_ref(2)?.as_blob().map_err(|_| StoreError::Corrupt(format!("the body of fact {no}")))?;
        if let Ok(fact) = record::read(connection, journal, no, body)? {
            facts.push(Followed { no, order_no: fact.order_no(), fact });
        }
        last = Some(no);
    }
    Ok((facts, last))
}
