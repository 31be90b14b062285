//! Runs the probes in their layers and hands each outcome on as it comes.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use reqwest::Url;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::clock::Reading;
use super::conclusion::conclude;
use super::dns::{Addresses, DNS_LIMIT};
use super::exchange::{self, EXCHANGE_LIMIT, Endpoint, Expect, exchange, millis, parse_base};
use super::hub::SESSION_LIMIT;
use super::journal::{QUICK_LIMIT, WHOLE_LIMIT};
use super::scanner::SCANNER_LIMIT;
use super::verdict::{Mark, Outcome, Probe, Verdict};
use super::{EXIT_COULD_NOT_RUN, FULL_LIMIT, Form, Hands, HubObservation, Options, RUN_LIMIT, Targets};
use super::{
    acquirer, clock, disk, dns, hub, identity, journal, membership, node, payments, printer, report, scanner, share,
    sync,
};

/// The hub's own page about itself.
const HUB_HEALTH: &str = "/api/v1/health";

/// The acquirer must have answered so long after the beginning of the run: as late as [`RUN_LIMIT`] lets, since an answer that comes late
/// is another fault than none.
const ANSWERED_BY: Duration = Duration::from_millis(9_200);

/// The longest the rows may take.
const ROWS_LIMIT: Duration = Duration::from_secs(4);

/// The longest chains: names, then an exchange beside a session, then the rows; names, then the acquirer; single probes are all shorter.
const _: () = {
    let far = if EXCHANGE_LIMIT.as_millis() > SESSION_LIMIT.as_millis() { EXCHANGE_LIMIT } else { SESSION_LIMIT };
    assert!(DNS_LIMIT.as_millis() + far.as_millis() < ANSWERED_BY.as_millis());
    assert!(ANSWERED_BY.as_millis() < RUN_LIMIT.as_millis());
    assert!(disk::WRITE_LIMIT.as_millis() < RUN_LIMIT.as_millis());
    assert!(ROWS_LIMIT.as_millis() < RUN_LIMIT.as_millis());
    assert!(QUICK_LIMIT.as_millis() < RUN_LIMIT.as_millis());
    assert!(WHOLE_LIMIT.as_millis() < FULL_LIMIT.as_millis());
};

/// Runs the doctor and writes its report to `out`; returns the exit code.
///
/// The name look-ups, the disk trial and what reads the databases run on the runtime's blocking threads. One that hangs outlives its
/// probe: leave by `Runtime::shutdown_background` or `std::process::exit`, so that it cannot hold the program past [`RUN_LIMIT`].
pub(crate) async fn run(targets: &Targets, options: &Options, hands: &impl Hands, out: &mut impl Write) -> u8 {
    let (finished, mut arriving) = mpsc::channel(Probe::ALL.len());
    let plan = Plan { targets, options, hands, finished, begun: Instant::now() };
    let ((), written) = tokio::join!(plan.run(), collect(&mut arriving, options, out));
    written.and_then(|outcomes| close(outcomes, targets, options, out)).unwrap_or(EXIT_COULD_NOT_RUN)
}

