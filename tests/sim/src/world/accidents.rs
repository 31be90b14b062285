//! What befalls a world, and its mending.

use guitai_core::payment::State;
use guitai_store::list::{self, PaymentFilter};
use guitai_vfs::{Disk, Fault, Survival};

use super::{Event, World};
use crate::{
    counter::Counter,
    identity::identity,
    mutant::Mutant,
    oracle::Violation,
    plan::{DiskFault, Wall, What},
    situation::Situation,
};

impl World {
    pub(super) fn deed(&mut self, deed: usize) -> Result<(), Violation> {
        if self.plan.deeds[deed].skipped {
            return Ok(());
        }
        let what = self.plan.deeds[deed].what.clone();
        if what.is_intent() {
            return self.intend(deed);
        }
        if let What::Account(of, number) = what {
            let store = self.intents.get(of).and_then(|intent| intent.as_ref().map(|intent| intent.store));
            return store.map_or(Ok(()), |store| self.account(store, number, "某某"));
        }
        self.faults += 1;
        self.tell(format_args!("it happens: {what:?}"));
        self.befall(&what)
    }

    fn befall(&mut self, what: &What) -> Result<(), Violation> {
        let at = |world: &Self, store: usize| world.in_force[store];
        let over_at = |world: &Self, for_ms: u64| world.now_ms() + for_ms;
        match *what {
            What::Kill(store, down_ms) => {
                let counter = at(self, store);
                self.mark_end(counter, Situation::KilledWhileOpen, Situation::KilledAtRest);
                self.end_life(counter);
                self.schedule(over_at(self, down_ms), Event::Start(counter));
            }
            What::Power(store, down_ms) => {
                let counter = at(self, store);
                self.mark_end(counter, Situation::PowerCutWhileOpen, Situation::PowerCutAtRest);
                self.end_life(counter);
                self.cut_power(counter);
                self.schedule(over_at(self, down_ms), Event::Start(counter));
            }
            What::Disk(store, nth, fault) => {
                let (fault, situation) = match fault {
                    DiskFault::Read => (Fault::ReadError, Situation::DiskFailsToRead),
                    DiskFault::Write => (Fault::WriteError, Situation::DiskFailsToWrite),
                    DiskFault::Sync => (Fault::SyncError, Situation::DiskFailsToSync),
                };
                self.mark(situation);
                self.counters[at(self, store)].disk.fail_at(nth + 1, fault);
            }
            What::Full(store, for_ms) => {
                let counter = at(self, store);
                self.mark(Situation::DiskFull);
                self.counters[counter].set_full(true);
                self.schedule(over_at(self, for_ms), Event::Over(What::Full(store, 0)));
            }
            What::Wall(store, to) => {
                self.marks.wall(to);
                self.counters[at(self, store)].set_wall(to, self.now());
            }
            What::Backup(store) => {
                let counter = &mut self.counters[self.in_force[store]];
                counter.backup = Some((counter.disk.image(), counter.folder.clone()));
            }
            What::Restore(store) => self.restore(at(self, store)),
            What::Copy(store) => self.copy(at(self, store)),
            What::Replace(store) => self.replace(store),
            What::Reenter(store) => self.reenter(at(self, store)),
            What::TakeBack(store) => {
                // The first box of each store has its number.
                self.in_force[store] = store;
                self.reenter(store);
            }
            What::Offline(store, for_ms) => {
                let counter = at(self, store);
                self.mark(Situation::Offline);
                self.counters[counter].offline_until_ms = over_at(self, for_ms);
                self.hang_up_counter(counter);
            }
            What::HubKill(down_ms) => self.end_hub(false, down_ms),
            What::HubPower(down_ms) => self.end_hub(true, down_ms),
            What::HubBackup => self.hub.backup = Some(self.hub.disk.image()),
            What::HubRestore => self.restore_hub(),
            What::Line(line, for_ms) => {
                self.marks.line(line);
                self.bank.line = Some(line);
                self.schedule(over_at(self, for_ms), Event::Over(What::Line(line, 0)));
            }
            What::Refuse(returns, for_ms) => {
                self.mark(Situation::ReturnsRefused);
                self.bank.refuse(returns, true);
                self.schedule(over_at(self, for_ms), Event::Over(What::Refuse(returns, 0)));
            }
            What::Occupy(called, same) => self.bank.occupy(called, same),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn over(&mut self, what: &What) -> Result<(), Violation> {
        match *what {
            What::Full(store, _) => self.counters[self.in_force[store]].set_full(false),
            What::Line(line, _) if self.bank.line == Some(line) => self.bank.line = None,
            What::Refuse(returns, _) => self.bank.refuse(returns, false),
            _ => {}
        }
        Ok(())
    }

    fn mark_end(&mut self, counter: usize, open: Situation, rest: Situation) {
        let one = &self.counters[counter];
        let Some(life) = &one.life else { return };
        let of = |state| PaymentFilter {
            store: Some(one.store.to_string()),
            state: Some(state),
            ..PaymentFilter::default()
        };
        let any = |state| list::payments(&life.reader, &of(state), 1).is_ok_and(|rows| !rows.is_empty());
        let (reversing, refunding) = (any(State::Reversing), any(State::Refunding));
        let situation = if life.till.engine().open_payments() > 0 { open } else { rest };
        self.mark(situation);
        if reversing {
            self.mark(Situation::RestartedInReversal);
        }
        if refunding {
            self.mark(Situation::RestartedInRefund);
        }
    }

    fn cut_power(&mut self, counter: usize) {
        let cut = self.counters[counter].disk.operations();
        let mut chance = self.chance(("power", counter, cut));
        let percent = u8::try_from(self.plan.traits.survives / 10).unwrap_or(100);
        let survival = match percent {
            0 => Survival::NOTHING,
            100 => Survival::EVERYTHING,
            percent => Survival::share(percent, chance.draw()),
        };
        if let Some(stale) = &self.counters[counter].stale {
            // A disk that lied about its syncs.
            self.counters[counter].disk.restore(stale);
        }
        self.counters[counter].disk.power_cut(survival);
    }

    /// An older copy of the folder is put back. What it does not know of was acknowledged all the same; the hub gives it back.
    fn restore(&mut self, counter: usize) {
        let Some((image, folder)) = self.counters[counter].backup.clone() else { return };
        self.mark(Situation::FolderRestored);
        self.end_life(counter);
        self.counters[counter].disk.restore(&image);
        self.counters[counter].folder = folder;
        self.oracle.forgets(counter);
        self.schedule(self.now_ms() + 1_000, Event::Start(counter));
    }

    /// Another machine runs on a copy of the folder, beside the first: nobody wanted that.
    fn copy(&mut self, counter: usize) {
        self.mark(Situation::FolderCopied);
        let original = &self.counters[counter];
        let number = self.counters.len();
        let seed = self.chance(("disk", number)).draw();
        let disk = Disk::from_image(seed, &original.disk.image());
        let machine = u8::try_from(number + 1).unwrap_or(u8::MAX);
        let (store, folder) = (original.store.clone(), original.folder.clone());
        let copy = Counter::new(format!("{store} copy"), store, (disk, machine), folder);
        self.counters.push(copy);
        self.schedule(self.now_ms() + 1_000, Event::Start(number));
    }

    /// Another box is let in, with an empty folder; people use it from now on. The one before goes on asking about what is open.
    fn replace(&mut self, store: usize) {
        let number = self.counters.len();
        let key = identity(self.plan.seed, ("box", number));
        match self.new_box(store, key) {
            Ok(counter) => {
                self.mark(Situation::BoxReplaced);
                self.in_force[store] = counter;
                self.tell(format_args!("another box is let in"));
                self.schedule(self.now_ms(), Event::Start(counter));
            }
            // The hub is down.
            Err(error) => self.tell(format_args!("no other box is let in: {error}")),
        }
    }

    /// The box is let in anew, in its own folder: it gets another number.
    pub(super) fn reenter(&mut self, counter: usize) {
        let papers = self.counters[counter].life.as_ref().map(|life| life.member.papers()).unwrap_or_default();
        self.end_life(counter);
        let mut chance = self.chance(("re-enter", counter, self.counters[counter].starts));
        let (store, key) = (self.counters[counter].store.clone(), self.counters[counter].key());
        match self.hub.enrol(&store, (key, papers), chance.bytes(), self.now()) {
            Ok(enrolled) => {
                self.mark(Situation::BoxReentered);
                let after = self.counters[counter].folder.enrolment.after.clone();
                if let Err(error) = self.counters[counter].enrolled(&enrolled.grant, after) {
                    self.tell(format_args!("the grant is not kept: {error}"));
                }
            }
            Err(error) => self.tell(format_args!("not let in anew: {error}")),
        }
        self.schedule(self.now_ms() + 1_000, Event::Start(counter));
    }

    fn end_hub(&mut self, power: bool, down_ms: u64) {
        let (situation, busy) = (Situation::HubKilled, !self.connections.is_empty());
        self.mark(if power { Situation::HubPowerCut } else { situation });
        if busy {
            self.mark(Situation::HubEndedWhileConnected);
        }
        self.hang_up_all();
        self.hub.life = None;
        self.hub.disk.kill();
        if let (Some(Mutant::HubLosesFacts), Some(image)) = (self.mutant, &self.hub.stale) {
            self.hub.disk.restore(image);
        }
        if power {
            let cut = self.hub.disk.operations();
            let subset = self.chance(("hub power", cut)).draw();
            let percent = u8::try_from(self.plan.traits.survives / 10).unwrap_or(100);
            self.hub.disk.power_cut(Survival::share(percent, subset));
        }
        self.schedule(self.now_ms() + down_ms, Event::StartHub);
    }

    fn restore_hub(&mut self) {
        let Some(image) = self.hub.backup.clone() else { return };
        self.mark(Situation::HubRestored);
        self.hang_up_all();
        self.hub.life = None;
        self.hub.disk.restore(&image);
        self.oracle.hub_forgets();
        self.schedule(self.now_ms() + 500, Event::StartHub);
    }

    pub(super) fn start_hub(&mut self) -> Result<(), Violation> {
        if self.hub.life.is_some() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        self.restarts += 1;
        match self.hub.start(now_ms) {
            Ok(()) => self.tell(format_args!("the hub starts")),
            Err(error) => {
                self.tell(format_args!("the hub does not start: {error}"));
                self.schedule(now_ms + 5_000, Event::StartHub);
            }
        }
        self.hub_kept_what_it_acknowledged()
    }

    /// All is mended: lines, disks, clocks, processes, and people do what the red words told them.
    pub(super) fn mend(&mut self) -> Result<(), Violation> {
        self.tell(format_args!("all is mended"));
        self.mended = true;
        self.bank.heal();
        self.start_hub()?;
        for counter in 0..self.counters.len() {
            let now = self.now();
            self.counters[counter].set_wall(Wall::Right, now);
            self.counters[counter].set_full(false);
            self.counters[counter].disk.heal();
            self.counters[counter].offline_until_ms = 0;
            let is_used = self.in_force.contains(&counter);
            if !is_used && self.is_copy(counter) {
                // Two machines on one folder: people stop the second.
                self.retire(counter);
            } else {
                self.schedule(self.now_ms() + 10, Event::Start(counter));
            }
        }
        Ok(())
    }

    /// Whether another box has this one's key.
    pub(super) fn is_copy(&self, counter: usize) -> bool {
        let key = self.counters[counter].key();
        self.counters.iter().take(counter).any(|other| other.key() == key)
    }

    pub(super) fn retire(&mut self, counter: usize) {
        self.end_life(counter);
        self.counters[counter].retired = true;
    }
}
