//! The hub takes a session from this store, and its web half answers.

use std::time::Duration;

use super::acquirer::{middlebox, portal};
use super::exchange::{Failure, Response};
use super::verdict::{Blame, Verdict, Who, Words};

/// The longest the session shell may take.
pub(super) const SESSION_LIMIT: Duration = Duration::from_secs(4);
/// Below this a session is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 150;

/// What the hub says to this store's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubRefusal {
    /// It does not know this store.
    Unknown,
    /// This node was disabled.
    Revoked,
    /// The identity belongs to another store.
    WrongStore,
    /// The store has not been enrolled yet.
    EnrolOnly,
    /// Another box serves the store.
    Replaced,
    /// Another box with the same key is connected.
    Duplicate,
    /// The hub is busy.
    Later,
    /// The journal is not the one the hub holds.
    Forked,
    /// The same, and what is missing here cannot come back.
    Unfillable,
    /// One of the two broke the rules of the session.
    Protocol,
}

/// What the session shell saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubObservation {
    /// A session stood.
    Session {
        /// Until the hub's welcome, in milliseconds.
        handshake_ms: u64,
    },
    /// The hub was reached and said no.
    Refused(HubRefusal),
    /// Whoever answered does not hold the hub's key.
    ForeignKey,
    /// Neither QUIC nor the fallback got an answer.
    NoAnswer,
}

/// The configured address is not one.
pub(super) fn bad_address() -> Verdict {
    let words = Words::new("设置里的总部地址不对", "the hub's address in the configuration is not one");
    Verdict::failed("hub.bad_address", words, Blame::Clear(Who::Store))
        .try_this("地址应为 主机名:端口，照总部给的资料填写", "it is host:port; copy it from headquarters' papers")
}

/// The store has no hub.
pub(super) fn not_configured() -> Verdict {
    Verdict::not_tested("hub.not_configured", Words::new("没测：没有设置总部", "not tested: no hub is configured"))
}

/// Judges the session first, for that is what sync needs; the web half explains a missing one.
pub(super) fn judge(session: HubObservation, web: Option<&Result<Response, Failure>>) -> Verdict {
    match session {
        HubObservation::Session { handshake_ms } => judge_quic(handshake_ms, web),
        HubObservation::Refused(refusal) => refused(refusal),
        HubObservation::ForeignKey => foreign_key("hub.foreign_key"),
        HubObservation::NoAnswer => judge_silence(web),
    }
}

fn judge_quic(handshake_ms: u64, web: Option<&Result<Response, Failure>>) -> Verdict {
    let web_down = match web {
        None => false,
        Some(Ok(answer)) => answer.status >= 500 || answer.portal,
        Some(Err(_)) => true,
    };
    let verdict = if web_down {
        let words = Words::new("同步正常，总部网页不应答", "sync works, the hub's web half does not answer");
        Verdict::poor("hub.web_down", words, Blame::Clear(Who::Headquarters)).try_this(
            "收款不受影响；请总部查看服务",
            "payments are not affected; ask headquarters to look at the service",
        )
    } else if handshake_ms < GOOD_BELOW_MS {
        Verdict::good("hub.ok", Words::new("能连到总部", "the hub takes sessions"))
    } else {
        let words = Words::new("能连到总部，但较慢", "the hub takes sessions, slowly");
        Verdict::poor("hub.slow", words, Blame::LineOr(Who::Headquarters)).try_this(
            "收款不受影响；看店内是否有摄像头或下载占满线路",
            "payments are not affected; see whether a camera or a download fills the line",
        )
    };
    verdict.value(format!("QUIC, {handshake_ms} ms"))
}

/// The hub's key is pinned at enrolment, so whoever answers with another one is another hub, or the same one set up anew.
pub(super) fn foreign_key(code: &'static str) -> Verdict {
    let words = Words::new(
        "应答的总部不是本机登记的那一个（密钥不同）",
        "whoever answers is not the hub that let this box in: its key is another",
    );
    Verdict::failed(code, words, Blame::Clear(Who::Headquarters)).try_this(
        "收款照常；请总部核对地址，或是否重装过服务器：地址变了执行 guitai-node readdress，重装过请恢复总部的备份，否则给登记码重新登记",
        "payments go on; ask headquarters whether the address is right and whether the server was set up anew: after a move run \
         guitai-node readdress; a new server needs the old one's backup, or a code to enter this box anew",
    )
}

