//! A connection opened ahead, so that a customer does not wait for TCP and TLS.
//!
//! A spare carries one request, like any other connection, and none before. What could go wrong is a server that closes idle
//! connections: its close would cross our request, and a doubt would be of our own making. So the first spare is only watched. One that
//! outlives [`Bounds::max_age`] and the margin shows that spares may be used up to that age; one that is closed earlier shows that
//! they may be used up to the margin before. A spare that fails under a request is the last one for as long as that is remembered.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::line::{Opener, Spare};

/// How long things may take. Tests have shorter ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// No spare is used at a greater age.
    pub(super) max_age: Duration,
    /// A spare is used this much before the age at which a server was seen to close one: longer than a close is on its way.
    pub(super) margin: Duration,
    /// Below this age at most it is not worth a handshake.
    pub(super) useful_age: Duration,
    /// This long after the last call spares are still opened. A shop that sells nothing opens none.
    pub(super) busy_for: Duration,
    /// What was seen of a server counts this long: then it may be another one, or set up anew.
    pub(super) remembered: Duration,
    /// Spares opened after one call at most.
    pub(super) after_a_call: u32,
}

impl Bounds {
    pub(super) const USUAL: Self = Self {
        max_age: Duration::from_secs(10),
        margin: Duration::from_secs(2),
        useful_age: Duration::from_secs(1),
        busy_for: Duration::from_secs(60),
        remembered: Duration::from_secs(3600),
        after_a_call: 6,
    };
}

/// The spare of one acquirer: at most one, open or being opened.
pub(super) struct Ahead {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the keeper hands its spare over; none while there is none that may be used.
    door: Option<oneshot::Sender<oneshot::Sender<Spare>>>,
    /// Whether somebody keeps, opens or tries one.
    kept: bool,
    last_call: Option<Instant>,
    opened: u32,
    seen: Option<Seen>,
}

/// What is known of the server.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Up to this age spares may be used.
    good_for: Duration,
    at: Instant,
}

/// How a spare ended.
enum Ended {
    Taken,
    Old,
    Closed,
}

impl Ahead {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default() }
    }

    /// The spare, if there is one on which a request may go out now.
    pub(super) async fn take(&self) -> Option<Spare> {
        let (door, good_for) = {
            let mut state = self.state();
            (state.door.take()?, self.good_for(&state)?)
        };
        let (give, given) = oneshot::channel();
        door.send(give).ok()?;
        given.await.ok().filter(|line| line.is_good(good_for))
    }

    /// A spare failed under a request.
    pub(super) fn failed(&self) {
        self.see(Duration::ZERO);
    }

    /// After a call the next connection is opened.
    pub(super) fn called(self: &Arc<Self>, opener: &Arc<Opener>) {
        let mut state = self.state();
        (state.last_call, state.opened) = (Some(Instant::now()), 0);
        if !std::mem::replace(&mut state.kept, true) {
            tokio::spawn(Arc::clone(self).keep(Arc::clone(opener)));
        }
    }

    async fn keep(self: Arc<Self>, opener: Arc<Opener>) {
        while self.may_open() {
            // A line that is down is the next call's to tell.
            let Ok(line) = opener.open().await else { break };
            if let Ended::Taken = self.watch(line).await {
                break;
            }
        }
        let mut state = self.state();
        (state.kept, state.door) = (false, None);
    }

    fn may_open(&self) -> bool {
        let mut state = self.state();
        let busy = state.last_call.is_some_and(|at| at.elapsed() < self.bounds.busy_for);
        let useful = self.good_for(&state).is_none_or(|age| age >= self.bounds.useful_age);
        let may = busy && useful && state.opened < self.bounds.after_a_call;
        state.opened += u32::from(may);
        may
    }

    async fn watch(&self, mut line: Spare) -> Ended {
        let opened = line.opened();
        let (door, mut asked) = oneshot::channel();
        let good_for = {
            let mut state = self.state();
            let good_for = self.good_for(&state);
            // Not before it is known how long it may be used.
            state.door = good_for.and(Some(door));
            good_for
        };
        let until = good_for.unwrap_or(self.bounds.max_age + self.bounds.margin);
        let ended = tokio::select! {
            biased;
            Ok(give) = &mut asked => {
                // Whoever asked may have run out of time.
                let _ = give.send(line);
                Ended::Taken
            }
            () = line.ended() => Ended::Closed,
            () = tokio::time::sleep_until((opened + until).into()) => Ended::Old,
        };
        match (&ended, good_for) {
            (Ended::Closed, _) => self.see(opened.elapsed().saturating_sub(self.bounds.margin)),
            (Ended::Old, None) => self.see(self.bounds.max_age),
            (Ended::Old, Some(_)) | (Ended::Taken, _) => {}
        }
        ended
    }

    /// Up to which age spares may be used; none if nothing is known that still counts.
    fn good_for(&self, state: &State) -> Option<Duration> {
        state.seen.filter(|seen| seen.at.elapsed() < self.bounds.remembered).map(|seen| seen.good_for)
    }

    fn see(&self, good_for: Duration) {
        let good_for = good_for.min(self.bounds.max_age);
        self.state().seen = Some(Seen { good_for, at: Instant::now() });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
