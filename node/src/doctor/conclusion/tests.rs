//! Whole shops, each broken in its own way: what the doctor says, whom it sends for, how it exits.

use super::super::acquirer::{QueryObservation, SetUpObservation};
use super::super::clock::Reading;
use super::super::disk::{DiskObservation, WriteFault};
use super::super::dns::{DnsObservation, NameAnswer, NameFault};
use super::super::exchange::{Failure, Response};
use super::super::hub::{HubObservation, HubRefusal};
use super::super::identity::IdentityObservation;
use super::super::journal::JournalObservation;
use super::super::membership::MembershipObservation;
use super::super::node::NodeObservation;
use super::super::payments::{ChargeEnd, PaymentsObservation};
use super::super::printer::{PrinterObservation, PrinterState};
use super::super::scanner::ScannerObservation;
use super::super::sync::SyncObservation;
use super::super::verdict::Verdict;
use super::super::{acquirer, clock, disk, hub, identity, journal, membership, node, payments, printer, scanner, sync};
use super::*;

/// A whole shop, as raw observations; each situation breaks something.
struct Shop {
    node: NodeObservation,
    identity: IdentityObservation,
    journal: JournalObservation,
    names: Vec<Result<u64, NameFault>>,
    routed: bool,
    skew_ms: i64,
    acquirer: Result<Response, Failure>,
    query: QueryObservation,
    hub: Option<(HubObservation, Result<Response, Failure>)>,
    kept: MembershipObservation,
    sync: SyncObservation,
    payments: PaymentsObservation,
    free_bytes: u64,
    written: Result<u64, WriteFault>,
    scanner: ScannerObservation,
    printer: PrinterObservation,
}

const WELL: Response = Response { status: 200, connect_ms: 1, answer_ms: 20, portal: false, reading: None };
const SESSION: HubObservation = HubObservation::Session { handshake_ms: 20 };

const fn answered(took_ms: u64) -> QueryObservation {
    QueryObservation::Answered { took_ms, set_up: SetUpObservation::Right }
}

const fn said(set_up: SetUpObservation) -> QueryObservation {
    QueryObservation::Answered { took_ms: 20, set_up }
}

const fn printer(state: PrinterState) -> PrinterObservation {
    PrinterObservation::Connected { took_ms: 2, state }
}

fn shop() -> Shop {
    Shop {
        node: NodeObservation::Running,
        identity: IdentityObservation::Sound,
        journal: JournalObservation::Sound { last: "1-9".into(), whole: false },
        names: vec![Ok(3), Ok(4)],
        routed: true,
        skew_ms: 100,
        acquirer: Ok(WELL),
        query: answered(20),
        hub: Some((SESSION, Ok(WELL))),
        kept: MembershipObservation { heard: true, ..MembershipObservation::default() },
        sync: SyncObservation { unsent: 0, oldest_ms: None, acked_at_ms: None, running: true },
        payments: PaymentsObservation::default(),
        free_bytes: 1 << 40,
        written: Ok(2),
        scanner: ScannerObservation::Opened,
        printer: printer(PrinterState::Ready),
    }
}

