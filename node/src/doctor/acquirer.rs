//! The acquirer answers, and how fast.

use super::exchange::{Failure, Response};
use super::verdict::{Blame, Verdict, Who, Words};

/// Below this the acquirer is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 500;
/// From here a customer waits too long, in milliseconds.
const FAILED_FROM_MS: u64 = 2_000;

/// The configured address is not one.
pub(super) fn bad_address() -> Verdict {
    let words = Words::new("设置里的收单机构地址不对", "the acquirer's address in the configuration is not one");
    Verdict::failed("acquirer.bad_address", words, Blame::Clear(Who::Store)).try_this(
        "地址应以 https:// 开头，照收单机构给的资料填写",
        "it begins with https://; copy it from the acquirer's papers",
    )
}

/// Judges one exchange with the acquirer's prefix. Any status below 500 will do: the prefix itself is no operation.
pub(super) fn judge(seen: &Result<Response, Failure>) -> Verdict {
    match seen {
        Ok(answer) if answer.portal => portal("acquirer.portal"),
        Ok(answer) => judge_answer(answer),
        Err(failure) => judge_failure(*failure),
    }
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

fn judge_answer(answer: &Response) -> Verdict {
    let took_ms = answer.answer_ms;
    let whose = Blame::Clear(Who::Acquirer);
    let verdict = match answer.status {
        // A gateway whose service behind it is down.
        502..=504 => {
            let words = Words::new("收单机构的服务不可用", "the acquirer's service is unavailable");
            Verdict::failed("acquirer.unavailable", words, whose)
        }
        500.. => {
            let words = Words::new("收单机构应答异常", "the acquirer answers with an error");
            Verdict::poor("acquirer.error", words, whose)
        }
        _ => return judge_speed(answer.connect_ms, took_ms),
    };
    verdict.value(format!("HTTP {}, {took_ms} ms", answer.status)).try_this(WAIT.0, WAIT.1)
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

    fn answer(status: u16, answer_ms: u64) -> Result<Response, Failure> {
        Ok(Response { status, connect_ms: 1, answer_ms, portal: false, reading: None })
    }

    #[test]
    fn judged() {
        let (clear, line_or) = (Blame::Clear, Blame::LineOr);
        let portal = answer(302, 3).map(|answer| Response { portal: true, ..answer });
        let table = [
            (answer(404, 499), Mark::Good, "acquirer.ok", None),
            (answer(200, 500), Mark::Poor, "acquirer.slow", Some(line_or(Who::Acquirer))),
            (answer(200, 1_999), Mark::Poor, "acquirer.slow", Some(line_or(Who::Acquirer))),
            (answer(200, 2_000), Mark::Failed, "acquirer.too_slow", Some(line_or(Who::Acquirer))),
            (answer(500, 10), Mark::Poor, "acquirer.error", Some(clear(Who::Acquirer))),
            (answer(503, 10), Mark::Failed, "acquirer.unavailable", Some(clear(Who::Acquirer))),
            (portal, Mark::Failed, "acquirer.portal", Some(clear(Who::Store))),
            (Err(Failure::NoRoute), Mark::Failed, "acquirer.no_route", Some(clear(Who::Store))),
            (Err(Failure::NoAnswer), Mark::Failed, "acquirer.unreachable", Some(line_or(Who::Acquirer))),
            (Err(Failure::Refused), Mark::Failed, "acquirer.refused", Some(clear(Who::Acquirer))),
            (Err(Failure::Dropped), Mark::Failed, "acquirer.dropped", Some(line_or(Who::Acquirer))),
            (Err(Failure::NotHttp), Mark::Failed, "acquirer.not_http", Some(clear(Who::Store))),
            (Err(Failure::CertificateDate), Mark::Failed, "acquirer.certificate_date", Some(clear(Who::Store))),
            (Err(Failure::CertificateForeign), Mark::Failed, "acquirer.foreign_certificate", Some(clear(Who::Store))),
            (Err(Failure::NoTrustStore), Mark::Failed, "acquirer.no_trust_store", Some(clear(Who::Store))),
        ];
        for (seen, mark, code, blame) in table {
            let verdict = judge(&seen);
            assert_eq!((verdict.mark, verdict.code, verdict.blame), (mark, code, blame), "{seen:?}");
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good, "{code}");
        }
    }
}
