//! Whether what is begun now can be booked to its end: a charge that goes out needs its outcome on the disk, and everything already
//! under way does too. So nothing new begins while there is still room for that, and it goes on by itself once there is more.

use std::path::Path;

use guitai_http::problem::{Code, Problem};
use rustix::fs::StatVfsMountFlags;

/// Below this nothing new begins: the outcomes of all payments that may be open take some 16 MiB, the write-ahead log as much again.
const ROOM_MIN_BYTES: u64 = 64 * 1024 * 1024;

/// Why nothing new may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    Full,
    ReadOnly,
}

/// Looks at the disk under the data folder; a microsecond. What the system does not tell stops nothing.
pub(crate) fn check(folder: &Path) -> Result<(), NoRoom> {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        Err(NoRoom::ReadOnly)
    } else if disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM_MIN_BYTES {
        Err(NoRoom::Full)
    } else {
        Ok(())
    }
}

/// Whether a folder's disk takes so many bytes and keeps as many free again.
pub(crate) fn holds(folder: &Path, bytes: u64) -> bool {
    rustix::fs::statvfs(folder)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) / 2 > bytes.saturating_add(ROOM_MIN_BYTES))
}

/// The answer to a request that would begin something.
pub(crate) fn problem(why: NoRoom, folder: &Path) -> Problem {
    let shown = folder.display();
    let (zh, en) = match why {
        NoRoom::Full => (
            format!(
                "数据盘（{shown}）快满了，先不开始新的收款和退款，没有发生扣款；已开始的照常完成。清出空间后自动恢复。"
            ),
            format!(
                "The disk under {shown} is nearly full: nothing new begins and nothing was charged; what is under way ends as \
                 usual. Make room, and it goes on by itself."
            ),
        ),
        NoRoom::ReadOnly => (
            format!("数据盘（{shown}）是只读的，不能记账，没有发生扣款。请重新挂载为可写或换盘，之后自动恢复。"),
            format!(
                "The disk under {shown} is read-only: nothing can be booked and nothing was charged. Mount it writable or replace \
                 it, and it goes on by itself."
            ),
        ),
    };
    Problem::new(Code::NotAccepting).detail(zh, en)
}