async fn collect(
    arriving: &mut mpsc::Receiver<Outcome>,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    while let Some(outcome) = arriving.recv().await {
        if options.form == Form::Lines {
            report::write_outcome(out, &outcome, options.lang, options.color)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn close(mut outcomes: Vec<Outcome>, targets: &Targets, options: &Options, out: &mut impl Write) -> io::Result<u8> {
    outcomes.sort_by_key(|outcome| outcome.probe);
    let conclusion = conclude(&outcomes);
    match options.form {
        Form::Lines => report::write_conclusion(out, &conclusion, options.lang)?,
        Form::Json => report::write_json(out, &outcomes, &conclusion, options.lang)?,
        Form::Share => {
            let store = targets.store.as_deref();
            share::write(out, &share::Shared::new(&outcomes, &conclusion, store, options.lang), options.color)?;
        }
    }
    Ok(conclusion.exit)
}

struct Plan<'a, H> {
    targets: &'a Targets,
    options: &'a Options,
    hands: &'a H,
    finished: mpsc::Sender<Outcome>,
    begun: Instant,
}

impl<H: Hands> Plan<'_, H> {
    /// Consumes the plan, so that the channel closes when the last probe is done.
    async fn run(self) {
        self.tell(Probe::Node, self.begun, node::judge(&self.targets.node)).await;
        if self.targets.node.is_blind() {
            for probe in Probe::ALL.into_iter().filter(|probe| *probe != Probe::Node && self.wants(*probe)) {
                self.tell(probe, self.begun, Verdict::layer_below_failed(probe)).await;
            }
            return;
        }
        tokio::join!(self.network(), self.folder(), self.scanner(), self.printer());
    }

    fn wants(&self, probe: Probe) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&probe)
    }

    /// A prerequisite nobody asked for is told only when it failed: it is then why the others are untested.
    async fn tell(&self, probe: Probe, begun: Instant, verdict: Verdict) {
        if self.wants(probe) || verdict.mark == Mark::Failed {
            let elapsed_ms = millis(begun.elapsed());
            // The receiver is gone only if the report could not be written.
            let _ = self.finished.send(Outcome { probe, verdict, elapsed_ms }).await;
        }
    }

    async fn network(&self) {
        let wanted = [Probe::Dns, Probe::Acquirer, Probe::Hub, Probe::Membership, Probe::Clock];
        if !wanted.into_iter().any(|probe| self.wants(probe)) {
            return self.backlog(None).await;
        }
        let begun = Instant::now();
        let acquirer = parse_base(&self.targets.acquirer_base);
        let web = self.targets.hub.as_ref().and_then(|hub| hub.http_base.as_deref()).and_then(health_url);
        let sync = self.targets.hub.as_ref().and_then(|hub| Endpoint::parse(&hub.host_port));
        let endpoints: Vec<Endpoint> =
            [acquirer.as_ref().and_then(Endpoint::of_url), web.as_ref().and_then(Endpoint::of_url), sync.clone()]
                .into_iter()
                .flatten()
                .collect();
        let (seen, addresses) = dns::observe(&endpoints).await;
        self.tell(Probe::Dns, begun, dns::judge(&seen)).await;
        let (ours, theirs) = tokio::join!(
            self.acquirer(acquirer.as_ref(), &addresses),
            self.hub(sync.as_ref(), web.as_ref(), &addresses)
        );
        if self.wants(Probe::Clock) {
            // What the running node knows was said more than once and checked; two probes are for a node that knows nothing.
            let readings = match self.targets.clock_offset_ms {
                Some(offset_ms) => vec![Reading::of_node(offset_ms)],
                None => [ours, theirs].into_iter().flatten().collect(),
            };
            self.tell(Probe::Clock, begun, clock::judge(&readings)).await;
        }
    }

    async fn acquirer(&self, base: Option<&Url>, addresses: &Addresses) -> Option<Reading> {
        let begun = Instant::now();
        let wanted = self.wants(Probe::Acquirer);
        if !wanted && !self.wants(Probe::Clock) {
            return None;
        }
        let (url, found) = match base.map(|url| (url, reachable(url, addresses))) {
            None => {
                if wanted {
                    self.tell(Probe::Acquirer, begun, acquirer::bad_address()).await;
                }
                return None;
            }
            Some((_, [])) => {
                if wanted {
                    self.tell(Probe::Acquirer, begun, Verdict::layer_below_failed(Probe::Acquirer)).await;
                }
                return None;
            }
            Some(found) => found,
        };
        let plain = exchange(url, found, Expect::Anything);
        if !wanted {
            return plain.await.ok()?.reading;
        }
        let limit = ANSWERED_BY.saturating_sub(self.begun.elapsed());
        let (plain, query) = tokio::join!(plain, self.hands.acquirer(limit));
        self.tell(Probe::Acquirer, begun, acquirer::judge(&plain, &query)).await;
        plain.ok()?.reading
    }

    /// The hub, what it says of this box, and what is not there yet.
    async fn hub(&self, sync: Option<&Endpoint>, web: Option<&Url>, addresses: &Addresses) -> Option<Reading> {
        let begun = Instant::now();
        let Some(target) = &self.targets.hub else {
            let verdict = match self.targets.node.has_folder() && self.targets.membership.is_some() {
                true => hub::not_configured(),
                false => Verdict::layer_below_failed(Probe::Hub),
            };
            self.tell(Probe::Hub, begun, verdict).await;
            self.membership(begun, None).await;
            self.backlog(None).await;
            return None;
        };
        let web = async {
            let url = web?;
            match reachable(url, addresses) {
                [] => None,
                found => Some(exchange(url, found, Expect::Json).await),
            }
        };
        if !self.wants(Probe::Hub) && !self.wants(Probe::Membership) {
            let (answer, ()) = tokio::join!(web, self.backlog(None));
            return answer?.ok()?.reading;
        }
        let found = sync.map(|endpoint| addresses.of(&endpoint.host));
        let (verdict, session, answer) = match (found, &target.identity) {
            (None, _) => (hub::bad_address(), None, web.await),
            (Some([]), _) | (Some(_), None) => (Verdict::layer_below_failed(Probe::Hub), None, web.await),
            (Some(_), Some(_)) => {
                let (stood, answer) = tokio::join!(within(SESSION_LIMIT, self.hands.hub(target)), web);
                let stood = stood.unwrap_or(HubObservation::NoAnswer);
                (hub::judge(stood, answer.as_ref()), Some(stood), answer)
            }
        };
        let error = (verdict.mark == Mark::Failed).then_some(verdict.code);
        if self.wants(Probe::Hub) {
            self.tell(Probe::Hub, begun, verdict).await;
        }
        self.membership(begun, session).await;
        self.backlog(error).await;
        answer?.ok()?.reading
    }

    async fn membership(&self, begun: Instant, session: Option<HubObservation>) {
        if self.wants(Probe::Membership) {
            let verdict = match &self.targets.membership {
                None => Verdict::layer_below_failed(Probe::Membership),
                Some(kept) => membership::judge(kept, session, self.wants(Probe::Hub)),
            };
            self.tell(Probe::Membership, begun, verdict).await;
        }
    }

    /// `error`: why the hub is not to be had.
    async fn backlog(&self, error: Option<&'static str>) {
        let begun = Instant::now();
        if self.wants(Probe::Sync) {
            let seen = within(ROWS_LIMIT, self.hands.backlog()).await.flatten();
            let skipped = || Verdict::layer_below_failed(Probe::Sync);
            self.tell(Probe::Sync, begun, seen.map_or_else(skipped, |seen| sync::judge(&seen, error))).await;
        }
    }

    /// What lies on the disk, and the disk itself.
    async fn folder(&self) {
        if self.targets.node.has_folder() {
            tokio::join!(self.identity(), self.journal(), self.payments(), self.disk());
            return;
        }
        for probe in [Probe::Identity, Probe::Journal, Probe::Payments, Probe::Disk] {
            if self.wants(probe) {
                self.tell(probe, self.begun, Verdict::layer_below_failed(probe)).await;
            }
        }
    }

    async fn identity(&self) {
        self.tell(Probe::Identity, self.begun, identity::judge(&self.targets.identity)).await;
    }

    async fn journal(&self) {
        let begun = Instant::now();
        if self.wants(Probe::Journal) {
            let limit = if self.options.full { WHOLE_LIMIT } else { QUICK_LIMIT };
            let seen = self.hands.journal(self.options.full, limit).await;
            self.tell(Probe::Journal, begun, journal::judge(seen)).await;
        }
    }

    async fn payments(&self) {
        let begun = Instant::now();
        if self.wants(Probe::Payments) {
            let seen = within(ROWS_LIMIT, self.hands.payments()).await.flatten();
            let skipped = || Verdict::layer_below_failed(Probe::Payments);
            self.tell(Probe::Payments, begun, seen.map_or_else(skipped, |seen| payments::judge(&seen))).await;
        }
    }

    async fn disk(&self) {
        let begun = Instant::now();
        if self.wants(Probe::Disk) {
            let seen = disk::observe(&self.targets.data_dir).await;
            self.tell(Probe::Disk, begun, disk::judge(&seen)).await;
        }
    }

    async fn scanner(&self) {
        let begun = Instant::now();
        if !self.wants(Probe::Scanner) {
            return;
        }
        let verdict = match self.targets.scanner_port.as_deref() {
            None => scanner::not_configured(),
            Some(port) if scanner::is_missing(port) => scanner::judge(super::ScannerObservation::Missing),
            Some(port) => {
                within(SCANNER_LIMIT, self.hands.scanner(port)).await.map_or_else(scanner::hangs, scanner::judge)
            }
        };
        self.tell(Probe::Scanner, begun, verdict).await;
    }

    async fn printer(&self) {
        let begun = Instant::now();
        if !self.wants(Probe::Printer) {
            return;
        }
        let verdict = match &self.targets.printer {
            None => printer::not_configured(),
            Some(target) => printer::judge(printer::observe(target).await),
        };
        self.tell(Probe::Printer, begun, verdict).await;
    }
}