/// Why, who must act, and what to do: a box's own word never ends in a dead end.
pub(super) fn refused(refusal: HubRefusal) -> Verdict {
    let hq = Blame::Clear(Who::Headquarters);
    match refusal {
        HubRefusal::Unknown => {
            let words = Words::new("总部不认识本机", "the hub does not know this node");
            Verdict::failed("hub.unknown_store", words, hq).try_this(
                "收款照常；总部可能恢复了旧备份，请总部核对，需要时给登记码，在本机执行 guitai-node enrol",
                "payments go on; the hub may have been restored from a backup: ask headquarters, and if need be enter this node \
                 anew with a code: guitai-node enrol",
            )
        }
        HubRefusal::Revoked => {
            let words = Words::new(
                "总部已停用本机，本机不收款不退款",
                "headquarters has disabled this node; it takes and returns no money",
            );
            Verdict::failed("hub.revoked", words, hq).try_this(
                "请总部核对；要继续用，请总部给登记码，在本机执行 guitai-node enrol；其间若有别的机器收过款，请另用空的数据目录",
                "ask headquarters; to go on, enter this node anew with a code: guitai-node enrol; with an empty data folder if \
                 another box has sold meanwhile",
            )
        }
        HubRefusal::Replaced => {
            let words = Words::new(
                "本店已由另一台机器接替，本机不收款不退款",
                "another box serves this store; this one takes and returns no money",
            );
            Verdict::failed("hub.replaced", words, hq).try_this(
                "请到新机收款；若是误换，请总部给登记码，在本机执行 guitai-node enrol；新机若已收过款，请另用空的数据目录",
                "use the new box; if this is a mistake, enter this one anew with a code: guitai-node enrol; with an empty data \
                 folder if the new box has sold already",
            )
        }
        HubRefusal::Duplicate => {
            let words = Words::new(
                "另一台机器正用着本机的身份，本机不收款不退款",
                "another box uses this one's identity; this one takes and returns no money",
            );
            Verdict::failed("hub.duplicate", words, Blame::Clear(Who::Store)).try_this(
                "数据目录被复制过：请停用其中一台；要留本机，请总部给登记码，执行 guitai-node enrol",
                "the data folder was copied: stop one of the two; to keep this one, enter it anew with a code: guitai-node enrol",
            )
        }
        HubRefusal::Forked => {
            let words = Words::new(
                "本机账本与总部不一致，本机不撤销不退款",
                "this node's journal is not the one the hub holds; it voids and refunds nothing",
            );
            Verdict::failed("hub.forked", words, hq).try_this(
                "收款照常；请保留数据目录，联系总部处理",
                "payments go on; keep the data folder as it is and call headquarters",
            )
        }
        HubRefusal::Unfillable => {
            let words = Words::new(
                "本机账本与总部不同且补不回来，本机不收款不退款",
                "this node's journal is not the one the hub holds and cannot be filled; it takes and returns no money",
            );
            Verdict::failed("hub.unfillable", words, hq).try_this(
                "请总部给登记码，另用一个空的数据目录执行 guitai-node enrol，旧目录留存",
                "ask headquarters for a code and enter an empty data folder with guitai-node enrol; keep the old folder",
            )
        }
        HubRefusal::Protocol => {
            let words =
                Words::new("与总部的会话出错，同步停住了", "the session with the hub breaks: nothing is delivered");
            Verdict::failed("hub.protocol", words, hq).try_this(
                "收款照常，数据存在本店；请两端升级到同一版本。仍不行，请总部给登记码，另用一个空的数据目录执行 guitai-node enrol，旧目录留存",
                "payments go on and stay in the store; bring both ends to one version. If it lasts, ask headquarters for a code \
                 and enter an empty data folder with guitai-node enrol; keep the old folder",
            )
        }
        HubRefusal::WrongStore => {
            let words = Words::new("本机身份属于另一家门店", "this node's identity belongs to another store");
            Verdict::failed("hub.wrong_store", words, hq).try_this(
                "请总部核对，用空的数据目录和新的登记码重新登记",
                "ask headquarters; enter this node anew with an empty data folder and a new code",
            )
        }
        HubRefusal::EnrolOnly => {
            let words = Words::new("本店还没有登记", "this store is not enrolled yet");
            Verdict::failed("hub.not_enrolled", words, hq).try_this(
                "请总部给登记码，在本机执行 guitai-node enrol",
                "ask headquarters for a code and run guitai-node enrol",
            )
        }
        HubRefusal::Later => {
            let words = Words::new("总部正忙", "the hub is busy");
            Verdict::poor("hub.busy", words, hq).try_this(
                "收款不受影响，本机会自动重试；久不恢复请通知总部",
                "payments are not affected and this node tries again by itself; if it lasts, tell headquarters",
            )
        }
    }
}

fn judge_silence(web: Option<&Result<Response, Failure>>) -> Verdict {
    match web {
        Some(Ok(answer)) if answer.portal => portal("hub.portal"),
        // The hub is one process: if its web half is well, sync is stopped on the way.
        Some(Ok(answer)) if answer.status < 500 => {
            let words =
                Words::new("总部网页能打开，同步通道不通", "the hub's web half answers, the sync path does not");
            Verdict::failed("hub.sync_blocked", words, Blame::Clear(Who::Store))
                .value(format!("HTTP {}, {} ms", answer.status, answer.answer_ms))
                .try_this(
                    "在防火墙或安全软件里放行本程序和总部的端口（UDP和TCP）",
                    "let this program and the hub's port (UDP and TCP) through the firewall or security software",
                )
        }
        Some(Ok(answer)) => {
            let words = Words::new("总部服务异常", "the hub answers with an error");
            Verdict::failed("hub.error", words, Blame::Clear(Who::Headquarters))
                .value(format!("HTTP {}", answer.status))
                .try_this(KEEP.0, KEEP.1)
        }
        Some(Err(failure)) => judge_unreachable(*failure),
        None => judge_unreachable(Failure::NoAnswer),
    }
}

