//! The receipt printer takes a connection, or its folder takes files. Nothing is printed.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::PrinterTarget;
use super::exchange::{self, Endpoint, Failure};
use super::verdict::{Blame, Verdict, Who, Words};
use super::{disk, dns};

/// The longest a printer in the shop may take to connect, its name included.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Below this a printer in the shop is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 200;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrinterObservation {
    /// It took a connection after so many milliseconds.
    Connected(u64),
    /// It did not.
    NotConnected(Failure),
    /// The configured address is not one.
    BadAddress,
    /// The folder takes files.
    Writable,
    /// The folder does not.
    NotWritable(disk::WriteFault),
}

/// No printer here.
pub(super) fn not_configured() -> Verdict {
    Verdict::not_tested(
        "printer.not_configured",
        Words::new("没测：没有设置打印机", "not tested: no printer is configured"),
    )
}

/// Connects, or writes a small file and removes it.
pub(super) async fn observe(printer: &PrinterTarget) -> PrinterObservation {
    match printer {
        PrinterTarget::Tcp(address) => match Endpoint::parse(address) {
            None => PrinterObservation::BadAddress,
            Some(endpoint) => timeout(CONNECT_LIMIT, connect(endpoint))
                .await
                .unwrap_or(PrinterObservation::NotConnected(Failure::NoAnswer)),
        },
        PrinterTarget::Dir(path) => write(path).await,
    }
}

async fn connect(endpoint: Endpoint) -> PrinterObservation {
    let (_, addresses) = dns::observe(std::slice::from_ref(&endpoint)).await;
    match exchange::connect(addresses.of(&endpoint.host), endpoint.port).await {
        Ok((_, took_ms)) => PrinterObservation::Connected(took_ms),
        Err(failure) => PrinterObservation::NotConnected(failure),
    }
}

async fn write(path: &Path) -> PrinterObservation {
    match disk::observe(path).await.written {
        Ok(_) => PrinterObservation::Writable,
        Err(fault) => PrinterObservation::NotWritable(fault),
    }
}

/// Judges the printer.
pub(super) fn judge(seen: PrinterObservation) -> Verdict {
    const STORE: Blame = Blame::Clear(Who::Store);
    let ready = || Words::new("打印机正常", "the printer is ready");
    match seen {
        PrinterObservation::Connected(ms) if ms < GOOD_BELOW_MS => {
            Verdict::good("printer.ok", ready()).value(format!("{ms} ms"))
        }
        PrinterObservation::Connected(ms) => {
            Verdict::poor("printer.slow", Words::new("打印机应答慢", "the printer answers slowly"), STORE)
                .value(format!("{ms} ms"))
                .try_this("打印机改用网线连接", "connect the printer by cable")
        }
        PrinterObservation::Writable => Verdict::good("printer.ok", ready()),
        PrinterObservation::BadAddress => {
            let words = Words::new("设置里的打印机地址不对", "the printer's address in the configuration is not one");
            Verdict::failed("printer.bad_address", words, STORE)
                .try_this("地址应为 主机:端口，端口多为9100", "it is host:port, the port mostly 9100")
        }
        PrinterObservation::NotWritable(_) => {
            let words = Words::new("打印目录不能写入", "the print folder cannot be written");
            Verdict::failed("printer.not_writable", words, STORE)
                .try_this("检查目录是否存在、有没有写权限", "check that the folder exists and may be written")
        }
        PrinterObservation::NotConnected(Failure::Refused) => {
            let words = Words::new(
                "打印机不接受连接：缺纸、开盖或正忙",
                "the printer refuses: out of paper, cover open, or busy",
            );
            Verdict::failed("printer.refused", words, STORE).try_this(PAPER.0, PAPER.1)
        }
        PrinterObservation::NotConnected(
            Failure::NoRoute
            | Failure::NoAnswer
            | Failure::Dropped
            | Failure::NotHttp
            | Failure::CertificateDate
            | Failure::CertificateForeign
            | Failure::NoTrustStore,
        ) => Verdict::failed("printer.offline", Words::new("打印机离线", "the printer is offline"), STORE)
            .try_this(PAPER.0, PAPER.1),
    }
}

const PAPER: (&str, &str) =
    ("检查电源、网线、纸和上盖；小票会在恢复后补打", "check power, cable, paper and cover; waiting slips print later");

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use PrinterObservation::{BadAddress, Connected, NotConnected, NotWritable, Writable};
        let table = [
            (Connected(199), Mark::Good, "printer.ok"),
            (Connected(200), Mark::Poor, "printer.slow"),
            (Writable, Mark::Good, "printer.ok"),
            (BadAddress, Mark::Failed, "printer.bad_address"),
            (NotWritable(disk::WriteFault::Missing), Mark::Failed, "printer.not_writable"),
            (NotConnected(Failure::Refused), Mark::Failed, "printer.refused"),
            (NotConnected(Failure::NoAnswer), Mark::Failed, "printer.offline"),
            (NotConnected(Failure::NoRoute), Mark::Failed, "printer.offline"),
        ];
        for (seen, mark, code) in table {
            let verdict = judge(seen);
            assert_eq!((verdict.mark, verdict.code), (mark, code), "{seen:?}");
            assert_eq!(verdict.remedy.is_some(), mark != Mark::Good);
        }
    }
}
