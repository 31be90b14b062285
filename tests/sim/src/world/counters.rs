//! Boxes: their starts, their turns, their ends.

use guitai_core::{ids::FactNo, sync::member::COMPARED_WITHIN_MS};
use guitai_store::ingest;
use guitai_till::{Command, Output};

use super::{Event, World, people::Post};
use crate::{
    counter::Stop,
    mutant::Mutant,
    oracle::{Invariant, Violation},
    situation::Situation,
};

/// A node that did not start is started again after this, in ms.
const START_AGAIN_MS: u64 = 5_000;

/// A node dials this long after its start, in ms.
const DIALS_AFTER_MS: u64 = 50;

impl World {
    pub(super) fn start(&mut self, counter: usize) -> Result<(), Violation> {
        if self.counters[counter].life.is_some() || self.counters[counter].retired {
            return Ok(());
        }
        if self.mutant == Some(Mutant::ChangesAFact) && self.counters[counter].starts > 0 {
            self.corrupt(counter, "UPDATE fact SET head = zeroblob(32) WHERE number = 2");
        }
        if self.mutant == Some(Mutant::MovesASignature) && self.counters[counter].starts > 0 {
            let moved = "UPDATE seal SET signature = (SELECT signature FROM seal ORDER BY epoch, number LIMIT 1)";
            self.corrupt(counter, moved);
        }
        let (hub_key, traits) = (self.hub.key(), (self.plan.traits.begins_at_ms, self.plan.traits.cut_off));
        self.counters[counter].unfail();
        let started = self.counters[counter].start((&self.truth, traits.0), &hub_key, traits.1);
        let name = self.counters[counter].name.clone();
        match started {
            Ok(()) => {}
            Err(Stop::Disk(why)) => {
                self.tell(format_args!("{name} does not start: {why}"));
                self.counters[counter].disk.kill();
                self.schedule(self.now_ms() + START_AGAIN_MS, Event::Start(counter));
                return Ok(());
            }
            Err(Stop::Damaged(why)) => {
                return Err(Invariant::ChainWhole.violated(format!("{name}: {why}")));
            }
        }
        let life = self.counters[counter].starts;
        if life > 1 {
            self.restarts += 1;
        }
        self.tell(format_args!("{name} starts, life {life}"));
        self.kept_what_was_durable(counter)?;
        let born_ms = self.now_ms();
        self.schedule(born_ms + DIALS_AFTER_MS, Event::Dial { counter, life });
        self.schedule(born_ms + DIALS_AFTER_MS, Event::AskTime { counter, life, wait_ms: 0 });
        self.schedule(born_ms + COMPARED_WITHIN_MS, Event::Wake { counter, life });
        self.turn(counter, Vec::new())
    }

    /// What a commit acknowledged is there after every start, unless somebody put an older copy back.
    fn kept_what_was_durable(&mut self, counter: usize) -> Result<(), Violation> {
        let Some(life) = &self.counters[counter].life else { return Ok(()) };
        let journal = self.counters[counter].journal();
        let Some((no, head)) = self.oracle.acknowledged(counter) else { return Ok(()) };
        let found = ingest::head_at(&life.reader, &journal, no);
        match found {
            Ok(Some(found)) if found == head => Ok(()),
            Ok(found) => {
                let name = &self.counters[counter].name;
                let what = if found.is_some() { "another" } else { "gone" };
                Err(Invariant::AcknowledgedIsDurable.violated(format!("{name}: fact {no} is {what} after a start")))
            }
            // A disk that fails now says nothing about what is on it.
            Err(_) => Ok(()),
        }
    }

    pub(super) fn wake(&mut self, counter: usize, starts: u64) -> Result<(), Violation> {
        if self.counters[counter].starts != starts || self.counters[counter].life.is_none() {
            return Ok(());
        }
        if let Some(life) = &mut self.counters[counter].life {
            life.wake_ms = None;
        }
        if self.mutant == Some(Mutant::NobodyWakes) {
            return Ok(());
        }
        self.turn(counter, Vec::new())
    }

