//! guitai-sandbox: the acquirers as a program. See the README for what decides an order's life.

mod shell;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

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
}

/// Where it listens and what it keeps.
#[derive(Debug, clap::Args)]
struct Run {
    /// 收单与控制接口的地址。Address of the acquirers and of the control interface.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// 只有控制接口的地址，线路断了也能用。Address of the control interface alone; it stays whatever the line does.
    #[arg(long, value_name = "ADDR2")]
    control: Option<SocketAddr>,
    /// 数据目录：密钥与账本。Directory of keys and book.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

fn main() -> ExitCode {
    let Command::Run(run) = Arguments::parse().command;
    match serve(&run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guitai-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(run: &Run) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(shell::run(run.listen, run.control, &run.data));
    // Connections that hang on purpose must not keep the program alive.
    runtime.shutdown_background();
    ended
}
