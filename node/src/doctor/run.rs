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

/// What hub and node tell of themselves.
const HEALTH: &str = "/api/v1/health";

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
        if self.targets.node.is_blind() {
            self.tell(Probe::Node, self.begun, node::judge(&self.targets.node)).await;
            for probe in Probe::ALL.into_iter().filter(|probe| *probe != Probe::Node && self.wants(*probe)) {
                self.tell(probe, self.begun, Verdict::layer_below_failed(probe)).await;
            }
            return;
        }
        tokio::join!(self.node(), self.network(), self.folder(), self.scanner(), self.printer());
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

    /// A process that holds the folder is no node yet: it must answer.
    async fn node(&self) {
        let url = self.targets.page.as_deref().and_then(health_url);
        let seen = match (&self.targets.node, url) {
            (node::NodeObservation::Running, Some(url)) => {
                let address = Endpoint::of_url(&url).and_then(|endpoint| endpoint.literal());
                match exchange(&url, address.as_slice(), Expect::Json).await {
                    Ok(_) => node::NodeObservation::Running,
                    Err(_) => node::NodeObservation::Mute,
                }
            }
            (seen, _) => seen.clone(),
        };
        self.tell(Probe::Node, self.begun, node::judge(&seen)).await;
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
    exchange::parse_base(&format!("{}{HEALTH}", base.trim_end_matches('/')))
}

fn reachable<'a>(url: &Url, addresses: &'a Addresses) -> &'a [std::net::IpAddr] {
    Endpoint::of_url(url).map_or(&[], |endpoint| addresses.of(&endpoint.host))
}

#[cfg(test)]
mod tests;
