//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// 柜台总部服务。The merchant's hub: it gathers its stores' journals and shows headquarters what happens.
#[derive(Debug, Parser)]
#[command(name = "guitai-hub", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 运行 / run until SIGINT or SIGTERM
    Run(ConfigFile),
    /// 查看或设置商户名称 / show or set the merchant's name
    Merchant {
        #[command(flatten)]
        config: ConfigFile,
        /// 新名称 / the new name
        #[arg(long)]
        name: Option<String>,
    },
    /// 门店 / stores
    #[command(subcommand)]
    Store(StoreCommand),
    /// 门店节点 / the stores' nodes
    #[command(subcommand)]
    Node(NodeCommand),
    /// 查看或设置节点连接总部的新地址 / show or set where nodes reach this hub from now on, before it moves
    Address {
        #[command(flatten)]
        config: ConfigFile,
        /// 新地址 主机:端口 / the new address, host:port
        #[arg(long, value_name = "HOST:PORT", conflicts_with = "clear")]
        host: Option<String>,
        /// 取消，节点仍用登记时的地址 / take it back: nodes use the address they were enrolled with
        #[arg(long)]
        clear: bool,
    },
    /// 输出一个一次性登记码；用后该店现有节点即停用 / print one enrolment code, good once; its use disables the store's present node
    Enrol {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
        /// 门店名称；没有这个门店时先添加 / its name: a store that is not there yet is added first
        #[arg(long)]
        name: Option<String>,
    },
    /// 核对各门店账本副本的哈希链与签名 / check every store's chain and seals; exit 3 if one is broken
    Verify(ConfigFile),
    /// 由账本重建查询数据 / make the rows that lists and figures read anew from the journals
    Rebuild(ConfigFile),
    /// 程序密钥 / keys for programs
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// 总部账号 / accounts of headquarters
    #[command(subcommand)]
    Account(AccountCommand),
    /// 配置 / the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// 输出 OpenAPI 文档 / print the OpenAPI document
    Openapi {
        /// 改为输出权限表，每行一个接口 / instead, who may ask for what: method, path, scopes of keys, roles of people
        #[arg(long)]
        access: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// 配置文件 / the configuration file
    #[arg(long = "config", value_name = "FILE", default_value = "hub.toml", env = "GUITAI_HUB_CONFIG")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// 新增门店 / add a store
    Add {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号，如 S001 / its id: letters, digits, - and _
        #[arg(long)]
        store: String,
        /// 名称 / its name for people
        #[arg(long)]
        name: String,
    },
    /// 列出门店 / list stores: id, issuer number, name, last fact, node key, open or closed
    List(ConfigFile),
    /// 改名 / give a store another name
    Rename {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
        /// 新名称 / its new name for people
        #[arg(long)]
        name: String,
    },
    /// 关店：不再登记节点，现有节点停用 / close a store: no node enters any more, its present node is disabled
    Close {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
    },
    /// 重新开店：之后用登记码让节点回来 / open a closed store again: its node comes back with a code
    Reopen {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// 列出节点 / list nodes: store, key, issuer number, let in at, state, since, last fact
    List {
        #[command(flatten)]
        config: ConfigFile,
        /// 只列这个门店 / only this store's
        #[arg(long)]
        store: Option<String>,
    },
    /// 停用门店的节点，几秒内生效 / disable a store's node; takes effect within seconds
    Revoke {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
        /// 仅当节点密钥以此开头 / only if its key begins like this
        #[arg(long)]
        key: Option<String>,
    },
    /// 换机：同 enrol，输出登记码 / another box for a store: the same as `enrol`
    Replace {
        #[command(flatten)]
        config: ConfigFile,
        /// 门店编号 / the store's id
        #[arg(long)]
        store: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiKeyCommand {
    /// 新建密钥，只显示一次 / make a key; it is shown once
    Create {
        #[command(flatten)]
        config: ConfigFile,
        /// 使用者 / whose it is
        #[arg(long)]
        name: String,
        /// 权限，可用逗号分隔 / what it may do, separated by commas: `read`, `admin`
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<HubScope>,
    },
    /// 列出密钥 / list keys: name, scopes, made at, revoked at
    List(ConfigFile),
    /// 作废密钥，几秒内生效 / make a key good no more, within seconds, also while the hub runs
    Revoke {
        #[command(flatten)]
        config: ConfigFile,
        /// 使用者 / whose it is
        #[arg(long)]
        name: String,
    },
}

/// What a program may do at the hub.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum HubScope {
    /// Read everything.
    Read,
    /// Write announcements.
    Admin,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// 新建或重设账号；密码当场输入，或为标准输入第一行 / make or reset an account; the password is asked for, or is the first line of standard input
    Create {
        #[command(flatten)]
        config: ConfigFile,
        /// 账号 / the account
        #[arg(long)]
        account: String,
        /// 姓名 / the person's name
        #[arg(long)]
        name: String,
        /// 角色 / the role
        #[arg(long)]
        role: HubRole,
    },
    /// 列出账号 / list accounts: account, name, role, enabled or disabled
    List(ConfigFile),
    /// 停用账号，几秒内退出登录 / let somebody log in no more; whoever is logged in is logged out within seconds
    Disable {
        #[command(flatten)]
        config: ConfigFile,
        /// 账号 / the account
        #[arg(long)]
        account: String,
    },
    /// 启用账号，密码不变 / let somebody log in again, by the same password
    Enable {
        #[command(flatten)]
        config: ConfigFile,
        /// 账号 / the account
        #[arg(long)]
        account: String,
    },
}

/// Roles of people at the hub.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum HubRole {
    /// Sees all stores and writes announcements.
    Headquarters,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// 输出完整的带注释配置 / print a complete commented configuration
    Example,
    /// 检查配置，逐条说明问题；有问题时退出码 2 / check a configuration and say everything that is wrong with it; exit 2 if something is
    Check(ConfigFile),
}
