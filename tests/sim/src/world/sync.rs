//! The line between a box and the hub: the two ends that the shells drive too, the real shelves behind them, and a wire that is
//! slow and breaks.

mod hub_end;
mod node_end;

use std::collections::VecDeque;

use guitai_core::{
    ids::FactNo,
    sync::{
        contract::{HubConfig, NodeConfig, Purpose, Standing},
        drive::{Drive, Event as News, Job},
        lost::Lost,
        member::Parting,
        pace::Fill,
    },
    time::Ticks,
};
use guitai_hub::Seated;
use guitai_store::query;

use super::{Event, World};
use crate::{mutant::Mutant, oracle::Violation, situation::Situation};

/// A box that was turned away, or cannot go on in its folder, calls again after this here, in ms.
const TURNED_AWAY_WAIT_MS: u64 = 3_600_000;

/// A node and a hub that have each other's line.
pub(crate) struct Connection {
    counter: usize,
    life: u64,
    node: End,
    hub: End,
    seated: Option<Seated>,
    /// What the hub's disk has still to do for it, in order.
    jobs: VecDeque<Job>,
    worked: u64,
    /// What of the box's own journal has come back so far.
    lost: Lost,
    /// The batch with which it has come back whole, while the engine takes it.
    taking: Option<u64>,
    /// What the box's end of it said about the journal.
    parting: Parting,
}

struct End {
    drive: Drive,
    /// When the last bytes towards the other end arrive, in ms of the world.
    arrives_ms: u64,
    sent: u64,
}

impl End {
    const fn new(drive: Drive) -> Self {
        Self { drive, arrives_ms: 0, sent: 0 }
    }
}

