//! The opening of a session: the mutual hello, the roster's word, enrolment.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{Lanes, Phase, Recalled, Session};
use crate::{
    ids::{JournalId, Writer},
    limits::{EARLIER_GRANTS_MAX, HUB_ADDRESS_MAX_BYTES},
    sync::{
        contract::{
            APP_VERSION_MAX_BYTES, Authorisation, Claim, Hangup, HubConfig, NodeConfig, Output, Papers, PeerFault,
            Purpose, Standing,
        },
        frame::{Enrol, EnrolRefusal, EnrolRefused, Enrolled, Hello, HelloAnswer, Verdict, Word},
        journal_lane::{Incoming, Outgoing},
        version,
    },
    time::{Ticks, UtcMs},
    trust::{Channel, KeyBytes, Side, usable_key},
};

/// A stranger has this long to say hello.
pub const HELLO_TIMEOUT_MS: u64 = 5_000;

/// A node waits this long for the answer.
const ANSWER_TIMEOUT_MS: u64 = 2 * HELLO_TIMEOUT_MS;

/// A node waits this long to be taken in; a person may have to confirm it.
pub const ENROL_TIMEOUT_MS: u64 = 120_000;

impl Session {
    /// The node's end: says hello at once.
    #[must_use]
    pub fn node(now: Ticks, config: NodeConfig) -> Self {
        let key = config.identity.verifying_key().to_bytes();
        let channel = Channel { node_key: key, hub_key: config.hub_key, exporter: config.exporter };
        let store = match &config.purpose {
            Purpose::Enrol(_) => None,
            Purpose::Sync(standing) => Some(standing.store.clone()),
        };
        let app_version = config.app_version;
        let nonce = config.nonce;
        let Papers { instance, grant, mut earlier, entry } = config.papers;
        earlier.truncate(EARLIER_GRANTS_MAX);
        let mut hello = Hello {
            version: version::NEWEST,
            key,
            store,
            app_version: app_version.clone(),
            nonce,
            instance,
            grant: grant.map(Box::new),
            entry: entry.map(Box::new),
            earlier,
            signature: [0; 64],
        };
        hello.signature = channel.sign(&config.identity, Side::Node, &[&unsigned_hello(&hello)]);
        let until = now.after_ms(ANSWER_TIMEOUT_MS);
        let phase = Phase::AwaitAnswer { hello: hello.clone(), channel, purpose: config.purpose, until };
        let mut session = Self::new(config.identity, app_version, phase);
        session.outbox.push_back(hello.into());
        session
    }

    /// The hub's end: waits for a hello.
    #[must_use]
    pub fn hub(now: Ticks, config: HubConfig) -> Self {
        let until = now.after_ms(HELLO_TIMEOUT_MS);
        let phase = Phase::AwaitHello { peer_key: config.peer_key, exporter: config.exporter, until };
        let mut session = Self::new(config.identity, config.app_version, phase);
        // It has no facts of its own, so far.
        session.status.status.unsent = Some(0);
        session
    }

    /// The hub's time, to be told with [`Self::authorised`].
    pub const fn tell_time(&mut self, time: UtcMs) {
        self.time = Some(time);
    }

    /// The roster's answer to [`Output::Authorise`].
    pub fn authorised(&mut self, now: Ticks, answer: Authorisation, word: Word) {
        let phase = core::mem::replace(&mut self.phase, Phase::Closed);
        let Phase::Authorising { hello, channel, version } = phase else {
            self.phase = phase;
            return;
        };
        let verdict = match &answer {
            Authorisation::Admitted(_) => Verdict::Ok,
            Authorisation::EnrolOnly => Verdict::EnrolOnly,
            Authorisation::Unknown => Verdict::Unknown,
            Authorisation::Revoked => Verdict::Revoked,
            Authorisation::WrongStore => Verdict::WrongStore,
            Authorisation::Replaced => Verdict::Replaced,
            Authorisation::Duplicate => Verdict::Duplicate,
            Authorisation::Later => Verdict::Later,
        };
        let app_version = self.app_version.clone();
        let mut reply = HelloAnswer { version, verdict, app_version, word, time: self.time, signature: [0; 64] };
        reply.signature = channel.sign(&self.identity, Side::Hub, &[&unsigned_answer(&reply), &hello.nonce]);
        self.outbox.push_back(reply.into());
        match answer {
            Authorisation::Admitted(standing) => {
                self.version = version;
                self.open(now, (Writer::Hub, Writer::Node), standing, &channel.node_key, hello.app_version)
            }
            Authorisation::EnrolOnly => {
                let until = now.after_ms(HELLO_TIMEOUT_MS);
                let papers = Box::new(papers(&hello));
                self.phase = Phase::AwaitEnrol { channel, app_version: hello.app_version, papers, until };
            }
            Authorisation::Unknown
            | Authorisation::Revoked
            | Authorisation::WrongStore
            | Authorisation::Replaced
            | Authorisation::Duplicate
            | Authorisation::Later => {
                self.phase = Phase::Closing(Hangup::Refused(verdict));
            }
        }
    }

    /// The answer to [`Output::Enrol`].
    pub fn enrolled(&mut self, answer: Result<Enrolled, EnrolRefusal>) {
        if !matches!(self.phase, Phase::Enrolling) {
            return;
        }
        let (frame, hangup) = match answer {
            Ok(enrolled) => (enrolled.into(), Hangup::Enrolled),
            Err(reason) => (EnrolRefused { reason }.into(), Hangup::EnrolRefused(reason)),
        };
        self.outbox.push_back(frame);
        self.phase = Phase::Closing(hangup);
    }

