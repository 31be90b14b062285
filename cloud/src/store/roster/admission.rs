//! The roster's word on a node that says hello, and the grants of a life that a backup took back.
//!
//! | the key | and | word |
//! | --- | --- | --- |
//! | any | names no store | enrol only: a fresh code lets any key in |
//! | known at another store | | wrong store |
//! | in force | shows no older grant | admitted |
//! | in force | shows an entry that bars it, which this hub lost | replaced or revoked |
//! | in force | shows a grant older than its newest: a copy of its folder from before it was let in again | replaced |
//! | ended | | revoked or replaced, with the signed entry |
//! | not known | shows this hub's own grant | taken in again, unless a newer grant or entry is known |
//! | not known | else | unknown: an alarm, no bar |

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{Issuer, JournalId, OrderNo, StoreId},
    sync::{
        contract::{Authorisation, Claim, Papers, Standing},
        frame::Word,
    },
    time::UtcMs,
    trust::{Bar, Grant, KeyBytes, RosterEntry, key_short},
};
use guitai_store::{StoreError, journal, note, query};
use rusqlite::{Connection, OptionalExtension};
use tracing::{error, warn};

use super::{
    BoxLine, EndedBox, StoreLine, Why, add_store, box_line, end, entry, insert, next_serial, set_entry, store, store_id,
};

/// A grant that this hub signed but does not know tells that a backup took a part of its life back. How many grants are lost is
/// not known, so the next ones are made this far above the highest seen.
pub(super) const ISSUERS_SKIPPED: u32 = 1_000;

const ISSUER_FLOOR_NOTE: &str = "issuer_floor";

const SERIAL_FLOOR_NOTE: &str = "serial_floor";

/// The roster's word, and what goes with it.
#[derive(Debug)]
pub struct Heard {
    /// The word.
    pub answer: Authorisation,
    /// The number of a box that is admitted: what it delivers is taken as long as this one is in force.
    pub issuer: Option<Issuer>,
    /// What the node is told besides.
    pub word: Word,
}

/// The roster's word on a node whose hello is rightly signed.
pub(crate) fn authorise(
    connection: &Connection,
    hub: &SigningKey,
    claim: &Claim,
    now: UtcMs,
) -> Result<Heard, StoreError> {
    let plain = |answer| Ok(Heard { answer, issuer: None, word: Word::default() });
    // Also one already enrolled, whose answer may have been lost, and one that was disabled and is let in again.
    let Some(claimed) = &claim.store else { return plain(Authorisation::EnrolOnly) };
    absorb(connection, hub, claim, now)?;
    let shown = shown_grant(hub, claim, claimed);
    let known = newest_grant(connection, &claim.key)?;
    match (known, shown) {
        (Some((at, _)), _) if at != *claimed => plain(Authorisation::WrongStore),
        (Some((_, known)), Some(shown)) if shown.serial > known.serial => readmit(connection, hub, claim, shown, now),
        (Some((_, known)), Some(shown)) if shown.issuer != known.issuer => {
            warn!(
                store = %claimed, node = key_short(&claim.key),
                "an older copy of this node's folder calls: it was let in again since"
            );
            Ok(turned_away(Why::Replaced, standing_entry(connection, hub, claimed)?))
        }
        (Some((_, known)), shown) => match known.ended {
            Some(ended) => Ok(turned_away(ended.why, standing_entry(connection, hub, claimed)?)),
            None => {
                match shown.map(|grant| spoken_against(connection, hub, claim, grant, now)).transpose()?.flatten() {
                    Some((why, entry)) => {
                        warn!(
                            store = %claimed, node = key_short(&claim.key), why = why.as_str(),
                            "this node shows a word of this hub's own that ended its time: a backup was restored; it is ended again"
                        );
                        end(connection, &there(connection, claimed)?, &known, why, now)?;
                        Ok(turned_away(why, entry))
                    }
                    None => admit(connection, hub, claimed),
                }
            }
        },
        (None, Some(shown)) => readmit(connection, hub, claim, shown, now),
        (None, None) => plain(Authorisation::Unknown),
    }
}

/// The lowest number for the next grant.
pub(super) fn issuer_floor(connection: &Connection) -> Result<u32, StoreError> {
    let note = note::get(connection, ISSUER_FLOOR_NOTE)?;
    Ok(note.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes))
}

