//! The programs under test as processes. Each is ended by its own id when its handle goes.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;

/// A command that has not ended by then hangs.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// A program asked to stop has ended by then: it drains its answers for 5 s.
const STOP_LIMIT: Duration = Duration::from_secs(12);

/// The path of a program under test; `GUITAI_BIN_DIR` names another folder than `target/release`, such as an earlier build's.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release");
    let path = std::env::var_os("GUITAI_BIN_DIR").map_or(built, PathBuf::from).join(name);
    assert!(path.is_file(), "{} is missing: build the programs with `cargo build --release`", path.display());
    path
}

/// A running program; its output goes to a file.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; its output is appended to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let out = OpenOptions::new().create(true).append(true).open(log)?;
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().context(shown)?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it, as a power cut of its memory would: SIGKILL.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// It goes on.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        let pid = self.child.id();
        signal(pid, "TERM").await?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_LIMIT {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("process {pid} ignores SIGTERM; see {}", self.log.display())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a signal such as `STOP` or `CONT` to a process of ours.
///
/// # Errors
/// It is gone.
pub async fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let words = ["-c", "kill -\"$0\" \"$1\"", name, &pid.to_string()];
    let sent = tokio::process::Command::new("sh").args(words).status().await?;
    anyhow::ensure!(sent.success(), "SIG{name} to {pid}: {sent}");
    Ok(())
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; −1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The first line of its output; for commands that must succeed.
    ///
    /// # Errors
    /// The exit code is not 0.
    pub fn line(self) -> anyhow::Result<String> {
        anyhow::ensure!(self.code == 0, "exit code {}: {}{}", self.code, self.out, self.err);
        Ok(self.out.lines().next().unwrap_or_default().to_owned())
    }
}

/// A command ended with this exit code, said these words on standard error, and did not panic.
///
/// # Errors
/// It did not.
pub fn says(said: &Said, code: i32, words: &[&str]) -> anyhow::Result<()> {
    anyhow::ensure!(said.code == code, "exit code {}, wanted {code}: {}{}", said.code, said.out, said.err);
    for word in words {
        anyhow::ensure!(said.err.contains(word), "does not say {word:?}: {}", said.err);
    }
    anyhow::ensure!(!said.err.contains("panicked"), "{}", said.err);
    Ok(())
}

/// Runs a command to its end with `input` on its standard input.
///
/// # Errors
/// It cannot be started, or it hangs.
pub async fn run(command: Command, input: &str) -> anyhow::Result<Said> {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| shown.clone())?;
    let mut stdin = child.stdin.take().context("a pipe was asked for")?;
    // It may end without reading.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let ended = tokio::time::timeout(COMMAND_LIMIT, child.wait_with_output()).await;
    let output = ended.with_context(|| format!("{shown} hangs"))??;
    Ok(Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
