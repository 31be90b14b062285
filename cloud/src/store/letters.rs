//! Announcements: one document a store, which headquarters and the store both edit.
//!
//! A document is opened, edited and stored inside one transaction of the one writer, so that what this process wrote under its
//! actor id is always there when it writes again, and nothing is said to a peer before it is durable.

use guitai_core::{
    ids::{AccountId, StoreId},
    time::UtcMs,
};
use guitai_documents::{Announcement, Document, EditError, PeerFault, PeerSync, announcements_id, generate, receive};
use guitai_store::{StoreError, document};
use rusqlite::Connection;

/// Pieces of a document beyond which they are replaced by one snapshot.
pub(super) const PIECES_MAX: usize = 64;

/// Names this process among the writers of documents; new at every start.
pub(crate) type Actor = [u8; 16];

/// An announcement to publish.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its id, the same in every store.
    pub(crate) id: String,
    /// Its title.
    pub(crate) title: String,
    /// Its text.
    pub(crate) body: String,
    /// Who publishes it.
    pub(crate) by: AccountId,
    /// When.
    pub(crate) at: UtcMs,
}

/// What is to change about an announcement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// The new title.
    pub(crate) title: Option<String>,
    /// The new text.
    pub(crate) body: Option<String>,
    /// Take it back.
    pub(crate) withdraw: bool,
}

/// Why an announcement is not written.
#[derive(Debug)]
pub(crate) enum LetterError {
    /// There is no such store.
    UnknownStore(String),
    /// There is no such announcement.
    NotFound,
    /// The document refuses it.
    Edit(EditError),
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for LetterError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<EditError> for LetterError {
    fn from(error: EditError) -> Self {
        Self::Edit(error)
    }
}

/// Why a peer's message is not taken in.
#[derive(Debug)]
pub(crate) enum MessageError {
    /// Its document is not one this peer may write, or its bytes are wrong.
    Peer(String),
    /// The database said no.
    Store(StoreError),
}

impl From<StoreError> for MessageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PeerFault> for MessageError {
    fn from(fault: PeerFault) -> Self {
        Self::Peer(fault.to_string())
    }
}

/// What there is to say to a peer, and where the documents stand.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The digest over the peer's documents.
    pub(crate) digest: [u8; 32],
    /// The documents' messages.
    pub(crate) messages: Vec<(String, Vec<u8>)>,
    /// Whether something changed here.
    pub(crate) changed: bool,
}

/// Publishes in every one of `stores`.
pub(super) fn publish(
    connection: &Connection,
    actor: Actor,
    stores: &[StoreId],
    draft: &Draft,
) -> Result<(), LetterError> {
    for store in stores {
        let mut letters = open(connection, actor, store)?;
        letters.publish(&draft.id, &draft.title, &draft.body, &draft.by, draft.at)?;
        keep(connection, store, &mut letters)?;
    }
    Ok(())
}

/// Changes an announcement wherever it is; tells the stores.
pub(super) fn edit(
    connection: &Connection,
    actor: Actor,
    stores: &[StoreId],
    id: &str,
    change: &Change,
    at: UtcMs,
) -> Result<Vec<StoreId>, LetterError> {
    let mut touched = Vec::new();
    for store in stores {
        let mut letters = open(connection, actor, store)?;
        let Some(now) = letters.announcements().into_iter().find(|letter| letter.id == id) else { continue };
        if change.title.is_some() || change.body.is_some() {
            letters.edit(id, change.title.as_deref(), change.body.as_deref(), at)?;
        }
        if change.withdraw && now.withdrawn_at.is_none() {
            letters.withdraw(id, at)?;
        }
        keep(connection, store, &mut letters)?;
        touched.push(store.clone());
    }
    if touched.is_empty() { Err(LetterError::NotFound) } else { Ok(touched) }
}

/// The announcements of one store, newest first. None where they cannot be read: the other stores' are shown all the same.
pub(super) fn list(connection: &Connection, actor: Actor, store: &StoreId) -> Result<Vec<Announcement>, StoreError> {
    Ok(readable(connection, actor, store)?.map_or_else(Vec::new, |letters| letters.announcements()))
}

