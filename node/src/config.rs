//! The node's one configuration file. Unknown keys are refused with their line and what is allowed; secrets are file names,
//! never values. [`EXAMPLE`] is a complete file and is parsed by a test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use guitai_console::text;
use guitai_core::{
    acquirer::{Acquirer, Kind, Terminal},
    ids::TillId,
    limits, normal,
    time::BusinessClock,
};
use guitai_http::{
    log::LogSection,
    place::Proxies,
    serve::{Front, Tls},
};
use guitai_store::private;
use serde::Deserialize;

use acquirer::AcquirerSection;
pub(crate) use check::check;
pub(crate) use printer::PrinterSection;

mod acquirer;
mod check;
#[cfg(test)]
mod fuzz;
mod printer;

/// A complete configuration.
pub(crate) const EXAMPLE: &str = include_str!("config.example.toml");

/// Why a configuration cannot be used.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    node: NodeSection,
    store: StoreSection,
    acquirer: AcquirerSection,
    #[serde(default)]
    till: Vec<TillSection>,
    #[serde(default)]
    bill_source: Vec<BillSourceSection>,
    #[serde(default)]
    web: WebSection,
    #[serde(default)]
    devices: DevicesSection,
    #[serde(default)]
    log: LogSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeSection {
    data: PathBuf,
    listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreSection {
    title: Option<String>,
    #[serde(default = "shanghai")]
    timezone: String,
    #[serde(default)]
    cutoff: Option<String>,
    longitude: String,
    latitude: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TillSection {
    id: String,
    name: Option<String>,
    termno: Option<String>,
}

/// A system of the shop that numbers bills.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BillSourceSection {
    name: String,
    daily: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebSection {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    trusted_proxies: Vec<IpAddr>,
    certificate: Option<PathBuf>,
    private_key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevicesSection {
    #[serde(default)]
    scanner: Vec<ScannerSection>,
    printer: Option<PrinterSection>,
}

/// A scan box on a serial port, feeding one till.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScannerSection {
    pub(crate) port: String,
    pub(crate) till: String,
    #[serde(default = "default_baud")]
    pub(crate) baud: u32,
}

fn shanghai() -> String {
    "Asia/Shanghai".into()
}

const fn default_baud() -> u32 {
    9600
}

/// The configuration, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) hosts: Vec<String>,
    pub(crate) front: Front,
    pub(crate) title: Option<String>,
    pub(crate) clock: BusinessClock,
    pub(crate) acquirer_base: String,
    acquirer: AcquirerSection,
    /// Where the file lies; paths in it start there.
    folder: PathBuf,
    pub(crate) tills: BTreeMap<TillId, Till>,
    /// Sources of bills whose numbers start anew each day.
    pub(crate) daily_bills: BTreeSet<String>,
    pub(crate) scanners: Vec<ScannerSection>,
    pub(crate) printer: Option<PrinterSection>,
    pub(crate) log: LogSection,
}

/// One counter of the store.
#[derive(Clone, Debug)]
pub(crate) struct Till {
    pub(crate) name: String,
    /// Absent while the till is not registered at the acquirer: it may then not charge.
    pub(crate) terminal: Option<Terminal>,
}

impl Config {
    /// Reads and checks the file; paths in it are relative to its folder. The acquirer's keys are read by [`Config::acquirer`].
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = File::read(path)?;
        let named = |error| ConfigError(format!("{}: {error}", path.display()));
        let config = Self::check(file, path.parent().unwrap_or(Path::new("."))).map_err(named)?;
        foreign(&config.data).map_or(Ok(config), |error| Err(named(error)))
    }

    /// The acquirer with its keys, for what talks to it.
    pub(crate) fn acquirer(&self) -> Result<Acquirer, ConfigError> {
        self.acquirer.read(&self.folder)
    }

    /// Which acquirer it is.
    pub(crate) const fn acquirer_kind(&self) -> Kind {
        self.acquirer.kind
    }

    fn check(file: File, folder: &Path) -> Result<Self, ConfigError> {
        let tills = tills(&file.till, file.store.place())?;
        scanners(&file.devices.scanner, &tills)?;
        Ok(Self {
            data: folder.join(&file.node.data),
            listen: file.node.listen,
            front: front(file.node.listen, &file.web, folder)?,
            hosts: file.web.hosts,
            title: file.store.title.clone(),
            clock: business_clock(&file.store)?,
            acquirer_base: file.acquirer.base.trim_end_matches('/').to_owned(),
            acquirer: file.acquirer,
            folder: folder.to_owned(),
            tills,
            daily_bills: daily_bills(&file.bill_source)?,
            scanners: file.devices.scanner,
            printer: file.devices.printer.map(|printer| printer.within(folder)),
            log: LogSection { file: file.log.file.map(|file| folder.join(file)), ..file.log },
        })
    }
}

