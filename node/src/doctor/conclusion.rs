//! The closing sentence: the lowest fault, and who must act.
//!
//! Rules, in order: failures come before warnings; the lowest layer speaks ([`Probe::layer`]); a fault that may lie on the line goes to the
//! provider when every far end shows it, or when nothing proves that anything outside can be reached.

use super::verdict::{Blame, Lang, Mark, Outcome, Probe, Who, Words};
use super::{EXIT_COULD_NOT_RUN, EXIT_FAILURE, EXIT_GOOD, EXIT_WARNINGS, dns};

/// The end of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    /// The lowest fault's code, `line.down`, `line.slow`, `ok` or `nothing_tested`.
    pub(super) code: &'static str,
    pub(super) words: Words,
    /// `None` if nobody has to do anything.
    pub(super) who: Option<Who>,
    pub(super) exit: u8,
}

/// Draws the conclusion from all outcomes, in any order.
pub(super) fn conclude(outcomes: &[Outcome]) -> Conclusion {
    let marked = |mark| outcomes.iter().filter(move |outcome| outcome.verdict.mark == mark);
    let (mark, exit) = if marked(Mark::Failed).next().is_some() {
        (Mark::Failed, EXIT_FAILURE)
    } else if marked(Mark::Poor).next().is_some() {
        (Mark::Poor, EXIT_WARNINGS)
    } else if marked(Mark::Good).next().is_some() {
        return all_good();
    } else {
        return nothing_tested();
    };
    let lowest = marked(mark).filter_map(|outcome| Some((outcome, outcome.verdict.blame?)));
    let Some((outcome, blame)) = lowest.min_by_key(|(outcome, _)| outcome.probe.layer()) else {
        return nothing_tested();
    };
    let (who, line) = match blame {
        Blame::Clear(who) => (who, false),
        Blame::LineOr(_) if is_line(outcomes) => (Who::Provider, true),
        Blame::LineOr(who) => (who, false),
    };
    let (code, words) = match (line, mark) {
        (false, _) => (outcome.verdict.code, outcome.verdict.words.clone()),
        (true, Mark::Poor) => {
            ("line.slow", Words::new("出外网慢，多半是宽带拥堵", "the way out is slow, most likely the internet line"))
        }
        (true, Mark::Failed | Mark::Good | Mark::NotTested) => (
            "line.down",
            Words::new(
                "出不了外网。请看光猫指示灯；多半是宽带故障",
                "nothing outside can be reached. Look at the modem's lights; most likely the internet line is down",
            ),
        ),
    };
    let others =
        marked(Mark::Failed).chain(marked(Mark::Poor)).filter(|other| !is_same_fault(other, outcome, line)).count();
    Conclusion { code, words: sentence(&words, who, others), who: Some(who), exit }
}

fn all_good() -> Conclusion {
    let words = Words::new(
        "未发现问题。如果顾客仍打不开付款页，请让顾客切换4G或Wi-Fi。",
        "No fault found. If a customer still cannot open the payment page, let them switch between mobile data and Wi-Fi.",
    );
    Conclusion { code: "ok", words, who: None, exit: EXIT_GOOD }
}

fn nothing_tested() -> Conclusion {
    let words = Words::new("没有可以检查的项目。", "There was nothing to test.");
    Conclusion { code: "nothing_tested", words, who: None, exit: EXIT_COULD_NOT_RUN }
}

/// Whether the line explains a far end's fault.
fn is_line(outcomes: &[Outcome]) -> bool {
    let far = |probe| {
        let is_far = matches!(probe, Probe::Acquirer | Probe::Hub);
        outcomes.iter().find(move |outcome| is_far && outcome.probe == probe && outcome.verdict.mark != Mark::NotTested)
    };
    match (far(Probe::Acquirer), far(Probe::Hub)) {
        (Some(acquirer), Some(hub)) => may_be_line(acquirer) && may_be_line(hub),
        // A name that resolved shows that something outside was reached.
        _ => !outcomes.iter().any(|outcome| {
            outcome.probe == Probe::Dns
                && outcome.verdict.mark != Mark::Failed
                && outcome.verdict.code != dns::NOT_NEEDED
        }),
    }
}

fn may_be_line(outcome: &Outcome) -> bool {
    matches!(outcome.verdict.blame, Some(Blame::LineOr(_)))
}

fn is_same_fault(other: &Outcome, told: &Outcome, line: bool) -> bool {
    other.probe == told.probe || (line && may_be_line(other))
}

