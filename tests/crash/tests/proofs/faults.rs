//! Each kind of failing call, at each call of a script.

use std::collections::BTreeMap;

use guitai_core::time::UtcMs;
use guitai_crash::{
    judge::judge,
    script::{Acked, Record, heads, hub_file, play},
    till::{OPENING, Settings, journal_id},
};
use guitai_store::ingest;
use guitai_vfs::{Disk, Fault, Image, Survival};

/// Turns of the shop while something may fail.
const TURNS: usize = 9;

#[derive(Debug, Default)]
struct Told {
    /// Runs in which the fault struck.
    struck: u64,
    /// Those that ended with an error.
    ended: u64,
    /// Commits acknowledged after the fault.
    acked_after: u64,
}

/// A shop that has sold before, at rest.
fn begun(settings: Settings) -> (Image, Acked) {
    let (disk, mut record, mut turns) = (Disk::new(3), Record::default(), 0..12);
    play(&disk, (3, OPENING), settings, &mut record, || turns.next().is_none()).expect("played");
    (disk.image(), record.at(u64::MAX))
}

/// A fault at every operation that it can strike.
fn everywhere(fault: Fault, settings: Settings) -> Told {
    let (image, known) = begun(settings);
    let (mut told, mut nth) = (Told::default(), 1);
    loop {
        let disk = Disk::from_image(nth, &image);
        disk.fail_at(nth, fault);
        let (mut record, mut turns) = (Record::default(), 0..TURNS);
        let played = play(&disk, (nth, UtcMs(OPENING.0 + 600_000)), settings, &mut record, || {
            let is_over = turns.next().is_none();
            if is_over {
                // The process dies at its last word: closing files is not part of the script.
                disk.kill();
            }
            is_over
        });
        let Some(at) = disk.first_struck() else {
            played.unwrap_or_else(|why| panic!("{fault:?} at {nth}: nothing failed, and yet: {why:#}"));
            return told;
        };
        told.struck += 1;
        told.ended += u64::from(played.is_err());
        let later = |acked: &&Acked| acked.operations > at && (acked.node > known.node || acked.hub > known.hub);
        told.acked_after += u64::try_from(record.acked.iter().filter(later).count()).expect("a few");
        disk.kill();
        disk.heal();
        is_sound_afterwards(&disk, record, nth).unwrap_or_else(|why| panic!("{fault:?} at {nth}: {why:#}"));
        nth = at + 1;
    }
}

/// With all that shows, and with what a power cut leaves of it.
fn is_sound_afterwards(disk: &Disk, mut record: Record, nth: u64) -> anyhow::Result<()> {
    let acked = record.at(u64::MAX);
    // A commit that failed may be there all the same.
    let shown = Disk::from_image(0, &disk.image());
    record.heads = heads(&shown)?;
    let held = ingest::head(&hub_file(&shown)?.shared_writer()?, &journal_id())?.0;
    let node = guitai_core::ids::FactNo { epoch: 1, number: u64::try_from(record.heads.len())? };
    record.acked.push(Acked { operations: u64::MAX, node, hub: held });
    for survival in [Survival::EVERYTHING, Survival::NOTHING, Survival::drawn(nth)] {
        let after = Disk::from_image(nth, &disk.image());
        after.power_cut(survival);
        let lost = judge(&after, &record, acked)?;
        anyhow::ensure!(lost == 0, "{lost} acknowledged facts are gone, {survival:?}");
    }
    Ok(())
}

/// On all cores.
fn all(settings: Settings) -> BTreeMap<String, Told> {
    let begun: Vec<_> =
        Fault::ALL.into_iter().map(|fault| (fault, std::thread::spawn(move || everywhere(fault, settings)))).collect();
    begun.into_iter().map(|(fault, run)| (format!("{fault:?}"), run.join().expect("no panic"))).collect()
}

#[test]
fn what_fails_ends_the_till_and_leaves_it_sound() {
    let told = all(Settings::default());
    println!("crash faults: {told:?}");
    for (fault, Told { struck, ended, acked_after }) in &told {
        assert!(*struck > 10, "{fault} struck {struck} times");
        // A read may fail where SQLite can do without; all else ends the process.
        assert!(fault == "ReadError" || ended == struck, "{fault}: {ended} of {struck} ended");
        assert!(fault == "ReadError" || *acked_after == 0, "{fault}: acknowledged after it");
    }
}

/// SQLite does not say when folding its log in has failed. Then the log stays, and with it all that was acknowledged.
#[test]
fn a_fold_of_the_log_that_fails_loses_nothing() {
    let told = all(Settings { checkpoint_pages: Some(24), ..Settings::default() });
    println!("crash faults: while the log is folded in {told:?}");
    assert!(told["SyncError"].ended < told["SyncError"].struck, "no sync failed while the log was folded in");
}
