//! A till and a hub on one disk in memory: what was acknowledged, and after how many operations of the disk.

use std::{cell::RefCell, rc::Rc};

use anyhow::Context;
use guitai_core::{ids::FactNo, journal::chain::ChainHash, limits::CHUNK_MAX_BYTES, time::UtcMs};
use guitai_store::{Database, ingest, journal};
use guitai_vfs::{Disk, Random, VFS};
use rusqlite::Connection;

use crate::till::{ScriptedTill, Settings, identity, issuer, journal_id, loosen, open_journal};

/// What node and hub had acknowledged when the disk had done so many operations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acked {
    /// Operations of the disk.
    pub operations: u64,
    /// The node's last fact.
    pub node: FactNo,
    /// The last one that the hub held.
    pub hub: FactNo,
}

/// What was acknowledged, in order, and what a whole run wrote.
#[derive(Debug, Default)]
pub struct Record {
    /// Grows after every commit of either.
    pub acked: Vec<Acked>,
    /// The chain's value after each fact of the run's journal, from fact 1 on; made at its end.
    pub heads: Vec<ChainHash>,
}

impl Record {
    /// What was acknowledged when the disk had done so many operations.
    #[must_use]
    pub fn at(&self, operations: u64) -> Acked {
        let known = self.acked.iter().rev().find(|acked| acked.operations <= operations);
        known.copied().unwrap_or_default()
    }

    /// Whether a commit of the node ended at this fact.
    #[must_use]
    pub fn is_commit(&self, no: FactNo) -> bool {
        no.number == 0 || self.acked.iter().any(|acked| acked.node == no)
    }

    /// Whether the hub took over up to this fact.
    #[must_use]
    pub fn is_taken(&self, no: FactNo) -> bool {
        no.number == 0 || self.acked.iter().any(|acked| acked.hub == no)
    }
}

/// The node's file.
///
/// # Errors
/// What SQLite says.
pub fn node_file(disk: &Disk) -> anyhow::Result<Database> {
    Ok(Database::open_on(&disk.path("journal.db"), VFS)?)
}

/// The hub's file.
///
/// # Errors
/// What SQLite says.
pub fn hub_file(disk: &Disk) -> anyhow::Result<Database> {
    Ok(Database::open_on(&disk.path("hub.db"), VFS)?)
}

/// Takes over one run of facts, as a hub does; false where there is none.
///
/// # Errors
/// What SQLite says.
pub fn take_over(node: &Connection, hub: &mut Connection) -> anyhow::Result<bool> {
    let (held, _) = ingest::head(hub, &journal_id())?;
    let next = FactNo { epoch: held.epoch, number: held.number + 1 };
    let Some(run) = ingest::load(node, &journal_id(), next, CHUNK_MAX_BYTES)? else { return Ok(false) };
    ingest::persist(hub, &journal_id(), &[issuer()], &run)?;
    Ok(true)
}

/// Plays until it is enough, or something fails. The record holds what was acknowledged, even then.
///
/// # Errors
/// What failed.
pub fn play(
    disk: &Disk,
    (seed, begins): (u64, UtcMs),
    settings: Settings,
    record: &mut Record,
    enough: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let log = Rc::new(RefCell::new(Vec::new()));
    let played = play_on(disk, (seed, begins), settings, &log, enough);
    record.acked.append(&mut log.borrow_mut());
    played
}

fn play_on(
    disk: &Disk,
    (seed, begins): (u64, UtcMs),
    settings: Settings,
    log: &Rc<RefCell<Vec<Acked>>>,
    mut enough: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let note = |disk: &Disk, log: &RefCell<Vec<Acked>>, change: &dyn Fn(&mut Acked)| {
        let mut log = log.borrow_mut();
        let mut acked = log.last().copied().unwrap_or_default();
        acked.operations = disk.operations();
        change(&mut acked);
        log.push(acked);
    };
    let node = node_file(disk)?;
    let journal = open_journal(&node, settings, begins)?;
    let last = journal.last();
    note(disk, log, &|acked| acked.node = last);
    let mut hub = hub_file(disk)?.shared_writer()?;
    loosen(&hub, settings)?;
    let held = ingest::head(&hub, &journal_id())?.0;
    note(disk, log, &|acked| acked.hub = held);
    let reader = node.reader()?;
    let mut chance = Random::of(seed, 2);
    let on_commit = {
        let (disk, log) = (disk.clone(), Rc::clone(log));
        Box::new(move |no| note(&disk, &log, &|acked| acked.node = no))
    };
    let mut till = ScriptedTill::resume(journal, Random::of(seed, 1), begins, on_commit)?;
    let mut turn = || -> anyhow::Result<()> {
        till.turn()?;
        if chance.percent(40) && take_over(&reader, &mut hub)? {
            let held = ingest::head(&hub, &journal_id())?.0;
            note(disk, log, &|acked| acked.hub = held);
        }
        Ok(())
    };
    while !enough() {
        if let Err(why) = turn() {
            // A node ends there and then: no file is closed in good order.
            disk.kill();
            return Err(why);
        }
    }
    Ok(())
}

/// The chain of a whole run, from fact 1 on.
///
/// # Errors
/// The chain is broken, or what SQLite says.
pub fn heads(disk: &Disk) -> anyhow::Result<Vec<ChainHash>> {
    let reader = node_file(disk)?.reader()?;
    let (last, _) = journal::check(&reader, &journal_id(), &identity().verifying_key())?;
    (1..=last.number)
        .map(|number| {
            let no = FactNo { epoch: 1, number };
            ingest::head_at(&reader, &journal_id(), no)?.with_context(|| format!("fact {no}"))
        })
        .collect()
}
