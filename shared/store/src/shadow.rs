//! The rows as the facts make them, folded beside a file: where what is stored differs, and the file written anew from them.
//!
//! The chain vouches for facts alone. A byte that changes in a row, in an index, in a caller's key or in the column by which a
//! payment's facts are found changes what the till does next, and no hash says so. What all of these must be follows from the
//! facts, so it is worked out once more and compared.

use std::path::{Path, PathBuf};

use guitai_core::{
    ids::{FactNo, JournalId},
    journal::{chain::ChainHash, fact::Fact},
};
use rusqlite::{
    Connection, Row, params,
    types::{Value, ValueRef},
};

use crate::{
    Database, StoreError,
    digest::{self, Care},
    facts, record,
    refold::{self, Draws, FactKey},
    schema,
};

/// Facts of one step: some 20 ms.
const STEP_FACTS: usize = 500;

/// Rows read of a table before others get the processor for a moment.
const PAUSE_ROWS: usize = 2_000;

/// Damaged files kept of each: a disk that decays on and on must not be filled by its own evidence.
const ASIDE_MAX: usize = 9;

/// Follows from facts too, but is kept while rows are made anew.
const REQUESTS: &str = "request";

/// Where what is stored is not what the facts say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A row is missing, or is none, or says something else.
    Row {
        /// Its table.
        table: String,
        /// Its key there.
        key: String,
    },
    /// A fact is not found under the payment that it is about.
    Misfiled(FactNo),
    /// A text beside a fact is not the one that the fact committed to. What it was is lost with it.
    Text(FactNo),
    /// SQLite finds the file's pages damaged: in its words.
    Pages(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row { table, key } => write!(f, "table {table}, row {key}: not what the facts say"),
            Self::Misfiled(no) => write!(f, "table fact, row {no}: filed under another payment than its own"),
            Self::Text(no) => write!(f, "table record, a text of fact {no}: not the one that the fact committed to"),
            Self::Pages(what) => f.write_str(what),
        }
    }
}

/// A fact as it lies in its file.
struct Stored {
    journal: JournalId,
    no: FactNo,
    body: Vec<u8>,
    head: ChainHash,
    filed_under: Option<String>,
}

/// The rows of a file, worked out from its facts.
#[derive(Debug)]
pub struct Shadow {
    connection: Connection,
    reached: Option<FactKey>,
    text: Option<Difference>,
    misfiled: Option<Difference>,
}

impl Shadow {
    /// One that goes with its process: SQLite keeps it in a temporary file.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn new() -> Result<Self, StoreError> {
        Self::on(Connection::open("")?)
    }

    fn on(connection: Connection) -> Result<Self, StoreError> {
        // Nothing of it needs to outlive a power cut: what is kept of it is synced as a whole.
        connection.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::begin(&connection)?;
        Ok(Self { connection, reached: None, text: None, misfiled: None })
    }

    /// Folds the next facts of the file; false when there are no more for now.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn step(&mut self, file: &Connection, draws: Draws<'_>) -> Result<bool, StoreError> {
        let facts = next(file, &self.reached)?;
        let Some(last) = facts.last() else { return Ok(false) };
        self.reached = Some((last.journal.store.to_string(), last.journal.writer.to_string(), last.no));
        let transaction = self.connection.unchecked_transaction()?;
        for Stored { journal, no, body, head, filed_under } in &facts {
            let mut fact = Fact::from_bytes(body).ok();
            let order_no = fact.as_ref().and_then(Fact::order_no);
            if filed_under.as_deref() != order_no.as_ref().map(|no| no.as_str()) {
                self.misfiled.get_or_insert(Difference::Misfiled(*no));
            }
            facts::insert(&transaction, journal, *no, body, head, order_no)?;
            let records = record::of_fact(file, journal, *no)?;
            records.iter().try_for_each(|kept| record::insert(&transaction, journal, *no, kept))?;
            if fact.as_mut().is_some_and(|fact| !record::open(fact, records).is_empty()) {
                self.text.get_or_insert(Difference::Text(*no));
            }
        }
        let facts: Vec<_> = facts.into_iter().map(|stored| (stored.journal, stored.no, stored.body)).collect();
        // Whose numbers a journal may draw stands in the file itself.
        digest::together(&transaction, |care: Care| {
            refold::fold(&transaction, &|_, journal| draws(file, journal), &facts, care)
        })?;
        transaction.commit()?;
        Ok(true)
    }

    /// Folds what is left and answers the first difference, at one moment of the file.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn finish(&mut self, file: &Connection, draws: Draws<'_>) -> Result<Option<Difference>, StoreError> {
        let one_moment = file.unchecked_transaction()?;
        while self.step(&one_moment, draws)? {}
        self.difference(&one_moment)
    }

    /// The first difference found in the file, which must hold no facts that this has not folded.
    ///
    /// # Errors
    /// What SQLite says.
    fn difference(&self, file: &Connection) -> Result<Option<Difference>, StoreError> {
        if let Some(found) = self.text.as_ref().or(self.misfiled.as_ref()) {
            return Ok(Some(found.clone()));
        }
        if !refold::is_finished(file)? {
            return Ok(None);
        }
        for table in schema::row_tables(&self.connection)?.iter().map(String::as_str).chain([REQUESTS]) {
            if let Some(difference) = self.difference_in(file, table)? {
                return Ok(Some(difference));
            }
        }
        Ok(None)
    }

    fn difference_in(&self, file: &Connection, table: &str) -> Result<Option<Difference>, StoreError> {
        let keys = schema::primary_key(&self.connection, table)?;
        let sql = format!("SELECT * FROM \"{table}\" ORDER BY {}", keys.join(", "));
        let (mut stored, mut folded) = (file.prepare(&sql)?, self.connection.prepare(&sql)?);
        let columns: Vec<String> = folded.column_names().map(str::to_owned).collect();
        let (mut stored, mut folded) = (stored.query([])?, folded.query([])?);
        for count in 1_usize.. {
            let (ours, theirs) = (stored.next()?, folded.next()?);
            let differs = match (ours, theirs) {
                (None, None) => return Ok(None),
                (Some(row), None) | (None, Some(row)) => Some(row),
                (Some(ours), Some(theirs)) => (!equal(ours, theirs, columns.len())?).then_some(ours),
            };
            if let Some(row) = differs {
                let key = key_of(row, &columns, &keys)?;
                return Ok(Some(Difference::Row { table: table.to_owned(), key }));
            }
            if count.is_multiple_of(PAUSE_ROWS) {
                std::thread::yield_now();
            }
        }
        Ok(None)
    }
}