impl File {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display();
        let text = text::read(path).map_err(|error| match error {
            text::ReadError::Io(_, error) => {
                ConfigError(format!("{shown}: cannot be read: {error}. Write one from `guitai-node config example`"))
            }
            text::ReadError::NotText(_, why) => ConfigError(format!("{shown}: {why}")),
        })?;
        toml::from_str(&text).map_err(|error| ConfigError(format!("{shown}: {error}")))
    }
}

impl StoreSection {
    fn place(&self) -> (&str, &str) {
        (&self.longitude, &self.latitude)
    }
}

/// Files that only a hub keeps.
const HUBS_FILE: &str = "hub.db";

/// Why a node may not use this folder: it is a hub's.
fn foreign(data: &Path) -> Option<ConfigError> {
    data.join(HUBS_FILE).exists().then(|| {
        ConfigError(format!(
            "[node] data: {} 是总部程序的数据目录，请给节点另设一个，如 data = \"node-data\" / is a hub's data folder: give the node \
             one of its own, such as data = \"node-data\"",
            data.display()
        ))
    })
}

fn scanners(sections: &[ScannerSection], tills: &BTreeMap<TillId, Till>) -> Result<(), ConfigError> {
    for till in sections.iter().map(|scanner| &scanner.till) {
        if !tills.keys().any(|known| known.as_str() == till) {
            return Err(ConfigError(format!("[[devices.scanner]] till = \"{till}\": no [[till]] has this id")));
        }
    }
    Ok(())
}

fn front(listen: SocketAddr, web: &WebSection, folder: &Path) -> Result<Front, ConfigError> {
    let tls = match (&web.certificate, &web.private_key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let certificate = std::fs::read(folder.join(certificate))
                .map_err(|error| ConfigError(format!("[web] certificate: {}: {error}", certificate.display())))?;
            let key =
                private::read(&folder.join(key)).map_err(|error| ConfigError(format!("[web] private_key: {error}")))?;
            Some(Tls::new(&certificate, &key).map_err(|error| ConfigError(format!("[web] {error}")))?)
        }
        (Some(_), None) => return Err(ConfigError("[web] private_key is missing: certificate needs it".into())),
        (None, Some(_)) => return Err(ConfigError("[web] certificate is missing: private_key needs it".into())),
    };
    Front::new(listen, Proxies::new(&web.trusted_proxies), tls).map_err(|error| ConfigError(format!("[node] {error}")))
}

fn business_clock(store: &StoreSection) -> Result<BusinessClock, ConfigError> {
    let zone = jiff::tz::TimeZone::get(&store.timezone)
        .map_err(|error| ConfigError(format!("[store] timezone: {error}; write a name such as Asia/Shanghai")))?;
    let minutes = match &store.cutoff {
        None => 0,
        Some(text) => cutoff_minutes(text)
            .ok_or_else(|| ConfigError(format!("[store] cutoff = \"{text}\": write hh:mm from 00:00 to 06:00")))?,
    };
    BusinessClock::new(zone, minutes)
        .ok_or_else(|| ConfigError("[store] cutoff: write hh:mm from 00:00 to 06:00".into()))
}

fn cutoff_minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours <= 6).then_some(hours * 60 + minutes)
}

fn tills(sections: &[TillSection], (longitude, latitude): (&str, &str)) -> Result<BTreeMap<TillId, Till>, ConfigError> {
    let mut tills = BTreeMap::new();
    for section in sections {
        let wrong = |what: &str| ConfigError(format!("[[till]] id = \"{}\": {what}", section.id));
        let id = TillId::parse(&section.id).map_err(|_| wrong("1 to 32 letters, digits, - or _"))?;
        let terminal = match &section.termno {
            None => None,
            Some(termno) if termno.len() == 8 && termno.bytes().all(|b| b.is_ascii_digit()) => Some(Terminal {
                termno: termno.clone(),
                longitude: longitude.to_owned(),
                latitude: latitude.to_owned(),
            }),
            Some(_) => return Err(wrong("termno must be the 8 digits registered at the acquirer")),
        };
        let name = section.name.clone().unwrap_or_else(|| section.id.clone());
        if tills.insert(id, Till { name, terminal }).is_some() {
            return Err(wrong("stands twice"));
        }
    }
    if tills.is_empty() {
        return Err(ConfigError("at least one [[till]] is needed".into()));
    }
    Ok(tills)
}

