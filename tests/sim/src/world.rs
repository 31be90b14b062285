//! The world: one queue of events, one true time, and everything that has a life in it.
//!
//! A plan is played in two phases. While people trade, what the plan says befalls them. Then everything is mended, nobody asks for
//! anything any more, and what is open must come to its end by itself.

mod accidents;
mod calls;
mod counters;
mod judge;
mod ledger;
mod manager;
mod membership;
mod people;
mod recognise;
mod sync;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use ed25519_dalek::SigningKey;
use guitai_core::{
    acquirer::{Question, Reply, Request},
    ids::StoreId,
    sync::contract::Papers,
    time::{Ticks, UtcMs},
    trust::Grant,
};
use guitai_vfs::Disk;

use crate::{
    bank::Bank,
    chance::Chance,
    counter::{Counter, Enrolment, Folder, Truth},
    hub::Hub,
    identity::identity,
    mutant::Mutant,
    oracle::{Oracle, Violation},
    plan::{HOUR_MS, MINUTE_MS, Plan, What},
    situation::{Situation, Situations},
    story::Story,
};

use people::{Intent, Post};
use sync::Connection;

/// From the mending to the moment when nothing may be open any more, in ms (promise P5, and the liveness phase).
const SETTLES_WITHIN_MS: u64 = 10 * MINUTE_MS;

/// From the mending to a manager's looks at what waits for a person, in ms.
const MANAGED_AFTER_MS: [u64; 5] = [4 * MINUTE_MS, 6 * MINUTE_MS, 8 * MINUTE_MS, 30 * MINUTE_MS, 75 * HOUR_MS];

/// From the mending to the end: behind the last late check.
const LASTS_MS: u64 = 76 * HOUR_MS;

/// Something that will happen.
pub(crate) enum Event {
    /// A deed of the plan.
    Deed(usize),
    /// What a deed began is over.
    Over(What),
    /// A request reaches the acquirer.
    Arrives(Flight),
    /// What became of a call reaches a box.
    Comes(Landing),
    /// A box looks again: a wait may be over.
    Wake { counter: usize, life: u64 },
    /// A box's node starts.
    Start(usize),
    /// A box's node asks the acquirer for the time.
    AskTime { counter: usize, life: u64, wait_ms: u64 },
    /// The hub starts.
    StartHub,
    /// A node dials.
    Dial { counter: usize, life: u64 },
    /// Bytes reach an end of a connection.
    Bytes { connection: u64, to_hub: bool, bytes: Vec<u8> },
    /// A connection's hello may be over its time.
    Waits { connection: u64 },
    /// The hub's disk does the next job of a connection.
    Works { connection: u64 },
    /// A connection is gone.
    Gone { connection: u64 },
    /// A manager looks at what waits for a person, and at the acquirer's own list.
    Manager,
    /// Somebody who heard nothing asks again.
    Patience { deed: usize, tries: u8 },
}

/// A request on its way.
pub(crate) struct Flight {
    counter: usize,
    life: u64,
    request: Request,
    question: Question,
    number: u64,
    sent_ms: u64,
    /// It is only about the time of the answer.
    time: bool,
}

/// An answer on its way.
pub(crate) struct Landing {
    counter: usize,
    life: u64,
    question: Question,
    reply: Reply,
    asked: Ticks,
    time: bool,
}

/// The world.
pub struct World {
    pub(crate) plan: Plan,
    pub(crate) truth: Truth,
    pub(crate) counters: Vec<Counter>,
    pub(crate) hub: Hub,
    pub(crate) bank: Bank,
    pub(crate) oracle: Oracle,
    pub(crate) marks: Situations,
    pub(crate) story: Story,
    pub(crate) intents: Vec<Option<Intent>>,
    pub(crate) stores: Vec<StoreId>,
    /// The box that people use in each store.
    pub(crate) in_force: Vec<usize>,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) mended: bool,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    connections: BTreeMap<u64, Connection>,
    connected: u64,
    posts: (Sender<Post>, Receiver<Post>),
    restarts: u64,
    asked: u64,
    faults: u64,
}

/// What a world came to.
#[derive(Debug)]
pub struct Outcome {
    /// What was violated, if anything was.
    pub violation: Option<Violation>,
    /// Events.
    pub events: u64,
    /// What people asked for.
    pub intents: u64,
    /// Nodes and hubs started again.
    pub restarts: u64,
    /// What befell the world.
    pub faults: u64,
    /// The situations met.
    pub situations: Situations,
    /// The hash over all events.
    pub hash: [u8; 32],
    /// The story, if it was kept.
    pub story: Vec<String>,
}

impl World {
    /// Plays a plan to its end.
    ///
    /// # Errors
    /// The world cannot be set up; what goes wrong in it is an outcome.
    pub fn play(plan: Plan, mutant: Option<Mutant>, keep_story: bool) -> anyhow::Result<Outcome> {
        let mut world = Self::begin(plan, mutant, keep_story)?;
        let violation = world.run().err();
        if let Some(violation) = &violation {
            world.tell(format_args!("VIOLATED {violation}"));
        }
        // Nodes end before their disks.
        for counter in &mut world.counters {
            counter.life = None;
        }
        world.hub.life = None;
        Ok(Outcome {
            violation,
            events: world.story.events(),
            intents: world.asked,
            restarts: world.restarts,
            faults: world.faults,
            hash: world.story.hash(),
            story: world.story.lines().to_vec(),
            situations: world.marks,
        })
    }