async fn within<T>(limit: Duration, shell: impl Future<Output = T>) -> Option<T> {
    timeout(limit, shell).await.ok()
}

fn health_url(base: &str) -> Option<Url> {
    exchange::parse_base(&format!("{}{HUB_HEALTH}", base.trim_end_matches('/')))
}

fn reachable<'a>(url: &Url, addresses: &'a Addresses) -> &'a [std::net::IpAddr] {
    Endpoint::of_url(url).map_or(&[], |endpoint| addresses.of(&endpoint.host))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::Value;

    use super::super::exchange::tests::{nobody, serve};
    use super::super::{
        HubTarget, IdentityObservation, JournalObservation, Lang, MembershipObservation, NodeObservation,
        PaymentsObservation, PrinterTarget, QueryObservation, ScannerObservation, SetUpObservation, SyncObservation,
    };
    use super::*;

    const WELL: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n";
    const LONG_AGO: &str = "HTTP/1.1 404 No\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n";

    /// Hands that see what they are told to.
    struct Faked {
        hub: HubObservation,
        acquirer: QueryObservation,
    }

    impl Hands for Faked {
        async fn hub(&self, target: &HubTarget) -> HubObservation {
            assert_eq!(target.key, [7; 32]);
            self.hub
        }

        async fn scanner(&self, _: &str) -> ScannerObservation {
            ScannerObservation::Opened
        }

        async fn acquirer(&self, limit: Duration) -> QueryObservation {
            assert!(limit > Duration::from_secs(5) && limit < RUN_LIMIT);
            self.acquirer.clone()
        }

        async fn journal(&self, whole: bool, limit: Duration) -> JournalObservation {
            assert_eq!(whole, limit > RUN_LIMIT);
            JournalObservation::Sound { last: "1-9".into(), whole }
        }

        async fn backlog(&self) -> Option<SyncObservation> {
            Some(SyncObservation { unsent: 2, oldest_ms: Some(70_000), acked_at_ms: Some(1), running: true })
        }

        async fn payments(&self) -> Option<PaymentsObservation> {
            None
        }
    }

    /// A hub target with an identity, since without one there is no session.
    fn hub_target(base: Option<String>) -> HubTarget {
        let identity = Some(ed25519_dalek::SigningKey::from_bytes(&[3; 32]));
        HubTarget { host_port: "127.0.0.1:1".into(), others: vec![], http_base: base, key: [7; 32], identity }
    }

    fn targets(acquirer_base: String, hub_base: String) -> Targets {
        Targets {
            store: Some("S001".into()),
            node: NodeObservation::Running,
            identity: IdentityObservation::Sound,
            membership: Some(MembershipObservation { heard: true, ..MembershipObservation::default() }),
            acquirer_base,
            hub: Some(hub_target(Some(hub_base))),
            clock_offset_ms: None,
            data_dir: std::env::temp_dir(),
            scanner_port: Some("/dev/no-such-port".into()),
            printer: Some(PrinterTarget::Dir(PathBuf::from("/no/such/folder"))),
        }
    }

    const RIGHT: QueryObservation = QueryObservation::Answered { took_ms: 5, set_up: SetUpObservation::Right };

    async fn check(targets: &Targets, only: &[Probe], stood: HubObservation) -> (u8, Value) {
        let options = Options { form: Form::Json, lang: Lang::Zh, only: only.to_vec(), full: false, color: false };
        let mut out = Vec::new();
        let exit = run(targets, &options, &Faked { hub: stood, acquirer: RIGHT }, &mut out).await;
        (exit, serde_json::from_slice(&out).unwrap())
    }

    fn codes(report: &Value) -> Vec<&str> {
        report["probes"].as_array().unwrap().iter().map(|probe| probe["code"].as_str().unwrap()).collect()
    }

    const STOOD: HubObservation = HubObservation::Session { handshake_ms: 5 };

    #[tokio::test]
    async fn a_whole_run_reports_every_probe_in_order() {
        let targets = targets(serve(LONG_AGO).await, serve(WELL).await);
        let (exit, report) = check(&targets, &[], STOOD).await;
        let seen = codes(&report);
        assert_eq!(seen[..3], ["node.running", "identity.ok", "journal.ok"]);
        assert_eq!(seen[3..7], ["clock.wrong", "dns.not_needed", "acquirer.ok", "payments.skipped"]);
        assert_eq!(seen[7..10], ["hub.ok", "membership.ok", "sync.behind"]);
        assert!(seen[10].starts_with("disk."));
        assert_eq!(seen[11..], ["scanner.missing", "printer.not_writable"]);
        assert_eq!(exit, 2);
        let sync = &report["probes"][9];
        assert_eq!(
            (sync["since"].as_str(), sync["retest"].as_str()),
            (Some("1970-01-01T00:00:00.001Z"), Some("guitai-node doctor --only sync"))
        );
    }

    #[tokio::test]
    async fn what_stands_on_a_missing_part_is_left_out_and_said_so() {
        let blind = Targets {
            node: NodeObservation::BadConfig { why: "line 3".into() },
            ..targets(serve(WELL).await, serve(WELL).await)
        };
        let (exit, report) = check(&blind, &[], STOOD).await;
        assert_eq!(
            (exit, codes(&report)[0], report["verdict"]["code"].as_str()),
            (2, "node.bad_config", Some("node.bad_config"))
        );
        assert_eq!(codes(&report).iter().filter(|code| code.ends_with(".skipped")).count(), Probe::ALL.len() - 1);
        let (exit, report) = check(&blind, &[Probe::Hub], STOOD).await;
        assert_eq!((exit, codes(&report)), (2, vec!["node.bad_config", "hub.skipped"]));

        let homeless = Targets {
            node: NodeObservation::NoFolder,
            membership: None,
            hub: None,
            scanner_port: None,
            printer: None,
            ..targets(serve(WELL).await, nobody().await)
        };
        let (exit, report) = check(&homeless, &[], STOOD).await;
        assert_eq!((exit, report["verdict"]["code"].as_str()), (2, Some("node.no_folder")));
        for skipped in ["identity.skipped", "journal.skipped", "hub.skipped", "membership.skipped", "disk.skipped"] {
            assert!(codes(&report).contains(&skipped), "{skipped}: {report:#}");
        }
        assert!(codes(&report).contains(&"acquirer.ok"), "{report:#}");

        let mut nameless = targets(serve(WELL).await, serve(WELL).await);
        nameless.identity = IdentityObservation::Missing;
        nameless.hub = Some(HubTarget { identity: None, ..hub_target(None) });
        let (exit, report) = check(&nameless, &[Probe::Hub, Probe::Membership], STOOD).await;
        assert_eq!((exit, codes(&report)), (2, vec!["identity.missing", "hub.skipped", "membership.ok_last"]));
    }

    #[tokio::test]
    async fn a_refusal_is_told_once() {
        let targets = targets(serve(WELL).await, serve(WELL).await);
        let refused = HubObservation::Refused(super::super::HubRefusal::Revoked);
        let (exit, report) = check(&targets, &[Probe::Hub, Probe::Membership], refused).await;
        assert_eq!((exit, codes(&report)), (2, vec!["hub.revoked", "membership.see_hub"]));
        let (exit, report) = check(&targets, &[Probe::Membership], refused).await;
        assert_eq!((exit, codes(&report)), (2, vec!["membership.revoked"]));
    }

    #[tokio::test]
    async fn only_what_was_asked_for_is_told() {
        let mut targets = targets(serve(WELL).await, nobody().await);
        let (exit, report) = check(&targets, &[Probe::Acquirer], HubObservation::NoAnswer).await;
        assert_eq!((exit, codes(&report)), (0, vec!["acquirer.ok"]));
        assert_eq!(report["verdict"]["code"], "ok");
        let (exit, report) = check(&targets, &[Probe::Hub], HubObservation::NoAnswer).await;
        assert_eq!((exit, codes(&report)), (2, vec!["hub.refused"]));
        assert_eq!(report["verdict"]["who"], "headquarters");
        targets.scanner_port = None;
        let (exit, report) = check(&targets, &[Probe::Scanner], STOOD).await;
        assert_eq!((exit, codes(&report)), (3, vec!["scanner.not_configured"]));
        targets.scanner_port = Some("/dev/null".into());
        assert_eq!(codes(&check(&targets, &[Probe::Scanner], STOOD).await.1), ["scanner.ok"]);
    }

    #[tokio::test]
    async fn the_clock_alone_reads_servers_without_judging_them() {
        let targets = targets(nobody().await, serve(LONG_AGO).await);
        let (exit, report) = check(&targets, &[Probe::Clock], STOOD).await;
        assert_eq!((exit, codes(&report)), (2, vec!["clock.wrong"]));
    }

    #[tokio::test]
    async fn a_missing_network_hub_or_address_does_not_stop_the_rest() {
        let mut targets = targets("vsp.example".into(), String::new());
        targets.hub = None;
        let only = [Probe::Acquirer, Probe::Hub, Probe::Clock];
        let (exit, report) = check(&targets, &only, STOOD).await;
        assert_eq!(
            (exit, codes(&report)),
            (2, vec!["clock.no_reference", "acquirer.bad_address", "hub.not_configured"])
        );
        assert_eq!(report["verdict"]["who"], "store");
    }

    #[tokio::test]
    async fn a_report_nobody_takes_is_not_a_result() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let targets = targets(nobody().await, nobody().await);
        let only = vec![Probe::Scanner];
        let options = Options { form: Form::Lines, lang: Lang::En, only, full: false, color: true };
        let hands = Faked { hub: STOOD, acquirer: RIGHT };
        assert_eq!(run(&targets, &options, &hands, &mut Closed).await, EXIT_COULD_NOT_RUN);
    }
}
