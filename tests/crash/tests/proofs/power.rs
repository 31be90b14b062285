//! Power cuts of a real file system: ext4 on a loop device, a till that sells on it in a process of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_crash::{
    cut::cut_power,
    judge::is_sound,
    till::{OPENING, Settings, open_journal},
};
use guitai_store::Database;
use guitai_vfs::Random;

/// Cuts, unless `GUITAI_CUTS` says otherwise.
const CUTS: u64 = 100;

/// Cuts of the control at most: it ends with the first that loses.
const CONTROL_CUTS: u64 = 40;

/// So many cuts hit one journal, one after the other; then a new one begins.
const CUTS_OF_A_JOURNAL: u64 = 10;

/// The file system's size, in MiB.
const SIZE_MIB: u64 = 96;

/// A till sells so long after its first commit, in ms, before the power goes: at least, and how much longer.
const LIFE_MS: (u64, u64) = (5, 150);

/// Until the first commit.
const BEGIN_LIMIT: Duration = Duration::from_secs(20);

/// A small log: every second till folds it in all the time.
const SMALL_LOG_PAGES: u32 = 8;

/// A file system on a loop device of its own. It leaves nothing behind.
struct Volume {
    folder: tempfile::TempDir,
    /// The device, while there is one.
    device: String,
}

impl Volume {
    /// A new one, mounted; or, in words, why this machine cannot.
    fn make() -> Result<Self, String> {
        let said = said(Command::new("id").arg("-u"))?;
        if said != "0" {
            return Err("only root may mount".into());
        }
        let folder = tempfile::Builder::new().prefix("guitai-power-").tempdir().map_err(|error| error.to_string())?;
        let image = folder.path().join("image");
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(SIZE_MIB << 20).map_err(|error| error.to_string())?;
        std::fs::create_dir(folder.path().join("mounted")).map_err(|error| error.to_string())?;
        self::said(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let mut volume = Self { folder, device: String::new() };
        volume.power_on()?;
        Ok(volume)
    }

    fn at(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    /// The device is another one each time: where somebody copied the mounts meanwhile, for a namespace of their own, the file system on
    /// the old one lives on as the cut left it, and would answer here too.
    fn power_on(&mut self) -> Result<(), String> {
        self.device = said(Command::new("losetup").args(["--find", "--show"]).arg(self.folder.path().join("image")))?;
        said(Command::new("mount").args(["-t", "ext4", &self.device]).arg(self.at())).map(drop)
    }

    fn power_off(&self) -> Result<(), String> {
        said(Command::new("umount").arg(self.at()))?;
        said(Command::new("losetup").args(["--detach", &self.device])).map(drop)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // What failed may have left it without power.
        if let Err(why) = self.power_off() {
            eprintln!("{} stays: {why}", self.device);
        }
    }
}

/// The mounts as they stand now, kept by somebody else until this goes, as by a container that started meanwhile.
struct MountsCopied(Child);

impl MountsCopied {
    fn make() -> std::io::Result<Self> {
        Command::new("unshare").args(["--mount", "sleep", "infinity"]).spawn().map(Self)
    }
}

impl Drop for MountsCopied {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A till in a process of its own; it is killed with its handle.
struct Selling {
    child: Child,
    /// The last fact whose commit it told of.
    told: Arc<AtomicU64>,
}

impl Selling {
    fn start(journal: &Path, settings: Settings) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guitai-crash-till"));
        command.arg(journal).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if settings.careless {
            command.arg("careless");
        }
        if let Some(pages) = settings.checkpoint_pages {
            command.arg(format!("checkpoint-pages={pages}"));
        }
        let mut child = command.spawn()?;
        let (told, out) = (Arc::new(AtomicU64::new(0)), child.stdout.take().context("a pipe was asked for")?);
        let tell = Arc::clone(&told);
        // It ends with the pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                tell.store(line.parse().expect("a number"), Ordering::SeqCst);
            }
        });
        Ok(Self { child, told })
    }

    fn told(&self) -> u64 {
        self.told.load(Ordering::SeqCst)
    }
}

