//! The acquirer answers a signed question, and how fast. The question is about an order that cannot exist: "no such order" is the right
//! answer, and says that line, merchant and keys are right. A plain request beside it tells what is wrong with the line if it is not.

use super::exchange::{Failure, Response};
use super::verdict::{Blame, Verdict, Who, Words};

/// Below this the acquirer is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 500;
/// From here a customer waits too long, in milliseconds.
const FAILED_FROM_MS: u64 = 2_000;

/// What became of the signed question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryObservation {
    /// There is nothing to sign with: a key file is missing, or is no key.
    NoKeys {
        /// Which, and how.
        why: String,
    },
    /// The node would not send anything to this address.
    BadAddress,
    /// No byte of it left.
    NotSent,
    /// It left, and nothing came back in its time.
    Mute,
    /// It left, and the connection ended before a whole answer.
    Cut,
    /// It was answered.
    Answered {
        /// After so many milliseconds.
        took_ms: u64,
        /// What the answer says about the merchant.
        set_up: SetUpObservation,
    },
}

/// What an answer says about the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetUpObservation {
    /// Known, and both signatures are right.
    Right,
    /// The acquirer refuses the merchant's number, the application's, or the key.
    Refused {
        /// In its own words.
        said: String,
    },
    /// The answer is not signed by the configured key, or is another merchant's.
    Unproven,
    /// An HTTP error.
    Http {
        /// Its status.
        status: u16,
    },
    /// Nothing that an acquirer says.
    Unclear,
}

/// The configured address is not one.
pub(super) fn bad_address() -> Verdict {
    let words = Words::new("设置里的收单机构地址不对", "the acquirer's address in the configuration is not one");
    Verdict::failed("acquirer.bad_address", words, Blame::Clear(Who::Store)).try_this(
        "地址应以 https:// 开头，照收单机构给的资料填写",
        "it begins with https://; copy it from the acquirer's papers",
    )
}

/// Judges the signed question; the plain request tells why it was not answered.
pub(super) fn judge(plain: &Result<Response, Failure>, query: &QueryObservation) -> Verdict {
    if plain.as_ref().is_ok_and(|answer| answer.portal) {
        return portal("acquirer.portal");
    }
    let connect_ms = plain.as_ref().map_or(0, |answer| answer.connect_ms);
    match (query, plain) {
        (QueryObservation::NoKeys { why }, _) => no_keys(why),
        (QueryObservation::BadAddress, _) => bad_address(),
        (QueryObservation::Answered { took_ms, set_up }, _) => judge_answer(connect_ms, *took_ms, set_up),
        (QueryObservation::Mute, _) => mute(),
        (QueryObservation::Cut, _) => judge_failure(Failure::Dropped),
        (QueryObservation::NotSent, Err(failure)) => judge_failure(*failure),
        // The one got through and the other did not: a line that comes and goes.
        (QueryObservation::NotSent, Ok(_)) => judge_failure(Failure::NoAnswer),
    }
}

fn no_keys(why: &str) -> Verdict {
    let words = Words::new("收单机构的密钥文件不能用", "the acquirer's key files cannot be used");
    Verdict::failed("acquirer.no_keys", words, Blame::Clear(Who::Store)).value(why).try_this(
        "把收单机构给的密钥文件放到设置里写的位置，再执行 guitai-node config check",
        "put the acquirer's key files where the configuration names them, then run guitai-node config check",
    )
}

/// The network wants a log-in on a web page first.
pub(super) fn portal(code: &'static str) -> Verdict {
    let words = Words::new("网络要求先登录认证", "the network wants a log-in on a web page first");
    Verdict::failed(code, words, Blame::Clear(Who::Store)).try_this(
        "打开浏览器完成登录，或请商场的网络管理人员放行本机",
        "open a browser and log in, or ask the building's network staff to let this machine through",
    )
}

/// Somebody in between opens the connection.
pub(super) fn middlebox(code: &'static str) -> Verdict {
    let words = Words::new("有设备或软件在中间替换证书", "something in between replaces the certificate");
    Verdict::failed(code, words, Blame::Clear(Who::Store)).try_this(
        "关闭安全软件的“HTTPS扫描”；仍不行请联系路由器或防火墙的管理人员",
        "switch off \"HTTPS scanning\" in the security software; else ask whoever runs the router or firewall",
    )
}

