//! A box's end of a connection: its journal, what it lost, what the hub says of it.

use guitai_core::{
    clock::Witness,
    ids::Writer,
    limits,
    sync::{
        contract::{Hangup, PeerFault},
        drive::{Act, DocumentTurn, Done, Event as News, Job},
        frame::{ByeReason, Verdict, Word},
        journal_lane::{Batch, Loaded},
        lost::TooMuch,
        member::{Member, Parting},
    },
    time::{Ticks, UtcMs},
};
use guitai_store::{
    Filled, StoreError,
    ingest::{self, Run},
    query,
};
use guitai_till::Command;

use crate::{
    mutant::Mutant,
    oracle::{Invariant, Violation},
    situation::Situation,
    world::{Event, World, calls::WRONG_BY_MS, people::Post},
};

impl World {
    pub(super) fn node_does(&mut self, number: u64, act: Act) -> Result<(), Violation> {
        let Some(counter) = self.connections.get(&number).map(|one| one.counter) else { return Ok(()) };
        match act {
            Act::Write(bytes) => self.send(number, true, bytes),
            Act::Told { verdict, word } => return self.told(counter, verdict, word),
            Act::Opened { .. } => {
                if let Some(life) = &mut self.counters[counter].life {
                    life.pace.opened();
                }
                self.tell(format_args!("{} is connected", self.counters[counter].name.clone()));
            }
            Act::PeerTime { said, round_trip_ms } => {
                let asked = Ticks(self.ticks(counter).0.saturating_sub(round_trip_ms));
                let wrong = self.mutant == Some(Mutant::TellsAWrongTime);
                let said = UtcMs(said.0 + if wrong { WRONG_BY_MS } else { 0 });
                return self.turn(counter, vec![Command::TimeTold { said, by: Witness::Hub, asked }]);
            }
            Act::Do(job) => return self.node_works(number, counter, job),
            Act::End { hangup, own_fault } => return self.node_ends(number, &hangup, own_fault.is_some()),
            Act::PeerStatus(_) | Act::Unsaid(_) | Act::Authorise(_) | Act::Enrol(_) | Act::Enrolled(_) => {}
        }
        Ok(())
    }

