//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::doctor;

/// Guitai's store node.
#[derive(Debug, Parser)]
#[command(name = "guitai-node", version)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Args)]
pub(super) struct Configured {
    /// The configuration file.
    #[arg(long, default_value = "node.toml", env = "GUITAI_NODE_CONFIG")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Runs the node until Ctrl-C or SIGTERM.
    Run(Configured),
    /// 登记 / enters this node at the hub with a code printed by `guitai-hub enrol`; again, to enter it anew.
    Enrol {
        #[command(flatten)]
        at: Configured,
        /// The hub's address, such as http://hub:8443.
        #[arg(long)]
        hub: String,
        /// The one-time code.
        #[arg(long)]
        code: String,
    },
    /// 总部换了地址 / tells this node where the hub is now, also while it runs.
    Readdress {
        #[command(flatten)]
        at: Configured,
        /// The hub's new address, such as http://hub:8443.
        #[arg(long)]
        hub: String,
    },
    /// One screen: store, facts, open payments, what the hub has.
    Status {
        #[command(flatten)]
        at: Configured,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Finds out why something does not work, and says what to do.
    Doctor {
        #[command(flatten)]
        at: Configured,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
        /// zh or en.
        #[arg(long, default_value = "zh")]
        lang: doctor::Lang,
        /// Only these probes.
        #[arg(long, value_delimiter = ',')]
        only: Vec<doctor::Probe>,
        /// Also what is slow, such as the whole chain: up to 30 s.
        #[arg(long)]
        full: bool,
        /// A text to send on, and its short result as a QR code.
        #[arg(long, conflicts_with = "json")]
        share: bool,
        /// Print the probes there are, and what each looks at.
        #[arg(long)]
        list: bool,
        /// No colours.
        #[arg(long)]
        no_color: bool,
    },
    /// Prints facts as JSON, one a line.
    Journal {
        #[command(flatten)]
        at: Configured,
        /// From this number on, as epoch-number.
        #[arg(long)]
        from: Option<String>,
        /// Instead, the facts of dead branches: what an older copy of this folder wrote before it heard the hub.
        #[arg(long, conflicts_with = "from")]
        branches: bool,
    },
    /// Checks the whole chain and every seal.
    Verify(Configured),
    /// Makes the rows that lists and figures read anew from the facts; the node must be stopped.
    Rebuild(Configured),
    /// Keys for programs.
    ApiKey {
        #[command(subcommand)]
        verb: ApiKeyVerb,
    },
    /// People of this store.
    Account {
        #[command(subcommand)]
        verb: AccountVerb,
    },
    /// About the configuration file.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Writes days of sample trade into a new node's journal, for trying the product; node and sandbox must be stopped.
    Sample {
        #[command(flatten)]
        at: Configured,
        /// The sandbox's data folder; its book learns of the trade.
        #[arg(long)]
        sandbox: PathBuf,
        /// Accounts who collect.
        #[arg(long, value_delimiter = ',')]
        cashiers: Vec<String>,
        #[arg(long, default_value_t = 7)]
        days: u32,
        #[arg(long, default_value_t = 250)]
        payments: u32,
    },
    /// Prints the HTTP API's description.
    Openapi {
        /// Instead, who may ask for what: one line a route with method, path, scopes of keys, roles of people.
        #[arg(long)]
        access: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyVerb {
    /// Makes a key and prints it, once.
    Create {
        #[command(flatten)]
        at: Configured,
        /// The program's name.
        #[arg(long)]
        name: String,
        /// What it may do: charge, post, refund, read, admin.
        #[arg(long)]
        scope: String,
    },
    /// 列出密钥 / lists keys: name, scopes, made at, revoked at.
    List(Configured),
    /// 作废密钥，几秒内生效 / makes a program's keys good no more, within seconds, also while the node runs.
    Revoke {
        #[command(flatten)]
        at: Configured,
        /// The program's name; all keys of it go.
        #[arg(long)]
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountVerb {
    /// Makes or changes an account; the password is asked for, or is the first line of standard input.
    Create {
        #[command(flatten)]
        at: Configured,
        #[arg(long)]
        account: String,
        #[arg(long)]
        name: String,
        /// administrator or cashier.
        #[arg(long)]
        role: String,
    },
    /// 列出账号 / lists accounts: account, name, role, enabled or disabled.
    List(Configured),
    /// 停用账号，立即退出登录 / lets somebody log in no more; whoever is logged in is logged out.
    Disable {
        #[command(flatten)]
        at: Configured,
        #[arg(long)]
        account: String,
    },
    /// 启用账号，密码不变 / lets somebody log in again, by the same password.
    Enable {
        #[command(flatten)]
        at: Configured,
        #[arg(long)]
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Prints a complete one.
    Example,
    /// Says what is wrong with it: keys, values, key files, ports, devices.
    Check(Configured),
}