fn sentence(words: &Words, who: Who, others: usize) -> Words {
    let beyond = matches!(who, Who::Acquirer | Who::Headquarters);
    let (own_zh, own_en) = if beyond { ("问题不在店内：", "Not the store's fault: ") } else { ("", "") };
    let (more_zh, more_en) = match others {
        0 => (String::new(), String::new()),
        n => (format!("另有{n}处问题，见上。"), format!(" {n} more above.")),
    };
    let (zh, en) = (words.in_lang(Lang::Zh), capital(words.in_lang(Lang::En), beyond));
    Words::new(
        format!("{own_zh}{zh}。找：{}。{more_zh}", who.called(Lang::Zh)),
        format!("{own_en}{en}. Who must act: {}.{more_en}", who.called(Lang::En)),
    )
}

fn capital(text: &str, continues: bool) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !continues => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Reading;
    use super::super::disk::{DiskObservation, WriteFault};
    use super::super::dns::{DnsObservation, NameAnswer, NameFault};
    use super::super::exchange::{Failure, Response};
    use super::super::hub::{HubObservation, HubRefusal};
    use super::super::printer::PrinterObservation;
    use super::super::scanner::ScannerObservation;
    use super::super::verdict::Verdict;
    use super::super::{acquirer, clock, disk, hub, printer, scanner};
    use super::*;

    /// A whole shop, as raw observations; each situation breaks something.
    struct Shop {
        names: Vec<Result<u64, NameFault>>,
        routed: bool,
        skew_ms: i64,
        acquirer: Result<Response, Failure>,
        hub: Option<(HubObservation, Result<Response, Failure>)>,
        free_bytes: u64,
        written: Result<u64, WriteFault>,
        scanner: ScannerObservation,
        printer: PrinterObservation,
    }

    const WELL: Response = Response { status: 200, connect_ms: 1, answer_ms: 20, portal: false, reading: None };
    const SESSION: HubObservation = HubObservation::Session { handshake_ms: 20 };

    fn shop() -> Shop {
        Shop {
            names: vec![Ok(3), Ok(4)],
            routed: true,
            skew_ms: 100,
            acquirer: Ok(WELL),
            hub: Some((SESSION, Ok(WELL))),
            free_bytes: 1 << 40,
            written: Ok(2),
            scanner: ScannerObservation::Opened,
            printer: PrinterObservation::Writable,
        }
    }

    fn outcomes(shop: &Shop) -> Vec<Outcome> {
        let names = shop.names.iter().map(|took| NameAnswer { host: "a.example".into(), took: *took }).collect();
        let names = dns::judge(&DnsObservation { names, routed: shop.routed });
        let resolved = names.mark != Mark::Failed;
        let reading = Reading::of_date("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_500 + shop.skew_ms, 0).unwrap();
        let answered = shop.acquirer.is_ok() || shop.hub.as_ref().is_some_and(|(_, web)| web.is_ok());
        let readings = if answered && resolved { vec![reading] } else { vec![] };
        let below = |verdict: Verdict, code| if resolved { verdict } else { Verdict::layer_below_failed(code) };
        let hub = shop.hub.as_ref().map_or_else(hub::not_configured, |(session, web)| hub::judge(*session, Some(web)));
        let list = [
            (Probe::Clock, clock::judge(&readings)),
            (Probe::Dns, names),
            (Probe::Acquirer, below(acquirer::judge(&shop.acquirer), "acquirer.skipped")),
            (Probe::Hub, below(hub, "hub.skipped")),
            (Probe::Disk, disk::judge(&DiskObservation { free_bytes: Some(shop.free_bytes), written: shop.written })),
            (Probe::Scanner, scanner::judge(shop.scanner)),
            (Probe::Printer, printer::judge(shop.printer)),
        ];
        list.into_iter().map(|(probe, verdict)| Outcome { probe, verdict, elapsed_ms: 1 }).collect()
    }

    #[test]
    fn each_situation_has_its_culprit() {
        use Who::{Acquirer, Headquarters, Provider, Store};
        let mute = || Err(Failure::NoAnswer);
        let no_hub = || Some((HubObservation::NoAnswer, mute()));
        let slow = || Response { answer_ms: 900, ..WELL };
        let slow_session = HubObservation::Session { handshake_ms: 400 };
        let portal = || Ok(Response { status: 302, portal: true, ..WELL });
        let dead = [Err(NameFault::Silent), Err(NameFault::Silent)];
        let table: Vec<(Shop, &str, Option<Who>, u8)> = vec![
            (shop(), "ok", None, 0),
            (Shop { names: dead.to_vec(), routed: false, ..shop() }, "dns.no_route", Some(Store), 2),
            (Shop { names: dead.to_vec(), ..shop() }, "dns.silent", Some(Provider), 2),
            (Shop { names: vec![Ok(1), Err(NameFault::NoSuchName)], ..shop() }, "dns.no_such_name", Some(Store), 2),
            (
                Shop { skew_ms: -360_000, acquirer: Err(Failure::CertificateDate), ..shop() },
                "clock.wrong",
                Some(Store),
                2,
            ),
            (Shop { acquirer: mute(), hub: no_hub(), ..shop() }, "line.down", Some(Provider), 2),
            (Shop { acquirer: mute(), ..shop() }, "acquirer.unreachable", Some(Acquirer), 2),
            (Shop { acquirer: mute(), hub: None, ..shop() }, "acquirer.unreachable", Some(Acquirer), 2),
            (Shop { acquirer: mute(), hub: None, names: vec![], ..shop() }, "line.down", Some(Provider), 2),
            (Shop { acquirer: Err(Failure::Refused), hub: no_hub(), ..shop() }, "acquirer.refused", Some(Acquirer), 2),
            (Shop { hub: no_hub(), ..shop() }, "hub.unreachable", Some(Headquarters), 2),
            (
                Shop { hub: Some((HubObservation::Refused(HubRefusal::Revoked), Ok(WELL))), ..shop() },
                "hub.revoked",
                Some(Headquarters),
                2,
            ),
            (Shop { hub: Some((HubObservation::NoAnswer, Ok(WELL))), ..shop() }, "hub.sync_blocked", Some(Store), 2),
            (
                Shop { acquirer: Err(Failure::CertificateForeign), ..shop() },
                "acquirer.foreign_certificate",
                Some(Store),
                2,
            ),
            (
                Shop { acquirer: portal(), hub: Some((HubObservation::NoAnswer, portal())), ..shop() },
                "acquirer.portal",
                Some(Store),
                2,
            ),
            (Shop { free_bytes: 1 << 20, acquirer: mute(), ..shop() }, "disk.full", Some(Store), 2),
            (Shop { scanner: ScannerObservation::Missing, ..shop() }, "scanner.missing", Some(Store), 2),
            (
                Shop { printer: PrinterObservation::NotConnected(Failure::NoAnswer), ..shop() },
                "printer.offline",
                Some(Store),
                2,
            ),
            (Shop { acquirer: Ok(slow()), ..shop() }, "acquirer.slow", Some(Acquirer), 1),
            (
                Shop { acquirer: Ok(slow()), hub: Some((slow_session, Ok(WELL))), ..shop() },
                "line.slow",
                Some(Provider),
                1,
            ),
            (Shop { written: Ok(80), acquirer: mute(), ..shop() }, "acquirer.unreachable", Some(Acquirer), 2),
        ];
        for (number, (shop, code, who, exit)) in table.into_iter().enumerate() {
            let conclusion = conclude(&outcomes(&shop));
            assert_eq!((conclusion.code, conclusion.who, conclusion.exit), (code, who, exit), "situation {number}");
            if let Some(who) = who {
                assert!(conclusion.words.in_lang(Lang::Zh).contains(&format!("找：{}。", who.called(Lang::Zh))));
                assert!(conclusion.words.in_lang(Lang::En).contains(who.called(Lang::En)));
            }
        }
    }

    #[test]
    fn the_sentence_counts_what_it_does_not_tell() {
        let broken = Shop {
            acquirer: Err(Failure::Refused),
            written: Ok(80),
            printer: PrinterObservation::BadAddress,
            ..shop()
        };
        let conclusion = conclude(&outcomes(&broken));
        assert_eq!(
            conclusion.words.in_lang(Lang::Zh),
            "问题不在店内：收单机构拒绝连接。找：收单机构。另有2处问题，见上。"
        );
        assert_eq!(
            conclusion.words.in_lang(Lang::En),
            "Not the store's fault: the acquirer refuses the connection. Who must act: the acquirer. 2 more above."
        );
        assert_eq!(conclude(&[]).exit, EXIT_COULD_NOT_RUN);
    }
}
