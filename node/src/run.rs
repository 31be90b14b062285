//! `guitai-node run`: everything started in order, and stopped in the reverse one.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use anyhow::Context;
use guitai_core::{acquirer::Expected, time::Ticks, trust};
use guitai_devices::scan::ScanBox;
use guitai_http::{guard, log, login::LogIns, serve, session::Sessions, sse::Streams};
use guitai_link::acquirer::AcquirerClient;
use guitai_store::{
    Journal, Reader, kept,
    list::{self, PaymentFilter},
    query::PaymentRow,
};
use guitai_till::{Command, Fatal, Handle, Output, Setup};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{broadcast, watch},
};

use crate::{
    acquirer::AcquirerLine,
    announcements::Announcements,
    api,
    app::App,
    clock,
    config::Config,
    control,
    data_folder::{DataFolder, Enrolment},
    devices::{self, Printer, ScanSink, Scans},
    followers,
    membership::{self, Membership},
    mend, news, patrol, sessions, suspect,
    sync::{self, Uplink},
    tasks::Tasks,
    waiters::Waiters,
};

/// Events a slow page may lag behind before it is told to look again.
const EVENTS_MAX: usize = 1024;

/// The acquirer is asked again after this while the time is in doubt, then after twice as long each time.
const TIME_ASKED_FIRST: Duration = Duration::from_secs(2);

/// At the longest.
const TIME_ASKED_MAX: Duration = Duration::from_secs(60);

pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    let folder = DataFolder::open(&config.data)?;
    let _lock = folder.lock()?;
    mend::side(&folder)?;
    let enrolment = folder.enrolled()?;
    let listener = serve::bind(config.listen)?;
    let mut signals = StopSignals::expect()?;
    let (stopper, stop) = watch::channel(false);

    let mut node = start(&config, &folder, &enrolment, &stop)?;
    let hosts = guard::Hosts::new(listener.local_addr()?, &config.hosts)
        .map_err(|error| anyhow::anyhow!("[web] hosts: {}", error.0))?;
    let web = guard::protect(api::router(Arc::clone(&node.app)), hosts);
    node.tasks.keep(WEB, serve::run(listener, web, config.front.clone(), stop.clone()));
    tracing::info!(listen = %config.listen, store = %node.app.store, "ready");

    let failed = tokio::select! {
        () = signals.asked() => None,
        failed = node.tasks.failed() => Some(failed),
    };
    match &failed {
        None => tracing::info!("stopping"),
        Some(failed) => tracing::error!(%failed, "stopping: without it the node would only look alive"),
    }
    stopper.send_replace(true);
    // Sales under way get their answers while the doors close; the engine ends last, with everything durable.
    node.tasks.stopped(WEB).await;
    node.scan_boxes.into_iter().for_each(ScanBox::stop);
    let _ = node.app.till.send(Command::Stop);
    let engine = node.engine;
    tokio::task::spawn_blocking(move || engine.join()).await?.map_err(|_| anyhow::anyhow!("the engine failed"))?;
    failed.map_or(Ok(()), |failed| Err(failed.into()))
}

/// The task that answers requests.
const WEB: &str = "web";

struct Node {
    app: Arc<App>,
    engine: std::thread::JoinHandle<()>,
    scan_boxes: Vec<ScanBox>,
    tasks: Tasks,
}

