//! A session with its two ends tied up: bytes instead of frames, one kind of job instead of many answers, and what is under way
//! counted. A shell moves bytes and time, asks the roster, does the jobs, and knows nothing else.
//!
//! ```text
//! in:   bytes(bytes)  written(count)  wake(now)  heard(now, event)  done(result)  authorised(now, …)  enrolled(answer)
//! out:  poll(now) -> Option<Act>   next_wake() -> Option<Ticks>   reads() -> bool
//! ```
//!
//! After every input, [`Drive::poll`] until there is nothing more; after [`Act::End`] there is nothing more for ever.

use alloc::{boxed::Box, collections::VecDeque, string::String, vec::Vec};

use super::{
    contract::{Authorisation, Claim, EnrolRequest, Hangup, HubConfig, NodeConfig, Output},
    fault::Fork,
    frame::{ByeReason, EnrolRefusal, Enrolled, Status, Verdict, Word},
    journal_lane::{Batch, Loaded},
    session::Session,
    wire::FrameReader,
};
use crate::{
    ids::{FactNo, Writer},
    journal::{
        chain::{ChainHash, Seal},
        epoch::Point,
    },
    time::{DayRule, Ticks, UtcMs},
};

/// Bytes given to the transport and not yet taken by it, beyond which nothing more is sent but a goodbye.
pub const WRITE_ROOM_BYTES: usize = 256 * 1024;

/// Jobs under way beyond which nothing more is read: two full windows.
pub const JOBS_MAX: usize = 32;

/// What the shell has to do.
#[derive(Debug)]
pub enum Act {
    /// Write to the transport; say so with [`Drive::written`].
    Write(Vec<u8>),
    /// Ask the roster; answer with [`Drive::authorised`] before anything else.
    Authorise(Claim),
    /// Check and use up a code; answer with [`Drive::enrolled`] before anything else.
    Enrol(EnrolRequest),
    /// We were taken in.
    Enrolled(Enrolled),
    /// The hub's signed answer to our hello, before anything else.
    Told {
        /// Whether we are let in.
        verdict: Verdict,
        /// The rest.
        word: Word,
    },
    /// The hello is done.
    Opened {
        /// The other program's version.
        peer_version: String,
    },
    /// The hub said what time it is, at some moment of the last `round_trip_ms`.
    PeerTime {
        /// Its wall clock.
        said: UtcMs,
        /// From our hello to its answer, in ms.
        round_trip_ms: u64,
    },
    /// How the other end fares.
    PeerStatus(Status),
    /// What this document has to say is larger than a frame; it stays as it is at the other end.
    Unsaid(String),
    /// Do this, after all jobs before it; answer with [`Drive::done`].
    Do(Job),
    /// Close the transport once everything is written. What [`Job::outlives_its_session`] is still done.
    End {
        /// Why.
        hangup: Hangup,
        /// What our own shell said, if that was why.
        own_fault: Option<String>,
    },
}

/// Something for the disk or the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// See [`Output::Load`].
    Load {
        /// Whose journal.
        writer: Writer,
        /// From here.
        from: FactNo,
        /// Bytes of bodies wanted at most.
        max_bytes: usize,
    },
    /// See [`Output::Forked`].
    Forked(Box<Fork>),
    /// See [`Output::Recall`].
    Recall {
        /// Places of the writer's history, newest first.
        known: Vec<Point>,
        /// Its last seal.
        seal: Option<Seal>,
    },
    /// See [`Output::HeadAt`].
    HeadAt(FactNo),
    /// See [`Output::Persist`].
    Persist(Batch),
    /// The other end holds our facts up to here durably.
    Acked(FactNo),
    /// See [`Output::SyncDocuments`].
    SyncDocuments,
    /// See [`Output::Document`].
    Document {
        /// Which document.
        doc: String,
        /// The message.
        bytes: Vec<u8>,
    },
}