fn next(file: &Connection, reached: &Option<FactKey>) -> Result<Vec<Stored>, StoreError> {
    let mut statement = file.prepare_cached(
        "SELECT store, writer, epoch, number, body, head, order_no FROM fact
         WHERE (store, writer, epoch, number) > (?1, ?2, ?3, ?4) ORDER BY store, writer, epoch, number LIMIT ?5",
    )?;
    let none = (String::new(), String::new(), FactNo::default());
    let (store, writer, no) = reached.as_ref().unwrap_or(&none);
    let mut rows = statement.query(params![store, writer, no.epoch, no.number, STEP_FACTS])?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(Stored {
            journal: refold::journal(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?,
            no: FactNo { epoch: row.get(2)?, number: row.get(3)? },
            body: row.get(4)?,
            head: row.get(5)?,
            // What is no text is no payment's number either.
            filed_under: row
                .get_ref(6)?
                .as_str_or_null()
                .map_or_else(|_| Some("?".to_owned()), |no| no.map(str::to_owned)),
        });
    }
    Ok(facts)
}

fn equal(ours: &Row<'_>, theirs: &Row<'_>, columns: usize) -> Result<bool, StoreError> {
    for place in 0..columns {
        if ours.get_ref(place)? != theirs.get_ref(place)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A row's key for people; bytes are hashes of secrets and stay out.
fn key_of(row: &Row<'_>, columns: &[String], keys: &[String]) -> Result<String, StoreError> {
    let mut parts = Vec::new();
    for key in keys {
        let Some(place) = columns.iter().position(|column| column == key) else { continue };
        parts.push(match row.get_ref(place)? {
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) if !text.is_empty() => String::from_utf8_lossy(text).escape_debug().to_string(),
            ValueRef::Text(_) => continue,
            ValueRef::Blob(_) => "…".to_owned(),
            ValueRef::Null | ValueRef::Real(_) => "?".to_owned(),
        });
    }
    Ok(parts.join(" "))
}

/// What is wrong with the pages of a file or with what its indexes say of its tables; it reads the whole file.
///
/// # Errors
/// What SQLite says.
pub fn damaged_pages(file: &Connection) -> Result<Option<Difference>, StoreError> {
    let said: String = match file.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)) {
        Ok(said) => said,
        Err(error) => {
            let error = StoreError::from(error);
            return if error.is_damage() { Ok(Some(Difference::Pages(error.to_string()))) } else { Err(error) };
        }
    };
    Ok((said != "ok").then(|| Difference::Pages(with_table(file, &said))))
}

/// SQLite names a damaged tree by the number of its first page: the table or index is named too.
fn with_table(file: &Connection, said: &str) -> String {
    let said = said.trim_start_matches("*** in database main ***").trim();
    let root = said.strip_prefix("Tree ").and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok());
    let named = root.and_then(|root| {
        let sql = "SELECT type || ' ' || name FROM sqlite_schema WHERE rootpage = ?1";
        file.query_row(sql, [root], |row| row.get::<_, String>(0)).ok()
    });
    named.map_or_else(|| said.to_owned(), |named| format!("{named}: {said}"))
}

