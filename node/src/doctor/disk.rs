//! Room and speed where the journal lives.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::timeout;

use super::exchange::millis;
use super::verdict::{Blame, Verdict, Who, Words};

/// The longest the disk may take for one small durable write.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(4);
/// The longest `df` may take: it hangs on a dead network disk.
const DF_LIMIT: Duration = Duration::from_secs(2);
/// A journal commit's size, about: one page.
const TRIAL: [u8; 4096] = [0x55; 4096];

const MB: u64 = 1 << 20;
/// Above this there is room.
const GOOD_ABOVE_BYTES: u64 = 2_048 * MB;
/// Below this the store soon cannot book.
const FAILED_BELOW_BYTES: u64 = 200 * MB;
/// Below this a commit is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 50;

/// Why nothing could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteFault {
    Missing,
    NotAllowed,
    /// The system mounted it read-only, mostly after an error.
    ReadOnly,
    Full,
    /// No end within [`WRITE_LIMIT`].
    Hangs,
    Broken,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskObservation {
    /// Free for this user; `None` where the system does not tell.
    pub(super) free_bytes: Option<u64>,
    /// Milliseconds until a small file was on the disk.
    pub(super) written: Result<u64, WriteFault>,
}

/// Writes and syncs a small file that is gone afterwards, and asks `df`.
pub(super) async fn observe(data_dir: &Path) -> DiskObservation {
    let dir = data_dir.to_owned();
    let writing = tokio::task::spawn_blocking(move || write_trial(&dir));
    let (written, free_bytes) = tokio::join!(timeout(WRITE_LIMIT, writing), free_bytes(data_dir));
    let written = match written {
        Ok(Ok(Ok(took))) => Ok(millis(took)),
        Ok(Ok(Err(error))) => Err(of_io(&error)),
        Ok(Err(_)) => Err(WriteFault::Broken),
        Err(_) => Err(WriteFault::Hangs),
    };
    DiskObservation { free_bytes, written }
}

/// The file has no name where the system knows such files, so not even a killed run leaves one behind; elsewhere it has one for a moment.
fn write_trial(dir: &Path) -> io::Result<Duration> {
    let begun = Instant::now();
    let mut file = tempfile::tempfile_in(dir)?;
    file.write_all(&TRIAL).and_then(|()| file.sync_all())?;
    Ok(begun.elapsed())
}

fn of_io(error: &io::Error) -> WriteFault {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => WriteFault::Missing,
        io::ErrorKind::PermissionDenied => WriteFault::NotAllowed,
        io::ErrorKind::ReadOnlyFilesystem => WriteFault::ReadOnly,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteFault::Full,
        _ => WriteFault::Broken,
    }
}

async fn free_bytes(dir: &Path) -> Option<u64> {
    let mut df = Command::new("df");
    df.arg("-Pk").arg("--").arg(dir).env("LC_ALL", "C");
    let asking = df.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(DF_LIMIT, asking).await.ok()?.ok()?;
    parse_df(&String::from_utf8_lossy(&output.stdout))
}

/// The POSIX form ends `… Available Capacity Mounted-on`; both outer names may hold spaces, so the capacity's `%` is the landmark.
fn parse_df(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    let kib = words.windows(2).find_map(|pair| match pair {
        [available, capacity] if capacity.strip_suffix('%').is_some_and(|n| n == "-" || n.parse::<u64>().is_ok()) => {
            available.parse::<u64>().ok()
        }
        _ => None,
    })?;
    kib.checked_mul(1_024)
}

/// Judges writing first, then room, then speed.
pub(super) fn judge(seen: &DiskObservation) -> Verdict {
    let took_ms = match seen.written {
        Ok(took_ms) => took_ms,
        Err(fault) => return judge_fault(fault).value(room(seen.free_bytes)),
    };
    let verdict = match seen.free_bytes {
        Some(free) if free < FAILED_BELOW_BYTES => Verdict::failed(
            "disk.full",
            Words::new("磁盘将满，即将无法记账", "the disk is nearly full: soon nothing can be booked"),
            STORE,
        )
        .try_this(CLEAN.0, CLEAN.1),
        Some(free) if free <= GOOD_ABOVE_BYTES => {
            Verdict::poor("disk.low", Words::new("磁盘空间不足", "the disk is getting full"), STORE)
                .try_this(CLEAN.0, CLEAN.1)
        }
        Some(_) | None if took_ms >= GOOD_BELOW_MS => Verdict::poor(
            "disk.slow",
            Words::new("磁盘写入慢，收款会变慢", "the disk writes slowly: payments take longer"),
            STORE,
        )
        .try_this(
            "看是否正在备份或杀毒；机械硬盘建议换固态硬盘",
            "see whether a backup or virus scan runs; replace a hard disk by an SSD",
        ),
        Some(_) | None => Verdict::good("disk.ok", Words::new("磁盘正常", "the disk is well")),
    };
    verdict.value(format!("{}, {took_ms} ms", room(seen.free_bytes)))
}