fn daily_bills(sections: &[BillSourceSection]) -> Result<BTreeSet<String>, ConfigError> {
    let mut seen = BTreeSet::new();
    let mut daily = BTreeSet::new();
    for section in sections {
        let wrong = |what: &str| ConfigError(format!("[[bill_source]] name = \"{}\": {what}", section.name));
        let name = normal::identifier(&section.name, limits::BILL_NUMBER_MAX_CHARS)
            .map_err(|error| wrong(&format!("it is refused: {error}")))?;
        if !seen.insert(name.clone()) {
            return Err(wrong("stands twice"));
        }
        if section.daily {
            daily.insert(name);
        }
    }
    Ok(daily)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;

    pub(super) fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("md5.key", "allinpay888"), ("web.pem", "no key")] {
            std::fs::write(folder.path().join(name), text).expect("written");
            std::fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o600)).expect("set");
        }
        std::fs::write(folder.path().join("exposed.key"), "allinpay888").expect("written");
        std::fs::set_permissions(folder.path().join("exposed.key"), Permissions::from_mode(0o644)).expect("set");
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).expect("written");
        let config = Config::load(&path).map_err(|error| error.to_string())?;
        config.acquirer().map_err(|error| error.to_string())?;
        Ok(config)
    }

    fn refused(text: &str) -> String {
        load(text).expect_err("refused")
    }

    /// The example with a key that is there, and with every device it can name.
    pub(super) fn example() -> String {
        let devices = "[[devices.scanner]]\nport = \"/dev/ttyACM0\"\ntill = \"T1\"\nbaud = 9600\n\n[devices.printer]\n\
                       kind = \"tcp\"\nhost = \"192.168.1.60\"\nport = 9100\ncolumns = 48\ncopies = 1\ncharset = \"gbk\"\n";
        for line in devices.lines().filter(|line| !line.is_empty()) {
            assert!(EXAMPLE.contains(&format!("# {line}")), "the example does not show {line}");
        }
        let text = EXAMPLE.replace("sign = \"rsa\"", "sign = \"md5\"\nmd5_key_file = \"md5.key\"");
        format!("{text}\n{devices}")
    }

    #[test]
    fn the_example_is_complete() {
        let config = load(&example()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.tills.len(), 2);
        assert!(config.printer.is_some());
        assert_eq!(config.scanners.len(), 1);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_is_allowed() {
        let error = refused(&example().replace("listen =", "lisen ="));
        assert!(error.contains("lisen") && error.contains("line") && error.contains("listen"), "{error}");
    }

    #[test]
    fn wrong_values_name_their_place_and_remedy() {
        for (from, to, words) in [
            ("cutoff = \"02:00\"", "cutoff = \"07:00\"", "00:00 to 06:00"),
            ("termno = \"00000001\"", "termno = \"12\"", "8 digits"),
            ("id = \"T2\"", "id = \"T1\"", "stands twice"),
            ("timezone = \"Asia/Shanghai\"", "timezone = \"Mars/Base\"", "Asia/Shanghai"),
            ("till = \"T1\"", "till = \"T9\"", "no [[till]]"),
            ("kind = \"allinpay\"", "kind = \"alipay\"", "there are: allinpay"),
            ("md5_key_file = \"md5.key\"", "md5_key_file = \"none.key\"", "md5_key_file"),
            ("md5_key_file = \"md5.key\"", "md5_key_file = \"exposed.key\"", "chmod 600"),
            ("listen = \"127.0.0.1:8080\"", "listen = \"0.0.0.0:8080\"", "trusted_proxies"),
            ("hosts = []", "certificate = \"web.pem\"", "private_key is missing"),
            ("hosts = []", "certificate = \"web.pem\"\nprivate_key = \"exposed.key\"", "chmod 600"),
            ("hosts = []", "certificate = \"web.pem\"\nprivate_key = \"web.pem\"", "PEM"),
            ("trusted_proxies = []", "trusted_proxies = [\"proxy.lan\"]", "IP address"),
        ] {
            let text = example();
            assert!(text.contains(from), "{from}");
            let error = refused(&text.replace(from, to));
            assert!(error.contains(words), "{error}");
        }
    }
}