const KEEP: (&str, &str) = (
    "收款照常，数据存在本店，恢复后自动补传；请通知总部",
    "payments go on and stay in the store until the hub is back; tell headquarters",
);

fn judge_unreachable(failure: Failure) -> Verdict {
    let down = Words::new("连不上总部", "the hub cannot be reached");
    match failure {
        Failure::NoRoute => {
            let words = Words::new("电脑没有接入网络", "this machine is not on any network");
            Verdict::failed("hub.no_route", words, Blame::Clear(Who::Store))
                .try_this("检查网线或无线，重启路由器", "check the cable or Wi-Fi and restart the router")
        }
        Failure::Refused => {
            let words = Words::new("总部服务没有运行", "the hub's service is not running");
            Verdict::failed("hub.refused", words, Blame::Clear(Who::Headquarters)).try_this(KEEP.0, KEEP.1)
        }
        Failure::CertificateForeign => middlebox("hub.foreign_certificate"),
        Failure::NoAnswer
        | Failure::NoTls
        | Failure::Dropped
        | Failure::NotHttp
        | Failure::CertificateDate
        | Failure::NoTrustStore => {
            Verdict::failed("hub.unreachable", down, Blame::LineOr(Who::Headquarters)).try_this(KEEP.0, KEEP.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use HubObservation::{ForeignKey, NoAnswer, Refused, Session};
        let quic = |handshake_ms| Session { handshake_ms };
        let web = |status, portal| Some(Ok(Response { status, connect_ms: 1, answer_ms: 9, portal, reading: None }));
        let none = || None::<Result<Response, Failure>>;
        let (store, hq) = (Some(Blame::Clear(Who::Store)), Some(Blame::Clear(Who::Headquarters)));
        let line = Some(Blame::LineOr(Who::Headquarters));
        let table = [
            (quic(149), none(), Mark::Good, "hub.ok", None),
            (quic(149), web(200, false), Mark::Good, "hub.ok", None),
            (quic(149), web(401, false), Mark::Good, "hub.ok", None),
            (quic(150), web(200, false), Mark::Poor, "hub.slow", line),
            (quic(1), web(503, false), Mark::Poor, "hub.web_down", hq),
            (quic(1), Some(Err(Failure::Refused)), Mark::Poor, "hub.web_down", hq),
            (Refused(HubRefusal::Unknown), none(), Mark::Failed, "hub.unknown_store", hq),
            (Refused(HubRefusal::Revoked), web(200, false), Mark::Failed, "hub.revoked", hq),
            (Refused(HubRefusal::WrongStore), none(), Mark::Failed, "hub.wrong_store", hq),
            (Refused(HubRefusal::EnrolOnly), none(), Mark::Failed, "hub.not_enrolled", hq),
            (Refused(HubRefusal::Replaced), none(), Mark::Failed, "hub.replaced", hq),
            (Refused(HubRefusal::Duplicate), none(), Mark::Failed, "hub.duplicate", store),
            (Refused(HubRefusal::Forked), web(200, false), Mark::Failed, "hub.forked", hq),
            (Refused(HubRefusal::Unfillable), web(200, false), Mark::Failed, "hub.unfillable", hq),
            (Refused(HubRefusal::Protocol), none(), Mark::Failed, "hub.protocol", hq),
            (Refused(HubRefusal::Later), none(), Mark::Poor, "hub.busy", hq),
            (ForeignKey, web(200, false), Mark::Failed, "hub.foreign_key", hq),
            (NoAnswer, web(200, false), Mark::Failed, "hub.sync_blocked", store),
            (NoAnswer, web(200, true), Mark::Failed, "hub.portal", store),
            (NoAnswer, web(500, false), Mark::Failed, "hub.error", hq),
            (NoAnswer, none(), Mark::Failed, "hub.unreachable", line),
            (NoAnswer, Some(Err(Failure::NoAnswer)), Mark::Failed, "hub.unreachable", line),
            (NoAnswer, Some(Err(Failure::Refused)), Mark::Failed, "hub.refused", hq),
            (NoAnswer, Some(Err(Failure::NoRoute)), Mark::Failed, "hub.no_route", store),
            (NoAnswer, Some(Err(Failure::CertificateForeign)), Mark::Failed, "hub.foreign_certificate", store),
        ];
        for (session, web, mark, code, blame) in table {
            let verdict = judge(session, web.as_ref());
            assert_eq!((verdict.mark, verdict.code, verdict.blame), (mark, code, blame), "{session:?} {web:?}");
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good, "{code}");
        }
    }
}
