//! The receipt printer takes a connection and tells how it is, or its folder takes files. Nothing is printed.
//!
//! The questions are `DLE EOT n`, answered at once, also without paper. Many clones answer none and print all the same: silence is worth
//! a word and no failure.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PrinterTarget;
use super::exchange::{self, Endpoint, Failure};
use super::verdict::{Blame, Verdict, Who, Words};
use super::{disk, dns};

/// The longest a printer in the shop may take to connect, its name included.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Below this a printer in the shop is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 200;
/// The longest all its answers may take; they come in some milliseconds, or never.
const STATUS_LIMIT: Duration = Duration::from_millis(1_500);
/// `DLE EOT 2`: why are you offline.
const ASK_OFFLINE: [u8; 3] = [0x10, 4, 2];
/// `DLE EOT 4`: how is the paper.
const ASK_PAPER: [u8; 3] = [0x10, 4, 4];
/// What an answer's fixed bits are, and their values.
const ANSWER_BITS: (u8, u8) = (0x93, 0x12);
/// In the answer to the first question.
const COVER_OPEN: u8 = 0x04;
/// Likewise.
const STOPPED_BY_PAPER: u8 = 0x20;
/// Likewise: cutter, heat, anything else.
const ERROR: u8 = 0x40;
/// In the answer to the second question.
const PAPER_OUT: u8 = 0x60;
/// Likewise.
const PAPER_LOW: u8 = 0x0c;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrinterObservation {
    /// It took a connection.
    Connected {
        /// After so many milliseconds.
        took_ms: u64,
        /// What it told of itself.
        state: PrinterState,
    },
    /// It did not.
    NotConnected(Failure),
    /// The configured address is not one.
    BadAddress,
    /// The folder takes files.
    Writable,
    /// The folder does not.
    NotWritable(disk::WriteFault),
}

/// What a printer tells of itself; of several the one that stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrinterState {
    Ready,
    PaperLow,
    PaperOut,
    CoverOpen,
    Error,
    /// It answers no question.
    Silent,
}

impl PrinterState {
    /// Reads the answers to [`ASK_OFFLINE`] and [`ASK_PAPER`]; none to the first is none to either.
    const fn of(offline: Option<u8>, paper: Option<u8>) -> Self {
        let Some(offline) = offline else { return Self::Silent };
        let paper = match paper {
            Some(paper) => paper,
            None => 0,
        };
        if offline & COVER_OPEN != 0 {
            Self::CoverOpen
        } else if offline & STOPPED_BY_PAPER != 0 || paper & PAPER_OUT != 0 {
            Self::PaperOut
        } else if offline & ERROR != 0 {
            Self::Error
        } else if paper & PAPER_LOW != 0 {
            Self::PaperLow
        } else {
            Self::Ready
        }
    }
}

/// No printer here.
pub(super) fn not_configured() -> Verdict {
    Verdict::not_tested(
        "printer.not_configured",
        Words::new("没测：没有设置打印机", "not tested: no printer is configured"),
    )
}

/// Connects and asks, or writes a small file that is gone afterwards.
pub(super) async fn observe(printer: &PrinterTarget) -> PrinterObservation {
    match printer {
        PrinterTarget::Tcp(address) => match Endpoint::parse(address) {
            None => PrinterObservation::BadAddress,
            Some(endpoint) => match timeout(CONNECT_LIMIT, connect(endpoint)).await.unwrap_or(Err(Failure::NoAnswer)) {
                Ok((mut stream, took_ms)) => PrinterObservation::Connected { took_ms, state: ask(&mut stream).await },
                Err(failure) => PrinterObservation::NotConnected(failure),
            },
        },
        PrinterTarget::Dir(path) => write(path).await,
    }
}

async fn connect(endpoint: Endpoint) -> Result<(TcpStream, u64), Failure> {
    let (_, addresses) = dns::observe(std::slice::from_ref(&endpoint)).await;
    exchange::open(addresses.of(&endpoint.host), endpoint.port).await
}

async fn ask(stream: &mut TcpStream) -> PrinterState {
    let (mut offline, mut paper) = (None, None);
    // What was told before the time was over counts.
    let _ = timeout(STATUS_LIMIT, async {
        offline = answer(stream, ASK_OFFLINE).await;
        if offline.is_some() {
            paper = answer(stream, ASK_PAPER).await;
        }
    })
    .await;
    PrinterState::of(offline, paper)
}

