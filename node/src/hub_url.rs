//! The hub's web address as an operator types it.

use std::net::Ipv6Addr;

use crate::usage::Usage;

/// Longest host, as DNS allows.
const HOST_MAX_BYTES: usize = 253;

/// `http://` or `https://`, a host, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HubUrl {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl HubUrl {
    /// Reads an address. Without a port it is the scheme's own.
    pub(crate) fn parse(typed: &str) -> Result<Self, Usage> {
        let wrong = |what: &str| {
            Usage(format!(
                "--hub {typed:?}: {what}；写成 http://主机:端口 或 https://主机:端口 / write http://HOST:PORT or https://HOST:PORT, \
                 such as http://hub.example.com:8443"
            ))
        };
        let (scheme, rest) = typed.trim().split_once("://").ok_or_else(|| wrong("缺 http:// no http:// before it"))?;
        let (scheme, own_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", 80),
            "https" => ("https", 443),
            _ => return Err(wrong("只能是 http 或 https only http and https are spoken")),
        };
        let place = rest.strip_suffix('/').unwrap_or(rest);
        if place.contains(['/', '?', '#', '@']) {
            return Err(wrong("主机后面不能有路径 nothing may follow host and port"));
        }
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (place, None),
        };
        let port = match port {
            None => own_port,
            Some(port) => port
                .parse::<u16>()
                .ok()
                .filter(|number| *number != 0 && port.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| wrong("端口是 1 到 65535 the port is a number from 1 to 65535"))?,
        };
        if !is_host(host) {
            return Err(wrong("主机名不对 that is no host name and no address"));
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// `scheme://host:port`.
    pub(crate) fn text(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The same host at another port, to dial.
    pub(crate) fn at_port(&self, port: u16) -> String {
        format!("{}:{port}", self.host)
    }
}

fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        !label.is_empty() && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= HOST_MAX_BYTES && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (typed, text, dialled) in [
            ("http://hub:8443", "http://hub:8443", "hub:8443"),
            ("HTTP://Hub.Example:8443/", "http://hub.example:8443", "hub.example:8443"),
            (" https://10.0.0.5:1 ", "https://10.0.0.5:1", "10.0.0.5:1"),
            ("https://hq.example", "https://hq.example:443", "hq.example:443"),
            ("http://[::1]:8443", "http://[::1]:8443", "[::1]:8443"),
            ("http://[::1]", "http://[::1]:80", "[::1]:80"),
            ("http://hub:65535", "http://hub:65535", "hub:65535"),
        ] {
            let url = HubUrl::parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!((url.text().as_str(), url.at_port(url.port()).as_str()), (text, dialled));
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused_with_the_way_to_write_it() {
        for (typed, words) in [
            ("hub:8443", "http://"),
            ("", "http://"),
            ("ftp://hub:21", "https"),
            ("gopher://hub:1", "https"),
            ("http://hub:99999", "65535"),
            ("http://hub:0", "65535"),
            ("http://hub:", "65535"),
            ("http://hub:+80", "65535"),
            ("http://HUB:PORT", "65535"),
            ("http://bad host:80", "host"),
            ("http://:80", "host"),
            ("http://总部:8443", "host"),
            ("http://hub..example:80", "host"),
            ("http://[::g]:80", "host"),
            ("http://hub:8443/stores", "nothing may follow"),
            ("http://a@hub:8443", "nothing may follow"),
            ("http://hub:8443?x", "nothing may follow"),
        ] {
            let error = HubUrl::parse(typed).expect_err(typed).to_string();
            assert!(error.contains("--hub") && error.contains(words), "{typed}: {error}");
            assert!(error.contains("http://HOST:PORT"), "{error}");
        }
    }
}
