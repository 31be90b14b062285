//! What a start makes whole by itself: a side database that is lost or damaged, and everything in the journal's file that follows
//! from its facts. A till PC's disk decays; as long as the facts are whole, that costs no sale.

use std::path::PathBuf;

use anyhow::Context;
use ed25519_dalek::SigningKey;
use guitai_store::{
    Database, Integrity, Journal, StoreError, follower, journal, kept,
    shadow::{self, Difference},
};

use crate::{announcements::Announcements, data_folder::DataFolder, followers, suspect, sync};

/// The way out where facts themselves may be damaged: Chinese, English. Facts go to headquarters in order, so the last one there tells.
pub(crate) const FACTS_DAMAGED: (&str, &str) = (
    "先把整个数据目录复制留底，再启动节点：能修的会自动修好。若提示账目本身损坏，看总部有没有本机最后一笔付款（最后一张小票的单号）：有，之前的\
     就都在，停下节点、移走 journal.db 再启动，账目从总部取回；没有，请联系技术支持",
    "copy the whole data folder first, then start the node: it mends what it can. If it says that facts themselves are damaged, look \
     whether headquarters has this box's last payment (the number on its last receipt): if so it has all before, so stop the node, move \
     journal.db elsewhere and start, and the payments come back from there; if not, call support",
);

/// The journal is damaged: its own exit code, so that whoever watches the service calls a person.
#[derive(Debug)]
pub(crate) struct Damaged(pub(crate) Integrity);

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(found) = self;
        let remedy = match found {
            Integrity::Differs(Difference::Text(_)) => {
                "收款不受影响；请从备份恢复，或联系技术支持 / payments go on; restore a backup, or call support"
            }
            // What cannot be read may be facts as well.
            found if found.may_heal() && !matches!(found, Integrity::Unreadable(_)) => {
                "付款一笔不少：启动本机，或运行 guitai-node rebuild，会按账本重建 / no payment is lost: start the node, or run `guitai-node \
                 rebuild`, and it is made anew from the facts"
            }
            _ => {
                let (zh, en) = FACTS_DAMAGED;
                return write!(f, "{found}. 没有改动任何内容；{zh} / nothing was changed; {en}");
            }
        };
        write!(f, "{found}. {remedy}")
    }
}

impl std::error::Error for Damaged {}

/// What a check of the journal came to, as a command's failure.
pub(crate) fn failure(found: Integrity) -> anyhow::Error {
    match found {
        Integrity::Unreadable(error) if !error.is_damage() => error.into(),
        damaged => Damaged(damaged).into(),
    }
}

/// The same for an error of reading it.
pub(crate) fn explained(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<StoreError>() {
        Ok(error) => failure(Integrity::Unreadable(error)),
        Err(other) => other,
    }
}

/// Brings the side database back to what a start needs. What cannot be read is put aside whole: of everything in it only the
/// enrolment is needed for a sale, and of that there is another copy.
///
/// # Errors
/// It is out of reach, or cannot be written.
pub(crate) fn side(folder: &DataFolder) -> anyhow::Result<()> {
    if let Err(error) = read_all(folder) {
        if error.chain().filter_map(|cause| cause.downcast_ref::<StoreError>()).any(|error| !error.is_damage()) {
            return Err(error);
        }
        let aside = shadow::set_aside(&folder.side_path())?;
        tracing::warn!(
            error = format!("{error:#}"), aside = %aside.display(),
            "side.db 已损坏，已另存并重建，收款不受影响 / side.db is damaged: it is kept aside and made anew; payments go on"
        );
    }
    folder.match_spare_enrolment()
}

/// Reads what a start reads.
fn read_all(folder: &DataFolder) -> anyhow::Result<()> {
    if !folder.side_path().exists() {
        return Ok(());
    }
    let side = folder.side()?;
    let reader = side.reader()?;
    if let Some(damaged) = shadow::damaged_pages(&reader)? {
        anyhow::bail!("{damaged}");
    }
    kept::kept(&reader)?;
    follower::at(&reader, followers::RECEIPTS)?;
    sync::start(&side)?;
    sync::last_clock_offset(&side)?;
    let enrolment = folder.enrolment_in_side()?;
    if let Some(enrolment) = enrolment {
        Announcements::open(&side, &enrolment.store()?).context("the announcements")?;
    }
    Ok(())
}

/// Opens the journal; looks at everything that follows from its facts if it is short or was found damaged, and makes it anew from
/// them where it is not as they say.
///
/// # Errors
/// `Damaged` if the facts themselves are.
pub(crate) fn journal(
    folder: &DataFolder,
    identity: &SigningKey,
    open: impl Fn(&Database) -> Result<Journal, Integrity>,
) -> anyhow::Result<(Database, Journal)> {
    let database = folder.journal().map_err(explained)?;
    let opened = open(&database).and_then(|journal| {
        if journal.walked_whole() || suspect::is_marked(folder) {
            journal::check_rows(journal.connection())?;
        }
        Ok(journal)
    });
    let journal = match opened {
        Ok(journal) => journal,
        Err(found @ Integrity::Differs(Difference::Text(_))) => {
            tracing::error!("{}", Damaged(found));
            open(&database).map_err(failure)?
        }
        Err(found) if found.may_heal() => {
            tracing::warn!(
                %found,
                "账本文件有损坏，正在按账本重建 / the journal's file is damaged: what follows from its facts is being made anew"
            );
            heal(&database, &open, identity)?
        }
        Err(found) => return Err(failure(found)),
    };
    suspect::unmark(folder);
    Ok((database, journal))
}

fn heal(
    database: &Database,
    open: &impl Fn(&Database) -> Result<Journal, Integrity>,
    identity: &SigningKey,
) -> anyhow::Result<Journal> {
    let aside = made_anew(database, open, identity).map_err(failure)?;
    tracing::warn!(
        aside = %aside.display(),
        "已重建，付款一笔不少；请检查这块磁盘 / it is made anew and no payment is lost; have this disk looked at"
    );
    let journal = open(database).map_err(failure)?;
    journal::check_rows(journal.connection()).map_err(failure)?;
    Ok(journal)
}

/// Writes the journal's file anew from its facts; answers where the old one is kept.
///
/// # Errors
/// Its facts are damaged; it stays as it was.
pub(crate) fn made_anew(
    database: &Database,
    open: &impl Fn(&Database) -> Result<Journal, Integrity>,
    identity: &SigningKey,
) -> Result<PathBuf, Integrity> {
    shadow::heal(database, &|_, _| Ok(None), |new| {
        // Whoever opens it walks its chain to the end.
        let opened = open(new)?;
        journal::verify(opened.connection(), opened.id(), &identity.verifying_key(), &[]).map(|_| ())
    })
}