/// The next byte that can be an answer: a printer may tell other things by itself.
async fn answer(stream: &mut TcpStream, question: [u8; 3]) -> Option<u8> {
    stream.write_all(&question).await.ok()?;
    let (mask, value) = ANSWER_BITS;
    loop {
        let byte = stream.read_u8().await.ok()?;
        if byte & mask == value {
            return Some(byte);
        }
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
    match seen {
        PrinterObservation::Connected { took_ms, state } => judge_state(took_ms, state),
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
            | Failure::NoTls
            | Failure::Dropped
            | Failure::NotHttp
            | Failure::CertificateDate
            | Failure::CertificateForeign
            | Failure::NoTrustStore,
        ) => Verdict::failed("printer.offline", Words::new("打印机离线", "the printer is offline"), STORE)
            .try_this(PAPER.0, PAPER.1),
    }
}

const STORE: Blame = Blame::Clear(Who::Store);

fn ready() -> Words {
    Words::new("打印机正常", "the printer is ready")
}

fn judge_state(took_ms: u64, state: PrinterState) -> Verdict {
    let failed = |code, zh: &str, en: &str| Verdict::failed(code, Words::new(zh, en), STORE).try_this(PAPER.0, PAPER.1);
    match state {
        PrinterState::Ready if took_ms < GOOD_BELOW_MS => {
            Verdict::good("printer.ok", ready()).value(format!("{took_ms} ms"))
        }
        PrinterState::Ready => {
            Verdict::poor("printer.slow", Words::new("打印机应答慢", "the printer answers slowly"), STORE)
                .value(format!("{took_ms} ms"))
                .try_this("打印机改用网线连接", "connect the printer by cable")
        }
        PrinterState::PaperLow => {
            Verdict::poor("printer.paper_low", Words::new("打印纸快用完了", "the paper is nearly out"), STORE)
                .try_this("备好一卷新纸", "have a new roll ready")
        }
        PrinterState::PaperOut => failed("printer.paper_out", "打印机缺纸", "the printer is out of paper"),
        PrinterState::CoverOpen => failed("printer.cover_open", "打印机上盖没有关好", "the printer's cover is open"),
        PrinterState::Error => failed("printer.error", "打印机报错", "the printer reports an error"),
        PrinterState::Silent => {
            let words = Words::new(
                "打印机能连上，但不回答状态；它可能照样打印",
                "the printer takes a connection and does not tell how it is; it may print all the same",
            );
            Verdict::poor("printer.silent", words, STORE).value(format!("{took_ms} ms")).try_this(
                "打一张小票试试；打不出来请检查纸和上盖，并关电重开",
                "print a slip; if none comes out, check paper and cover and switch it off and on",
            )
        }
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
        let connected = |took_ms, state| Connected { took_ms, state };
        let table = [
            (connected(199, PrinterState::Ready), Mark::Good, "printer.ok"),
            (connected(200, PrinterState::Ready), Mark::Poor, "printer.slow"),
            (connected(1, PrinterState::PaperLow), Mark::Poor, "printer.paper_low"),
            (connected(1, PrinterState::PaperOut), Mark::Failed, "printer.paper_out"),
            (connected(1, PrinterState::CoverOpen), Mark::Failed, "printer.cover_open"),
            (connected(1, PrinterState::Error), Mark::Failed, "printer.error"),
            (connected(1, PrinterState::Silent), Mark::Poor, "printer.silent"),
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

    #[test]
    fn answers_are_read_bit_by_bit() {
        use PrinterState::{CoverOpen, Error, PaperLow, PaperOut, Ready, Silent};
        let table = [
            (None, None, Silent),
            (Some(0x12), None, Ready),
            (Some(0x12), Some(0x12), Ready),
            (Some(0x16), Some(0x12), CoverOpen),
            (Some(0x36), Some(0x7e), CoverOpen),
            (Some(0x32), Some(0x12), PaperOut),
            (Some(0x12), Some(0x72), PaperOut),
            (Some(0x12), Some(0x7e), PaperOut),
            (Some(0x52), Some(0x12), Error),
            (Some(0x12), Some(0x1e), PaperLow),
        ];
        for (offline, paper, state) in table {
            assert_eq!(PrinterState::of(offline, paper), state, "{offline:?} {paper:?}");
        }
    }

    #[tokio::test]
    async fn a_printer_is_asked_and_one_that_never_answers_is_silent() {
        let emulator = guitai_devices::emulator::Emulator::start("127.0.0.1:0").unwrap();
        let target = PrinterTarget::Tcp(emulator.address().to_string());
        let state = async || match observe(&target).await {
            PrinterObservation::Connected { state, .. } => state,
            other => panic!("{other:?}"),
        };
        let switches = |mute, offline| guitai_devices::emulator::Switches { mute, offline, ..Default::default() };
        assert_eq!(state().await, PrinterState::Ready);
        emulator.set(switches(false, true));
        assert_eq!(state().await, PrinterState::CoverOpen);
        emulator.set(switches(true, false));
        assert_eq!(state().await, PrinterState::Silent);
        assert_eq!(emulator.printed().len(), 0);
    }
}