    fn node_works(&mut self, number: u64, counter: usize, job: Job) -> Result<(), Violation> {
        let done = match job {
            Job::Load { writer, from, max_bytes } => {
                let max_bytes = max_bytes.min(limits::CHUNK_MAX_BYTES);
                let run = self.read(counter, |life, journal| ingest::load(&life.reader, journal, from, max_bytes));
                run.map(|run| Done::Loaded(writer, run.map(Loaded::from)))
            }
            Job::HeadAt(no) => {
                let head = self.read(counter, |life, journal| ingest::head_at(&life.reader, journal, no));
                head.map(|head| Done::HeadAt(no, head))
            }
            Job::Forked(fork) => {
                let no = fork.seal.no;
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.lost.up_to(no);
                }
                self.mark(Situation::ForkFound);
                self.tell(format_args!("{} is forked at {no}", self.counters[counter].name.clone()));
                self.belongs(counter, Member::forked)?;
                self.read(counter, |life, journal| {
                    let places = ingest::places(&life.reader, journal)?;
                    Ok(Done::Recalling(places, query::last_seal(&life.reader, journal)?))
                })
            }
            Job::Recall { .. } => Ok(Done::Recalled(None, None)),
            Job::Persist(batch) => match self.node_takes(number, counter, batch)? {
                Some(done) => done,
                None => return Ok(()),
            },
            Job::Acked(upto) => {
                self.oracle.delivered(counter, upto);
                self.belongs(counter, |member, _| member.agreed())?;
                Ok(Done::Noted)
            }
            Job::SyncDocuments | Job::Document { .. } => {
                Ok(Done::Documents(DocumentTurn { digest: [0; 32], messages: Vec::new() }))
            }
        };
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.node.drive.done(done);
        }
        self.pump(number)
    }

    /// Reads in a box's journal.
    fn read<T>(
        &self,
        counter: usize,
        read: impl FnOnce(&crate::counter::Life, &guitai_core::ids::JournalId) -> Result<T, StoreError>,
    ) -> Result<T, String> {
        let one = &self.counters[counter];
        let life = one.life.as_ref().ok_or("the box is gone")?;
        read(life, &one.journal()).map_err(|error| error.to_string())
    }

    /// What this box lost of its own journal comes back, whole or not at all; no answer yet while the engine takes it.
    fn node_takes(
        &mut self,
        number: u64,
        counter: usize,
        batch: Batch,
    ) -> Result<Option<Result<Done, String>>, Violation> {
        let token = batch.token;
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(None) };
        if batch.writer != Writer::Node {
            return Ok(Some(Err("no facts of the hub are kept".into())));
        }
        let batches = match connection.lost.came(batch) {
            Ok(Some(batches)) => batches,
            Ok(None) => return Ok(Some(Ok(Done::Persisted(token)))),
            Err(TooMuch) => {
                self.belongs(counter, Member::unfillable)?;
                return Ok(Some(Err("too much was lost".into())));
            }
        };
        connection.taking = Some(token);
        let runs = batches.into_iter().map(Run::from).collect();
        let to = self.posts.0.clone();
        let done = Box::new(move |result: Result<Filled, String>| {
            // The world outlives its posts.
            let _ = to.send(Post::Filled { counter, connection: number, result });
        });
        self.turn(counter, vec![Command::Fill(runs, done)])?;
        Ok(None)
    }

    pub(in crate::world) fn filled(
        &mut self,
        counter: usize,
        number: u64,
        result: Result<Filled, String>,
    ) -> Result<(), Violation> {
        let name = self.counters[counter].name.clone();
        match &result {
            Ok(filled) => {
                self.tell(format_args!("{name} has back {} facts, entered {} again", filled.taken, filled.entered));
                self.mark(if filled.entered > 0 { Situation::FillEnteredAgain } else { Situation::FillTookBack });
                self.belongs(counter, |member, _| member.agreed())?;
            }
            Err(why) => self.tell(format_args!("{name} takes nothing back: {why}")),
        }
        let (node_up, _) = self.ups(number);
        if let (Some(up), Some(connection)) = (node_up, self.connections.get_mut(&number)) {
            let done = result.is_ok();
            connection.lost.taken(done);
            if let Some(token) = connection.taking.take() {
                connection.node.drive.done(result.map(|_| Done::Persisted(token)));
            }
            if done {
                connection.node.drive.heard(up, News::HangUp(ByeReason::Stopping));
            }
        }
        self.pump(number)
    }

    fn told(&mut self, counter: usize, verdict: Verdict, word: Word) -> Result<(), Violation> {
        self.marks.verdict(verdict);
        let name = self.counters[counter].name.clone();
        self.tell(format_args!("{name} is told: {}", verdict.as_str()));
        let mut floor = None;
        self.belongs(counter, |member, _| floor = member.told(verdict, word))?;
        self.turn(counter, floor.map(Command::NumberFloor).into_iter().collect())
    }

    fn node_ends(&mut self, number: u64, hangup: &Hangup, own_fault: bool) -> Result<(), Violation> {
        let now_ms = self.now_ms();
        let Some(connection) = self.connections.get(&number) else { return Ok(()) };
        let counter = connection.counter;
        let at_ms = connection.node.arrives_ms.max(connection.hub.arrives_ms).max(now_ms) + 1;
        self.schedule(at_ms, Event::Gone { connection: number });
        let words = format!("{hangup:?}");
        let words = words.split([' ', '{']).next().unwrap_or_default();
        self.tell(format_args!("{} hangs up: {words}", self.counters[counter].name.clone()));
        self.finds("node", hangup)?;
        if own_fault {
            return Ok(());
        }
        let begins = self.read(counter, |life, journal| query::first_fact(&life.reader, journal));
        let parting = Parting::of(hangup, begins.ok().flatten());
        match parting {
            Parting::HubLostUs => self.mark(Situation::HubLostTheBox),
            Parting::WrittenOn => self.mark(Situation::ForkUnfillable),
            Parting::Forked | Parting::Plain => {}
        }
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.parting = parting;
        }
        self.belongs(counter, |member, now| member.parted(parting, now))
    }

    /// A wire that is slow and breaks changes no byte: what comes is always readable.
    pub(super) fn finds(&mut self, end: &str, hangup: &Hangup) -> Result<(), Violation> {
        let Hangup::Fault(fault) = hangup else { return Ok(()) };
        self.tell(format_args!("the {end} finds fault: {fault}"));
        match fault {
            PeerFault::Frame(error) => Err(Invariant::WireIsReadable.violated(format!("{error:?}"))),
            _ => Ok(()),
        }
    }
}