    pub(super) fn hello(&mut self, hello: Hello) -> Result<(), PeerFault> {
        let Phase::AwaitHello { peer_key, exporter, .. } = &self.phase else { return Ok(()) };
        let version = version::agree(hello.version).ok_or(PeerFault::Version(hello.version))?;
        if peer_key.is_some_and(|key| key != hello.key) || usable_key(&hello.key).is_none() {
            return Err(PeerFault::WrongKey);
        }
        if hello.app_version.len() > APP_VERSION_MAX_BYTES || hello.earlier.len() > EARLIER_GRANTS_MAX {
            return Err(PeerFault::TooLong);
        }
        let hub_key = self.identity.verifying_key().to_bytes();
        let channel = Channel { node_key: hello.key, hub_key, exporter: *exporter };
        if !channel.verify(Side::Node, &[&unsigned_hello(&hello)], &hello.signature) {
            return Err(PeerFault::BadSignature);
        }
        let app_version = hello.app_version.clone();
        let claim = Claim { key: hello.key, store: hello.store.clone(), app_version, papers: papers(&hello) };
        self.outputs.push_back(Output::Authorise(claim));
        self.phase = Phase::Authorising { hello, channel, version };
        Ok(())
    }

    pub(super) fn answer(&mut self, now: Ticks, answer: HelloAnswer) -> Result<(), PeerFault> {
        let phase = core::mem::replace(&mut self.phase, Phase::Closed);
        let Phase::AwaitAnswer { hello, channel, purpose, until } = phase else { return Ok(()) };
        if version::agree(answer.version) != Some(answer.version) {
            return Err(PeerFault::Version(answer.version));
        }
        if answer.app_version.len() > APP_VERSION_MAX_BYTES {
            return Err(PeerFault::TooLong);
        }
        if answer.word.address.as_ref().is_some_and(|address| address.len() > HUB_ADDRESS_MAX_BYTES) {
            return Err(PeerFault::TooLong);
        }
        let said: &[&[u8]] = &[&unsigned_answer(&answer), &hello.nonce];
        // The entry outlives this channel, so it must also stand by itself.
        let entry_stands = answer.word.entry.as_ref().is_none_or(|entry| entry.verify(&channel.hub_key));
        if !channel.verify(Side::Hub, said, &answer.signature) || !entry_stands {
            return Err(PeerFault::BadSignature);
        }
        if let Some(said) = answer.time {
            let left_ms = until.0.saturating_sub(now.0);
            let round_trip_ms = ANSWER_TIMEOUT_MS.saturating_sub(left_ms);
            self.outputs.push_back(Output::PeerTime { said, round_trip_ms });
        }
        self.outputs.push_back(Output::Told { verdict: answer.verdict, word: answer.word });
        match (answer.verdict, purpose) {
            (Verdict::Ok, Purpose::Sync(standing)) => {
                self.version = answer.version;
                self.open(now, (Writer::Node, Writer::Hub), standing, &channel.hub_key, answer.app_version);
            }
            (Verdict::EnrolOnly, Purpose::Enrol(code)) => {
                self.outbox.push_back(Enrol { code_id: code.id(), proof: code.proof(&channel) }.into());
                self.phase = Phase::AwaitEnrolled { hub_key: channel.hub_key, until: now.after_ms(ENROL_TIMEOUT_MS) };
            }
            (verdict, _) => self.phase = Phase::Closing(Hangup::Refused(verdict)),
        }
        Ok(())
    }

    /// A store's two journals travel: the box's own up, the hub's down.
    fn open(
        &mut self,
        now: Ticks,
        (ours, theirs): (Writer, Writer),
        standing: Standing,
        peer_key: &KeyBytes,
        peer_version: String,
    ) {
        let their_key = usable_key(peer_key).expect("its signature was verified under it");
        let own_key = self.identity.verifying_key();
        let journal = |writer| JournalId { store: standing.store.clone(), writer };
        let outgoing = Outgoing::new(journal(ours), own_key, standing.outgoing);
        let incoming = Incoming::new(journal(theirs), their_key, standing.incoming);
        self.outputs.push_back(Output::Opened { peer_version });
        self.outbox.push_back(outgoing.have().into());
        self.outbox.push_back(incoming.want().into());
        self.outbox.extend(self.documents.announce());
        self.phase = Phase::Open(Box::new(Lanes { outgoing, incoming, recall: Recalled::Nothing }));
        self.send_status(now);
    }
}

fn papers(hello: &Hello) -> Papers {
    Papers {
        instance: hello.instance,
        grant: hello.grant.as_deref().cloned(),
        earlier: hello.earlier.clone(),
        entry: hello.entry.as_deref().cloned(),
    }
}

/// What a node signs: its hello, whole but for the signature.
fn unsigned_hello(hello: &Hello) -> Vec<u8> {
    encoded(&Hello { signature: [0; 64], ..hello.clone() })
}

/// What a hub signs besides the nonce it answers: its answer, whole but for the signature.
fn unsigned_answer(answer: &HelloAnswer) -> Vec<u8> {
    encoded(&HelloAnswer { signature: [0; 64], ..answer.clone() })
}

fn encoded(frame: &impl minicbor::Encode<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    minicbor::encode(frame, &mut bytes).expect("writing to a Vec cannot fail");
    bytes
}