/// Where the store's documents stand. What cannot be read stops none of its facts.
pub(super) fn digest(connection: &Connection, actor: Actor, store: &StoreId) -> Result<[u8; 32], StoreError> {
    let Some(mut letters) = readable(connection, actor, store)? else { return Ok([0; 32]) };
    Ok(guitai_documents::digest(&[(&announcements_id(store), letters.heads_digest())]))
}

/// What to say to the store's node now.
pub(super) fn speak(
    connection: &Connection,
    actor: Actor,
    store: &StoreId,
    peer: &mut Option<PeerSync>,
) -> Result<Turn, StoreError> {
    let mut letters = open(connection, actor, store)?;
    turn(connection, store, &mut letters, peer, false)
}

/// Takes in a message of the store's node and answers it.
pub(super) fn hear(
    connection: &Connection,
    actor: Actor,
    store: &StoreId,
    peer: &mut Option<PeerSync>,
    (name, message): (&str, &[u8]),
) -> Result<Turn, MessageError> {
    if name != announcements_id(store) {
        return Err(MessageError::Peer(format!("no document {name:?} is shared with this store")));
    }
    let mut letters = open(connection, actor, store)?;
    let state = resumed(connection, store, &mut letters, peer)?;
    let changed = receive(&mut letters, state, message)?;
    keep(connection, store, &mut letters)?;
    Ok(turn(connection, store, &mut letters, peer, changed.0)?)
}

/// Replaces the pieces of a document by one when they have become many.
pub(super) fn tidy(connection: &mut Connection, actor: Actor, store: &StoreId) -> Result<(), StoreError> {
    if document::load(connection, &announcements_id(store))?.len() <= PIECES_MAX {
        return Ok(());
    }
    let snapshot = open(connection, actor, store)?.compact();
    document::compact(connection, &announcements_id(store), &snapshot)
}

fn readable(connection: &Connection, actor: Actor, store: &StoreId) -> Result<Option<Document>, StoreError> {
    match open(connection, actor, store) {
        Err(error @ StoreError::Corrupt(_)) => {
            tracing::error!(%store, %error, "a store's announcements cannot be read: restore the hub's database from a backup");
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

fn open(connection: &Connection, actor: Actor, store: &StoreId) -> Result<Document, StoreError> {
    let name = announcements_id(store);
    let stored = document::load(connection, &name)?;
    Document::open(&stored, actor).map_err(|why| StoreError::Corrupt(format!("document {name}: {why}")))
}

/// Stores what changed.
fn keep(connection: &Connection, store: &StoreId, letters: &mut Document) -> Result<(), StoreError> {
    if let Some(bytes) = letters.take_changes() {
        document::append(connection, &announcements_id(store), &bytes)?;
    }
    Ok(())
}

fn turn(
    connection: &Connection,
    store: &StoreId,
    letters: &mut Document,
    peer: &mut Option<PeerSync>,
    changed: bool,
) -> Result<Turn, StoreError> {
    let name = announcements_id(store);
    let state = resumed(connection, store, letters, peer)?;
    let mut messages = Vec::new();
    if let Some(message) = generate(letters, state) {
        messages.push((name.clone(), message));
    }
    if changed {
        document::set_peer_state(connection, &name, store.as_str(), &state.encode())?;
    }
    let digest = guitai_documents::digest(&[(&name, letters.heads_digest())]);
    Ok(Turn { digest, messages, changed })
}

fn resumed<'p>(
    connection: &Connection,
    store: &StoreId,
    letters: &mut Document,
    peer: &'p mut Option<PeerSync>,
) -> Result<&'p mut PeerSync, StoreError> {
    if peer.is_none() {
        let stored = document::peer_state(connection, &announcements_id(store), store.as_str())?;
        *peer = Some(stored.map_or_else(PeerSync::new, |stored| PeerSync::resume(&stored, letters)));
    }
    Ok(peer.get_or_insert_with(PeerSync::new))
}