fn start(
    config: &Config,
    folder: &DataFolder,
    enrolment: &Enrolment,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<Node> {
    let started = Instant::now();
    let (store, issuer, identity) = (enrolment.store()?, enrolment.issuer()?, folder.identity()?);
    let side = folder.side()?;
    let (code_key, request_key) = (folder.code_key()?, folder.request_key()?);
    let last_offset_ms = sync::last_clock_offset(&side)?;
    // Only a new journal is stamped with it.
    let begun = clock::trusted(None, last_offset_ms);
    let id = enrolment.journal()?;
    let (database, journal) = mend::journal(folder, &identity, |database| {
        Journal::open(database, id.clone(), issuer, identity.clone(), enrolment.after(), begun)
    })?;
    if !journal.walked_whole() {
        patrol::start(
            folder.clone(),
            database.clone(),
            (journal.id().clone(), identity.verifying_key()),
            stop.clone(),
        )?;
    }
    let announcements = Arc::new(Announcements::open(&side, &store)?);
    let title = config.title.clone().unwrap_or_else(|| enrolment.store_name.clone());

    let spoken = config.acquirer()?;
    let client = AcquirerClient::new(&config.acquirer_base, spoken.terms().pace)
        .map_err(|error| anyhow::anyhow!("[acquirer] base: {error}"))?;
    let acquirer = AcquirerLine::new(spoken, client, tokio::runtime::Handle::current());

    let (events, _) = broadcast::channel(EVENTS_MAX);
    let waiters = Arc::new(Waiters::default());
    let (committed_to, committed) = watch::channel(journal.last());

    let hub_key = trust::parse_key(&enrolment.hub_key).context("the enrolment's hub key is damaged")?.to_bytes();
    let setup = Setup {
        journal,
        issuer,
        acquirer: config.acquirer_kind(),
        clock: config.clock.clone(),
        code_key,
        subject: title.clone(),
        last_offset_ms,
        bar: membership::kept_bar(&kept::kept(&side.reader()?)?, &hub_key),
        awaits_hub: true,
    };
    let tell = Arc::clone(&waiters);
    // The engine's first outputs come before its handle is known here; the call then waits the moment it takes.
    let door = Arc::new(OnceLock::new());
    let engine_door = Arc::clone(&door);
    let clerk = acquirer.clone();
    let output = move |output| match output {
        Output::Call(call) => acquirer.perform(call, Handle::clone(engine_door.wait())),
        Output::Committed { last, changed } => {
            changed.into_iter().for_each(|changed| tell.tell(changed));
            _ = committed_to.send_replace(last);
        }
    };
    let data = folder.clone();
    let (till, engine) = guitai_till::spawn(setup, output, move |error| {
        // What is on disk is unknown: only a start from the disk tells.
        tracing::error!(%error, "a commit failed; the node ends so that it starts from what is on disk");
        if let Fatal::Store(error) = &error {
            suspect::begin_again_if_damaged(&data, error);
        }
        log::finish();
        std::process::exit(1);
    })?;
    let _ = door.set(till.clone());
    let side_writer = Arc::new(Mutex::new(side.shared_writer()?));
    let instance = folder.instance()?;
    let synced = sync::start(&side)?;
    let behind = synced.acked.is_some_and(|acked| acked > *committed.borrow());
    let hub = (store.clone(), hub_key);
    let membership = Membership::open(hub, instance, Arc::clone(&side_writer), till.clone(), behind)?;

    let (heard, door) = (Arc::clone(&membership), till.clone());
    let mut tasks = Tasks::default();
    tasks.finish("the hub's first word", async move {
        heard.heard().await;
        // An engine that has ended gives nothing back.
        let _ = door.send(Command::HubHeard);
    });

    let scans = Arc::new(Scans::default());
    let scan_clock = move || Ticks(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    let sink = ScanSink { scans: Arc::clone(&scans), events: events.clone(), clock: Arc::new(scan_clock) };
    let (scan_boxes, scanner) = devices::scanners(&config.scanners, &sink)?;
    let printer = Printer::start(config.printer.as_ref())?;

    let sync_state = Arc::new(watch::Sender::new(synced));
    let source = followers::Source {
        journal: enrolment.journal()?,
        reader: Arc::new(Reader::new(database.clone())),
        side: side.clone(),
        committed: committed.clone(),
    };
    let line = Uplink {
        journal: enrolment.journal()?,
        identity,
        hub_key,
        reader: Arc::clone(&source.reader),
        announcements: Arc::clone(&announcements),
        membership: Arc::clone(&membership),
        committed: committed.clone(),
        state: Arc::clone(&sync_state),
        side: side_writer,
        till: till.clone(),
        clock: config.clock.clone(),
    };
    tasks.keep("clock note", line.clone().keep_clock(stop.clone()));
    tasks.keep("line", sync::keep(line, stop.clone()));

    // Two nodes on one host must not sign each other's people out.
    let process_key = [enrolment.store.as_bytes(), &request_key].concat();
    let app = Arc::new(App {
        folder: folder.clone(),
        store,
        store_name: enrolment.store_name.clone(),
        issuer,
        title,
        clock: config.clock.clone(),
        acquirer: config.acquirer_kind(),
        tills: config.tills.clone(),
        daily_bills: config.daily_bills.clone(),
        reader: Reader::new(database),
        till,
        waiters,
        sessions: Sessions::new(&process_key),
        sessions_note: Mutex::new(side.shared_writer()?),
        log_ins: LogIns::new(&process_key, request_key),
        streams: Streams::default(),
        events,
        announcements,
        sync: sync_state.subscribe(),
        membership,
        scans,
        scanner,
        printer,
        committed,
        stop: stop.clone(),
        request_key,
        started,
    });
    sessions::take_back(&app, &side)?;
    followers::start(&app, &source, &mut tasks)?;
    tasks.finish("time", ask_the_time(Arc::clone(&app), clerk));
    tasks.finish("sessions written down", sessions::write_down(Arc::clone(&app)));
    tasks.keep("news", news::tell_pages(Arc::clone(&app)));
    tasks.keep("control", control::serve(folder.control_socket(), app.till.clone(), stop.clone()));
    Ok(Node { app, engine, scan_boxes, tasks })
}

/// While the time is in doubt after a start, the acquirer is asked about the newest order here: days follow its answer.
async fn ask_the_time(app: Arc<App>, acquirer: AcquirerLine) {
    let newest = PaymentFilter {
        store: Some(app.store.as_str().to_owned()),
        kind: Some("charge".to_owned()),
        ..PaymentFilter::default()
    };
    let Ok(rows) = app.read(move |connection| list::payments(connection, &newest, 1)).await else { return };
    let Some(PaymentRow { no, amount, wallet: Some(wallet), .. }) = rows.into_iter().next() else { return };
    let of = Expected { order_no: no, amount, wallet };
    let mut wait = TIME_ASKED_FIRST;
    while app.till.clock().state().is_unknown() && !*app.stop.borrow() {
        acquirer.ask_the_time(of, &app.till).await;
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(TIME_ASKED_MAX);
    }
}

/// Asked for before anybody can know that this node runs: a signal that nobody waits for ends a process on the spot.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn expect() -> anyhow::Result<Self> {
        let signals =
            || Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? });
        signals().map_err(|error: std::io::Error| anyhow::anyhow!("no signal can stop this node: {error}"))
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
