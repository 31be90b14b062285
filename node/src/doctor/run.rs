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
use super::scanner::SCANNER_LIMIT;
use super::verdict::{Mark, Outcome, Probe, Verdict};
use super::{EXIT_COULD_NOT_RUN, HubObservation, HubTarget, Options, RUN_LIMIT, ScannerObservation, Shells, Targets};
use super::{acquirer, clock, disk, dns, hub, printer, report, scanner};

/// The hub's own page about itself.
const HUB_HEALTH: &str = "/api/v1/health";

/// The longest chain is names, then an exchange beside a session; single probes are all shorter.
const _: () = {
    let far = if EXCHANGE_LIMIT.as_millis() > SESSION_LIMIT.as_millis() { EXCHANGE_LIMIT } else { SESSION_LIMIT };
    assert!(DNS_LIMIT.as_millis() + far.as_millis() < RUN_LIMIT.as_millis());
    assert!(disk::WRITE_LIMIT.as_millis() < RUN_LIMIT.as_millis());
};

/// Runs the doctor and writes its report to `out`; returns the exit code.
///
/// The name look-ups and the disk trial run on the runtime's blocking threads. One that hangs outlives its probe: leave by
/// `Runtime::shutdown_background` or `std::process::exit`, so that it cannot hold the program past [`RUN_LIMIT`].
pub(crate) async fn run<H, S>(targets: &Targets, options: &Options, shells: &Shells<H, S>, out: &mut impl Write) -> u8
where
    H: AsyncFn(&HubTarget) -> HubObservation,
    S: AsyncFn(&str) -> ScannerObservation,
{
    let (finished, mut arriving) = mpsc::channel(Probe::ALL.len());
    let plan = Plan { targets, only: &options.only, finished };
    let ((), written) = tokio::join!(plan.run(shells), collect(&mut arriving, options, out));
    written.and_then(|outcomes| close(outcomes, options, out)).unwrap_or(EXIT_COULD_NOT_RUN)
}

