//! The configuration: one TOML file. Unknown keys are refused with their line and what is allowed; secrets are never in it.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use guitai_console::text::{self, NotText, ReadError};
use guitai_http::{
    log::LogSection,
    place::Proxies,
    serve::{Front, Tls},
};
use guitai_store::private;
use serde::Deserialize;

mod check;
#[cfg(test)]
mod fuzz;

pub(crate) use check::{check, foreign};

/// A complete file, commented; `config example` prints it.
pub(crate) const EXAMPLE: &str = include_str!("config.example.toml");

/// The hub's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) hub: Hub,
    #[serde(default)]
    pub(crate) web: Web,
    #[serde(default)]
    pub(crate) enrol: Enrol,
    #[serde(default)]
    pub(crate) log: LogSection,
}

/// Who and where the hub is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hub {
    /// The merchant's name for people.
    pub(crate) name: String,
    /// The data folder; relative to the file's own folder.
    pub(crate) data: PathBuf,
    /// HTTP, TCP.
    pub(crate) listen: SocketAddr,
    /// Nodes, UDP; the same as `listen` when absent.
    pub(crate) quic: Option<SocketAddr>,
    /// Where browsers and nodes reach it.
    pub(crate) public_url: Option<String>,
}

/// The page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Web {
    /// More names under which browsers may reach it.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// The TLS proxies in front.
    #[serde(default)]
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// PEM files, if the hub ends TLS itself; relative to the file's own folder.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) private_key: Option<PathBuf>,
}

/// Enrolment of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    /// A code's life, in minutes.
    #[serde(default = "code_minutes")]
    pub(crate) code_minutes: u8,
}

impl Default for Enrol {
    fn default() -> Self {
        Self { code_minutes: code_minutes() }
    }
}

const fn code_minutes() -> u8 {
    10
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file holds no text.
    NotText(PathBuf, NotText),
    /// The file says something it may not say.
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key or table on that line.
        key: String,
        /// What is wrong, with what is allowed.
        message: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(
                    f,
                    "无法读取配置 cannot read {}: {error}; `guitai-hub config example` prints one",
                    path.display()
                )
            }
            Self::NotText(path, why) => write!(f, "配置 {}: {why}", path.display()),
            Self::Wrong { path, line, key, message } => {
                write!(f, "配置有误 {}:{line}: {key}: {message}", path.display())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Names file, line, key and what is allowed.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = text::read(path).map_err(|error| match error {
            ReadError::Io(path, error) => ConfigError::Unreadable(path, error),
            ReadError::NotText(path, why) => ConfigError::NotText(path, why),
        })?;
        let mut config = Self::parse(path, &text)?;
        if let Some(folder) = path.parent() {
            config.hub.data = folder.join(&config.hub.data);
            let files = [&mut config.web.certificate, &mut config.web.private_key, &mut config.log.file];
            for file in files.into_iter().flatten() {
                *file = folder.join(&*file);
            }
        }
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |at: usize, message: String| {
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let found = text.lines().nth(line - 1).unwrap_or("");
            // Only the key's name: a value may be a secret in the wrong place.
            let key = found.split('=').next().unwrap_or("").trim().to_owned();
            ConfigError::Wrong { path: path.to_owned(), line, key, message }
        };
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            wrong(at, error.message().to_owned())
        })?;
        let place = |key: &str| text.find(key).unwrap_or(0);
        if config.enrol.code_minutes == 0 {
            return Err(wrong(place("code_minutes"), "allowed: 1 to 255 minutes".to_owned()));
        }
        if config.hub.public_url.as_deref().is_some_and(|url| authority(url).is_none()) {
            return Err(wrong(place("public_url"), "allowed: http://HOST:PORT or https://HOST[:PORT]".to_owned()));
        }
        Ok(config)
    }

    /// Where nodes are heard.
    pub(crate) fn quic(&self) -> SocketAddr {
        self.hub.quic.unwrap_or(self.hub.listen)
    }

    /// Who may connect to the page and the API, and how.
    ///
    /// # Errors
    /// Names the key that is wrong, and what is allowed.
    pub(crate) fn front(&self) -> Result<Front, String> {
        let Web { trusted_proxies, certificate, private_key, .. } = &self.web;
        let tls = match (certificate, private_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let certificate = fs::read(certificate)
                    .map_err(|error| format!("[web] certificate: {}: {error}", certificate.display()))?;
                let key = private::read(key).map_err(|error| format!("[web] private_key: {error}"))?;
                Some(Tls::new(&certificate, &key).map_err(|error| format!("[web] {error}"))?)
            }
            (Some(_), None) => return Err("[web] private_key is missing: certificate needs it".to_owned()),
            (None, Some(_)) => return Err("[web] certificate is missing: private_key needs it".to_owned()),
        };
        Front::new(self.hub.listen, Proxies::new(trusted_proxies), tls).map_err(|error| format!("[hub] {error}"))
    }

    /// Where browsers and nodes reach the hub.
    pub(crate) fn public_url(&self) -> String {
        self.hub.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.web.certificate.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", self.hub.listen)
        })
    }

    /// The names under which browsers may reach it, that of `public_url` included.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let public = self.hub.public_url.as_deref().and_then(authority);
        self.web.hosts.iter().cloned().chain(public).collect()
    }
}

