//! guitai-sandbox: the acquirers as a program. See the README for what decides an order's life.

mod shell;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use guitai_console::{Unsaid, note};

/// 收单机构沙盒：按真实报文格式演的收单机构。Acquirers played on their real wire formats.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行，直到 Ctrl-C。Runs until Ctrl-C.
    Run(Run),
    /// 输出门店一方的密钥文件和配置。Writes a merchant's key files and prints the section of the node's configuration that goes with them.
    Keys(Keys),
}

/// Where it listens and what it keeps.
#[derive(Debug, clap::Args)]
struct Run {
    /// 收单与控制接口的地址。Address of the acquirers and of the control interface.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    listen: SocketAddr,
    /// 只有控制接口的地址，线路断了也能用。Address of the control interface alone; it stays whatever the line does.
    #[arg(long, value_name = "ADDR2")]
    control: Option<SocketAddr>,
    /// 数据目录：密钥与账本。Directory of keys and book.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// 同时把门店一方的密钥文件写到这个目录。Also writes a merchant's key files into this directory.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// Where the files go, and of which sandbox they are.
#[derive(Debug, clap::Args)]
struct Keys {
    /// 写到这个目录。The directory they are written to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// 沙盒的地址。The address the sandbox listens at.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    listen: SocketAddr,
    /// 沙盒的数据目录；还没有密钥时先生成。The sandbox's directory; keys are made if it has none.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
}

/// As the node's example configuration has it.
const LISTEN: &str = "127.0.0.1:8090";

const DATA: &str = "sandbox-data";

const PROGRAM: &str = "guitai-sandbox";

fn main() -> ExitCode {
    let done = match guitai_console::arguments::<Arguments>(PROGRAM).map(|arguments| arguments.command) {
        Ok(Command::Run(run)) => serve(&run),
        Ok(Command::Keys(keys)) => shell::write_keys(&keys.data, &keys.out, keys.listen),
        Err(code) => return code,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Unsaid>() {
            Some(unsaid) => unsaid.exit(PROGRAM),
            None => {
                note(PROGRAM, &format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
    }
}

fn serve(run: &Run) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(shell::run((run.listen, run.control), &run.data, run.keys.as_deref()));
    // Connections that hang on purpose must not keep the program alive.
    runtime.shutdown_background();
    ended
}