    fn begin(plan: Plan, mutant: Option<Mutant>, keep_story: bool) -> anyhow::Result<Self> {
        let seed = plan.seed;
        let truth: Truth = Arc::new(AtomicU64::new(0));
        let mut hub = Hub::new(Disk::new(Chance::of(seed, "hub disk").draw()), identity(seed, ("hub", 0_usize)));
        hub.start(0)?;
        let mut world = Self {
            truth,
            counters: Vec::new(),
            hub,
            bank: Bank::open()?,
            oracle: Oracle::default(),
            marks: Situations::default(),
            story: Story::new(keep_story),
            intents: (0..plan.deeds.len()).map(|_| None).collect(),
            stores: Vec::new(),
            in_force: Vec::new(),
            mutant,
            mended: false,
            queue: BTreeMap::new(),
            scheduled: 0,
            connections: BTreeMap::new(),
            connected: 0,
            posts: channel(),
            restarts: 0,
            asked: 0,
            faults: 0,
            plan,
        };
        for number in 0..world.plan.traits.stores {
            let store = StoreId::parse(&format!("S{:03}", number + 1)).map_err(|error| anyhow::anyhow!("{error:?}"))?;
            world.hub.add_store(&store, world.now())?;
            world.stores.push(store);
            let counter = world.new_box(number, identity(seed, ("box", number)))?;
            world.in_force.push(counter);
            world.schedule(0, Event::Start(counter));
        }
        world.hub.stale = Some(world.hub.disk.image());
        let deeds: Vec<u64> = world.plan.deeds.iter().map(|deed| deed.at_ms).collect();
        for (deed, at_ms) in deeds.into_iter().enumerate() {
            world.schedule(at_ms + 1, Event::Deed(deed));
        }
        Ok(world)
    }

    /// A box with an empty folder, let in for a store.
    pub(crate) fn new_box(&mut self, store: usize, identity: SigningKey) -> anyhow::Result<usize> {
        let number = self.counters.len();
        let seed = self.plan.seed;
        let disk = Disk::new(Chance::of(seed, ("disk", number)).draw());
        let nonce = Chance::of(seed, ("code", number)).bytes();
        let node = identity.verifying_key().to_bytes();
        let enrolled = self.hub.enrol(&self.stores[store], (node, Papers::default()), nonce, self.now())?;
        let enrolment = Enrolment { issuer: enrolled.grant.issuer, after: enrolled.held.clone() };
        let machine = u8::try_from(number + 1)?;
        let name = format!("{}{}", self.stores[store], if number < self.plan.traits.stores { "" } else { "'" });
        let folder = Folder { identity, enrolment };
        let mut counter = Counter::new(name, self.stores[store].clone(), (disk, machine), folder);
        let grant: &Grant = &enrolled.grant;
        counter.enrolled(grant, enrolled.held)?;
        self.counters.push(counter);
        Ok(number)
    }

    fn run(&mut self) -> Result<(), Violation> {
        let mends_at = self.plan.traits.trade_ms + 1_000;
        self.until(mends_at)?;
        self.mend()?;
        for after_ms in MANAGED_AFTER_MS {
            self.schedule(mends_at + after_ms, Event::Manager);
        }
        self.until(mends_at + SETTLES_WITHIN_MS)?;
        self.settles()?;
        self.until(mends_at + LASTS_MS)?;
        self.judge()
    }

    fn until(&mut self, end_ms: u64) -> Result<(), Violation> {
        while let Some(entry) = self.queue.first_entry() {
            let (at_ms, _) = *entry.key();
            if at_ms > end_ms {
                break;
            }
            let event = entry.remove();
            self.truth.store(at_ms, Ordering::Relaxed);
            self.happen(event)?;
        }
        self.truth.store(end_ms, Ordering::Relaxed);
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Deed(deed) => self.deed(deed),
            Event::Over(what) => self.over(&what),
            Event::Arrives(flight) => self.arrives(flight),
            Event::Comes(landing) => self.comes(landing),
            Event::Wake { counter, life } => self.wake(counter, life),
            Event::Start(counter) => self.start(counter),
            Event::AskTime { counter, life, wait_ms } => self.ask_time(counter, life, wait_ms),
            Event::StartHub => self.start_hub(),
            Event::Dial { counter, life } => self.dial(counter, life),
            Event::Bytes { connection, to_hub, bytes } => self.bytes(connection, to_hub, &bytes),
            Event::Waits { connection } => self.waits(connection),
            Event::Works { connection } => self.hub_works(connection),
            Event::Gone { connection } => self.gone(connection),
            Event::Manager => self.manage(),
            Event::Patience { deed, tries } => self.patience(deed, tries),
        }
    }

    pub(crate) fn schedule(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at_ms, self.scheduled), event);
    }

    /// ms since the world's beginning.
    pub(crate) fn now_ms(&self) -> u64 {
        self.truth.load(Ordering::Relaxed)
    }

    /// The true time.
    pub(crate) fn now(&self) -> UtcMs {
        UtcMs(self.plan.traits.begins_at_ms.saturating_add_unsigned(self.now_ms()))
    }

    pub(crate) fn tell(&mut self, event: std::fmt::Arguments<'_>) {
        self.story.tell(self.truth.load(Ordering::Relaxed), event);
    }

    pub(crate) fn mark(&mut self, situation: Situation) {
        self.marks.mark(situation);
    }

    /// Chance for one thing of this world.
    pub(crate) fn chance(&self, what: impl std::hash::Hash) -> Chance {
        Chance::of(self.plan.seed, what)
    }
}
