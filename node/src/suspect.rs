//! A running node that meets damage in its journal's file marks it and begins again: its start then looks at everything and mends
//! what it can.

use std::{io::ErrorKind, os::unix::process::CommandExt, path::PathBuf, time::SystemTime};

use guitai_http::log;
use guitai_store::StoreError;

use crate::data_folder::DataFolder;

/// The mark.
const FILE: &str = "journal.suspect";

/// Says when a node began again by itself, in seconds since 1970: a disk that decays on and on must not keep it busy with that.
const BEGAN_AGAIN: &str = "GUITAI_BEGAN_AGAIN_S";

/// A node begins again by itself once in so many seconds.
const BEGIN_AGAIN_EVERY_S: u64 = 600;

/// Whether a start must look at everything, however long the journal is.
pub(crate) fn is_marked(folder: &DataFolder) -> bool {
    file(folder).exists()
}

/// Everything was looked at.
pub(crate) fn unmark(folder: &DataFolder) {
    if let Err(error) = std::fs::remove_file(file(folder))
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(%error, "{FILE} stays: the next start looks at everything again");
    }
}

fn file(folder: &DataFolder) -> PathBuf {
    folder.path().join(FILE)
}

/// A running node met damage in its journal's file: the next start looks at everything, and that is now. Comes back if a start has
/// just done so: then it lies deeper.
pub(crate) fn begin_again_if_damaged(folder: &DataFolder, error: &StoreError) {
    if error.is_damage() {
        begin_again(folder);
    }
}

/// See [`begin_again_if_damaged`].
pub(crate) fn begin_again(folder: &DataFolder) {
    if let Err(error) = std::fs::write(file(folder), b"") {
        tracing::warn!(%error, "the next start will not know that it should look at everything");
    }
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let before_s = std::env::var(BEGAN_AGAIN).ok().and_then(|text| text.parse::<u64>().ok());
    if before_s.is_some_and(|before_s| now_s.abs_diff(before_s) < BEGIN_AGAIN_EVERY_S) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    tracing::error!(
        "账本文件有损坏，程序重新开始以便修复 / the journal's file is damaged: this program begins again to mend it"
    );
    log::finish();
    // The same process goes on as its own successor: every file, lock and port is let go, and whoever watches it sees no end.
    let failed = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(BEGAN_AGAIN, now_s.to_string())
        .exec();
    // Nothing is logged any more. Whoever watches the service starts it, as after a power cut.
    drop(failed);
    std::process::exit(1);
}
