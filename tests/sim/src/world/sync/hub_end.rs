//! The hub's end of a connection: its roster, its file.

use guitai_core::{
    ids::Writer,
    sync::{
        contract::Authorisation,
        drive::{Act, DocumentTurn, Done, Job},
        frame::Word,
        journal_lane::Batch,
    },
};

use crate::{
    mutant::Mutant,
    oracle::Violation,
    situation::Situation,
    world::{Event, World},
};

/// The hub's disk has done a job within this, in ms.
const WORKS_WITHIN_MS: u64 = 30;

impl World {
    pub(super) fn hub_does(&mut self, number: u64, act: Act) -> Result<(), Violation> {
        let (now, now_ms) = (self.now(), self.now_ms());
        let (Some(connection), Some(hub)) = (self.connections.get_mut(&number), self.hub.life.as_ref()) else {
            return Ok(());
        };
        match act {
            Act::Write(bytes) => self.send(number, false, bytes),
            Act::Authorise(claim) => {
                let up = hub.up(now_ms);
                let admitted = hub.admit(&claim, (now, up));
                let (answer, word, seated) = admitted.unwrap_or_else(|_| (Authorisation::Later, Word::default(), None));
                connection.seated = seated;
                connection.hub.drive.authorised(up, now, answer, word);
            }
            Act::Do(job) => {
                connection.jobs.push_back(job);
                if connection.jobs.len() == 1 {
                    self.hub_works_soon(number);
                }
            }
            Act::End { hangup, .. } => {
                let at_ms = connection.node.arrives_ms.max(connection.hub.arrives_ms).max(now_ms) + 1;
                self.schedule(at_ms, Event::Gone { connection: number });
                return self.finds("hub", &hangup);
            }
            Act::Opened { .. }
            | Act::PeerStatus(_)
            | Act::PeerTime { .. }
            | Act::Told { .. }
            | Act::Unsaid(_)
            | Act::Enrol(_)
            | Act::Enrolled(_) => {}
        }
        Ok(())
    }

    /// Disks take their time, and a process may end before one is done.
    fn hub_works_soon(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.worked += 1;
        let worked = connection.worked;
        let wait_ms = self.chance(("hub works", number, worked)).between(0, WORKS_WITHIN_MS);
        self.schedule(self.now_ms() + wait_ms, Event::Works { connection: number });
    }

    pub(in crate::world) fn hub_works(&mut self, number: u64) -> Result<(), Violation> {
        let job = self.connections.get_mut(&number).and_then(|one| one.jobs.pop_front());
        let Some(job) = job else { return Ok(()) };
        let done = self.hub_job(number, job);
        if let Some(connection) = self.connections.get_mut(&number) {
            if done.is_err() {
                // Nothing later may be written: it would leave a gap.
                connection.jobs.clear();
            }
            connection.hub.drive.done(done);
            if !connection.jobs.is_empty() {
                self.hub_works_soon(number);
            }
        }
        self.pump(number)
    }

    /// The session is over; what came whole is still made durable.
    pub(super) fn hub_finishes(&mut self, number: u64) {
        while let Some(job) = self.connections.get_mut(&number).and_then(|one| one.jobs.pop_front()) {
            if job.outlives_its_session() && self.hub_job(number, job).is_err() {
                return;
            }
        }
    }

    fn hub_job(&mut self, number: u64, job: Job) -> Result<Done, String> {
        let seated = self.connections.get(&number).and_then(|one| one.seated.as_ref()).ok_or("nobody sits here")?;
        let (store, hub) = (&seated.store, self.hub.life.as_ref().ok_or("the hub is down")?);
        match job {
            Job::Load { writer: writer @ Writer::Node, from, max_bytes } => {
                let loaded = hub.sqlite.load(store, from, max_bytes).map_err(|error| error.to_string())?;
                Ok(Done::Loaded(writer, loaded))
            }
            Job::Load { writer, .. } => Ok(Done::Loaded(writer, None)),
            Job::HeadAt(no) => Ok(Done::HeadAt(no, None)),
            Job::Recall { known, seal } => {
                let recalled = hub.sqlite.recall(store, &known, seal.as_ref());
                let (from, head, _) = recalled.map_err(|error| error.to_string())?;
                Ok(Done::Recalled(from, head))
            }
            Job::Persist(batch) => self.hub_takes(number, batch),
            Job::Acked(_) => Ok(Done::Noted),
            Job::Forked(_) => Err("the hub has no journal that could fork".into()),
            Job::SyncDocuments | Job::Document { .. } => {
                Ok(Done::Documents(DocumentTurn { digest: [0; 32], messages: Vec::new() }))
            }
        }
    }

    fn hub_takes(&mut self, number: u64, batch: Batch) -> Result<Done, String> {
        let (token, last, now_ms) = (batch.token, batch.seal.no, self.now_ms());
        let connection = self.connections.get(&number).ok_or("the line is gone")?;
        let seated = connection.seated.as_ref().ok_or("nobody sits here")?;
        let (hub, counter) = (self.hub.life.as_ref().ok_or("the hub is down")?, connection.counter);
        hub.lines.touch(&seated.store, &seated.fence, hub.up(now_ms));
        if self.mutant == Some(Mutant::AcknowledgesFirst) {
            return Ok(Done::Persisted(token));
        }
        let taken = hub.sqlite.ingest((&seated.store, seated.issuer), batch, &seated.fence);
        if let Err(refused) = taken {
            self.tell(format_args!("the hub does not take {last}: {refused}"));
            return Err(refused.to_string());
        }
        self.tell(format_args!("the hub has {} up to {last}", self.counters[counter].name.clone()));
        self.mark(Situation::HubTook);
        Ok(Done::Persisted(token))
    }
}