/// The highest serial of a word of this hub's that a node has shown.
pub(super) fn serial_floor(connection: &Connection) -> Result<u64, StoreError> {
    let note = note::get(connection, SERIAL_FLOOR_NOTE)?;
    Ok(note.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Takes in what a node shows of this hub's words that a backup took back: what is signed next is above all of them, and the
/// key's earlier grants are written down as ended, since facts under their numbers come again.
fn absorb(connection: &Connection, hub: &SigningKey, claim: &Claim, now: UtcMs) -> Result<(), StoreError> {
    let hub_key = hub.verifying_key().to_bytes();
    let Papers { instance: _, grant, earlier, entry } = &claim.papers;
    let signed: Vec<&Grant> = grant.iter().chain(earlier).filter(|grant| grant.key == claim.key).collect();
    let signed: Vec<&Grant> = signed.into_iter().filter(|grant| grant.verify(&hub_key)).collect();
    let entry = entry.as_ref().filter(|entry| entry.verify(&hub_key));
    let shown = signed.iter().map(|grant| grant.serial).chain(entry.map(|entry| entry.serial)).max();
    if let Some(serial) = shown.filter(|serial| serial.checked_add(1).is_some()) {
        let known = next_serial(connection, UtcMs(0))?;
        if serial >= known {
            note::set(connection, SERIAL_FLOOR_NOTE, &serial.to_be_bytes())?;
        }
    }
    for lost in signed.into_iter().filter(|one| earlier.contains(one)) {
        if !is_free(connection, lost)? {
            continue;
        }
        warn!(
            store = %lost.store, node = key_short(&claim.key), issuer = lost.issuer.get(),
            "a node shows an earlier grant that this hub lost: a backup was restored; facts under that number are taken"
        );
        let line = returned(connection, lost, now)?;
        insert(connection, lost, now, Some(&EndedBox { at: now, why: Why::Replaced, last: line.facts }))?;
    }
    Ok(())
}

/// The grant the node shows, if it is this hub's and for this key and store.
fn shown_grant<'a>(hub: &SigningKey, claim: &'a Claim, claimed: &StoreId) -> Option<&'a Grant> {
    let hub_key = hub.verifying_key().to_bytes();
    let shown = claim.papers.grant.as_ref();
    shown.filter(|grant| grant.key == claim.key && grant.store == *claimed && grant.verify(&hub_key))
}

/// The entry the node shows, if it is this hub's and about this store.
fn shown_entry<'a>(hub: &SigningKey, claim: &'a Claim, claimed: &StoreId) -> Option<&'a RosterEntry> {
    let hub_key = hub.verifying_key().to_bytes();
    let shown = claim.papers.entry.as_ref();
    shown.filter(|entry| entry.store == *claimed && entry.verify(&hub_key))
}

fn admit(connection: &Connection, hub: &SigningKey, claimed: &StoreId) -> Result<Heard, StoreError> {
    let journal = JournalId::node(claimed.clone());
    let incoming = query::last_seal(connection, &journal)?;
    let last_no: Option<OrderNo> = journal::last_issued(connection, &journal)?;
    let entry = standing_entry(connection, hub, claimed)?;
    let issuer = entry.in_force.map(|one| one.issuer);
    let standing = Standing { store: claimed.clone(), outgoing: None, incoming };
    let word = Word { entry: Some(entry), last_no, address: None };
    Ok(Heard { answer: Authorisation::Admitted(standing), issuer, word })
}

fn turned_away(why: Why, entry: RosterEntry) -> Heard {
    let answer = match why {
        Why::Revoked => Authorisation::Revoked,
        Why::Replaced => Authorisation::Replaced,
    };
    Heard { answer, issuer: None, word: Word { entry: Some(entry), ..Word::default() } }
}

/// The signed word on who serves a store that is there.
fn standing_entry(connection: &Connection, hub: &SigningKey, claimed: &StoreId) -> Result<RosterEntry, StoreError> {
    entry(connection, hub, &there(connection, claimed)?)
}

fn there(connection: &Connection, claimed: &StoreId) -> Result<StoreLine, StoreError> {
    let missing = || StoreError::Corrupt(format!("store {claimed} is not there"));
    store(connection, claimed)?.ok_or_else(missing)
}