const STORE: Blame = Blame::Clear(Who::Store);
const CLEAN: (&str, &str) = (
    "清理下载和旧备份；不要删除数据目录里的文件",
    "clear downloads and old backups; never delete files in the data folder",
);

fn judge_fault(fault: WriteFault) -> Verdict {
    let failed = |code, zh: &str, en: &str| Verdict::failed(code, Words::new(zh, en), STORE);
    match fault {
        WriteFault::Missing => failed("disk.missing", "数据目录不存在", "the data folder does not exist").try_this(
            "检查数据盘是否接好，设置里的目录是否写对",
            "check that the data disk is attached and the configured folder is right",
        ),
        WriteFault::NotAllowed => failed("disk.not_writable", "数据目录不能写入", "the data folder cannot be written")
            .try_this("用节点的账户运行，或给它写权限", "run as the node's user, or give that user the right to write"),
        WriteFault::ReadOnly => failed("disk.read_only", "数据盘是只读的", "the data disk is read-only").try_this(
            "多半是磁盘出错后系统把它设为只读：先备份，再检查磁盘；人为挂载的请改为可写",
            "most likely the system made it so after an error: back up, then check the disk; or mount it for writing",
        ),
        WriteFault::Full => failed("disk.full", "磁盘已满，无法记账", "the disk is full: nothing can be booked")
            .try_this(CLEAN.0, CLEAN.1),
        WriteFault::Hangs => {
            failed("disk.hangs", "磁盘没有反应", "the disk does not react").try_this(REPLACE.0, REPLACE.1)
        }
        WriteFault::Broken => {
            failed("disk.broken", "磁盘写入出错", "writing to the disk fails").try_this(REPLACE.0, REPLACE.1)
        }
    }
}

const REPLACE: (&str, &str) = ("先备份，再更换磁盘", "back up first, then replace the disk");

fn room(free_bytes: Option<u64>) -> String {
    match free_bytes {
        None => "? GB".to_owned(),
        Some(free) if free < 1_024 * MB => format!("{} MB", free / MB),
        Some(free) => format!("{}.{} GB", free / (1_024 * MB), free % (1_024 * MB) * 10 / (1_024 * MB)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        let gb = 1_024 * MB;
        let table = [
            (Some(2 * gb + 1), Ok(49), Mark::Good, "disk.ok", "2.0 GB, 49 ms"),
            (None, Ok(1), Mark::Good, "disk.ok", "? GB, 1 ms"),
            (Some(2 * gb), Ok(1), Mark::Poor, "disk.low", "2.0 GB, 1 ms"),
            (Some(200 * MB), Ok(90), Mark::Poor, "disk.low", "200 MB, 90 ms"),
            (Some(200 * MB - 1), Ok(1), Mark::Failed, "disk.full", "199 MB, 1 ms"),
            (Some(15 * gb / 2), Ok(50), Mark::Poor, "disk.slow", "7.5 GB, 50 ms"),
            (None, Ok(50), Mark::Poor, "disk.slow", "? GB, 50 ms"),
            (Some(9 * gb), Err(WriteFault::NotAllowed), Mark::Failed, "disk.not_writable", "9.0 GB"),
            (None, Err(WriteFault::ReadOnly), Mark::Failed, "disk.read_only", "? GB"),
            (None, Err(WriteFault::Missing), Mark::Failed, "disk.missing", "? GB"),
            (Some(0), Err(WriteFault::Full), Mark::Failed, "disk.full", "0 MB"),
            (None, Err(WriteFault::Hangs), Mark::Failed, "disk.hangs", "? GB"),
            (None, Err(WriteFault::Broken), Mark::Failed, "disk.broken", "? GB"),
        ];
        for (free_bytes, written, mark, code, value) in table {
            let verdict = judge(&DiskObservation { free_bytes, written });
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
        }
    }

    #[test]
    fn df_is_read_whatever_its_names_hold() {
        let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        let read = |line: &str| parse_df(&format!("{head}{line}\n"));
        assert_eq!(read("/dev/sda1 100 40 60 40% /"), Some(60 * 1_024));
        assert_eq!(read("//server/my share 100 40 60 40% /mnt/50% off"), Some(60 * 1_024));
        assert_eq!(read("tmpfs 0 0 0 - /x"), None);
        assert_eq!(read("none 0 0 7 -% /x"), Some(7 * 1_024));
        assert_eq!(parse_df(""), None);
        assert_eq!(parse_df(head), None);
    }

    #[tokio::test]
    async fn a_trial_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        assert_eq!(observe(&dir).await.written, Err(WriteFault::Missing));
        fs::create_dir(&dir).unwrap();
        let before = fs::metadata(&dir).unwrap().modified().unwrap();
        let (seen, at_once) = tokio::join!(observe(&dir), observe(&dir));
        assert!(seen.written.is_ok() && at_once.written.is_ok());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        assert_eq!(fs::metadata(&dir).unwrap().modified().unwrap(), before, "the folder was not touched");
    }
}
