//! The line between a box and the hub: two real sessions, the real shelves behind them, and a wire that is slow and breaks.

mod hub_end;

use guitai_core::{
    clock::Witness,
    ids::{FactNo, Writer},
    limits,
    sync::{
        contract::{Hangup, HubConfig, NodeConfig, Output, PeerFault, Purpose, Standing},
        frame::{Bye, ByeReason, Verdict, Word},
        journal_lane::{Batch, Loaded},
        kept::Fork,
        session::Session,
        wire::FrameReader,
    },
    time::{Ticks, UtcMs},
};
use guitai_hub::Seated;
use guitai_link::{backoff, session::Event as News};
use guitai_store::{
    Filled,
    ingest::{self, Run},
    query,
};
use guitai_till::Command;

use super::{Event, World, calls::WRONG_BY_MS, people::Post};
use crate::{
    counter::Compared,
    mutant::Mutant,
    oracle::{Invariant, Violation},
    situation::Situation,
};

/// After lost facts could not be taken, the line stays down at least so long, in ms.
const REFILL_WAIT_MS: u64 = 120_000;

/// A box that was turned away, or cannot go on in its folder, calls again after this here, in ms.
const TURNED_AWAY_WAIT_MS: u64 = 3_600_000;

/// A node and a hub that have each other's line.
pub(crate) struct Connection {
    counter: usize,
    life: u64,
    node: End,
    hub: End,
    seated: Option<Seated>,
    /// What of the box's own journal has come back so far, and where it ends.
    lost: (Option<FactNo>, Vec<Run>),
    /// How giving it back ended.
    filled: Option<bool>,
}

struct End {
    session: Session,
    reader: FrameReader,
    /// When the last bytes towards the other end arrive, in ms of the world.
    arrives_ms: u64,
    sent: u64,
    closed: bool,
}