impl Drop for Selling {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[derive(Debug, Default)]
struct Cuts {
    cuts: u64,
    acked: u64,
    lost: u64,
}

/// One life of a till, until the power goes; what it told of before must be there afterwards.
fn cut(
    volume: &mut Volume,
    number: u64,
    settings: Settings,
    chance: &mut Random,
    cuts: &mut Cuts,
) -> anyhow::Result<()> {
    let folder = volume.at().join(format!("journal-{}", number / CUTS_OF_A_JOURNAL));
    if number.is_multiple_of(CUTS_OF_A_JOURNAL) {
        for old in std::fs::read_dir(volume.at())? {
            let old = old?.path();
            if old.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal-")) {
                std::fs::remove_dir_all(old)?;
            }
        }
        std::fs::create_dir_all(&folder)?;
    }
    let file = folder.join("journal.db");
    let before = if file.exists() { last(&file)? } else { 0 };
    let selling = Selling::start(&file, settings)?;
    let begun = Instant::now();
    while selling.told() == 0 {
        ensure!(begun.elapsed() < BEGIN_LIMIT, "no commit in {BEGIN_LIMIT:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(LIFE_MS.0 + chance.below(LIFE_MS.1)));
    // Only what was heard before the cut counts.
    let told = selling.told();
    cut_power(&volume.at()).context("the cut")?;
    drop(selling);
    volume.power_off().map_err(anyhow::Error::msg)?;
    volume.power_on().map_err(anyhow::Error::msg)?;
    // Of a careless till's new file, nothing may be left.
    let there = if file.exists() { last(&file).context("after the cut")? } else { 0 };
    cuts.cuts += 1;
    cuts.acked += told - before;
    cuts.lost += told.saturating_sub(there);
    Ok(())
}

/// The last fact of a journal that is whole: its chain, and SQLite's file.
fn last(file: &Path) -> anyhow::Result<u64> {
    let journal = open_journal(&Database::open(file)?, Settings::default(), OPENING)?;
    is_sound(journal.connection())?;
    Ok(journal.last().number)
}

#[test]
fn power_cuts_of_a_file_system_lose_nothing_acknowledged() {
    let wanted = std::env::var("GUITAI_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(CUTS);
    let mut volume = match Volume::make() {
        Ok(volume) => volume,
        Err(why) => {
            println!("crash part: power cuts 0, acked 0, lost 0, control lost 0");
            println!("NOT DONE: no power was cut, since this machine cannot: {why}");
            return;
        }
    };
    let (mut chance, mut cuts, mut control) = (Random::of(1, wanted), Cuts::default(), Cuts::default());
    let copied = MountsCopied::make().expect("unshare");
    for number in 0..wanted {
        let checkpoint_pages = (number % 2 == 1).then_some(SMALL_LOG_PAGES);
        let settings = Settings { checkpoint_pages, ..Settings::default() };
        cut(&mut volume, number, settings, &mut chance, &mut cuts)
            .unwrap_or_else(|why| panic!("cut {number}: {why:?}"));
        assert_eq!(cuts.lost, 0, "lost in cut {number}: {cuts:?}");
    }
    drop(copied);
    // A new journal for the control.
    let first = wanted.next_multiple_of(CUTS_OF_A_JOURNAL);
    for number in first..first + CONTROL_CUTS {
        let settings = Settings { careless: true, ..Settings::default() };
        cut(&mut volume, number, settings, &mut chance, &mut control).unwrap_or_else(|why| panic!("control: {why:?}"));
        if control.lost > 0 {
            break;
        }
    }
    println!(
        "crash part: power cuts {}, acked {}, lost {}, control lost {} ({} cuts)",
        cuts.cuts, cuts.acked, cuts.lost, control.lost, control.cuts
    );
    assert!(control.lost > 0, "the rig loses nothing where it must: it proves nothing");
    assert!(cuts.acked > 2 * cuts.cuts, "too little was sold: {cuts:?}");
}
