//! Power cuts on disks in memory: after each operation of a script, with many subsets of what was not synced.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use guitai_core::time::UtcMs;
use guitai_crash::{
    judge::judge,
    script::{Record, heads, play},
    till::{OPENING, Settings},
};
use guitai_vfs::{Disk, Survival};

/// Operations that change the disk, in each script.
const OPERATIONS: usize = 300;

/// Scripts.
const SEEDS: u64 = 8;

/// Subsets of what was not synced, for each place of a cut.
const SUBSETS: u64 = 8;

/// A run of these takes a quarter of all cuts, unless it is asked for all.
const SLICES: u64 = 4;

/// What is cut: none of it for the first subset, all of it for the second, else more or less.
fn survival(subset: u64, draw: u64) -> Survival {
    match subset {
        0 => Survival::NOTHING,
        1 => Survival::EVERYTHING,
        2 | 3 => Survival::share(90, draw),
        4 => Survival::share(10, draw),
        _ => Survival::drawn(draw),
    }
}

/// Half of the scripts fold the log in every few commits, so that cuts fall there too. The first begins on an empty disk.
fn settings(seed: u64, careless: bool) -> Settings {
    Settings { careless, checkpoint_pages: (seed % 2 == 1).then_some(24) }
}

struct Cuts {
    reopenings: u64,
    acked: u64,
    lost: u64,
    wrong: Vec<String>,
}

/// One script with its cuts; which of them, says `chosen`.
fn cut_after_each_operation(seed: u64, careless: bool, chosen: impl Fn(u64, u64) -> bool) -> anyhow::Result<Cuts> {
    let disk = Disk::new(seed);
    let settings = settings(seed, careless);
    let mut record = Record::default();
    if seed > 0 {
        // A shop that has sold before.
        let mut turns = 0..12;
        play(&disk, (seed + 100, OPENING), settings, &mut record, || turns.next().is_none())?;
    }
    disk.record();
    let begins = if seed > 0 { UtcMs(OPENING.0 + 600_000) } else { OPENING };
    let before = disk.changes();
    play(&disk, (seed, begins), settings, &mut record, || disk.changes() >= before + OPERATIONS)?;
    record.heads = heads(&disk)?;
    let mut cuts = Cuts { reopenings: 0, acked: 0, lost: 0, wrong: Vec::new() };
    for (operation, (operations, image)) in (0..).zip(disk.recorded().into_iter().take(OPERATIONS)) {
        let acked = record.at(operations);
        for subset in (0..SUBSETS).filter(|subset| chosen(operation, *subset)) {
            let disk = Disk::from_image(seed, &image);
            disk.power_cut(survival(subset, operation * SUBSETS + subset));
            cuts.reopenings += 1;
            cuts.acked += acked.node.number + acked.hub.number;
            match judge(&disk, &record, acked) {
                Ok(lost) => cuts.lost += lost,
                Err(why) => cuts.wrong.push(format!("seed {seed}, operation {operation}, subset {subset}: {why:#}")),
            }
        }
    }
    Ok(cuts)
}

/// All scripts, on all cores.
fn cut_all(careless: bool, chosen: impl Fn(u64, u64, u64) -> bool + Sync) -> Cuts {
    let next = AtomicU64::new(0);
    let all = Mutex::new(Cuts { reopenings: 0, acked: 0, lost: 0, wrong: Vec::new() });
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
                    let cuts =
                        cut_after_each_operation(seed, careless, |operation, subset| chosen(seed, operation, subset));
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    match cuts {
                        Ok(cuts) => {
                            all.reopenings += cuts.reopenings;
                            all.acked += cuts.acked;
                            all.lost += cuts.lost;
                            all.wrong.extend(cuts.wrong);
                        }
                        Err(why) => all.wrong.push(format!("seed {seed}: {why:#}")),
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// `GUITAI_CUT_SLICE`: 0 to 3, or `all`.
#[test]
fn a_cut_after_any_operation_loses_nothing_acknowledged() {
    let slice = std::env::var("GUITAI_CUT_SLICE").unwrap_or_else(|_| "0".to_owned());
    let wanted: Option<u64> = if slice == "all" { None } else { Some(slice.parse().expect("0 to 3, or all")) };
    let cuts = cut_all(false, |seed, operation, subset| {
        wanted.is_none_or(|slice| (seed + operation + subset) % SLICES == slice)
    });
    let all = SEEDS * SUBSETS * u64::try_from(OPERATIONS).expect("a few");
    assert!(cuts.wrong.is_empty(), "{} wrong, first: {:#?}", cuts.wrong.len(), &cuts.wrong[..cuts.wrong.len().min(5)]);
    println!(
        "crash part: vfs reopenings {}, acked {}, lost {} (slice {slice})",
        cuts.reopenings, cuts.acked, cuts.lost
    );
    assert_eq!(cuts.lost, 0);
    assert_eq!(cuts.reopenings, if wanted.is_some() { all / SLICES } else { all });
}

#[test]
fn without_syncs_of_commits_the_same_cuts_lose() {
    let cuts = cut_all(true, |_, operation, subset| operation % 10 == 9 && subset < 4);
    println!("crash part: control vfs reopenings {}, control lost {}", cuts.reopenings, cuts.lost);
    assert!(cuts.wrong.is_empty(), "NORMAL may lose, and is sound: {:#?}", cuts.wrong.first());
    assert!(cuts.lost > 0, "the rig loses nothing where it must: it proves nothing");
}

#[test]
fn what_is_not_right_is_noticed() {
    let (disk, mut record, mut turns) = (Disk::new(1), Record::default(), 0..12);
    play(&disk, (1, OPENING), settings(1, false), &mut record, || turns.next().is_none()).expect("played");
    record.heads = heads(&disk).expect("a chain");
    let (image, acked) = (disk.image(), record.at(u64::MAX));
    let judged = |record: &Record, acked| judge(&Disk::from_image(1, &image), record, acked);
    assert_eq!(judged(&record, acked).expect("sound"), 0);

    let mut more = acked;
    more.node.number += 2;
    more.hub.number += 1;
    assert_eq!(judged(&record, more).expect("sound"), 3, "acknowledged and gone");

    let mut other = Record { acked: record.acked.clone(), heads: record.heads.clone() };
    other.heads[usize::try_from(acked.node.number - 1).expect("a few")][0] ^= 1;
    assert!(format!("{:#}", judged(&other, acked).expect_err("other facts")).contains("not as written"));

    let mut half = Record { acked: record.acked.clone(), heads: record.heads.clone() };
    half.acked.retain(|known| known.node != acked.node);
    assert!(format!("{:#}", judged(&half, acked).expect_err("no commit ended there")).contains("half a commit"));

    // A row that says something else than its facts.
    let disk = Disk::from_image(1, &image);
    let raw = guitai_crash::script::node_file(&disk).and_then(|node| Ok(node.writer()?)).expect("a writer");
    assert!(raw.execute("UPDATE payment SET amount = amount + 1", []).expect("changed") > 0);
    drop(raw);
    assert!(format!("{:#}", judge(&disk, &record, acked).expect_err("a wrong row")).contains("rows"));
}