impl End {
    fn new(session: Session) -> Self {
        Self { session, reader: FrameReader::default(), arrives_ms: 0, sent: 0, closed: false }
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
            self.dial_later(counter, 0);
            return Ok(());
        }
        let Some(connection) = self.connect(counter) else {
            self.dial_later(counter, 0);
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
            papers: life.kept.clone().papers(life.instance),
            purpose: Purpose::Sync(standing),
        };
        let config = HubConfig {
            identity: self.hub.identity.clone(),
            peer_key: Some(one.key()),
            exporter,
            app_version: "0.1.0".into(),
        };
        let mut node = Session::node(life.till.clock().up(), node);
        node.documents_digest([0; 32]);
        Some(Connection {
            counter,
            life: one.starts,
            node: End::new(node),
            hub: End::new(Session::hub(hub.up(self.now_ms()), config)),
            seated: None,
            lost: (None, Vec::new()),
            filled: None,
        })
    }

    fn dial_later(&mut self, counter: usize, least_ms: u64) {
        let (now_ms, starts) = (self.now_ms(), self.counters[counter].starts);
        let Some(life) = &mut self.counters[counter].life else { return };
        life.failures += 1;
        let failures = life.failures;
        let random = self.chance(("backoff", counter, starts, failures)).draw();
        let wait_ms = u64::try_from(backoff::wait(failures, random).as_millis()).unwrap_or(0);
        self.schedule(now_ms + least_ms + wait_ms, Event::Dial { counter, life: starts });
    }

    /// Both ends do what they can.
    fn pump(&mut self, number: u64) -> Result<(), Violation> {
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
            if !connection.node.closed
                && let Some(output) = connection.node.session.poll()
            {
                self.node_does(number, output)?;
                continue;
            }
            if !connection.hub.closed
                && let Some(output) = connection.hub.session.poll()
            {
                self.hub_does(number, output)?;
                continue;
            }
            let news = connection.seated.as_mut().and_then(|seated| seated.events.try_recv().ok());
            match news {
                Some(News::HangUp(reason)) if !connection.hub.closed => connection.hub.session.hang_up(reason),
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }

    fn node_does(&mut self, number: u64, output: Output) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        let counter = connection.counter;
        match output {
            Output::Send(frame) => self.send(number, true, frame.to_wire()),
            Output::Told { verdict, word } => return self.told(counter, verdict, word),
            Output::Opened { .. } => {
                connection.node.reader.hello_accepted();
                if let Some(life) = &mut self.counters[counter].life {
                    life.failures = 0;
                }
                self.tell(format_args!("{} is connected", self.counters[counter].name.clone()));
            }
            Output::PeerTime { said, round_trip_ms } => {
                let asked = Ticks(self.ticks(counter).0.saturating_sub(round_trip_ms));
                let wrong = self.mutant == Some(Mutant::TellsAWrongTime);
                let said = UtcMs(said.0 + if wrong { WRONG_BY_MS } else { 0 });
                return self.turn(counter, vec![Command::TimeTold { said, by: Witness::Hub, asked }]);
            }
            Output::Load { writer, from, max_bytes } => {
                let loaded = self.node_loads(counter, from, max_bytes);
                match (loaded, self.connections.get_mut(&number)) {
                    (Some(loaded), Some(connection)) => connection.node.session.loaded(writer, loaded),
                    (None, _) => self.node_fails(number),
                    (Some(_), None) => {}
                }
            }
            Output::HeadAt(no) => {
                let journal = self.counters[counter].journal();
                let head = self.counters[counter].life.as_ref().map(|life| ingest::head_at(&life.reader, &journal, no));
                match (head, self.connections.get_mut(&number)) {
                    (Some(Ok(head)), Some(connection)) => connection.node.session.head_at(no, head),
                    _ => self.node_fails(number),
                }
            }
            Output::Forked(fork) => {
                connection.lost.0 = Some(fork.seal.no);
                self.mark(Situation::ForkFound);
                self.forked(counter, Some(fork.seal.no), Fork::Filling)?;
                let journal = self.counters[counter].journal();
                let known = self.counters[counter].life.as_ref().map(|life| {
                    Ok::<_, guitai_store::StoreError>((
                        ingest::places(&life.reader, &journal)?,
                        query::last_seal(&life.reader, &journal)?,
                    ))
                });
                match (known, self.connections.get_mut(&number)) {
                    (Some(Ok((known, seal))), Some(connection)) => connection.node.session.recall(known, seal),
                    _ => self.node_fails(number),
                }
            }
            Output::Recall { .. } => connection.node.session.give_back(None, None),
            Output::Persist(batch) => return self.node_takes(number, counter, batch),
            Output::Acked(upto) => {
                self.oracle.delivered(counter, upto);
                return self.agreed(counter);
            }
            Output::Hangup(hangup) => return self.node_hangs_up(number, &hangup),
            Output::SyncDocuments
            | Output::Document { .. }
            | Output::PeerStatus(_)
            | Output::Authorise(_)
            | Output::Enrol(_)
            | Output::Enrolled(_) => {}
        }
        Ok(())
    }

    fn node_loads(&self, counter: usize, from: FactNo, max_bytes: usize) -> Option<Option<Loaded>> {
        let one = &self.counters[counter];
        let life = one.life.as_ref()?;
        let run = ingest::load(&life.reader, &one.journal(), from, max_bytes.min(limits::CHUNK_MAX_BYTES)).ok()?;
        Some(run.map(Loaded::from))
    }

    /// The node's disk gave the session nothing: it ends.
    fn node_fails(&mut self, number: u64) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.node.session.hang_up(ByeReason::OwnFault);
        }
    }

    /// What this box lost of its own journal comes back, whole or not at all.
    fn node_takes(&mut self, number: u64, counter: usize, batch: Batch) -> Result<(), Violation> {
        let token = batch.token;
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        if batch.writer != Writer::Node {
            connection.node.session.hang_up(ByeReason::OwnFault);
            return Ok(());
        }
        let run = Run::from(batch);
        let whole = connection.lost.0.is_some_and(|last| run.seal.no >= last);
        connection.lost.1.push(run);
        connection.node.session.persisted(token);
        if !whole {
            return Ok(());
        }
        let runs = std::mem::take(&mut connection.lost.1);
        let to = self.posts.0.clone();
        let done = Box::new(move |result: Result<Filled, String>| {
            // The world outlives its posts.
            let _ = to.send(Post::Filled { counter, connection: number, result });
        });
        self.turn(counter, vec![Command::Fill(runs, done)])
    }

    pub(super) fn filled(
        &mut self,
        counter: usize,
        number: u64,
        result: Result<Filled, String>,
    ) -> Result<(), Violation> {
        let name = self.counters[counter].name.clone();
        let ended = result.is_ok();
        match result {
            Ok(filled) => {
                self.tell(format_args!("{name} has back {} facts, entered {} again", filled.taken, filled.entered));
                self.mark(if filled.entered > 0 { Situation::FillEnteredAgain } else { Situation::FillTookBack });
                self.agreed(counter)?;
            }
            Err(why) => self.tell(format_args!("{name} takes nothing back: {why}")),
        }
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.filled = Some(ended);
            connection.node.session.hang_up(if ended { ByeReason::Stopping } else { ByeReason::OwnFault });
        }
        self.pump(number)
    }

    fn told(&mut self, counter: usize, verdict: Verdict, word: Word) -> Result<(), Violation> {
        self.marks.verdict(verdict);
        let name = self.counters[counter].name.clone();
        self.tell(format_args!("{name} is told: {}", verdict.as_str()));
        let (hub_key, store) = (self.hub.key(), self.counters[counter].store.clone());
        let mut commands = Vec::new();
        commands.extend(word.last_no.map(Command::NumberFloor));
        self.turn(counter, commands)?;
        self.keep(counter, |kept| kept.told(verdict, word, (&store, &hub_key)))?;
        if !matches!(verdict, Verdict::Ok | Verdict::Later)
            && let Some(life) = &mut self.counters[counter].life
            && life.compared == Compared::NotYet
        {
            life.compared = Compared::Refused;
            return self.turn(counter, Vec::new());
        }
        Ok(())
    }

    fn node_hangs_up(&mut self, number: u64, hangup: &Hangup) -> Result<(), Violation> {
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        connection.node.closed = true;
        let (counter, at_ms) = (connection.counter, connection.node.arrives_ms.max(connection.hub.arrives_ms));
        let words = format!("{hangup:?}");
        let words = words.split([' ', '{']).next().unwrap_or_default();
        self.tell(format_args!("{} hangs up: {words}", self.counters[counter].name.clone()));
        let at_ms = at_ms.max(self.now_ms()) + 1;
        self.schedule(at_ms, Event::Gone { connection: number });
        match hangup {
            Hangup::Fault(PeerFault::BadSeal(no)) => {
                // Nothing changes by itself: the node calls again after a while, as it does where lost facts were not taken.
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.filled = Some(false);
                }
                let journal = self.counters[counter].journal();
                let begins = self.counters[counter].life.as_ref().map(|life| query::first_fact(&life.reader, &journal));
                let begins = begins.and_then(|found| found.ok().flatten());
                if begins.is_some_and(|begins| *no < begins) {
                    // A hub put back to before this box: it bars nothing.
                    self.mark(Situation::HubLostTheBox);
                    if let Some(life) = &mut self.counters[counter].life {
                        life.compared = Compared::HubLostUs;
                    }
                    return Ok(());
                }
                self.mark(Situation::ForkUnfillable);
                self.forked(counter, Some(*no), Fork::Unfillable)
            }
            Hangup::Fault(PeerFault::Forked(_)) | Hangup::Peer(Bye { reason: ByeReason::Forked, .. }) => {
                self.forked(counter, None, Fork::Filling)
            }
            _ => Ok(()),
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
        let now_ms = self.now_ms();
        let hub_up = self.hub.life.as_ref().map(|hub| hub.up(now_ms));
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        let up = if to_hub {
            hub_up
        } else {
            Some(self.counters[connection.counter].life.as_ref().map_or(Ticks(0), |life| life.till.clock().up()))
        };
        let Some(up) = up else { return Ok(()) };
        let end = if to_hub { &mut connection.hub } else { &mut connection.node };
        if end.closed {
            return Ok(());
        }
        end.reader.push(bytes);
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
            let end = if to_hub { &mut connection.hub } else { &mut connection.node };
            match end.reader.next_frame() {
                Ok(Some(frame)) => {
                    if let Err(fault) = end.session.handle(up, frame) {
                        let words = fault.to_string();
                        let at = if to_hub { "hub" } else { "node" };
                        self.tell(format_args!("the {at} finds fault: {words}"));
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    end.session.unreadable(error);
                    let words = format!("{error:?}");
                    return Err(Invariant::WireIsReadable.violated(words));
                }
            }
            self.pump(number)?;
        }
        self.pump(number)
    }

    pub(super) fn waits(&mut self, number: u64) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        // Only a hello has a time of its own here; an open line is as alive as the wire.
        if connection.seated.is_none() {
            let counter = connection.counter;
            let up = self.counters[counter].life.as_ref().map(|life| life.till.clock().up());
            if let Some(up) = up {
                connection.node.session.wake(up);
            }
            if let Some(hub) = &self.hub.life {
                connection.hub.session.wake(hub.up(now_ms));
            }
        }
        self.pump(number)
    }

    /// A connection is gone at both ends.
    pub(super) fn gone(&mut self, number: u64) -> Result<(), Violation> {
        let Some(connection) = self.connections.remove(&number) else { return Ok(()) };
        let Connection { counter, life, seated, filled, .. } = connection;
        if let (Some(seated), Some(hub)) = (seated, &self.hub.life) {
            seated.fence.raise();
            hub.lines.leave(&seated.store, &seated.fence);
        }
        if self.counters[counter].starts == life && self.counters[counter].life.is_some() {
            match filled {
                Some(true) => self.schedule(self.now_ms() + 1, Event::Dial { counter, life }),
                // A box that people must replace changes nothing by calling every minute for days.
                Some(false) | None if self.is_given_up(counter) => self.dial_later(counter, TURNED_AWAY_WAIT_MS),
                Some(false) => self.dial_later(counter, REFILL_WAIT_MS),
                None => self.dial_later(counter, 0),
            }
        }
        Ok(())
    }

    /// A box's journal grew.
    pub(super) fn appended(&mut self, counter: usize, no: FactNo) -> Result<(), Violation> {
        let found = self.connections.iter().find(|(_, one)| one.counter == counter).map(|(number, _)| *number);
        let Some(number) = found else { return Ok(()) };
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.node.session.appended(no);
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

    pub(super) fn hang_up_all(&mut self) {
        for number in self.connections.keys().copied().collect::<Vec<_>>() {
            // What is gone cannot fail.
            let _ = self.gone(number);
        }
    }
}
