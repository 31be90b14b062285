//! Announcements of one store: published at headquarters or in the store, read by its people.
//!
//! Document `announcements/<store>`: map `announcements` (id → `title` text, `body` text, `published_at`, `published_by`,
//! `edited_at?`, `withdrawn_at?`) and map `reads` (id → account → time). Times are integers, UTC ms.
//!
//! Merging: texts merge by character, so edits of different words both stay; of two edit times the later counts, of two
//! withdrawals or read marks the earlier. An edit never undoes a withdrawal. A peer may write anything into the document,
//! so what is unknown or of the wrong type is passed over.

use std::{error::Error, fmt};

use automerge::{
    AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value, transaction::Transactable,
};
use guitai_core::{
    ids::{AccountId, StoreId},
    normal,
    time::UtcMs,
};

use crate::{Document, limits};

pub(crate) const ANNOUNCEMENTS: &str = "announcements";
pub(crate) const READS: &str = "reads";
const TITLE: &str = "title";
const BODY: &str = "body";
const PUBLISHED_AT: &str = "published_at";
const PUBLISHED_BY: &str = "published_by";
const EDITED_AT: &str = "edited_at";
const WITHDRAWN_AT: &str = "withdrawn_at";

/// One announcement as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Chosen by the publisher.
    pub id: String,
    /// At most [`limits::TITLE_MAX_CHARS`] characters when written; two edits made apart may merge to more.
    pub title: String,
    /// Likewise with [`limits::BODY_MAX_CHARS`].
    pub body: String,
    /// When it was published.
    pub published_at: UtcMs,
    /// Who published it.
    pub published_by: AccountId,
    /// When it was last edited.
    pub edited_at: Option<UtcMs>,
    /// When it was withdrawn; it stays listed.
    pub withdrawn_at: Option<UtcMs>,
    /// Who read it, and when first, in the order of the accounts.
    pub reads: Vec<(AccountId, UtcMs)>,
}

/// What an [`EditError`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The announcement's id.
    Id,
    /// Its title.
    Title,
    /// Its body.
    Body,
    /// The number of announcements.
    Announcements,
    /// The number of changes.
    Changes,
}

/// Why an edit is refused; the document is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The field is blank.
    Empty(Field),
    /// The field is longer than its limit, or there are more of it than the document takes.
    OverLimit {
        /// What there is too much of.
        field: Field,
        /// How much is allowed: characters of a text, otherwise a number.
        max: usize,
    },
    /// An id holds something besides ASCII letters, digits, `-` and `_`.
    BadId,
    /// An announcement of this id exists.
    AlreadyPublished,
    /// No announcement has this id.
    NotFound,
    /// A peer changed the document's shape so that the edit has no place.
    Damaged,
}

/// The id of a store's document of announcements.
#[must_use]
pub fn announcements_id(store: &StoreId) -> String {
    format!("{ANNOUNCEMENTS}/{store}")
}

impl Document {
    /// Publishes an announcement under an id that both sides will never choose twice (a UUID).
    ///
    /// # Errors
    /// Names the field that is blank, too long or taken.
    pub fn publish(&mut self, id: &str, title: &str, body: &str, by: &AccountId, at: UtcMs) -> Result<(), EditError> {
        check_id(id)?;
        check_text(Field::Title, title, limits::TITLE_MAX_CHARS)?;
        check_text(Field::Body, body, limits::BODY_MAX_CHARS)?;
        let all = map(&self.auto, &ROOT, ANNOUNCEMENTS).ok_or(EditError::Damaged)?;
        let reads = map(&self.auto, &ROOT, READS).ok_or(EditError::Damaged)?;
        if self.auto.get(&all, id).is_ok_and(|found| found.is_some()) {
            return Err(EditError::AlreadyPublished);
        }
        if self.auto.length(&all) >= limits::ANNOUNCEMENTS_MAX {
            return Err(EditError::OverLimit { field: Field::Announcements, max: limits::ANNOUNCEMENTS_MAX });
        }
        self.write(|auto| {
            let entry = auto.put_object(&all, id, ObjType::Map)?;
            for (key, text) in [(TITLE, title), (BODY, body)] {
                let object = auto.put_object(&entry, key, ObjType::Text)?;
                auto.splice_text(&object, 0, 0, text)?;
            }
            auto.put(&entry, PUBLISHED_AT, at.0)?;
            auto.put(&entry, PUBLISHED_BY, by.as_str())?;
            // Made here, so that two people who mark it read while apart write into the same map.
            auto.put_object(&reads, id, ObjType::Map).map(drop)
        })
    }