fn judge_answer(connect_ms: u64, took_ms: u64, set_up: &SetUpObservation) -> Verdict {
    let whose = Blame::Clear(Who::Acquirer);
    match set_up {
        SetUpObservation::Right => judge_speed(connect_ms, took_ms),
        SetUpObservation::Refused { said } => {
            let words = Words::new(
                "收单机构不认设置里的商户号、应用号或密钥",
                "the acquirer refuses the configured merchant, application or key",
            );
            Verdict::failed("acquirer.not_accepted", words, Blame::Clear(Who::Store)).value(said).try_this(
                "照收单机构给的资料核对 [acquirer] 里的 cusid、appid、orgid、sign 和密钥文件，改好后重启节点；资料没错请联系收单机构",
                "check cusid, appid, orgid, sign and the key files of [acquirer] against the acquirer's papers and restart the node; if \
                 they are right, call the acquirer",
            )
        }
        SetUpObservation::Unproven => {
            let words = Words::new(
                "收单机构的应答验签不通过：平台公钥不对，或不是它在应答",
                "the acquirer's answer is not signed by the configured key: a wrong key, or somebody else answers",
            );
            Verdict::failed("acquirer.unproven", words, Blame::Clear(Who::Store)).try_this(
                "核对设置里的平台公钥文件（MD5 方式核对密钥）和收单机构地址",
                "check the file with the platform's public key (with md5: the key) and the acquirer's address",
            )
        }
        // A gateway whose service behind it is down.
        SetUpObservation::Http { status: status @ 502..=504 } => {
            let words = Words::new("收单机构的服务不可用", "the acquirer's service is unavailable");
            Verdict::failed("acquirer.unavailable", words, whose)
                .value(format!("HTTP {status}, {took_ms} ms"))
                .try_this(WAIT.0, WAIT.1)
        }
        SetUpObservation::Http { status: status @ 500.. } => {
            let words = Words::new("收单机构应答异常", "the acquirer answers with an error");
            Verdict::failed("acquirer.error", words, whose)
                .value(format!("HTTP {status}, {took_ms} ms"))
                .try_this(WAIT.0, WAIT.1)
        }
        SetUpObservation::Http { status } => {
            let words = Words::new("这个地址上没有收单接口", "there is no acquirer's interface at this address");
            Verdict::failed("acquirer.wrong_path", words, Blame::Clear(Who::Store))
                .value(format!("HTTP {status}"))
                .try_this(
                    "核对设置里 [acquirer] 的 base，照收单机构给的资料填写",
                    "check base in [acquirer] against the acquirer's papers",
                )
        }
        SetUpObservation::Unclear => {
            let words = Words::new("收单机构的应答看不懂", "the acquirer answers something that is not understood");
            Verdict::failed("acquirer.odd_answer", words, whose).value(format!("{took_ms} ms")).try_this(WAIT.0, WAIT.1)
        }
    }
}

fn mute() -> Verdict {
    let words = Words::new(
        "收单机构收到请求不应答，扫码收款会超时",
        "the acquirer takes requests and does not answer: payments will time out",
    );
    Verdict::failed("acquirer.mute", words, Blame::Clear(Who::Acquirer)).try_this(WAIT.0, WAIT.1)
}

fn judge_speed(connect_ms: u64, took_ms: u64) -> Verdict {
    let whose = Blame::LineOr(Who::Acquirer);
    let verdict = if took_ms < GOOD_BELOW_MS {
        Verdict::good("acquirer.ok", Words::new("收单机构可达", "the acquirer answers"))
    } else if took_ms < FAILED_FROM_MS {
        let words = Words::new("收单机构应答慢", "the acquirer answers slowly");
        Verdict::poor("acquirer.slow", words, whose).try_this(
            "看店内是否有摄像头或下载占满线路；没有则等待或联系收单机构",
            "see whether a camera or a download fills the line; if not, wait or call the acquirer",
        )
    } else {
        let words =
            Words::new("收单机构应答太慢，扫码收款会超时", "the acquirer answers too slowly: payments will time out");
        Verdict::failed("acquirer.too_slow", words, whose).try_this(WAIT.0, WAIT.1)
    };
    verdict.value(format!("{took_ms} ms, TCP {connect_ms} ms"))
}

const WAIT: (&str, &str) = (
    "现金等方式照常，扫码收款请稍候；持续不好请联系收单机构",
    "take cash and other means as usual, hold code payments back; if it lasts, call the acquirer",
);

