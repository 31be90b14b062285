//! The opening of a session: the mutual hello, the roster's word, enrolment.

use alloc::{boxed::Box, string::String};

use super::{Lanes, Phase, Recalled, Session};
use crate::{
    ids::{JournalId, StoreId, Writer},
    sync::{
        contract::{
            APP_VERSION_MAX_BYTES, Authorisation, Claim, Hangup, HubConfig, NodeConfig, Output, PeerFault, Purpose,
            Standing,
        },
        frame::{Enrol, EnrolRefusal, EnrolRefused, Enrolled, Hello, HelloAnswer, Verdict},
        journal_lane::{Incoming, Outgoing},
        version,
    },
    time::Ticks,
    trust::{Channel, KeyBytes, Role, usable_key},
};

/// A stranger has this long to say hello, and a node waits twice as long for the answer.
pub const HELLO_TIMEOUT_MS: u64 = 5_000;

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
        let mut hello =
            Hello { version: version::NEWEST, key, store, app_version: app_version.clone(), nonce, signature: [0; 64] };
        hello.signature = with_hello_parts(&hello, |parts| channel.sign(&config.identity, Role::Node, parts));
        let until = now.after_ms(2 * HELLO_TIMEOUT_MS);
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
        Self::new(config.identity, config.app_version, phase)
    }

    /// The roster's answer to [`Output::Authorise`].
    pub fn authorised(&mut self, now: Ticks, answer: Authorisation) {
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
        };
        let app_version = self.app_version.clone();
        let mut reply = HelloAnswer { version, verdict, app_version, signature: [0; 64] };
        reply.signature =
            with_answer_parts(&reply, &hello.nonce, |parts| channel.sign(&self.identity, Role::Hub, parts));
        self.outbox.push_back(reply.into());
        match answer {
            Authorisation::Admitted(standing) => {
                self.open(now, (Writer::Hub, Writer::Node), standing, &channel.node_key, hello.app_version)
            }
            Authorisation::EnrolOnly => {
                let until = now.after_ms(HELLO_TIMEOUT_MS);
                self.phase = Phase::AwaitEnrol { channel, app_version: hello.app_version, until };
            }
            Authorisation::Unknown | Authorisation::Revoked | Authorisation::WrongStore => {
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
        if hello.app_version.len() > APP_VERSION_MAX_BYTES {
            return Err(PeerFault::TooLong);
        }
        let hub_key = self.identity.verifying_key().to_bytes();
        let channel = Channel { node_key: hello.key, hub_key, exporter: *exporter };
        if !with_hello_parts(&hello, |parts| channel.verify(Role::Node, parts, &hello.signature)) {
            return Err(PeerFault::BadSignature);
        }
        let claim = Claim { key: hello.key, store: hello.store.clone(), app_version: hello.app_version.clone() };
        self.outputs.push_back(Output::Authorise(claim));
        self.phase = Phase::Authorising { hello, channel, version };
        Ok(())
    }

    pub(super) fn answer(&mut self, now: Ticks, answer: HelloAnswer) -> Result<(), PeerFault> {
        let phase = core::mem::replace(&mut self.phase, Phase::Closed);
        let Phase::AwaitAnswer { hello, channel, purpose, .. } = phase else { return Ok(()) };
        if version::agree(answer.version) != Some(answer.version) {
            return Err(PeerFault::Version(answer.version));
        }
        if answer.app_version.len() > APP_VERSION_MAX_BYTES {
            return Err(PeerFault::TooLong);
        }
        let signed =
            with_answer_parts(&answer, &hello.nonce, |parts| channel.verify(Role::Hub, parts, &answer.signature));
        if !signed {
            return Err(PeerFault::BadSignature);
        }
        match (answer.verdict, purpose) {
            (Verdict::Ok, Purpose::Sync(standing)) => {
                self.open(now, (Writer::Node, Writer::Hub), standing, &channel.hub_key, answer.app_version);
            }
            (Verdict::EnrolOnly, Purpose::Enrol(code)) => {
                self.outbox.push_back(Enrol { code_id: code.id(), proof: code.proof(&channel) }.into());
                self.phase = Phase::AwaitEnrolled { until: now.after_ms(ENROL_TIMEOUT_MS) };
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

/// What a node signs: each part of its hello.
fn with_hello_parts<T>(hello: &Hello, then: impl FnOnce(&[&[u8]]) -> T) -> T {
    let store = hello.store.as_ref().map_or("", StoreId::as_str);
    then(&[&hello.version.to_be_bytes(), store.as_bytes(), hello.app_version.as_bytes(), &hello.nonce])
}

/// What a hub signs: each part of its answer, and the nonce it answers.
fn with_answer_parts<T>(answer: &HelloAnswer, nonce: &[u8; 32], then: impl FnOnce(&[&[u8]]) -> T) -> T {
    let verdict: &[u8] = match answer.verdict {
        Verdict::Ok => b"ok",
        Verdict::Unknown => b"unknown",
        Verdict::Revoked => b"revoked",
        Verdict::WrongStore => b"wrong_store",
        Verdict::EnrolOnly => b"enrol_only",
    };
    then(&[&answer.version.to_be_bytes(), verdict, answer.app_version.as_bytes(), nonce])
}
