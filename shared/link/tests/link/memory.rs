//! Journals in memory that outlive sessions, and the shells that serve them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    ids::{FactNo, Issuer, JournalId, StoreId, Writer},
    journal::chain::{self, ChainHash, Seal},
    sync::{
        contract::{Claim, EnrolRequest, Standing},
        frame::{EnrolRefusal, Enrolled, Status, Word},
        journal_lane::{Batch, Loaded},
    },
    trust::{EnrolmentCode, Grant, KeyBytes},
};
use guitai_link::session::{Admission, Admitted, DocumentTurn, EVENTS_MAX, Event, Gate, Shell, ShellError};
use tokio::sync::{Notify, mpsc};

pub(crate) fn store() -> StoreId {
    StoreId::parse("S001").expect("a name")
}

pub(crate) fn hub_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub(crate) fn no(number: u64) -> FactNo {
    FactNo { epoch: 1, number }
}

pub(crate) struct Disk {
    journal: JournalId,
    pub(crate) facts: BTreeMap<FactNo, Vec<u8>>,
    heads: BTreeMap<FactNo, ChainHash>,
    seals: BTreeMap<FactNo, Seal>,
}

impl Disk {
    fn new(journal: JournalId) -> Self {
        Self { journal, facts: BTreeMap::new(), heads: BTreeMap::new(), seals: BTreeMap::new() }
    }

    pub(crate) fn last(&self) -> Option<FactNo> {
        self.facts.keys().next_back().copied()
    }

    pub(crate) fn commit(&mut self, key: &SigningKey, bodies: Vec<Vec<u8>>) -> FactNo {
        bodies.into_iter().for_each(|body| self.link(body));
        let last = self.last().expect("just written");
        self.seals.insert(last, Seal::sign(key, &self.journal, last, self.heads[&last]));
        last
    }

    fn link(&mut self, body: Vec<u8>) {
        let (number, head) = match self.heads.last_key_value() {
            Some((last, head)) => (last.number + 1, *head),
            None => (1, chain::start(&self.journal, 1)),
        };
        self.heads.insert(no(number), chain::link(&head, no(number), &body));
        self.facts.insert(no(number), body);
    }
}

/// One end's memory; shared by its sessions.
pub(crate) struct Memory {
    pub(crate) own: Disk,
    pub(crate) held: Disk,
    pub(crate) acked: Option<FactNo>,
    pub(crate) document: u8,
    pub(crate) statuses: Vec<Status>,
    pub(crate) peer_version: String,
    /// Persisting fails from this fact on.
    pub(crate) disk_full_at: Option<FactNo>,
    events: Option<mpsc::Sender<Event>>,
}

#[derive(Clone)]
pub(crate) struct End {
    memory: Arc<Mutex<Memory>>,
    changed: Arc<Notify>,
}

impl End {
    /// A store's box, which writes its journal and holds the hub's.
    pub(crate) fn node() -> Self {
        Self::of(JournalId::node(store()), JournalId::hub(store()))
    }

    /// The hub, the other way round.
    pub(crate) fn hub() -> Self {
        Self::of(JournalId::hub(store()), JournalId::node(store()))
    }

    fn of(own: JournalId, held: JournalId) -> Self {
        let memory = Memory {
            own: Disk::new(own),
            held: Disk::new(held),
            acked: None,
            document: 0,
            statuses: Vec::new(),
            peer_version: String::new(),
            disk_full_at: None,
            events: None,
        };
        Self { memory: Arc::new(Mutex::new(memory)), changed: Arc::default() }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("no test panics while holding it")
    }

    pub(crate) fn admitted(&self) -> Admitted<Self> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut memory = self.memory();
        let document = memory.document;
        sender.try_send(Event::Documents([document; 32])).expect("an empty channel");
        memory.events = Some(sender);
        let incoming = memory.held.seals.values().next_back().cloned();
        let standing = Standing { store: store(), outgoing: memory.own.last(), incoming };
        drop(memory);
        Admitted { standing, shell: self.clone(), events }
    }

    /// Commits a fact and tells the running session.
    pub(crate) fn record(&self, key: &SigningKey, body: &[u8]) -> FactNo {
        let mut memory = self.memory();
        let upto = memory.own.commit(key, vec![body.to_vec()]);
        if let Some(events) = &memory.events {
            events.try_send(Event::Appended(upto)).ok();
        }
        upto
    }

    pub(crate) fn tell(&self, event: Event) {
        let memory = self.memory();
        memory.events.as_ref().expect("a session").try_send(event).expect("room");
    }

    /// Waits until the memory looks as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Memory) -> bool) {
        let reached = async {
            loop {
                let changed = self.changed.notified();
                if wanted(&self.memory()) {
                    return;
                }
                changed.await;
            }
        };
        let second = std::time::Duration::from_secs(20);
        tokio::time::timeout(second, reached).await.expect("it comes within 20 s");
    }

    fn turn(&self) -> DocumentTurn {
        let document = self.memory().document;
        DocumentTurn { digest: [document; 32], messages: vec![("d".into(), vec![document])] }
    }
}