    /// Changes the title, the body or both. Texts that are as they were count as no edit.
    ///
    /// # Errors
    /// Names the field that is blank or too long; [`EditError::NotFound`] if there is no such announcement.
    pub fn edit(&mut self, id: &str, title: Option<&str>, body: Option<&str>, at: UtcMs) -> Result<(), EditError> {
        let entry = self.entry(id)?;
        let mut wanted = Vec::new();
        for (key, field, text, max) in
            [(TITLE, Field::Title, title, limits::TITLE_MAX_CHARS), (BODY, Field::Body, body, limits::BODY_MAX_CHARS)]
        {
            let Some(text) = text else { continue };
            check_text(field, text, max)?;
            if self::text(&self.auto, &entry, key).as_deref() != Some(text) {
                wanted.push((key, text));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.write(|auto| {
            for (key, text) in wanted {
                let object = match auto.get(&entry, key)? {
                    Some((Value::Object(ObjType::Text), object)) => object,
                    Some(_) | None => auto.put_object(&entry, key, ObjType::Text)?,
                };
                auto.update_text(&object, text)?;
            }
            auto.put(&entry, EDITED_AT, at.0)
        })
    }

    /// Withdraws an announcement; a second time changes nothing.
    ///
    /// # Errors
    /// [`EditError::NotFound`] if there is no such announcement.
    pub fn withdraw(&mut self, id: &str, at: UtcMs) -> Result<(), EditError> {
        let entry = self.entry(id)?;
        if earliest(&self.auto, &entry, WITHDRAWN_AT).is_some() {
            return Ok(());
        }
        self.write(|auto| auto.put(&entry, WITHDRAWN_AT, at.0))
    }

    /// Notes that a person read it; the first time stays.
    ///
    /// # Errors
    /// [`EditError::NotFound`] if there is no such announcement.
    pub fn mark_read(&mut self, id: &str, account: &AccountId, at: UtcMs) -> Result<(), EditError> {
        self.entry(id)?;
        let reads = map(&self.auto, &ROOT, READS).ok_or(EditError::Damaged)?;
        let marks = map(&self.auto, &reads, id).ok_or(EditError::Damaged)?;
        if earliest(&self.auto, &marks, account.as_str()).is_some() {
            return Ok(());
        }
        self.write(|auto| auto.put(&marks, account.as_str(), at.0))
    }

    /// All announcements, newest first; of the same moment in the order of their ids. An entry whose publisher or time of
    /// publishing cannot be read is none.
    #[must_use]
    pub fn announcements(&self) -> Vec<Announcement> {
        let Some(all) = map(&self.auto, &ROOT, ANNOUNCEMENTS) else { return Vec::new() };
        let reads = map(&self.auto, &ROOT, READS);
        let mut seen: Vec<_> =
            self.auto.keys(&all).filter_map(|id| self.announcement(&all, reads.as_ref(), id)).collect();
        seen.sort_by(|a, b| b.published_at.cmp(&a.published_at).then_with(|| a.id.cmp(&b.id)));
        seen
    }

    fn announcement(&self, all: &ObjId, reads: Option<&ObjId>, id: String) -> Option<Announcement> {
        check_id(&id).ok()?;
        let entry = map(&self.auto, all, &id)?;
        let published_at = earliest(&self.auto, &entry, PUBLISHED_AT)?;
        let published_by = match self.auto.get(&entry, PUBLISHED_BY).ok()?? {
            (Value::Scalar(by), _) => AccountId::parse(by.as_str()?).ok()?,
            (Value::Object(_), _) => return None,
        };
        Some(Announcement {
            // A peer may have written what no door of ours lets in.
            title: normal::one_line(&text(&self.auto, &entry, TITLE).unwrap_or_default()),
            body: normal::paragraphs(&text(&self.auto, &entry, BODY).unwrap_or_default()),
            published_at,
            published_by,
            edited_at: times(&self.auto, &entry, EDITED_AT).max(),
            withdrawn_at: earliest(&self.auto, &entry, WITHDRAWN_AT),
            reads: reads.and_then(|reads| map(&self.auto, reads, &id)).map(|m| self.marks(&m)).unwrap_or_default(),
            id,
        })
    }

    fn marks(&self, marks: &ObjId) -> Vec<(AccountId, UtcMs)> {
        let mark = |key: String| Some((AccountId::parse(&key).ok()?, earliest(&self.auto, marks, &key)?));
        self.auto.keys(marks).filter_map(mark).collect()
    }

    fn entry(&self, id: &str) -> Result<ObjId, EditError> {
        let all = map(&self.auto, &ROOT, ANNOUNCEMENTS).ok_or(EditError::Damaged)?;
        map(&self.auto, &all, id).ok_or(EditError::NotFound)
    }

    /// One edit is one change, whole or not at all.
    fn write(&mut self, edit: impl FnOnce(&mut AutoCommit) -> Result<(), AutomergeError>) -> Result<(), EditError> {
        if self.changes() >= limits::CHANGES_MAX {
            let max = usize::try_from(limits::CHANGES_MAX).unwrap_or(usize::MAX);
            return Err(EditError::OverLimit { field: Field::Changes, max });
        }
        // Both sides at their half while apart must still merge.
        if self.auto.stats().num_ops >= limits::OPS_MAX / 2 {
            let max = usize::try_from(limits::OPS_MAX / 2).unwrap_or(usize::MAX);
            return Err(EditError::OverLimit { field: Field::Changes, max });
        }
        match edit(&mut self.auto) {
            Ok(()) => {
                self.auto.commit();
                Ok(())
            }
            Err(_) => {
                self.auto.rollback();
                Err(EditError::Damaged)
            }
        }
    }
}

fn check_id(id: &str) -> Result<(), EditError> {
    if id.is_empty() {
        return Err(EditError::Empty(Field::Id));
    }
    if id.len() > limits::ANNOUNCEMENT_ID_MAX_BYTES {
        return Err(EditError::OverLimit { field: Field::Id, max: limits::ANNOUNCEMENT_ID_MAX_BYTES });
    }
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if id.bytes().all(fine) { Ok(()) } else { Err(EditError::BadId) }
}

fn check_text(field: Field, text: &str, max: usize) -> Result<(), EditError> {
    if text.trim().is_empty() {
        return Err(EditError::Empty(field));
    }
    if text.chars().count() > max { Err(EditError::OverLimit { field, max }) } else { Ok(()) }
}

fn map(auto: &AutoCommit, parent: &ObjId, key: &str) -> Option<ObjId> {
    match auto.get(parent, key).ok()?? {
        (Value::Object(ObjType::Map), object) => Some(object),
        (Value::Object(ObjType::List | ObjType::Table | ObjType::Text) | Value::Scalar(_), _) => None,
    }
}

fn text(auto: &AutoCommit, parent: &ObjId, key: &str) -> Option<String> {
    match auto.get(parent, key).ok()?? {
        (Value::Object(ObjType::Text), object) => auto.text(&object).ok(),
        (Value::Object(ObjType::Map | ObjType::List | ObjType::Table) | Value::Scalar(_), _) => None,
    }
}

/// Of the times written apart under one key, the earliest.
fn earliest(auto: &AutoCommit, parent: &ObjId, key: &str) -> Option<UtcMs> {
    times(auto, parent, key).min()
}

fn times(auto: &AutoCommit, parent: &ObjId, key: &str) -> impl Iterator<Item = UtcMs> {
    let written = auto.get_all(parent, key).unwrap_or_default();
    written.into_iter().filter_map(|(value, _)| match value {
        Value::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Int(ms) => Some(UtcMs(*ms)),
            _ => None,
        },
        Value::Object(_) => None,
    })
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Title => "title",
            Self::Body => "body",
            Self::Announcements => "announcements",
            Self::Changes => "changes",
        })
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(field) => write!(f, "{field} is blank"),
            Self::OverLimit { field, max } => write!(f, "{field}: more than {max}"),
            Self::BadId => f.write_str("id holds something besides ASCII letters, digits, - and _"),
            Self::AlreadyPublished => f.write_str("an announcement of this id exists"),
            Self::NotFound => f.write_str("no announcement has this id"),
            Self::Damaged => f.write_str("the document's shape was damaged by a peer"),
        }
    }
}

impl Error for EditError {}