/// As `run` orders them: what stands on a failed layer is left out.
fn outcomes(shop: Shop) -> Vec<Outcome> {
    let names = shop.names.iter().map(|took| NameAnswer { host: "a.example".into(), took: *took }).collect();
    let names = dns::judge(&DnsObservation { names, routed: shop.routed });
    let resolved = names.mark != Mark::Failed;
    let reading = Reading::of_date("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_500 + shop.skew_ms, 0).unwrap();
    let reached = shop.acquirer.is_ok() || shop.hub.as_ref().is_some_and(|(_, web)| web.is_ok());
    let readings = if reached && resolved { vec![reading] } else { vec![] };
    let over = |is_there: bool, verdict: Verdict, probe| {
        if is_there { verdict } else { Verdict::layer_below_failed(probe) }
    };
    let (blind, folder) = (shop.node.is_blind(), shop.node.has_folder());
    let session = shop.hub.as_ref().map(|(session, _)| *session).filter(|_| resolved);
    let hub = shop.hub.as_ref().map_or_else(hub::not_configured, |(session, web)| hub::judge(*session, Some(web)));
    let error = (resolved && hub.mark == Mark::Failed).then_some(hub.code);
    let disk = disk::judge(&DiskObservation { free_bytes: Some(shop.free_bytes), written: shop.written });
    let list = [
        (Probe::Node, node::judge(&shop.node)),
        (Probe::Identity, over(folder, identity::judge(&shop.identity), Probe::Identity)),
        (Probe::Journal, over(folder, journal::judge(shop.journal), Probe::Journal)),
        (Probe::Clock, over(!blind, clock::judge(&readings), Probe::Clock)),
        (Probe::Dns, over(!blind, names, Probe::Dns)),
        (Probe::Acquirer, over(resolved && !blind, acquirer::judge(&shop.acquirer, &shop.query), Probe::Acquirer)),
        (Probe::Payments, over(folder, payments::judge(&shop.payments), Probe::Payments)),
        (Probe::Hub, over(resolved && folder, hub, Probe::Hub)),
        (Probe::Membership, over(folder, membership::judge(&shop.kept, session, true), Probe::Membership)),
        (Probe::Sync, over(folder, sync::judge(&shop.sync, error), Probe::Sync)),
        (Probe::Disk, over(folder, disk, Probe::Disk)),
        (Probe::Scanner, over(!blind, scanner::judge(shop.scanner), Probe::Scanner)),
        (Probe::Printer, over(!blind, printer::judge(shop.printer), Probe::Printer)),
    ];
    list.into_iter().map(|(probe, verdict)| Outcome { probe, verdict, elapsed_ms: 1 }).collect()
}

type Situation = (Shop, &'static str, Option<Who>, u8);

use Who::{Acquirer, Headquarters, Provider, Store};

fn mute() -> Result<Response, Failure> {
    Err(Failure::NoAnswer)
}

fn no_hub() -> Option<(HubObservation, Result<Response, Failure>)> {
    Some((HubObservation::NoAnswer, mute()))
}

/// What lies in the box itself.
fn boxes() -> Vec<Situation> {
    let backlog =
        |oldest_ms, running| SyncObservation { unsent: 9, oldest_ms: Some(oldest_ms), acked_at_ms: None, running };
    let (file, what) = ("journal.db", "fact 1-7".to_owned());
    let bad_config = NodeObservation::BadConfig { why: "line 3".into() };
    vec![
        (shop(), "ok", None, 0),
        (Shop { node: bad_config, ..shop() }, "node.bad_config", Some(Store), 2),
        (Shop { node: NodeObservation::NoFolder, hub: None, ..shop() }, "node.no_folder", Some(Store), 2),
        (Shop { node: NodeObservation::NotAllowed, hub: None, ..shop() }, "node.not_allowed", Some(Store), 2),
        (
            Shop {
                node: NodeObservation::NotEnrolled,
                identity: IdentityObservation::NotYet,
                journal: JournalObservation::NotYet,
                hub: None,
                kept: MembershipObservation::default(),
                ..shop()
            },
            "node.not_enrolled",
            Some(Headquarters),
            2,
        ),
        (Shop { node: NodeObservation::OthersFolder, ..shop() }, "node.others_folder", Some(Store), 1),
        (Shop { node: NodeObservation::Stopped, ..shop() }, "node.stopped", Some(Store), 1),
        (Shop { node: NodeObservation::Mute, ..shop() }, "node.mute", Some(Store), 2),
        (
            Shop { node: NodeObservation::Stopped, free_bytes: 0, written: Err(WriteFault::Full), ..shop() },
            "disk.full",
            Some(Store),
            2,
        ),
        (Shop { identity: IdentityObservation::Missing, ..shop() }, "identity.missing", Some(Store), 2),
        (Shop { identity: IdentityObservation::Damaged, ..shop() }, "identity.damaged", Some(Store), 2),
        (Shop { identity: IdentityObservation::Other, ..shop() }, "identity.other", Some(Store), 2),
        (
            Shop { identity: IdentityObservation::Exposed { files: vec!["identity.key"] }, ..shop() },
            "identity.exposed",
            Some(Store),
            1,
        ),
        (Shop { journal: JournalObservation::Damaged { file, what }, ..shop() }, "journal.damaged", Some(Store), 2),
        (Shop { journal: JournalObservation::Missing { file }, ..shop() }, "journal.missing", Some(Store), 2),
        (Shop { journal: JournalObservation::Foreign { file }, ..shop() }, "journal.foreign", Some(Store), 2),
        (Shop { free_bytes: 1 << 20, acquirer: mute(), ..shop() }, "disk.full", Some(Store), 2),
        (Shop { written: Err(WriteFault::NotAllowed), ..shop() }, "disk.not_writable", Some(Store), 2),
        (Shop { written: Err(WriteFault::ReadOnly), ..shop() }, "disk.read_only", Some(Store), 2),
        (Shop { written: Ok(80), ..shop() }, "disk.slow", Some(Store), 1),
        (Shop { sync: backlog(70_000, true), ..shop() }, "sync.behind", Some(Headquarters), 1),
        (Shop { sync: backlog(3_600_000, true), ..shop() }, "sync.stuck", Some(Headquarters), 2),
        (Shop { sync: backlog(3_600_000, true), hub: no_hub(), ..shop() }, "hub.unreachable", Some(Headquarters), 2),
        (
            Shop {
                sync: backlog(3_600_000, true),
                hub: no_hub(),
                acquirer: mute(),
                query: QueryObservation::NotSent,
                ..shop()
            },
            "line.down",
            Some(Provider),
            2,
        ),
        (
            Shop { payments: PaymentsObservation { doubts: 1, ..PaymentsObservation::default() }, ..shop() },
            "payments.in_doubt",
            Some(Store),
            1,
        ),
        (
            Shop {
                payments: PaymentsObservation {
                    today: vec![ChargeEnd::Unanswered; 6],
                    ..PaymentsObservation::default()
                },
                ..shop()
            },
            "payments.failing",
            Some(Acquirer),
            2,
        ),
        (
            Shop {
                payments: PaymentsObservation {
                    today: [vec![ChargeEnd::Answered], vec![ChargeEnd::Unanswered; 6]].concat(),
                    ..PaymentsObservation::default()
                },
                ..shop()
            },
            "payments.recovered",
            None,
            1,
        ),
        (Shop { scanner: ScannerObservation::Missing, ..shop() }, "scanner.missing", Some(Store), 2),
        (
            Shop { printer: PrinterObservation::NotConnected(Failure::NoAnswer), ..shop() },
            "printer.offline",
            Some(Store),
            2,
        ),
        (Shop { printer: printer(PrinterState::Silent), ..shop() }, "printer.silent", Some(Store), 1),
        (Shop { printer: printer(PrinterState::PaperOut), ..shop() }, "printer.paper_out", Some(Store), 2),
        (Shop { printer: printer(PrinterState::CoverOpen), ..shop() }, "printer.cover_open", Some(Store), 2),
    ]
}

/// What lies on the way, or at the other end.
fn lines() -> Vec<Situation> {
    let slow_session = HubObservation::Session { handshake_ms: 400 };
    let portal = || Ok(Response { status: 302, portal: true, ..WELL });
    let dead = [Err(NameFault::Silent), Err(NameFault::Silent)];
    let unsent = QueryObservation::NotSent;
    let refused = |refusal| Some((HubObservation::Refused(refusal), Ok(WELL)));
    let kept = |refusal| MembershipObservation { refusal: Some(refusal), heard: true, since_ms: Some(7) };
    let rejected = said(SetUpObservation::Refused { said: "SIGNAUTHERR".into() });
    vec![
        (Shop { names: dead.to_vec(), routed: false, ..shop() }, "dns.no_route", Some(Store), 2),
        (Shop { names: dead.to_vec(), ..shop() }, "dns.silent", Some(Provider), 2),
        (Shop { names: vec![Ok(1), Err(NameFault::NoSuchName)], ..shop() }, "dns.no_such_name", Some(Store), 2),
        (
            Shop { skew_ms: -360_000, acquirer: Err(Failure::CertificateDate), query: unsent.clone(), ..shop() },
            "clock.wrong",
            Some(Store),
            2,
        ),
        (Shop { acquirer: mute(), query: unsent.clone(), hub: no_hub(), ..shop() }, "line.down", Some(Provider), 2),
        (Shop { acquirer: mute(), query: unsent.clone(), ..shop() }, "acquirer.unreachable", Some(Acquirer), 2),
        (
            Shop { acquirer: mute(), query: unsent.clone(), hub: None, ..shop() },
            "acquirer.unreachable",
            Some(Acquirer),
            2,
        ),
        (
            Shop { acquirer: mute(), query: unsent.clone(), hub: None, names: vec![], ..shop() },
            "line.down",
            Some(Provider),
            2,
        ),
        (
            Shop { acquirer: Err(Failure::Refused), query: unsent.clone(), hub: no_hub(), ..shop() },
            "acquirer.refused",
            Some(Acquirer),
            2,
        ),
        (Shop { query: QueryObservation::Mute, ..shop() }, "acquirer.mute", Some(Acquirer), 2),
        (Shop { query: QueryObservation::Mute, hub: no_hub(), ..shop() }, "acquirer.mute", Some(Acquirer), 2),
        (Shop { query: QueryObservation::Cut, ..shop() }, "acquirer.dropped", Some(Acquirer), 2),
        (
            Shop { query: QueryObservation::NoKeys { why: "merchant.pem".into() }, ..shop() },
            "acquirer.no_keys",
            Some(Store),
            2,
        ),
        (Shop { query: answered(8_000), ..shop() }, "acquirer.too_slow", Some(Acquirer), 2),
        (Shop { query: rejected, ..shop() }, "acquirer.not_accepted", Some(Store), 2),
        (Shop { query: said(SetUpObservation::Unproven), ..shop() }, "acquirer.unproven", Some(Store), 2),
        (
            Shop { query: said(SetUpObservation::Http { status: 502 }), ..shop() },
            "acquirer.unavailable",
            Some(Acquirer),
            2,
        ),
        (
            Shop { acquirer: Err(Failure::CertificateForeign), query: unsent.clone(), ..shop() },
            "acquirer.foreign_certificate",
            Some(Store),
            2,
        ),
        (
            Shop {
                acquirer: portal(),
                query: QueryObservation::Mute,
                hub: Some((HubObservation::NoAnswer, portal())),
                ..shop()
            },
            "acquirer.portal",
            Some(Store),
            2,
        ),
        (Shop { query: answered(900), ..shop() }, "acquirer.slow", Some(Acquirer), 1),
        (Shop { query: answered(900), hub: Some((slow_session, Ok(WELL))), ..shop() }, "line.slow", Some(Provider), 1),
        (
            Shop { written: Ok(80), acquirer: mute(), query: unsent, ..shop() },
            "acquirer.unreachable",
            Some(Acquirer),
            2,
        ),
        (Shop { hub: no_hub(), ..shop() }, "hub.unreachable", Some(Headquarters), 2),
        (Shop { hub: refused(HubRefusal::Revoked), ..shop() }, "hub.revoked", Some(Headquarters), 2),
        (Shop { hub: refused(HubRefusal::Replaced), ..shop() }, "hub.replaced", Some(Headquarters), 2),
        (Shop { hub: refused(HubRefusal::Forked), ..shop() }, "hub.forked", Some(Headquarters), 2),
        (Shop { hub: refused(HubRefusal::Duplicate), ..shop() }, "hub.duplicate", Some(Store), 2),
        (Shop { hub: refused(HubRefusal::Unknown), ..shop() }, "hub.unknown_store", Some(Headquarters), 2),
        (Shop { hub: refused(HubRefusal::Later), ..shop() }, "hub.busy", Some(Headquarters), 1),
        (
            Shop { hub: Some((HubObservation::ForeignKey, Ok(WELL))), ..shop() },
            "hub.foreign_key",
            Some(Headquarters),
            2,
        ),
        (Shop { hub: Some((HubObservation::NoAnswer, Ok(WELL))), ..shop() }, "hub.sync_blocked", Some(Store), 2),
        // Without a line the papers speak, and a barred box takes no money, whatever else is wrong.
        (
            Shop { hub: no_hub(), kept: kept(HubRefusal::Revoked), ..shop() },
            "membership.revoked",
            Some(Headquarters),
            2,
        ),
        (
            Shop { hub: no_hub(), kept: kept(HubRefusal::Replaced), query: QueryObservation::Mute, ..shop() },
            "membership.replaced",
            Some(Headquarters),
            2,
        ),
        (Shop { kept: kept(HubRefusal::Revoked), ..shop() }, "ok", None, 0),
    ]
}

#[test]
fn each_situation_has_its_culprit() {
    let table: Vec<Situation> = boxes().into_iter().chain(lines()).collect();
    assert!(table.len() >= 40, "{}", table.len());
    for (number, (shop, code, who, exit)) in table.into_iter().enumerate() {
        let conclusion = conclude(&outcomes(shop));
        assert_eq!((conclusion.code, conclusion.who, conclusion.exit), (code, who, exit), "situation {number}");
        if let Some(who) = who {
            assert!(conclusion.words.in_lang(Lang::Zh).contains(&format!("找：{}。", who.called(Lang::Zh))));
            assert!(conclusion.words.in_lang(Lang::En).contains(who.called(Lang::En)));
        }
    }
}

#[test]
fn one_fault_is_one_line_and_everything_bad_says_what_to_do() {
    for (shop, code, _, _) in boxes().into_iter().chain(lines()) {
        let outcomes = outcomes(shop);
        let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.verdict.mark == Mark::Failed).collect();
        assert!(
            failed.len() <= 3,
            "{code}: {:?}",
            failed.iter().map(|outcome| outcome.verdict.code).collect::<Vec<_>>()
        );
        for outcome in outcomes {
            let verdict = outcome.verdict;
            let bad = matches!(verdict.mark, Mark::Failed | Mark::Poor);
            assert_eq!((verdict.remedy.is_some(), verdict.blame.is_some()), (bad, bad), "{code}: {}", verdict.code);
            assert!(verdict.code.starts_with(outcome.probe.name()), "{}", verdict.code);
        }
    }
}

#[test]
fn the_sentence_counts_what_it_does_not_tell() {
    let broken = Shop {
        acquirer: Err(Failure::Refused),
        query: QueryObservation::NotSent,
        written: Ok(80),
        printer: PrinterObservation::BadAddress,
        ..shop()
    };
    let conclusion = conclude(&outcomes(broken));
    assert_eq!(conclusion.words.in_lang(Lang::Zh), "问题不在店内：收单机构拒绝连接。找：收单机构。另有2处问题，见上。");
    assert_eq!(
        conclusion.words.in_lang(Lang::En),
        "Not the store's fault: the acquirer refuses the connection. Who must act: the acquirer. 2 more above."
    );
    assert_eq!(conclude(&[]).exit, EXIT_COULD_NOT_RUN);
}
