//! SQLite on a disk that dies: WAL among connections, kills, cuts, copies, failing calls.

use guitai_vfs::{Disk, Fault, Survival, VFS};
use rusqlite::{Connection, ErrorCode, OpenFlags};

fn open(disk: &Disk, synchronous: &str) -> Connection {
    let connection = Connection::open_with_flags_and_vfs(disk.path("a.db"), OpenFlags::default(), VFS).expect("opened");
    let pragmas = "PRAGMA journal_mode=WAL; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=20;";
    connection.execute_batch(pragmas).expect("set");
    connection.pragma_update(None, "synchronous", synchronous).expect("set");
    connection
}

fn prepared(disk: &Disk) -> Connection {
    let connection = open(disk, "FULL");
    connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB NOT NULL)").expect("made");
    connection
}

/// One transaction of two rows.
fn add(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for one in [2 * n, 2 * n + 1] {
        connection.prepare_cached("INSERT INTO t VALUES (?1, zeroblob(900))")?.execute([one])?;
    }
    connection.execute_batch("COMMIT")
}

/// The rows, after SQLite's own check of the file.
fn rows(disk: &Disk) -> i64 {
    count(&open(disk, "FULL"))
}

fn count(connection: &Connection) -> i64 {
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(sound, "ok");
    let (rows, last): (i64, i64) = connection
        .query_row("SELECT count(*), ifnull(max(n) + 1, 0) FROM t", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("read");
    assert_eq!(rows, last, "without gaps");
    assert_eq!(rows % 2, 0, "never half a transaction");
    rows
}

#[test]
fn connections_share_a_wal_over_threads() {
    let disk = Disk::new(1);
    let writer = prepared(&disk);
    let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("read");
    assert_eq!(mode, "wal");
    let reader = open(&disk, "FULL");
    reader.execute_batch("BEGIN").expect("begun");
    assert_eq!(count(&reader), 0);
    let other = disk.clone();
    std::thread::spawn(move || {
        for n in 0..50 {
            add(&writer, n).expect("written");
        }
        // Two writers: the second is told so.
        writer.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let busy = open(&other, "FULL").execute_batch("BEGIN IMMEDIATE").expect_err("taken");
        assert_eq!(busy.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    })
    .join()
    .expect("no panic");
    assert_eq!(count(&reader), 0, "a reader stays where it began");
    reader.execute_batch("COMMIT").expect("ended");
    assert_eq!(count(&reader), 100);
    drop(reader);
    assert_eq!(disk.names(), ["a.db"], "the last one to close folds the WAL in");
    assert_eq!(rows(&disk), 100);
}

#[test]
fn a_killed_process_changes_nothing_any_more_and_lost_nothing() {
    let disk = Disk::new(2);
    let dead = prepared(&disk);
    // Killed before a sync of anything: what is written stays.
    dead.pragma_update(None, "synchronous", "OFF").expect("set");
    add(&dead, 0).expect("written");
    dead.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (99, zeroblob(9000))").expect("begun");
    disk.kill();
    let failed = dead.execute_batch("COMMIT").expect_err("dead");
    assert_eq!(failed.sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    let living = open(&disk, "FULL");
    assert_eq!(count(&living), 2, "its lock is gone, and so is what it had not committed");
    let before = (disk.operations(), disk.names(), disk.len("a.db"), disk.len("a.db-wal"));
    drop(dead);
    assert_eq!(before, (disk.operations(), disk.names(), disk.len("a.db"), disk.len("a.db-wal")));
    add(&living, 1).expect("written");
    assert_eq!(count(&living), 4);
}

#[test]
fn a_synced_commit_survives_any_cut_and_one_that_is_not_may_vanish_whole() {
    let begun = Disk::new(3);
    let first = prepared(&begun);
    for n in 0..10 {
        add(&first, n).expect("written");
    }
    let image = begun.image();
    let (mut gone, mut there) = (0, 0);
    for subset in 0..300 {
        let disk = Disk::from_image(subset, &image);
        let connection = open(&disk, "FULL");
        for n in 10..20 {
            add(&connection, n).expect("written");
        }
        // NORMAL syncs what order needs, and no commit.
        connection.pragma_update(None, "synchronous", "NORMAL").expect("set");
        add(&connection, 20).expect("written");
        disk.power_cut(match subset % 4 {
            0 => Survival::NOTHING,
            1 => Survival::EVERYTHING,
            2 => Survival::drawn(subset),
            _ => Survival::share(80, subset),
        });
        drop(connection);
        match rows(&disk) {
            40 => gone += 1,
            42 => there += 1,
            other => panic!("{other} rows with subset {subset}"),
        }
    }
    assert!(gone > 75 && there > 75, "{gone} gone, {there} there");
}

#[test]
fn a_cut_in_the_middle_of_a_commit_leaves_all_or_nothing() {
    let begun = Disk::new(4);
    drop(prepared(&begun));
    let image = begun.image();
    let mut crashed = 0;
    for nth in 1..120 {
        let disk = Disk::from_image(nth, &image);
        let connection = open(&disk, "FULL");
        disk.crash_at(nth, Some(Survival::drawn(nth)));
        let acked = (0..8).take_while(|n| add(&connection, *n).is_ok()).count();
        crashed += usize::from(acked < 8);
        // Where all of it took fewer operations, the crash is still to come.
        disk.heal();
        drop(connection);
        let there = rows(&disk);
        let acked = i64::try_from(2 * acked).expect("a few");
        assert!(there == acked || there == acked + 2, "{there} rows, {acked} were acknowledged, cut at {nth}");
    }
    assert!(crashed > 60, "only {crashed} crashed");
}

#[test]
fn the_same_seed_draws_the_same_cut() {
    let lives = |seed| {
        let disk = Disk::new(seed);
        let connection = prepared(&disk);
        drop(connection);
        (0..12)
            .map(|_| {
                let living = open(&disk, "NORMAL");
                let next = count(&living) / 2;
                add(&living, next).expect("written");
                add(&living, next + 1).expect("written");
                disk.power_cut(Survival::share(97, 0));
                drop(living);
                rows(&disk)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(lives(5), lives(5));
    assert!((6..16).any(|seed| lives(seed) != lives(5)), "other seeds draw others");
}

#[test]
fn a_folder_is_put_back_and_copied() {
    let disk = Disk::new(6);
    let connection = prepared(&disk);
    add(&connection, 0).expect("written");
    let older = disk.image();
    add(&connection, 1).expect("written");
    let copy = Disk::from_image(7, &disk.image());
    disk.restore(&older);
    add(&connection, 2).expect_err("its process is dead");
    assert_eq!((rows(&disk), rows(&copy)), (2, 4));
    let of_copy = open(&copy, "FULL");
    add(&of_copy, 2).expect("written");
    assert_eq!((rows(&disk), count(&of_copy)), (2, 6), "two folders from now on");
}

#[test]
fn each_fault_at_each_call_is_told_and_leaves_a_sound_file() {
    let mut struck = [0; 5];
    let begun = Disk::new(8);
    drop(prepared(&begun));
    let image = begun.image();
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        for nth in 1..80 {
            let disk = Disk::from_image(nth, &image);
            disk.fail_at(nth, fault);
            let acked = match Connection::open_with_flags_and_vfs(disk.path("a.db"), OpenFlags::default(), VFS) {
                Ok(connection) => {
                    let _ = connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=8");
                    (0..8).take_while(|n| add(&connection, *n).is_ok()).count()
                }
                Err(_) => 0,
            };
            struck[index] += usize::from(disk.struck() > 0);
            disk.heal();
            // What the failed sync forgot goes with the power.
            disk.power_cut(Survival::drawn(nth));
            let (there, acked) = (rows(&disk), i64::try_from(2 * acked).expect("a few"));
            assert!(there == acked || there == acked + 2, "{there} rows, {acked} acknowledged, {fault:?} at {nth}");
        }
    }
    assert!(struck.iter().all(|times| *times > 30), "struck {struck:?}");
}

#[test]
fn a_full_disk_refuses_to_grow_and_serves_again_with_room() {
    let disk = Disk::new(9);
    let connection = prepared(&disk);
    add(&connection, 0).expect("written");
    disk.fill(true);
    let full = add(&connection, 1).expect_err("no room");
    assert_eq!(full.sqlite_error_code(), Some(ErrorCode::DiskFull));
    connection.execute_batch("ROLLBACK").ok();
    assert_eq!(count(&connection), 2);
    disk.fill(false);
    add(&connection, 1).expect("written");
    assert_eq!(count(&connection), 4);
}

#[test]
fn a_flipped_bit_shows() {
    let disk = Disk::new(10);
    drop(prepared(&disk));
    assert!(disk.flip("a.db", 0, 3));
    assert!(!disk.flip("a.db", 1 << 30, 3) && !disk.flip("b.db", 0, 0));
    let connection = Connection::open_with_flags_and_vfs(disk.path("a.db"), OpenFlags::default(), VFS);
    let read = connection.and_then(|open| open.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)));
    read.expect_err("the file's first byte is fixed");
}

#[test]
fn disks_live_and_die_on_any_thread() {
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            std::thread::spawn(move || {
                for no in 0..100 {
                    let disk = Disk::new(thread * 100 + no);
                    let path = disk.path("a.db");
                    let connection = prepared(&disk);
                    add(&connection, 0).expect("written");
                    drop((disk, connection));
                    let gone = Connection::open_with_flags_and_vfs(path, OpenFlags::default(), VFS);
                    gone.expect_err("the disk went with its last handle");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}