/// `host:port` of an address, with the scheme's own port when none is named.
fn authority(url: &str) -> Option<String> {
    let (rest, port) = match url.split_once("://")? {
        ("http", rest) => (rest, 80),
        ("https", rest) => (rest, 443),
        _ => return None,
    };
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[hub]\nname = \"示例\"\ndata = \"data\"\nlisten = \"127.0.0.1:8443\"\n";

    fn refused(text: &str) -> (usize, String, String) {
        match Config::parse(Path::new("hub.toml"), text) {
            Err(ConfigError::Wrong { line, key, message, .. }) => (line, key, message),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_least_file_has_the_defaults_and_the_example_is_complete() {
        let least = Config::parse(Path::new("hub.toml"), LEAST).unwrap();
        assert_eq!((least.quic(), least.enrol.code_minutes), (least.hub.listen, 10));
        let example = Config::parse(Path::new("hub.toml"), EXAMPLE).unwrap();
        assert_eq!((example.enrol, example.log), (least.enrol, least.log), "the example shows the defaults");
        assert!(example.hub.quic.is_some() && example.hub.public_url.is_some(), "every key is in the example");
    }

    #[test]
    fn every_mistake_names_its_line_its_key_and_what_is_allowed() {
        let table = [
            (format!("{LEAST}listne = \"x\"\n"), 5, "listne", &["unknown field", "`listen`", "`quic`"][..]),
            (format!("{LEAST}[logs]\n"), 5, "[logs]", &["unknown field", "`log`", "`web`"]),
            (format!("{LEAST}[log]\nformat = \"xml\"\n"), 6, "format", &["`pretty`", "`json`"]),
            (format!("{LEAST}[log]\nlevel = \"loud\"\n"), 6, "level", &["`error`", "`trace`"]),
            (format!("{LEAST}[enrol]\ncode_minutes = 0\n"), 6, "code_minutes", &["1 to 255"]),
            (format!("{LEAST}public_url = \"hq.example\"\n"), 5, "public_url", &["https://"]),
            (LEAST.replace("127.0.0.1:8443", "8443"), 4, "listen", &["socket address"]),
            (LEAST.replace("data = \"data\"\n", ""), 1, "[hub]", &["missing field", "`data`"]),
            (format!("{LEAST}name = \"twice\"\n"), 5, "name", &["duplicate"]),
        ];
        for (text, line, key, said) in table {
            let (got_line, got_key, message) = refused(&text);
            assert_eq!((got_line, got_key.as_str()), (line, key), "{message}");
            for word in said {
                assert!(message.contains(word), "{message:?} says {word:?}");
            }
        }
    }

    #[test]
    fn beyond_this_machine_the_page_needs_tls() {
        let front = |text: &str| Config::parse(Path::new("hub.toml"), text).unwrap().front().err();
        assert_eq!(front(LEAST), None);
        let open = LEAST.replace("127.0.0.1", "0.0.0.0");
        let table = [
            (open.clone(), "trusted_proxies"),
            (format!("{open}[web]\ncertificate = \"c.pem\"\n"), "private_key is missing"),
            (format!("{open}[web]\nprivate_key = \"k.pem\"\n"), "certificate is missing"),
            (format!("{open}[web]\ncertificate = \"none.pem\"\nprivate_key = \"k.pem\"\n"), "none.pem"),
        ];
        for (text, said) in table {
            let words = front(&text).expect("refused");
            assert!(words.contains(said), "{words}");
        }
        assert_eq!(front(&format!("{open}[web]\ntrusted_proxies = [\"10.0.0.2\"]\n")), None);
    }

    #[test]
    fn names_come_with_their_ports() {
        let table = [
            ("https://hq.example", Some("hq.example:443")),
            ("http://10.0.0.5:8443/", Some("10.0.0.5:8443")),
            ("http://[::1]:8443", Some("[::1]:8443")),
            ("hq.example", None),
            ("ftp://hq.example", None),
            ("https:///x", None),
        ];
        for (url, want) in table {
            assert_eq!(authority(url).as_deref(), want, "{url}");
        }
    }
}