impl Job {
    /// Whether it is done even if its session is over: what came whole is made durable, what was acknowledged stays so.
    #[must_use]
    pub const fn outlives_its_session(&self) -> bool {
        match self {
            Self::Persist(_) | Self::Acked(_) => true,
            Self::Load { .. }
            | Self::Forked(_)
            | Self::Recall { .. }
            | Self::HeadAt(_)
            | Self::SyncDocuments
            | Self::Document { .. } => false,
        }
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Of [`Job::Load`].
    Loaded(Writer, Option<Loaded>),
    /// Of [`Job::Forked`]: places of our history, newest first, and our last seal.
    Recalling(Vec<Point>, Option<Seal>),
    /// Of [`Job::Recall`]: the first of the places that is held here too, and the last fact held.
    Recalled(Option<FactNo>, Option<FactNo>),
    /// Of [`Job::HeadAt`].
    HeadAt(FactNo, Option<ChainHash>),
    /// Of [`Job::Persist`]: its batch's token.
    Persisted(u64),
    /// Of [`Job::Acked`].
    Noted,
    /// Of [`Job::SyncDocuments`] and [`Job::Document`].
    Documents(DocumentTurn),
}

/// Where the documents stand after something was done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentTurn {
    /// The hash over all of them.
    pub digest: [u8; 32],
    /// What automerge has to say: document and message.
    pub messages: Vec<(String, Vec<u8>)>,
}

/// News for a running session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The own journal reaches up to here, durably.
    Appended(FactNo),
    /// The own documents changed, or are known for the first time; this is their digest.
    Documents([u8; 32]),
    /// How this end fares.
    Status {
        /// Facts not yet acknowledged.
        unsent: u64,
        /// When the oldest was recorded.
        oldest_unsent_at: Option<UtcMs>,
        /// The wall clock minus trusted time, in ms.
        clock_offset_ms: Option<i64>,
        /// The own store's day; none at the hub.
        day: Option<DayRule>,
    },
    /// Say goodbye.
    HangUp(ByeReason),
}

/// One end of a connection, from its first byte to its last.
#[derive(Debug)]
pub struct Drive {
    session: Session,
    frames: FrameReader,
    unsaid: VecDeque<String>,
    unwritten: usize,
    jobs: usize,
    /// Jobs about documents that are not done, in order; true where all of them are compared.
    comparing: VecDeque<bool>,
    /// The other end's documents changed while they wait to be compared.
    compare_again: bool,
    own_fault: Option<String>,
    ended: bool,
}

impl Drive {
    /// A node that was just connected.
    #[must_use]
    pub fn node(now: Ticks, config: NodeConfig) -> Self {
        Self::of(Session::node(now, config))
    }

    /// A hub that was just called.
    #[must_use]
    pub fn hub(now: Ticks, config: HubConfig) -> Self {
        Self::of(Session::hub(now, config))
    }