    /// One turn of a box's till, with everything that may go in now.
    pub(super) fn turn(&mut self, counter: usize, mut commands: Vec<Command>) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let Some(life) = &mut self.counters[counter].life else { return Ok(()) };
        if life.hub_is_heard(now_ms) {
            commands.push(Command::HubHeard);
        }
        let held = std::mem::take(&mut life.held);
        for (_, wish, command) in held {
            match life.door(now_ms, wish) {
                Some(by_ms) => life.held.push((by_ms, wish, command)),
                None => commands.push(command),
            }
        }
        let mut outputs = Vec::new();
        let turned = life.till.turn(commands, |output| outputs.push(output));
        if let Err(error) = turned {
            let name = self.counters[counter].name.clone();
            self.tell(format_args!("{name} ends: {error}"));
            self.mark(Situation::CommitFailed);
            self.end_life(counter);
            self.schedule(now_ms + START_AGAIN_MS, Event::Start(counter));
            return self.deliver();
        }
        for output in outputs {
            self.output(counter, output)?;
        }
        self.deliver()?;
        self.look_again(counter);
        self.oracle_waits(counter)
    }

    fn output(&mut self, counter: usize, output: Output) -> Result<(), Violation> {
        match output {
            Output::Call(call) => self.call(counter, &call)?,
            Output::Committed { last, changed } => {
                let name = self.counters[counter].name.clone();
                for changed in changed {
                    self.tell(format_args!("{name}: {} is {}", changed.order_no, changed.state.as_str()));
                    self.saw(counter, changed)?;
                }
                self.committed(counter, last)?;
            }
        }
        Ok(())
    }

    fn committed(&mut self, counter: usize, no: FactNo) -> Result<(), Violation> {
        let journal = self.counters[counter].journal();
        if self.mutant == Some(Mutant::LosesSynced) && self.counters[counter].stale.is_none() {
            self.counters[counter].stale = Some(self.counters[counter].disk.image());
            return self.appended(counter, no);
        }
        let Some(life) = &self.counters[counter].life else { return Ok(()) };
        match ingest::head_at(&life.reader, &journal, no) {
            Ok(Some(head)) => self.oracle.acknowledge(counter, no, head),
            Ok(None) => {
                return Err(
                    Invariant::AcknowledgedIsDurable.violated(format!("fact {no} was committed and is not there"))
                );
            }
            // The disk fails: what it holds shows at the next start.
            Err(_) => {}
        }
        self.appended(counter, no)
    }

    /// Schedules the next look at a box: its till's waits, and what stands at its door.
    fn look_again(&mut self, counter: usize) {
        let now_ms = self.now_ms();
        let starts = self.counters[counter].starts;
        let Some(life) = &mut self.counters[counter].life else { return };
        let till = life.till.next_wake().map(|wake| life.born_ms + wake.0);
        let door = life.held.iter().map(|(by_ms, ..)| *by_ms).min();
        let Some(at_ms) = till.into_iter().chain(door).min() else { return };
        let at_ms = at_ms.max(now_ms + 1);
        if life.wake_ms.is_none_or(|known| at_ms < known) {
            life.wake_ms = Some(at_ms);
            self.schedule(at_ms, Event::Wake { counter, life: starts });
        }
    }

    /// An open payment that nothing waits for would be open for ever.
    fn oracle_waits(&self, counter: usize) -> Result<(), Violation> {
        let Some(life) = &self.counters[counter].life else { return Ok(()) };
        let (open, under_way) = (life.till.engine().open_payments(), self.under_way(counter));
        let waits = life.till.next_wake().is_some() && self.mutant != Some(Mutant::WaitsForNothing);
        if open > 0 && !waits && !under_way {
            let name = &self.counters[counter].name;
            return Err(Invariant::OpenIsWaitedFor.violated(format!("{name}: {open} open, nothing is waited for")));
        }
        Ok(())
    }

    fn under_way(&self, counter: usize) -> bool {
        self.queue.values().any(|event| match event {
            Event::Arrives(flight) => flight.counter == counter,
            Event::Comes(landing) => landing.counter == counter,
            _ => false,
        })
    }

    /// A box's process is gone.
    pub(super) fn end_life(&mut self, counter: usize) {
        self.hang_up_counter(counter);
        self.counters[counter].life = None;
        self.counters[counter].disk.kill();
    }

    /// What came out of a turn for people and for the line.
    pub(super) fn deliver(&mut self) -> Result<(), Violation> {
        while let Ok(post) = self.posts.1.try_recv() {
            match post {
                Post::Reply { deed, counter, result } => self.replied(deed, counter, result)?,
                Post::Done { deed, result } => self.done(deed, result),
                Post::Filled { counter, connection, result } => self.filled(counter, connection, result)?,
            }
        }
        Ok(())
    }
}