async fn collect(
    arriving: &mut mpsc::Receiver<Outcome>,
    options: &Options,
    out: &mut impl Write,
) -> io::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    while let Some(outcome) = arriving.recv().await {
        if !options.json {
            report::write_outcome(out, &outcome, options.lang, options.color)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn close(mut outcomes: Vec<Outcome>, options: &Options, out: &mut impl Write) -> io::Result<u8> {
    outcomes.sort_by_key(|outcome| outcome.probe);
    let conclusion = conclude(&outcomes);
    if options.json {
        report::write_json(out, &outcomes, &conclusion, options.lang)?;
    } else {
        report::write_conclusion(out, &conclusion, options.lang)?;
    }
    Ok(conclusion.exit)
}

struct Plan<'a> {
    targets: &'a Targets,
    only: &'a [Probe],
    finished: mpsc::Sender<Outcome>,
}

impl Plan<'_> {
    /// Consumes the plan, so that the channel closes when the last probe is done.
    async fn run<H, S>(self, shells: &Shells<H, S>)
    where
        H: AsyncFn(&HubTarget) -> HubObservation,
        S: AsyncFn(&str) -> ScannerObservation,
    {
        tokio::join!(self.network(&shells.hub), self.disk(), self.scanner(&shells.scanner), self.printer());
    }

    fn wants(&self, probe: Probe) -> bool {
        self.only.is_empty() || self.only.contains(&probe)
    }

    /// A prerequisite nobody asked for is told only when it failed: it is then why the others are untested.
    async fn tell(&self, probe: Probe, begun: Instant, verdict: Verdict) {
        if self.wants(probe) || verdict.mark == Mark::Failed {
            let elapsed_ms = millis(begun.elapsed());
            // The receiver is gone only if the report could not be written.
            let _ = self.finished.send(Outcome { probe, verdict, elapsed_ms }).await;
        }
    }

    async fn network<H: AsyncFn(&HubTarget) -> HubObservation>(&self, session: &H) {
        let wanted = [Probe::Dns, Probe::Acquirer, Probe::Hub, Probe::Clock];
        if !wanted.into_iter().any(|probe| self.wants(probe)) {
            return;
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
            self.hub(sync.as_ref(), web.as_ref(), &addresses, session)
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
        if !self.wants(Probe::Acquirer) && !self.wants(Probe::Clock) {
            return None;
        }
        let mut reading = None;
        let verdict = match base.map(|url| (url, reachable(url, addresses))) {
            None => acquirer::bad_address(),
            Some((_, [])) => Verdict::layer_below_failed("acquirer.skipped"),
            Some((url, found)) => {
                let answer = exchange(url, found, Expect::Anything).await;
                reading = answer.as_ref().ok().and_then(|answer| answer.reading);
                acquirer::judge(&answer)
            }
        };
        if self.wants(Probe::Acquirer) {
            self.tell(Probe::Acquirer, begun, verdict).await;
        }
        reading
    }

    async fn hub<H: AsyncFn(&HubTarget) -> HubObservation>(
        &self,
        sync: Option<&Endpoint>,
        web: Option<&Url>,
        addresses: &Addresses,
        session: &H,
    ) -> Option<Reading> {
        let begun = Instant::now();
        let wanted = self.wants(Probe::Hub);
        if !wanted && !self.wants(Probe::Clock) {
            return None;
        }
        let Some(target) = &self.targets.hub else {
            self.tell(Probe::Hub, begun, hub::not_configured()).await;
            return None;
        };
        let web = async {
            let url = web?;
            match reachable(url, addresses) {
                [] => None,
                found => Some(exchange(url, found, Expect::Json).await),
            }
        };
        if !wanted {
            return web.await?.ok()?.reading;
        }
        let found = sync.map(|endpoint| addresses.of(&endpoint.host));
        let (verdict, answer) = match found {
            None => (hub::bad_address(), web.await),
            Some([]) => (Verdict::layer_below_failed("hub.skipped"), web.await),
            Some(_) => {
                let (stood, answer) = tokio::join!(within(SESSION_LIMIT, session(target)), web);
                (hub::judge(stood.unwrap_or(HubObservation::NoAnswer), answer.as_ref()), answer)
            }
        };
        self.tell(Probe::Hub, begun, verdict).await;
        answer?.ok()?.reading
    }

    async fn disk(&self) {
        let begun = Instant::now();
        if self.wants(Probe::Disk) {
            let seen = disk::observe(&self.targets.data_dir).await;
            self.tell(Probe::Disk, begun, disk::judge(&seen)).await;
        }
    }

    async fn scanner<S: AsyncFn(&str) -> ScannerObservation>(&self, open: &S) {
        let begun = Instant::now();
        if !self.wants(Probe::Scanner) {
            return;
        }
        let verdict = match self.targets.scanner_port.as_deref() {
            None => scanner::not_configured(),
            Some(port) if scanner::is_missing(port) => scanner::judge(ScannerObservation::Missing),
            Some(port) => within(SCANNER_LIMIT, open(port)).await.map_or_else(scanner::hangs, scanner::judge),
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
    use super::super::{Lang, PrinterTarget};
    use super::*;

    const WELL: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n";
    const LONG_AGO: &str = "HTTP/1.1 404 No\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n";

    fn targets(acquirer_base: String, hub_base: String) -> Targets {
        let hub =
            HubTarget { host_port: "127.0.0.1:1".into(), http_base: Some(hub_base), key: [7; 32], identity: None };
        Targets {
            acquirer_base,
            hub: Some(hub),
            clock_offset_ms: None,
            data_dir: std::env::temp_dir(),
            scanner_port: Some("/dev/no-such-port".into()),
            printer: Some(PrinterTarget::Dir(PathBuf::from("/no/such/folder"))),
        }
    }

    async fn check(targets: &Targets, only: &[Probe], stood: HubObservation) -> (u8, Value) {
        let options = Options { json: true, lang: Lang::Zh, only: only.to_vec(), color: false };
        let shells = Shells {
            hub: async |target: &HubTarget| {
                assert_eq!(target.key, [7; 32]);
                stood
            },
            scanner: async |_: &str| ScannerObservation::Opened,
        };
        let mut out = Vec::new();
        let exit = run(targets, &options, &shells, &mut out).await;
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
        assert_eq!(seen[..4], ["clock.wrong", "dns.not_needed", "acquirer.ok", "hub.ok"]);
        assert!(seen[4].starts_with("disk."));
        assert_eq!(seen[5..], ["scanner.missing", "printer.not_writable"]);
        assert_eq!(exit, 2);
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
        let options = Options { json: false, lang: Lang::En, only: vec![Probe::Scanner], color: true };
        let shells = Shells {
            hub: async |_: &HubTarget| HubObservation::NoAnswer,
            scanner: async |_: &str| ScannerObservation::Busy,
        };
        assert_eq!(run(&targets, &options, &shells, &mut Closed).await, EXIT_COULD_NOT_RUN);
    }
}