/// Whether everything in a file that follows from its facts is as they say, pages included. The reader sees one moment of it.
///
/// # Errors
/// What SQLite says.
pub fn check(file: &Connection, draws: Draws<'_>) -> Result<Option<Difference>, StoreError> {
    match damaged_pages(file)? {
        Some(damaged) => Ok(Some(damaged)),
        None => Shadow::new()?.finish(file, draws),
    }
}

/// Writes a file of one owner, who must have it closed, anew from what cannot be made anew: its facts, their texts and seals, its
/// evidence, documents and notes. `sound` judges the new file, by opening it, before it takes the old one's place. The old one is kept
/// beside it; answers under what name.
///
/// # Errors
/// What SQLite or the file system says, or what `sound` says: the old file is then in its place.
pub fn heal<E: From<StoreError>>(
    database: &Database,
    draws: Draws<'_>,
    sound: impl FnOnce(&Database) -> Result<(), E>,
) -> Result<PathBuf, E> {
    let path = database.path();
    let new = beside(path, ".new");
    remove(&new)?;
    let made = make(database, &new, draws).map_err(E::from).and_then(|()| sound(&Database::open(&new)?));
    if let Err(error) = made {
        remove(&new)?;
        return Err(error);
    }
    Ok(replace(path, &new)?)
}

fn make(database: &Database, new: &Path, draws: Draws<'_>) -> Result<(), StoreError> {
    {
        // Whatever its WAL holds goes into the file, page by page, whatever they say; the new file must not meet it.
        let writer = database.writer()?;
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    let file = database.reader()?;
    let mut shadow = Shadow::on(Connection::open(new)?)?;
    // A fact that is filed wrongly is filed rightly there.
    while shadow.step(&file, draws)? {}
    let rows = schema::row_tables(&shadow.connection)?;
    for table in schema::tables(&file)? {
        let follows = rows.contains(&table) || matches!(table.as_str(), "fact" | "record" | "undigested" | REQUESTS);
        if follows {
            continue;
        }
        match copy(&file, &shadow.connection, &table) {
            // Without its seals nobody vouches for the facts. Whatever else there is, is in the file that is kept aside.
            Err(error) if error.is_damage() && table != "seal" => {
                tracing::warn!(%error, table, "not all of it is carried over")
            }
            copied => copied?,
        }
    }
    // The old file's word on its rows came along with its notes.
    refold::is_made(&shadow.connection)?;
    schema::stamp(&shadow.connection, &rows)?;
    drop(shadow);
    std::fs::File::open(new).and_then(|file| file.sync_all()).map_err(|error| StoreError::of_file(new, error))
}

fn copy(file: &Connection, to: &Connection, table: &str) -> Result<(), StoreError> {
    let mut rows = file.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let places = vec!["?"; rows.column_count()].join(", ");
    let mut insert = to.prepare(&format!("INSERT OR REPLACE INTO \"{table}\" VALUES ({places})"))?;
    let columns = rows.column_count();
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        for place in 0..columns {
            insert.raw_bind_parameter(place + 1, row.get::<_, Value>(place)?)?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}

/// The old file keeps its bytes under another name; the new one takes its place in one step, so that there is always one.
fn replace(path: &Path, new: &Path) -> Result<PathBuf, StoreError> {
    for wal in [beside(path, "-wal"), beside(new, "-wal")] {
        if std::fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
            return Err(StoreError::Fault(format!("{} is in use", wal.display())));
        }
    }
    let aside = set_aside_name(path);
    remove(&aside)?;
    let done = std::fs::hard_link(path, &aside).and_then(|()| std::fs::rename(new, path));
    done.map_err(|error| StoreError::of_file(path, error))?;
    sync_folder(path)?;
    Ok(aside)
}

/// Moves a file of one owner out of the way, with what lies beside it; answers its new name.
///
/// # Errors
/// What the file system says.
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let aside = set_aside_name(path);
    for end in ["-wal", "-shm", ""] {
        match std::fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::of_file(path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    sync_folder(path)?;
    Ok(aside)
}

/// The first of `x.db.damaged-1`, `-2`, … that is not taken; the last one is taken over and over.
fn set_aside_name(path: &Path) -> PathBuf {
    let mut names = (1..ASIDE_MAX).map(|number| beside(path, &format!(".damaged-{number}")));
    names.find(|name| !name.exists()).unwrap_or_else(|| beside(path, &format!(".damaged-{ASIDE_MAX}")))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Removes a file with what lies beside it.
fn remove(path: &Path) -> Result<(), StoreError> {
    for end in ["-wal", "-shm", ""] {
        match std::fs::remove_file(beside(path, end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(StoreError::of_file(path, error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| StoreError::of_file(folder, error))
}