impl Shell for End {
    fn opened(&self, peer_version: &str) {
        self.memory().peer_version = peer_version.to_owned();
        self.changed.notify_waiters();
    }

    async fn load(&self, _: Writer, from: FactNo, max_bytes: usize) -> Result<Option<Loaded>, ShellError> {
        let memory = self.memory();
        let Some((first, _)) = memory.own.facts.range(from..).next() else { return Ok(None) };
        let (mut last, mut bytes) = (None, 0);
        for (at, body) in memory.own.facts.range(first..) {
            bytes += body.len();
            if last.is_some() && bytes > max_bytes {
                break;
            }
            if memory.own.seals.contains_key(at) {
                last = Some(*at);
            }
        }
        let last = last.expect("every commit ends with a seal");
        let bodies = memory.own.facts.range(*first..=last).map(|(_, body)| body.clone()).collect();
        Ok(Some(Loaded { first: *first, bodies, seal: memory.own.seals[&last].clone(), records: Vec::new() }))
    }

    async fn head_at(&self, at: FactNo) -> Result<Option<ChainHash>, ShellError> {
        Ok(self.memory().own.heads.get(&at).copied())
    }

    async fn persist(&self, batch: Batch) -> Result<(), ShellError> {
        {
            let mut memory = self.memory();
            if memory.disk_full_at.is_some_and(|at| batch.seal.no >= at) {
                return Err(ShellError("disk full".into()));
            }
            assert!(!memory.held.facts.contains_key(&batch.first), "fact {} came twice", batch.first);
            batch.bodies.into_iter().for_each(|body| memory.held.link(body));
            assert_eq!(memory.held.heads[&batch.seal.no], *batch.seal.head());
            memory.held.seals.insert(batch.seal.no, batch.seal);
        }
        self.changed.notify_waiters();
        Ok(())
    }

    async fn acked(&self, upto: FactNo) -> Result<(), ShellError> {
        self.memory().acked = Some(upto);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn sync_documents(&self) -> Result<DocumentTurn, ShellError> {
        Ok(self.turn())
    }

    async fn document(&self, _: String, bytes: Vec<u8>) -> Result<DocumentTurn, ShellError> {
        {
            let mut memory = self.memory();
            memory.document = memory.document.max(bytes[0]);
        }
        self.changed.notify_waiters();
        Ok(DocumentTurn { messages: Vec::new(), ..self.turn() })
    }

    fn peer_status(&self, status: Status) {
        self.memory().statuses.push(status);
        self.changed.notify_waiters();
    }
}

/// A hub with one store.
#[derive(Clone)]
pub(crate) struct Roster {
    pub(crate) known: Arc<Mutex<Vec<KeyBytes>>>,
    pub(crate) code: EnrolmentCode,
    pub(crate) end: End,
}

impl Gate for Roster {
    type Shell = End;

    async fn authorise(&self, claim: Claim) -> (Admission<End>, Word) {
        let known = self.known.lock().expect("not poisoned").contains(&claim.key);
        let answer = match (known, claim.store) {
            (true, Some(claimed)) if claimed == store() => Admission::Admitted(self.end.admitted()),
            (true, _) => Admission::WrongStore,
            (false, None) => Admission::EnrolOnly,
            (false, Some(_)) => Admission::Unknown,
        };
        (answer, Word::default())
    }

    async fn enrol(&self, request: EnrolRequest) -> Result<Enrolled, EnrolRefusal> {
        if request.code_id != self.code.id() || !self.code.proves(&request.channel, &request.proof) {
            return Err(EnrolRefusal::WrongCode);
        }
        self.known.lock().expect("not poisoned").push(request.channel.node_key);
        let issuer = Issuer::new(7).expect("in range");
        let grant = Grant::sign(&hub_key(), store(), issuer, request.channel.node_key, 1);
        Ok(Enrolled { store_name: "一号店".into(), grant, held: None })
    }
}