    fn of(session: Session) -> Self {
        let (frames, unsaid) = (FrameReader::default(), VecDeque::new());
        Self {
            session,
            frames,
            unsaid,
            unwritten: 0,
            jobs: 0,
            comparing: VecDeque::new(),
            compare_again: false,
            own_fault: None,
            ended: false,
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self, now: Ticks) -> Option<Act> {
        while !self.ended {
            if let Some(doc) = self.unsaid.pop_front() {
                return Some(Act::Unsaid(doc));
            }
            if let Some(output) = self.session.poll() {
                if matches!(output, Output::SyncDocuments) && self.comparing.contains(&true) {
                    // Each comparison reads every piece of the documents: one at a time, however often the other end asks.
                    self.compare_again = true;
                    continue;
                }
                return Some(self.act(output));
            }
            if !self.reads() {
                break;
            }
            match self.frames.next_frame() {
                // The fault is in the hang-up that follows.
                Ok(Some(frame)) => drop(self.session.handle(now, frame)),
                Ok(None) => break,
                Err(error) => self.session.unreadable(error),
            }
        }
        None
    }

    fn act(&mut self, output: Output) -> Act {
        let job = match output {
            Output::Send(frame) => {
                let bytes = frame.to_wire();
                self.unwritten += bytes.len();
                self.make_room();
                return Act::Write(bytes);
            }
            Output::Authorise(claim) => return Act::Authorise(claim),
            Output::Enrol(request) => return Act::Enrol(request),
            Output::Enrolled(enrolled) => return Act::Enrolled(enrolled),
            Output::Told { verdict, word } => return Act::Told { verdict, word },
            Output::Opened { peer_version } => {
                self.frames.hello_accepted();
                return Act::Opened { peer_version };
            }
            Output::PeerTime { said, round_trip_ms } => return Act::PeerTime { said, round_trip_ms },
            Output::PeerStatus(status) => return Act::PeerStatus(status),
            Output::Hangup(hangup) => {
                self.ended = true;
                return Act::End { hangup, own_fault: self.own_fault.take() };
            }
            Output::Load { writer, from, max_bytes } => Job::Load { writer, from, max_bytes },
            Output::Forked(fork) => Job::Forked(fork),
            Output::Recall { known, seal } => Job::Recall { known, seal },
            Output::HeadAt(no) => Job::HeadAt(no),
            Output::Persist(batch) => Job::Persist(batch),
            Output::Acked(upto) => Job::Acked(upto),
            Output::SyncDocuments => {
                self.comparing.push_back(true);
                Job::SyncDocuments
            }
            Output::Document { doc, bytes } => {
                self.comparing.push_back(false);
                Job::Document { doc, bytes }
            }
        };
        self.jobs += 1;
        Act::Do(job)
    }

    /// When to call [`Drive::wake`] at the latest.
    #[must_use]
    pub fn next_wake(&self) -> Option<Ticks> {
        self.session.next_wake()
    }

    /// Time passed.
    pub fn wake(&mut self, now: Ticks) {
        self.session.wake(now);
    }

    /// Whether bytes are wanted now. Beyond [`JOBS_MAX`] jobs the other end must wait.
    #[must_use]
    pub const fn reads(&self) -> bool {
        !self.ended && self.jobs < JOBS_MAX
    }

    /// Bytes came.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// The transport has taken so many bytes.
    pub fn written(&mut self, count: usize) {
        self.unwritten = self.unwritten.saturating_sub(count);
        self.make_room();
    }

    /// There is news.
    pub fn heard(&mut self, now: Ticks, event: Event) {
        match event {
            Event::Appended(upto) => self.session.appended(upto),
            Event::Documents(digest) => self.session.documents_digest(digest),
            Event::Status { unsent, oldest_unsent_at, clock_offset_ms, day } => {
                let app_version = String::new();
                let status = Status { unsent: Some(unsent), oldest_unsent_at, app_version, clock_offset_ms, day };
                self.session.status(now, status);
            }
            Event::HangUp(reason) => self.session.hang_up(reason),
        }
    }

    /// What came of a job, in the order of the jobs. An error, whose text is for logs, ends the session; no later job may be
    /// done then: it would leave a gap.
    pub fn done(&mut self, result: Result<Done, String>) {
        let done = match result {
            Ok(done) => done,
            Err(why) => {
                self.own_fault = Some(why);
                return self.session.hang_up(ByeReason::OwnFault);
            }
        };
        self.jobs = self.jobs.saturating_sub(1);
        match done {
            Done::Loaded(writer, loaded) => self.session.loaded(writer, loaded),
            Done::Recalling(known, seal) => self.session.recall(known, seal),
            Done::Recalled(from, head) => self.session.give_back(from, head),
            Done::HeadAt(no, head) => self.session.head_at(no, head),
            Done::Persisted(token) => self.session.persisted(token),
            Done::Noted => {}
            Done::Documents(turn) => {
                for (doc, bytes) in turn.messages {
                    if self.session.document_message(doc.clone(), bytes).is_err() {
                        self.unsaid.push_back(doc);
                    }
                }
                self.session.documents_digest(turn.digest);
                if self.comparing.pop_front() == Some(true) && core::mem::take(&mut self.compare_again) {
                    self.session.compare_documents();
                }
            }
        }
    }

    /// The roster's answer, and the hub's time for the node.
    pub fn authorised(&mut self, now: Ticks, wall: UtcMs, answer: Authorisation, word: Word) {
        self.session.tell_time(wall);
        self.session.authorised(now, answer, word);
    }

    /// What came of an enrolment.
    pub fn enrolled(&mut self, answer: Result<Enrolled, EnrolRefusal>) {
        self.session.enrolled(answer);
    }

    fn make_room(&mut self) {
        self.session.writable(WRITE_ROOM_BYTES.saturating_sub(self.unwritten));
    }
}

#[cfg(test)]
mod tests;
