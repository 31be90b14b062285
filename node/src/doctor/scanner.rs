//! The scan box's serial port.

use std::path::Path;
use std::time::Duration;

use super::age::age;
use super::verdict::{Blame, Verdict, Who, Words};

/// The longest opening a port may take.
pub(super) const SCANNER_LIMIT: Duration = Duration::from_secs(3);

/// What was seen at the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScannerObservation {
    /// It opens.
    Opened,
    /// This store's running node holds it, and codes arrive.
    HeldByNode {
        /// Since the last code, in milliseconds; `None` if there was none since the node started, or nobody knows.
        last_code_ms: Option<u64>,
    },
    /// The system has no such port.
    Missing,
    /// Another program holds it.
    Busy,
    /// This user may not open it.
    NotAllowed,
    /// It is there but does not open.
    Broken,
}

/// The device file is missing, which no shell has to be asked about. Names that are no paths (`COM3`) are left to the shell.
pub(super) fn is_missing(port: &str) -> bool {
    port.starts_with('/') && !Path::new(port).exists()
}

/// No box here.
pub(super) fn not_configured() -> Verdict {
    Verdict::not_tested(
        "scanner.not_configured",
        Words::new("没测：没有设置盒子", "not tested: no scan box is configured"),
    )
}

/// Judges the port.
pub(super) fn judge(seen: ScannerObservation) -> Verdict {
    let failed = |code, zh: &str, en: &str| Verdict::failed(code, Words::new(zh, en), Blame::Clear(Who::Store));
    match seen {
        ScannerObservation::Opened => {
            Verdict::good("scanner.ok", Words::new("盒子的端口可以打开", "the scan box's port opens"))
        }
        ScannerObservation::HeldByNode { last_code_ms: Some(ms) } => {
            Verdict::good("scanner.reading", Words::new("盒子正常", "the scan box delivers codes")).value(age(ms))
        }
        ScannerObservation::HeldByNode { last_code_ms: None } => {
            let words = Words::new("节点正在使用盒子，还没有收到数据", "the node holds the scan box, no code yet");
            Verdict::good("scanner.held", words)
        }
        ScannerObservation::Missing => failed("scanner.missing", "找不到盒子", "the scan box is not there").try_this(
            "检查盒子的电源和USB线，换一个USB口；盒子要设成串口模式",
            "check power and USB cable, try another socket; the box must be in serial mode",
        ),
        ScannerObservation::Busy => failed("scanner.busy", "盒子被别的程序占用", "another program holds the scan box")
            .try_this("关闭其他收银软件或串口工具", "close other till software or serial tools"),
        ScannerObservation::NotAllowed => {
            failed("scanner.not_allowed", "没有权限打开盒子", "this user may not open the scan box").try_this(
                "把运行节点的账户加入串口组（Debian：dialout）",
                "add the node's user to the serial group (Debian: dialout)",
            )
        }
        ScannerObservation::Broken => failed("scanner.broken", "盒子打不开", "the scan box does not open")
            .try_this("拔下再插上；参数应为 9600 8N1", "unplug it and plug it in again; parameters are 9600 8N1"),
    }
}

/// No end within [`SCANNER_LIMIT`].
pub(super) fn hangs() -> Verdict {
    judge(ScannerObservation::Broken)
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Mark;
    use super::*;

    #[test]
    fn judged() {
        use ScannerObservation::{Broken, Busy, HeldByNode, Missing, NotAllowed, Opened};
        let table = [
            (Opened, Mark::Good, "scanner.ok", ""),
            (HeldByNode { last_code_ms: Some(119_999) }, Mark::Good, "scanner.reading", "119 s"),
            (HeldByNode { last_code_ms: Some(120_000) }, Mark::Good, "scanner.reading", "2 min"),
            (HeldByNode { last_code_ms: Some(7_200_000) }, Mark::Good, "scanner.reading", "2 h"),
            (HeldByNode { last_code_ms: None }, Mark::Good, "scanner.held", ""),
            (Missing, Mark::Failed, "scanner.missing", ""),
            (Busy, Mark::Failed, "scanner.busy", ""),
            (NotAllowed, Mark::Failed, "scanner.not_allowed", ""),
            (Broken, Mark::Failed, "scanner.broken", ""),
        ];
        for (seen, mark, code, value) in table {
            let verdict = judge(seen);
            assert_eq!((verdict.mark, verdict.code, verdict.value.as_str()), (mark, code, value));
            assert_eq!(verdict.remedy.is_some(), mark == Mark::Failed);
        }
    }

    #[test]
    fn only_paths_are_looked_for() {
        assert!(is_missing("/dev/no-such-port"));
        assert!(!is_missing("/dev/null"));
        assert!(!is_missing("COM3"));
    }
}