impl World {
    pub(super) fn dial(&mut self, counter: usize, life: u64) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let known = self.connections.values().any(|one| one.counter == counter);
        if self.counters[counter].starts != life || self.counters[counter].life.is_none() || known {
            return Ok(());
        }
        let no_line = self.plan.traits.no_hub && !self.mended;
        if no_line || self.hub.life.is_none() || self.counters[counter].offline_until_ms > now_ms {
            self.dial_later(counter, Fill::Nothing, 0);
            return Ok(());
        }
        let Some(connection) = self.connect(counter) else {
            self.dial_later(counter, Fill::Nothing, 0);
            return Ok(());
        };
        self.connected += 1;
        let number = self.connected;
        self.connections.insert(number, connection);
        self.schedule(now_ms + 11_000, Event::Waits { connection: number });
        self.pump(number)
    }

    fn connect(&self, counter: usize) -> Option<Connection> {
        let exporter = self.chance(("exporter", self.connected)).bytes();
        let one = &self.counters[counter];
        let (life, hub) = (one.life.as_ref()?, self.hub.life.as_ref()?);
        let journal = one.journal();
        let outgoing = query::last_fact(&life.reader, &journal).ok()?;
        let standing = Standing { store: one.store.clone(), outgoing, incoming: None };
        let node = NodeConfig {
            identity: one.folder.identity.clone(),
            hub_key: self.hub.key(),
            exporter,
            nonce: self.chance(("nonce", self.connected)).bytes(),
            app_version: "0.1.0".into(),
            papers: life.member.papers(),
            purpose: Purpose::Sync(standing),
        };
        let config = HubConfig {
            identity: self.hub.identity.clone(),
            peer_key: Some(one.key()),
            exporter,
            app_version: "0.1.0".into(),
        };
        let up = life.till.clock().up();
        let mut node = Drive::node(up, node);
        node.heard(up, News::Documents([0; 32]));
        Some(Connection {
            counter,
            life: one.starts,
            node: End::new(node),
            hub: End::new(Drive::hub(hub.up(self.now_ms()), config)),
            seated: None,
            jobs: VecDeque::new(),
            worked: 0,
            lost: Lost::default(),
            taking: None,
            parting: Parting::Plain,
        })
    }

    /// A dial or its session is over; the next one comes at the box's pace, and so many ms later.
    fn dial_later(&mut self, counter: usize, fill: Fill, later_ms: u64) {
        let (now_ms, starts) = (self.now_ms(), self.counters[counter].starts);
        let Some(failures) = self.counters[counter].life.as_ref().map(|life| life.pace.failures()) else { return };
        let random = self.chance(("backoff", counter, starts, failures + 1)).draw();
        let Some(life) = &mut self.counters[counter].life else { return };
        let wait_ms = life.pace.ended(fill, random).unwrap_or(1);
        self.schedule(now_ms + later_ms + wait_ms, Event::Dial { counter, life: starts });
    }

    /// The ticks of a connection's box and of the hub; a process that is gone has none.
    fn ups(&self, number: u64) -> (Option<Ticks>, Option<Ticks>) {
        let counter = self.connections.get(&number).map(|one| one.counter);
        let life = counter.and_then(|counter| self.counters[counter].life.as_ref());
        (life.map(|life| life.till.clock().up()), self.hub.life.as_ref().map(|hub| hub.up(self.now_ms())))
    }

    /// Both ends do what they can.
    fn pump(&mut self, number: u64) -> Result<(), Violation> {
        loop {
            let (node_up, hub_up) = self.ups(number);
            let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
            if let Some(act) = node_up.and_then(|up| connection.node.drive.poll(up)) {
                self.node_does(number, act)?;
                continue;
            }
            if let Some(act) = hub_up.and_then(|up| connection.hub.drive.poll(up)) {
                self.hub_does(number, act)?;
                continue;
            }
            let news = connection.seated.as_mut().and_then(|seated| seated.events.try_recv().ok());
            match (news, hub_up) {
                (Some(news), Some(up)) => connection.hub.drive.heard(up, news),
                (Some(_), None) | (None, _) => return Ok(()),
            }
        }
    }

    fn send(&mut self, number: u64, to_hub: bool, mut bytes: Vec<u8>) {
        if self.mutant == Some(Mutant::GarblesTheWire)
            && let Some(first) = bytes.first_mut()
        {
            *first ^= 0xff;
        }
        let (now_ms, traits) = (self.now_ms(), self.plan.traits.clone());
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let end = if to_hub { &mut connection.node } else { &mut connection.hub };
        end.sent += 1;
        let (sent, before) = (end.sent, end.arrives_ms);
        let mut chance = self.chance(("wire", number, to_hub, sent));
        if !self.mended && chance.happens(traits.cut) {
            self.mark(Situation::LineCut);
            return self.schedule(now_ms, Event::Gone { connection: number });
        }
        let (least, most) = if self.mended { (1, 10) } else { traits.line_ms };
        let at_ms = (now_ms + chance.between(least, most)).max(before);
        if let Some(connection) = self.connections.get_mut(&number) {
            let end = if to_hub { &mut connection.node } else { &mut connection.hub };
            end.arrives_ms = at_ms;
        }
        self.schedule(at_ms, Event::Bytes { connection: number, to_hub, bytes });
    }

    pub(super) fn bytes(&mut self, number: u64, to_hub: bool, bytes: &[u8]) -> Result<(), Violation> {
        let Some(Connection { node, hub, .. }) = self.connections.get_mut(&number) else { return Ok(()) };
        let (from, to) = if to_hub { (node, hub) } else { (hub, node) };
        from.drive.written(bytes.len());
        to.drive.bytes(bytes);
        self.pump(number)
    }

    pub(super) fn waits(&mut self, number: u64) -> Result<(), Violation> {
        let (node_up, hub_up) = self.ups(number);
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        // Only a hello has a time of its own here; an open line is as alive as the wire.
        if connection.seated.is_none() {
            for (end, up) in [(&mut connection.node, node_up), (&mut connection.hub, hub_up)] {
                if let Some(up) = up {
                    end.drive.wake(up);
                }
            }
        }
        self.pump(number)
    }

    /// A connection is gone at both ends.
    pub(super) fn gone(&mut self, number: u64) -> Result<(), Violation> {
        self.hub_finishes(number);
        let Some(connection) = self.connections.remove(&number) else { return Ok(()) };
        let Connection { counter, life, seated, lost, parting, .. } = connection;
        if let (Some(seated), Some(hub)) = (seated, &self.hub.life) {
            seated.fence.raise();
            hub.lines.leave(&seated.store, &seated.fence);
        }
        if self.counters[counter].starts == life && self.counters[counter].life.is_some() {
            let fill = parting.fill(lost.fill());
            // A box that people must replace changes nothing by calling every minute for days.
            let turned_away = fill != Fill::Done && self.is_given_up(counter);
            self.dial_later(counter, fill, if turned_away { TURNED_AWAY_WAIT_MS } else { 0 });
        }
        Ok(())
    }

    /// A box's journal grew.
    pub(super) fn appended(&mut self, counter: usize, no: FactNo) -> Result<(), Violation> {
        let found = self.connections.iter().find(|(_, one)| one.counter == counter).map(|(number, _)| *number);
        let Some(number) = found else { return Ok(()) };
        if let ((Some(up), _), Some(connection)) = (self.ups(number), self.connections.get_mut(&number)) {
            connection.node.drive.heard(up, News::Appended(no));
        }
        self.pump(number)
    }

    pub(super) fn hang_up_counter(&mut self, counter: usize) {
        let found: Vec<u64> =
            self.connections.iter().filter(|(_, one)| one.counter == counter).map(|(number, _)| *number).collect();
        for number in found {
            // What is gone cannot fail.
            let _ = self.gone(number);
        }
    }

    /// The hub's process is gone, and what it had still to do.
    pub(super) fn hang_up_all(&mut self) {
        self.connections.values_mut().for_each(|one| one.jobs.clear());
        for number in self.connections.keys().copied().collect::<Vec<_>>() {
            // What is gone cannot fail.
            let _ = self.gone(number);
        }
    }
}