/// A grant of this hub's that it does not know: a backup was restored. The grant is written down again, and is in force unless
/// something newer speaks against it.
fn readmit(
    connection: &Connection,
    hub: &SigningKey,
    claim: &Claim,
    grant: &Grant,
    now: UtcMs,
) -> Result<Heard, StoreError> {
    let node = key_short(&claim.key);
    if !is_free(connection, grant)? {
        return Ok(Heard { answer: Authorisation::Unknown, issuer: None, word: Word::default() });
    }
    warn!(
        store = %grant.store, node, issuer = grant.issuer.get(),
        "a node this hub does not know shows this hub's own grant: a backup was restored; it is taken in again"
    );
    let line = returned(connection, grant, now)?;
    let Some((why, entry)) = spoken_against(connection, hub, claim, grant, now)? else {
        if let Some(one) = line.in_force() {
            end(connection, &line, one, Why::Replaced, now)?;
        }
        insert(connection, grant, now, None)?;
        // No newer than the grant: another box of the store may yet come with one of a later time.
        set_entry(connection, &grant.store, grant.serial, now)?;
        return admit(connection, hub, &grant.store);
    };
    insert(connection, grant, now, Some(&EndedBox { at: now, why, last: line.facts }))?;
    Ok(turned_away(why, entry))
}

/// The store of a grant that a backup took back, made again if it was lost too; the next grants are well above that one.
fn returned(connection: &Connection, grant: &Grant, now: UtcMs) -> Result<StoreLine, StoreError> {
    let floor = grant.issuer.get().saturating_add(ISSUERS_SKIPPED).max(issuer_floor(connection)?);
    note::set(connection, ISSUER_FLOOR_NOTE, &floor.to_be_bytes())?;
    if store(connection, &grant.store)?.is_none() {
        // Its name was lost with it; the id serves until somebody renames it.
        match add_store(connection, &grant.store, grant.store.as_str(), now) {
            Ok(()) | Err(super::NotAdded::Exists) => {}
            Err(super::NotAdded::Store(error)) => return Err(error),
        }
    }
    there(connection, &grant.store)
}

/// What newer than the grant says that its bearer serves the store no more. It may be an entry that only the node still has:
/// it is this hub's newest word again, but nothing newer is signed, since the box it names may yet come with a grant of that time.
fn spoken_against(
    connection: &Connection,
    hub: &SigningKey,
    claim: &Claim,
    grant: &Grant,
    now: UtcMs,
) -> Result<Option<(Why, RosterEntry)>, StoreError> {
    let line = there(connection, &grant.store)?;
    let mut own = entry(connection, hub, &line)?;
    if line.closed_at.is_some() && own.serial <= grant.serial {
        set_entry(connection, &line.id, next_serial(connection, now)?.max(grant.serial.saturating_add(1)), now)?;
        own = entry(connection, hub, &line)?;
    }
    let entries = [Some(&own), shown_entry(hub, claim, &grant.store)].into_iter().flatten();
    let against = entries.filter_map(|entry| Some((entry.bars(grant)?, entry))).next();
    if let Some((_, entry)) = against.filter(|(_, entry)| entry.serial > own.serial) {
        set_entry(connection, &line.id, entry.serial, entry.at)?;
    }
    Ok(against.and_then(|(bar, entry)| match bar {
        Bar::Revoked => Some((Why::Revoked, entry.clone())),
        Bar::Replaced => Some((Why::Replaced, entry.clone())),
        // No entry says these.
        Bar::Duplicate | Bar::Forked | Bar::Unfillable => None,
    }))
}

/// The key's newest grant, and whose store it is for.
fn newest_grant(connection: &Connection, key: &KeyBytes) -> Result<Option<(StoreId, BoxLine)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT issuer, serial, key, granted_at, ended_at, ended, last_epoch, last_number, store
         FROM hub_grant WHERE key = ?1 ORDER BY serial DESC LIMIT 1",
    )?;
    let found = statement.query_row([key], |row| Ok((row.get::<_, String>(8)?, box_line(row)))).optional()?;
    found.map(|(store, line)| Ok((store_id(&store)?, line?))).transpose()
}

/// Whether nobody has the number of this grant here. It may be the grant itself that is known; another's is said loudly.
fn is_free(connection: &Connection, grant: &Grant) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT key FROM hub_grant WHERE issuer = ?1")?;
    let holder: Option<KeyBytes> = statement.query_row([grant.issuer.get()], |row| row.get(0)).optional()?;
    if holder.is_some_and(|key| key != grant.key) {
        error!(
            store = %grant.store, node = key_short(&grant.key), issuer = grant.issuer.get(),
            "this issuer was granted twice, before a backup was restored and after: enter this store anew"
        );
    }
    Ok(holder.is_none())
}
