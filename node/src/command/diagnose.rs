//! `guitai-node doctor`: what it looks at, and with whose hands. Nothing here writes, and nothing here fails: what is wrong is reported.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use guitai_console::{Report, note};
use guitai_core::{acquirer::Acquirer, time::BusinessClock, trust};
use guitai_store::Reader;

use super::PROGRAM;
use crate::{
    config::{Config, PrinterSection},
    data_folder,
    doctor::{
        self, Hands, HubObservation, HubTarget, IdentityObservation, JournalObservation, MembershipObservation,
        NodeObservation, PaymentsObservation, PrinterTarget, QueryObservation, ScannerObservation, SyncObservation,
        Targets,
    },
    look::Look,
    reach,
};

/// Runs the diagnosis; its exit code. A look at a disk may hang on its thread: leave without waiting for it.
pub(super) fn run(config: &Path, options: &doctor::Options, runtime: &tokio::runtime::Runtime) -> u8 {
    let mut out = Report::default();
    let code = match Config::load(config) {
        Ok(config) => {
            let acquirer = config.acquirer().map_err(|error| error.to_string());
            let look = Arc::new(Look::at(&config.data));
            let targets = targets(&config, &look);
            let journal = compared(&look);
            let Config { acquirer_base, clock: business, .. } = config;
            let hands = ThisBox { look, journal, acquirer, acquirer_base, business: Arc::new(business) };
            runtime.block_on(doctor::run(&targets, options, &hands, &mut out))
        }
        Err(error) => runtime.block_on(doctor::run(&blind(&error.to_string()), options, &Nothing, &mut out)),
    };
    match out.end() {
        Ok(()) => code,
        Err(unsaid) => {
            note(PROGRAM, &unsaid.to_string());
            doctor::EXIT_COULD_NOT_RUN
        }
    }
}

/// A configuration that cannot be used leaves nothing to look at.
fn blind(why: &str) -> Targets {
    // What follows the first line may quote a line of the file, and with it what somebody took for the place of a secret.
    let why = why.lines().filter(|line| !line.contains('|')).map(str::trim).collect::<Vec<_>>().join(" ");
    Targets {
        store: None,
        node: NodeObservation::BadConfig { why },
        page: None,
        identity: IdentityObservation::NotYet,
        membership: None,
        acquirer_base: String::new(),
        hub: None,
        clock_offset_ms: None,
        data_dir: PathBuf::new(),
        scanner_port: None,
        printer: None,
    }
}

fn targets(config: &Config, look: &Look) -> Targets {
    let hub = look.enrolment.clone().zip(look.kept.clone()).and_then(|(enrolment, kept)| {
        let mut places = data_folder::addresses_of(kept, enrolment.hub_address).into_iter();
        Some(HubTarget {
            host_port: places.next()?,
            others: places.collect(),
            http_base: Some(enrolment.hub_url),
            key: trust::parse_key(&enrolment.hub_key)?.to_bytes(),
            identity: look.key.clone(),
        })
    });
    Targets {
        store: look.enrolment.as_ref().map(|enrolment| enrolment.store.clone()),
        node: look.node.clone(),
        page: Some(format!("http://{}", page(config.listen))),
        identity: look.identity.clone(),
        membership: membership(look),
        acquirer_base: config.acquirer_base.clone(),
        hub,
        clock_offset_ms: look.clock_offset_ms(),
        data_dir: look.path().to_owned(),
        scanner_port: config.scanners.first().map(|scanner| scanner.port.clone()),
        printer: config.printer.as_ref().map(|printer| match printer {
            PrinterSection::Tcp { host, port, .. } => PrinterTarget::Tcp(format!("{host}:{port}")),
            PrinterSection::File { folder, .. } => PrinterTarget::Dir(folder.clone()),
        }),
    }
}

