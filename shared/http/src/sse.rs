//! Server-sent events: news as it happens.
//!
//! A listener first gets the events it missed (the caller looks those up after `Last-Event-ID`), then the live ones. Whoever
//! reads too slowly gets `resync` in place of what was dropped, and fetches anew. Every [`KEEP_ALIVE`] a comment is sent, so
//! that proxies keep the line and a listener that is gone is noticed; whether it may still listen is asked
//! every [`ASKED_EVERY`], and before every event.

use std::{convert::Infallible, fmt::Display, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName},
    response::{IntoResponse, Response, Sse, sse},
};
use guitai_core::ids::FactNo;
use serde::Serialize;
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    bearer::{Authenticator, Principal},
    problem::{Code, Problem},
    session::SessionId,
    share::{Share, Shares},
};

/// A comment goes out this often; proxies commonly cut a silent line after 30 to 60 s.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whoever listens is asked this often whether they still may: what is taken back ends within 5 s, also where nothing happens.
pub const ASKED_EVERY: Duration = Duration::from_secs(2);

/// Streams of one caller at a time: a page needs one, and somebody may have several windows or a program several workers.
pub const STREAMS_PER_CALLER_MAX: usize = 4;

/// Events that wait for one slow listener here; more wait in the broadcast channel.
pub const WAITING_MAX: usize = 16;

/// The event for a listener that was too slow: what it shows may be stale.
pub const RESYNC: &str = "resync";

/// One event. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    name: &'static str,
    id: Option<String>,
    data: Arc<str>,
    audience: Audience,
}

/// Who may hear an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every listener.
    All,
    /// This account, and those who see everybody's.
    Account(Arc<str>),
    /// Those who may charge.
    Chargers,
}

/// What a stream tells, under one name each.
pub trait News: Serialize {
    /// The event's name.
    const NAME: &'static str;
}

impl Event {
    /// News as an event.
    #[must_use]
    pub fn new<N: News>(news: &N) -> Self {
        Self::named(N::NAME, news)
    }

    /// Tells a listener that events are gone.
    #[must_use]
    pub fn resync() -> Self {
        Self::named(RESYNC, &serde_json::json!({}))
    }

    fn named(name: &'static str, data: &impl Serialize) -> Self {
        // Our own DTOs always serialise: their keys are texts.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        Self { name, id: None, data: data.into(), audience: Audience::All }
    }

    /// For these only.
    #[must_use]
    pub fn only(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// Who may hear it.
    #[must_use]
    pub const fn audience(&self) -> &Audience {
        &self.audience
    }

    /// With the id a listener gives back as `Last-Event-ID`; a fact number for payments.
    #[must_use]
    pub fn id(mut self, id: impl Display) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn wire(&self) -> sse::Event {
        let event = sse::Event::default().event(self.name).data(&self.data);
        match &self.id {
            Some(id) => event.id(id),
            None => event,
        }
    }
}

/// Asks whether the listener may still listen.
pub type Alive = Box<dyn Fn() -> bool + Send + Sync>;

/// A caller may listen while their session goes on, or their key is good. Where nobody can tell, they connect again and hear why.
pub fn while_let_in<A: Authenticator>(server: A, who: &Principal) -> Alive {
    match who {
        Principal::Person(current) => {
            let session = current.session;
            Box::new(move || server.sessions().is_live(session, server.now()))
        }
        Principal::Key(key) => {
            let hash = key.hash;
            Box::new(move || server.key(&hash).is_ok_and(|key| key.is_some()))
        }
    }
}

/// Asks whether the listener may hear an event of this audience.
pub type Hears = Box<dyn Fn(&Audience) -> bool + Send + Sync>;

/// What one listener gets.
pub struct Feed {
    /// Missed events, oldest first.
    pub replay: Vec<Event>,
    /// Live events; subscribe before looking up the missed ones, or one may fall between.
    pub live: broadcast::Receiver<Event>,
    /// Ends the stream when true.
    pub stop: watch::Receiver<bool>,
    /// Asked before every event and every [`ASKED_EVERY`].
    pub alive: Alive,
    /// Which events this listener may hear.
    pub hears: Hears,
    /// The listener's place.
    pub seat: Listening,
}

/// Who listens how often.
#[derive(Debug)]
pub struct Streams(Arc<Shares<Listener>>);

/// Whose streams count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Listener {
    Session(SessionId),
    Key(String),
}

/// A caller's place for one stream; given back when dropped.
#[derive(Debug)]
pub struct Listening {
    _share: Share<Listener>,
}

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Shares::new(STREAMS_PER_CALLER_MAX)))
    }
}

impl Streams {
    /// A place for one more stream of this caller.
    ///
    /// # Errors
    /// 429 `too_many_streams` when it has [`STREAMS_PER_CALLER_MAX`].
    pub fn take(&self, who: &Principal) -> Result<Listening, Problem> {
        let listener = match who {
            Principal::Person(current) => Listener::Session(current.session),
            Principal::Key(key) => Listener::Key(key.name.clone()),
        };
        let share = self.0.take(listener);
        let refused = || Problem::new(Code::TooManyStreams).retry_after(KEEP_ALIVE.as_secs());
        share.map(|share| Listening { _share: share }).ok_or_else(refused)
    }
}

/// The answer that streams a feed.
#[must_use]
pub fn respond(feed: Feed) -> Response {
    let (to, from) = mpsc::channel(WAITING_MAX);
    tokio::spawn(pump(feed, to));
    // A proxy that buffers would turn news into history.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (unbuffered, Sse::new(ReceiverStream::new(from))).into_response()
}

