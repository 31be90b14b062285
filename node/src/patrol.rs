//! The journal's whole chain, walked at leisure while the node runs, and then all that follows from it: of a long journal a start
//! verifies only what came after the last checkpoint.
//!
//! Damage found here was done while the node did not look. Where the facts are whole the node begins again and makes the rest anew;
//! where an old fact is damaged the counter goes on, as it would have without a restart, and the log says what to do.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use guitai_core::ids::JournalId;
use guitai_store::{
    Database, Integrity,
    journal::{self, Walk},
    query::Connection,
    shadow::{self, Shadow},
};
use tokio::sync::watch;

use crate::{data_folder::DataFolder, room, suspect};

/// The walk begins when what a start brings with it is over.
const AFTER_START: Duration = Duration::from_secs(30);

/// Facts of one slice: some 6 ms of reading.
const SLICE_FACTS: usize = 2_000;

/// Between two slices, so that it takes an eighth of one core at the most.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts the walk on a thread of its own, which ends with it or when the node stops.
pub(crate) fn start(
    folder: DataFolder,
    database: Database,
    (journal, key): (JournalId, VerifyingKey),
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let walk = move || match whole(&database, &journal, &key, &stop) {
        Ok(true) => tracing::info!("the whole journal is verified, and all that follows from it"),
        Ok(false) => {}
        Err(found) if found.may_heal() => {
            tracing::error!(%found, "the journal's file is damaged, its facts are whole");
            suspect::begin_again(&folder);
        }
        Err(damage) => tracing::error!(
            %damage,
            "账本的旧记录已损坏：收款照常，请保留数据目录并联系技术支持，用 guitai-node verify 复查 / an old fact is damaged: \
             payments go on; keep the data folder, call support, and check again with guitai-node verify"
        ),
    };
    std::thread::Builder::new().name("patrol".into()).spawn(walk).map(drop)
}

/// Whether it came to the end: first of the chain, then of all that follows from it.
fn whole(
    database: &Database,
    journal: &JournalId,
    key: &VerifyingKey,
    stop: &watch::Receiver<bool>,
) -> Result<bool, Integrity> {
    let mut walk = Walk::new(journal.clone(), &[]);
    let mut pause = AFTER_START;
    loop {
        if is_stopped_within(stop, pause) {
            return Ok(false);
        }
        pause = PAUSE;
        let reader = database.reader()?;
        let walked = walk.step(&reader, SLICE_FACTS).and_then(|more| match more {
            true => Ok(true),
            false => walk.end(&reader, key).map(|_| false),
        });
        match walked {
            Ok(true) => {}
            Ok(false) => break,
            // A journal that takes back what it lost changes under the walk; what one look at all of it says, stands.
            Err(_) => {
                journal::check(&reader, journal, key)?;
                break;
            }
        }
    }
    rows(database, stop)
}

fn rows(database: &Database, stop: &watch::Receiver<bool>) -> Result<bool, Integrity> {
    if !room::holds(&std::env::temp_dir(), file_bytes(database)) {
        tracing::warn!(
            "rows are not compared with their facts while the node runs: the temporary folder has no room for a copy of the journal"
        );
        // Its pages and indexes are looked at where they lie. That everything is verified cannot be said then.
        return match shadow::damaged_pages(&database.reader()?)? {
            Some(damaged) => Err(Integrity::Differs(damaged)),
            None => Ok(false),
        };
    }
    let own = |_: &Connection, _: &JournalId| Ok(None);
    let mut shadow = Shadow::new()?;
    let mut more = true;
    while more {
        if is_stopped_within(stop, PAUSE) {
            return Ok(false);
        }
        let reader = database.reader()?;
        more = shadow.step(&reader, &own)?;
    }
    let reader = database.reader()?;
    let differs = shadow.finish(&reader, &own)?.is_some() || shadow::damaged_pages(&reader)?.is_some();
    // As above: what one look at all of it says, stands.
    if differs { journal::check_rows(&reader).map(|()| true) } else { Ok(true) }
}

/// What a shadow of the file may come to.
fn file_bytes(database: &Database) -> u64 {
    std::fs::metadata(database.path()).map_or(0, |file| file.len())
}

fn is_stopped_within(stop: &watch::Receiver<bool>, wait: Duration) -> bool {
    /// How long a stopping node waits for this thread at the most.
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let mut left = wait;
    while !*stop.borrow() && !left.is_zero() {
        let part = left.min(LOOK_EVERY);
        std::thread::sleep(part);
        left -= part;
    }
    *stop.borrow()
}