/// Where this machine reaches its own node: one that listens everywhere listens here.
fn page(listen: SocketAddr) -> SocketAddr {
    let here = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        told => told,
    };
    SocketAddr::new(here, listen.port())
}

/// What the kept papers say; of a folder that belongs to no store, nothing.
fn membership(look: &Look) -> Option<MembershipObservation> {
    if look.node == NodeObservation::NotEnrolled {
        return Some(MembershipObservation::default());
    }
    let (kept, enrolment) = (look.kept.as_ref()?, look.enrolment.as_ref()?);
    let refusal = trust::parse_key(&enrolment.hub_key).and_then(|key| reach::told(kept, &key.to_bytes()));
    let signed = kept.entry.as_ref().filter(|_| refusal.is_some_and(reach::is_signed));
    Some(MembershipObservation {
        refusal,
        heard: kept.hub_word.is_some() || kept.grant.is_some(),
        since_ms: signed.map(|entry| entry.at.0),
    })
}

/// What a stopped node's hello says of its journal; a running one keeps its hello to itself.
fn compared(look: &Look) -> Option<reach::Journal> {
    if look.running {
        return None;
    }
    let (id, database) = look.journal_file()?;
    let papers = look.kept.clone()?.papers(data_folder::instance(look.path()).ok()?);
    Some(reach::Journal { id, reader: Arc::new(Reader::new(database)), papers })
}

/// A box as it stands: its folder, its acquirer, its devices.
struct ThisBox {
    look: Arc<Look>,
    journal: Option<reach::Journal>,
    /// With its keys, or why there are none.
    acquirer: Result<Acquirer, String>,
    acquirer_base: String,
    business: Arc<BusinessClock>,
}

impl ThisBox {
    /// Reads the folder on a thread that may wait for the disk; `None` if that ends by itself.
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Look) -> T + Send + 'static) -> Option<T> {
        let look = Arc::clone(&self.look);
        tokio::task::spawn_blocking(move || read(&look)).await.ok()
    }
}

impl Hands for ThisBox {
    async fn hub(&self, target: &HubTarget) -> HubObservation {
        let told = || {
            let kept = self.look.kept.as_ref().filter(|_| self.look.running)?;
            reach::told(kept, &target.key)
        };
        reach::hub(target, self.journal.as_ref(), told()).await
    }

    async fn scanner(&self, port: &str) -> ScannerObservation {
        reach::scanner(port, self.look.running)
    }

    async fn acquirer(&self, limit: Duration) -> QueryObservation {
        match &self.acquirer {
            Ok(acquirer) => reach::ask(acquirer, &self.acquirer_base, limit).await,
            Err(why) => QueryObservation::NoKeys { why: why.clone() },
        }
    }

    async fn journal(&self, whole: bool, limit: Duration) -> JournalObservation {
        let seen = tokio::time::timeout(limit, self.read(move |look| look.journal(whole, limit))).await;
        seen.ok().flatten().unwrap_or(JournalObservation::NotFinished)
    }

    async fn backlog(&self) -> Option<SyncObservation> {
        self.read(Look::backlog).await.flatten()
    }

    async fn payments(&self) -> Option<PaymentsObservation> {
        let business = Arc::clone(&self.business);
        self.read(move |look| look.payments(&business)).await.flatten()
    }
}

/// No hands: nothing is known of where to look.
struct Nothing;

impl Hands for Nothing {
    async fn hub(&self, _: &HubTarget) -> HubObservation {
        HubObservation::NoAnswer
    }

    async fn scanner(&self, _: &str) -> ScannerObservation {
        ScannerObservation::Missing
    }

    async fn acquirer(&self, _: Duration) -> QueryObservation {
        QueryObservation::NotSent
    }

    async fn journal(&self, _: bool, _: Duration) -> JournalObservation {
        JournalObservation::NotYet
    }

    async fn backlog(&self) -> Option<SyncObservation> {
        None
    }

    async fn payments(&self) -> Option<PaymentsObservation> {
        None
    }
}
