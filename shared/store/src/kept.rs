//! The hub's words as the notes of `side.db` keep them; see core's [`Kept`].

use guitai_core::{
    limits,
    sync::kept::{Fork, Kept},
    trust::{Grant, RosterEntry},
};
use rusqlite::Connection;

use crate::{StoreError, note};

/// The hub's signed word behind the enrolment.
const GRANT_NOTE: &str = "grant";

/// The hub's signed words behind the enrolments before, newest first.
const EARLIER_GRANTS_NOTE: &str = "earlier_grants";

/// The newest roster entry.
const ENTRY_NOTE: &str = "roster_entry";

/// Where the hub said that it is now.
const MOVED_NOTE: &str = "hub_moved";

/// Where the hub's key answered, a line each, the last first.
const ANSWERED_NOTE: &str = "hub_answered";

/// Addresses kept at which the hub's key answered. A dead one costs a dial's patience each time the line is down.
const ANSWERED_MAX: usize = 3;

/// What the hub said last, in a word.
const HUB_WORD_NOTE: &str = "hub_word";

/// Whether the journal is another than the hub's copy, as far as was said.
const FORKED_NOTE: &str = "forked";

/// Reads what is kept; nothing of it is verified.
///
/// # Errors
/// What SQLite says.
pub fn kept(side: &Connection) -> Result<Kept, StoreError> {
    let text = |name| -> Result<Option<String>, StoreError> {
        let note = note::get(side, name)?.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(note.filter(|text| !text.is_empty()))
    };
    Ok(Kept {
        grant: note::get(side, GRANT_NOTE)?.and_then(|bytes| Grant::from_bytes(&bytes)),
        earlier: note::get(side, EARLIER_GRANTS_NOTE)?
            .and_then(|bytes| Grant::all_from_bytes(&bytes))
            .unwrap_or_default(),
        entry: note::get(side, ENTRY_NOTE)?.and_then(|bytes| RosterEntry::from_bytes(&bytes)),
        moved: text(MOVED_NOTE)?,
        answered: text(ANSWERED_NOTE)?.map_or_else(Vec::new, |text| text.lines().map(str::to_owned).collect()),
        hub_word: text(HUB_WORD_NOTE)?,
        forked: text(FORKED_NOTE)?
            .map(|text| if text == Fork::Unfillable.as_str() { Fork::Unfillable } else { Fork::Filling }),
    })
}

/// Keeps what the hub said, as far as it is new: what was said before may have been set otherwise by an operator since.
///
/// # Errors
/// What SQLite says; nothing is then changed.
pub fn keep(side: &Connection, before: &Kept, now: &Kept) -> Result<(), StoreError> {
    let transaction = side.unchecked_transaction()?;
    let text = |name, before: Option<&str>, now: Option<&str>| {
        if before == now { Ok(()) } else { note::set(&transaction, name, now.unwrap_or_default().as_bytes()) }
    };
    if let Some(entry) = now.entry.as_ref().filter(|_| before.entry != now.entry) {
        note::set(&transaction, ENTRY_NOTE, &entry.to_bytes())?;
    }
    text(MOVED_NOTE, before.moved.as_deref(), now.moved.as_deref())?;
    text(HUB_WORD_NOTE, before.hub_word.as_deref(), now.hub_word.as_deref())?;
    text(FORKED_NOTE, before.forked.map(Fork::as_str), now.forked.map(Fork::as_str))?;
    Ok(transaction.commit()?)
}

/// Keeps an address at which the hub's key answered.
///
/// # Errors
/// What SQLite says.
pub fn answered(side: &Connection, address: &str) -> Result<(), StoreError> {
    let mut known = kept(side)?.answered;
    if known.first().is_some_and(|last| last == address) {
        return Ok(());
    }
    known.retain(|one| one != address);
    known.insert(0, address.to_owned());
    known.truncate(ANSWERED_MAX);
    note::set(side, ANSWERED_NOTE, known.join("\n").as_bytes())
}

/// Keeps a new grant, the one before with the earlier ones; what the hub said to that one is no more its word. Inside the caller's
/// transaction.
///
/// # Errors
/// What SQLite says.
pub fn granted(side: &Connection, grant: &Grant) -> Result<(), StoreError> {
    let before = kept(side)?;
    // A code used twice, since its answer was lost, gives the same grant again.
    let mut earlier: Vec<Grant> = before.grant.into_iter().chain(before.earlier).collect();
    earlier.retain(|one| one.issuer != grant.issuer);
    earlier.truncate(limits::EARLIER_GRANTS_MAX);
    note::set(side, GRANT_NOTE, &grant.to_bytes())?;
    note::set(side, EARLIER_GRANTS_NOTE, &Grant::all_to_bytes(&earlier))?;
    note::set(side, HUB_WORD_NOTE, b"")?;
    readdressed(side)
}

/// Forgets where the hub was found, since an operator says where it is. Inside the caller's transaction.
///
/// # Errors
/// What SQLite says.
pub fn readdressed(side: &Connection) -> Result<(), StoreError> {
    note::set(side, MOVED_NOTE, b"")?;
    note::set(side, ANSWERED_NOTE, b"")
}