fn judge_failure(failure: Failure) -> Verdict {
    let failed = |code, zh: &str, en: &str, blame| Verdict::failed(code, Words::new(zh, en), blame);
    match failure {
        Failure::NoRoute => failed(
            "acquirer.no_route",
            "电脑没有接入网络",
            "this machine is not on any network",
            Blame::Clear(Who::Store),
        )
        .try_this("检查网线或无线，重启路由器", "check the cable or Wi-Fi and restart the router"),
        Failure::NoAnswer => failed(
            "acquirer.unreachable",
            "收单机构不可达",
            "the acquirer cannot be reached",
            Blame::LineOr(Who::Acquirer),
        )
        .try_this(
            "用手机热点对比：热点能通是宽带问题，不通是收单机构问题",
            "compare with a phone hotspot: if that works it is the line, if not the acquirer",
        ),
        Failure::Refused => failed(
            "acquirer.refused",
            "收单机构拒绝连接",
            "the acquirer refuses the connection",
            Blame::Clear(Who::Acquirer),
        )
        .try_this(WAIT.0, WAIT.1),
        Failure::Dropped => failed(
            "acquirer.dropped",
            "收单机构中途断开连接",
            "the acquirer drops the connection",
            Blame::LineOr(Who::Acquirer),
        )
        .try_this(WAIT.0, WAIT.1),
        Failure::NoTls => failed(
            "acquirer.no_tls",
            "对方接了连接，但不作加密应答：多半是地址里的 https 或端口写错",
            "something takes the connection and answers no encryption: most likely https or the port is wrong in the address",
            Blame::Clear(Who::Store),
        )
        .try_this(
            "核对设置里 [acquirer] 的 base：http 还是 https、端口；没错请联系收单机构",
            "check base in [acquirer]: http or https, and the port; if it is right, call the acquirer",
        ),
        Failure::NotHttp => failed(
            "acquirer.not_http",
            "对方不是收单机构的服务",
            "whatever answers is not the acquirer's service",
            Blame::Clear(Who::Store),
        )
        .try_this("核对设置里的地址和端口", "check address and port in the configuration"),
        Failure::CertificateDate => failed(
            "acquirer.certificate_date",
            "证书不在有效期：多半是电脑日期不对",
            "the certificate is out of date: most likely this machine's date is wrong",
            Blame::Clear(Who::Store),
        )
        .try_this(
            "先看电脑日期并打开自动校时；日期没错则联系收单机构",
            "check this machine's date and switch automatic time on; if the date is right, call the acquirer",
        ),
        Failure::CertificateForeign => middlebox("acquirer.foreign_certificate"),
        Failure::NoTrustStore => failed(
            "acquirer.no_trust_store",
            "电脑缺少系统根证书",
            "this machine has no list of trusted certificate authorities",
            Blame::Clear(Who::Store),
        )
        .try_this(
            "安装系统证书包（Debian：ca-certificates）",
            "install the system's certificates (Debian: ca-certificates)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    fn plain(status: u16) -> Result<Response, Failure> {
        Ok(Response { status, connect_ms: 1, answer_ms: 3, portal: false, reading: None })
    }

    #[test]
    fn judged() {
        use QueryObservation::{Answered, BadAddress, Cut, Mute, NotSent};
        let (clear, line_or) = (Blame::Clear, Blame::LineOr);
        let portal = plain(302).map(|answer| Response { portal: true, ..answer });
        let right = |took_ms| Answered { took_ms, set_up: SetUpObservation::Right };
        let said = |set_up| Answered { took_ms: 5, set_up };
        let http = |status| said(SetUpObservation::Http { status });
        let refused = said(SetUpObservation::Refused { said: "SIGNAUTHERR".into() });
        let (store, acquirer) = (Some(clear(Who::Store)), Some(clear(Who::Acquirer)));
        let line = Some(line_or(Who::Acquirer));
        let table = [
            (plain(404), right(499), Mark::Good, "acquirer.ok", None),
            (Err(Failure::NoAnswer), right(499), Mark::Good, "acquirer.ok", None),
            (plain(200), right(500), Mark::Poor, "acquirer.slow", line),
            (plain(200), right(1_999), Mark::Poor, "acquirer.slow", line),
            (plain(200), right(2_000), Mark::Failed, "acquirer.too_slow", line),
            (plain(404), refused, Mark::Failed, "acquirer.not_accepted", store),
            (plain(404), said(SetUpObservation::Unproven), Mark::Failed, "acquirer.unproven", store),
            (plain(404), said(SetUpObservation::Unclear), Mark::Failed, "acquirer.odd_answer", acquirer),
            (plain(404), http(404), Mark::Failed, "acquirer.wrong_path", store),
            (plain(500), http(500), Mark::Failed, "acquirer.error", acquirer),
            (plain(503), http(503), Mark::Failed, "acquirer.unavailable", acquirer),
            (plain(404), Mute, Mark::Failed, "acquirer.mute", acquirer),
            (Err(Failure::NoAnswer), Mute, Mark::Failed, "acquirer.mute", acquirer),
            (plain(404), Cut, Mark::Failed, "acquirer.dropped", line),
            (plain(404), NotSent, Mark::Failed, "acquirer.unreachable", line),
            (plain(404), BadAddress, Mark::Failed, "acquirer.bad_address", store),
            (portal, Mute, Mark::Failed, "acquirer.portal", store),
            (Err(Failure::NoRoute), NotSent, Mark::Failed, "acquirer.no_route", store),
            (Err(Failure::NoAnswer), NotSent, Mark::Failed, "acquirer.unreachable", line),
            (Err(Failure::Refused), NotSent, Mark::Failed, "acquirer.refused", acquirer),
            (Err(Failure::Dropped), NotSent, Mark::Failed, "acquirer.dropped", line),
            (Err(Failure::NotHttp), NotSent, Mark::Failed, "acquirer.not_http", store),
            (Err(Failure::NoTls), NotSent, Mark::Failed, "acquirer.no_tls", store),
            (Err(Failure::CertificateDate), NotSent, Mark::Failed, "acquirer.certificate_date", store),
            (Err(Failure::CertificateForeign), NotSent, Mark::Failed, "acquirer.foreign_certificate", store),
            (Err(Failure::NoTrustStore), NotSent, Mark::Failed, "acquirer.no_trust_store", store),
        ];
        for (plain, query, mark, code, blame) in table {
            let verdict = judge(&plain, &query);
            assert_eq!((verdict.mark, verdict.code, verdict.blame), (mark, code, blame), "{plain:?} {query:?}");
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good, "{code}");
        }
    }
}