/// The fact after which a listener wants to go on.
#[must_use]
pub fn last_event_id(headers: &HeaderMap) -> Option<FactNo> {
    FactNo::parse(headers.get("last-event-id")?.to_str().ok()?)
}

type Events = mpsc::Sender<Result<sse::Event, Infallible>>;

async fn pump(feed: Feed, to: Events) {
    let Feed { replay, mut live, mut stop, alive, hears, seat: _seat } = feed;
    let pumped = async {
        for event in replay.into_iter().filter(|event| hears(&event.audience)) {
            if !alive() || to.send(Ok(event.wire())).await.is_err() {
                return;
            }
        }
        let mut keep_alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked = interval_at(Instant::now() + ASKED_EVERY, ASKED_EVERY);
        asked.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                received = live.recv() => match received {
                    Ok(event) if hears(&event.audience) => event.wire(),
                    Ok(_) => continue,
                    Err(broadcast::error::RecvError::Lagged(_)) => Event::resync().wire(),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                _ = keep_alive.tick() => sse::Event::default().comment(""),
                _ = asked.tick() => {
                    if alive() {
                        continue;
                    }
                    return;
                }
            };
            if !alive() || to.send(Ok(event)).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = pumped => {}
        () = to.closed() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use http_body_util::BodyExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Rig {
        live: broadcast::Sender<Event>,
        stop: watch::Sender<bool>,
        alive: Arc<AtomicBool>,
        body: axum::body::Body,
    }

    fn rig(replay: Vec<Event>) -> Rig {
        let (live, receiver) = broadcast::channel(2);
        let (stop, stopped) = watch::channel(false);
        let alive = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&alive);
        let alive_now: Alive = Box::new(move || asked.load(Ordering::SeqCst));
        let seat = Streams::default().take(&program("erp")).unwrap();
        let hears: Hears = Box::new(|_| true);
        let response = respond(Feed { replay, live: receiver, stop: stopped, alive: alive_now, hears, seat });
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Rig { live, stop, alive, body: response.into_body() }
    }

    fn program(name: &str) -> Principal {
        let scopes = crate::bearer::Scopes::default();
        Principal::Key(crate::bearer::ApiKey { name: name.to_owned(), scopes, hash: crate::bearer::KeyHash([0; 32]) })
    }

    #[test]
    fn a_caller_has_four_streams() {
        let streams = Streams::default();
        let mut held: Vec<_> = (0..STREAMS_PER_CALLER_MAX).map(|_| streams.take(&program("erp")).unwrap()).collect();
        assert_eq!(streams.take(&program("erp")).unwrap_err().code(), Code::TooManyStreams);
        assert!(streams.take(&program("pos")).is_ok(), "another caller has its own");
        held.pop();
        assert!(streams.take(&program("erp")).is_ok());
        drop(held);
        assert!(streams.0.is_idle());
    }

    async fn next(body: &mut axum::body::Body) -> Option<String> {
        let frame = body.frame().await?.expect("no error").into_data().expect("data");
        Some(String::from_utf8(frame.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn missed_events_come_first_then_live_ones_until_the_stop() {
        let missed = Event::named("payment", &serde_json::json!({"a": "行\n"})).id(FactNo { epoch: 1, number: 7 });
        let mut rig = rig(vec![missed]);
        rig.live.send(Event::named("sync", &1)).unwrap();
        assert_eq!(next(&mut rig.body).await.unwrap(), "event: payment\ndata: {\"a\":\"行\\n\"}\nid: 1-7\n\n");
        assert_eq!(next(&mut rig.body).await.unwrap(), "event: sync\ndata: 1\n\n");
        rig.stop.send(true).unwrap();
        assert_eq!(next(&mut rig.body).await, None);
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_to_fetch_anew() {
        let mut rig = rig(Vec::new());
        for n in 0..5 {
            rig.live.send(Event::named("sync", &n)).unwrap();
        }
        assert!(next(&mut rig.body).await.unwrap().starts_with("event: resync\n"));
        assert_eq!(next(&mut rig.body).await.unwrap(), "event: sync\ndata: 3\n\n");
    }

    #[tokio::test]
    async fn an_ended_session_ends_its_stream() {
        let mut rig = rig(Vec::new());
        rig.alive.store(false, Ordering::SeqCst);
        rig.live.send(Event::named("sync", &1)).unwrap();
        assert_eq!(next(&mut rig.body).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_listen_no_more_hears_the_end_also_when_nothing_happens() {
        let mut rig = rig(Vec::new());
        rig.alive.store(false, Ordering::SeqCst);
        let began = Instant::now();
        assert_eq!(next(&mut rig.body).await, None);
        assert_eq!(began.elapsed(), ASKED_EVERY);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_comments() {
        let mut rig = rig(Vec::new());
        let began = Instant::now();
        assert_eq!(next(&mut rig.body).await.unwrap(), ": \n\n");
        assert_eq!(began.elapsed(), KEEP_ALIVE);
    }

    #[test]
    fn the_last_event_id_is_a_fact_number() {
        let read = |text| {
            let value = HeaderValue::from_static(text);
            last_event_id(&HeaderMap::from_iter([(HeaderName::from_static("last-event-id"), value)]))
        };
        assert_eq!(read("2-31"), Some(FactNo { epoch: 2, number: 31 }));
        for bad in ["", "2", "2-", "-1-1", "a-b", "1-1-1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
