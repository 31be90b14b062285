//! Whole runs against faked hands and small servers.

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
        page: None,
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
async fn a_process_that_answers_nobody_is_no_running_node() {
    let mut targets = targets(nobody().await, nobody().await);
    targets.page = Some(serve(WELL).await);
    assert_eq!(codes(&check(&targets, &[Probe::Node], STOOD).await.1), ["node.running"]);
    targets.page = Some(nobody().await);
    assert_eq!(codes(&check(&targets, &[Probe::Node], STOOD).await.1), ["node.mute"]);
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
    assert_eq!((exit, codes(&report)), (2, vec!["clock.no_reference", "acquirer.bad_address", "hub.not_configured"]));
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
