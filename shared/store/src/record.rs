//! Texts beside facts: stored with the fact, opened when it is read, erased alone.

use guitai_core::{
    ids::{FactNo, JournalId},
    journal::{
        fact::{Fact, FactError},
        text::{Record, Salt, Text},
    },
};
use rusqlite::{Connection, params};

use crate::StoreError;

/// Commits to every text of a fact about to be written; answers their records.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn commit(fact: &mut Fact) -> Result<Vec<Record>, StoreError> {
    commit_texts(fact.texts_mut())
}

fn commit_texts(texts: Vec<&mut Text>) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::new();
    for (slot, text) in (0..=u8::MAX).zip(texts) {
        let mut salt: Salt = [0; 16];
        getrandom::fill(&mut salt).map_err(StoreError::NoRandomness)?;
        records.extend(text.commit(slot, salt));
    }
    Ok(records)
}

/// Puts texts back; answers those records that are not of this fact.
pub(crate) fn open(fact: &mut Fact, records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    open_texts(fact.texts_mut(), records)
}

fn open_texts(mut texts: Vec<&mut Text>, records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    let mut strange = |record: &Record| {
        let place = texts.get_mut(usize::from(record.slot));
        !place.is_some_and(|text| text.open(record.clone()))
    };
    records.into_iter().filter(|record| strange(record)).collect()
}

/// Keeps a record.
pub(crate) fn insert(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    record: &Record,
) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        journal.store.as_str(),
        journal.writer.text(),
        no.epoch,
        no.number,
        record.slot,
        record.salt(),
        record.text,
    ])?;
    Ok(())
}

/// The records of a fact, by slot.
///
/// # Errors
/// What SQLite says.
pub fn of_fact(connection: &Connection, journal: &JournalId, no: FactNo) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT slot, salt, text FROM record WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4 ORDER BY slot",
    )?;
    let place = params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number];
    let rows = statement.query_map(place, |row| Ok(Record::from_parts(row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

/// A stored fact with its texts, as far as their records are there.
///
/// # Errors
/// What SQLite says; the inner one is the fact's own.
pub fn read(
    connection: &Connection,
    journal: &JournalId,
    no: FactNo,
    body: &[u8],
) -> Result<Result<Fact, FactError>, StoreError> {
    let mut fact = match Fact::from_bytes(body) {
        Ok(fact) => fact,
        Err(error) => return Ok(Err(error)),
    };
    if !fact.texts_mut().is_empty() {
        open(&mut fact, of_fact(connection, journal, no)?);
    }
    Ok(Ok(fact))
}

/// Erases the texts of a fact; answers how many there were. The chain stays whole; rows show the texts until they are made anew.
///
/// # Errors
/// What SQLite says.
pub fn erase(connection: &Connection, journal: &JournalId, no: FactNo) -> Result<usize, StoreError> {
    let place = params![journal.store.as_str(), journal.writer.text(), no.epoch, no.number];
    Ok(connection
        .execute("DELETE FROM record WHERE store = ?1 AND writer = ?2 AND epoch = ?3 AND number = ?4", place)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_from_their_own_records_only() {
        let (mut reason, mut remark) = (Text::from("少一个袋子"), Text::from("少一个袋子"));
        let records = commit_texts(vec![&mut reason, &mut remark]).expect("randomness");
        assert_eq!(records.iter().map(|record| record.slot).collect::<Vec<_>>(), [0, 1]);
        assert_ne!(records[0].salt(), records[1].salt(), "the same text is not known by its commitment");
        let stored =
            |text: &Text| -> Text { minicbor::decode(&minicbor::to_vec(text).expect("memory")).expect("as written") };
        let (mut first, mut second) = (stored(&reason), stored(&remark));
        assert_eq!(first.as_str(), None);
        let swapped = Record::from_parts(0, *records[1].salt(), records[1].text.clone());
        let beyond = Record::from_parts(9, [0; 16], "x".into());
        let given = vec![swapped.clone(), beyond.clone(), records[1].clone()];
        assert_eq!(open_texts(vec![&mut first, &mut second], given), [swapped, beyond]);
        assert_eq!((first.as_str(), second.as_str()), (None, Some("少一个袋子")));
    }
}
