//! Names of the acquirer and the hub, resolved the way the node resolves them.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::exchange::{Endpoint, millis};
use super::verdict::{Blame, Verdict, Who, Words};

/// The longest one name takes.
pub(super) const DNS_LIMIT: Duration = Duration::from_millis(2_500);
/// Below this a name is quick, in milliseconds.
const GOOD_BELOW_MS: u64 = 100;

/// The code that says names had no part in reaching anybody.
pub(super) const NOT_NEEDED: &str = "dns.not_needed";

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameFault {
    /// The resolver does not answer, or cannot ask further.
    Silent,
    /// The resolver answers that there is no such name.
    NoSuchName,
}

/// One name and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameAnswer {
    pub(super) host: String,
    /// Milliseconds until it was resolved.
    pub(super) took: Result<u64, NameFault>,
}

/// What was seen; names only, no literal addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DnsObservation {
    pub(super) names: Vec<NameAnswer>,
    /// Whether this machine has any route out.
    pub(super) routed: bool,
}

/// The addresses found for each host; literals stand for themselves.
pub(super) struct Addresses(Vec<(String, Vec<IpAddr>)>);

impl Addresses {
    /// None, if the host could not be resolved.
    pub(super) fn of(&self, host: &str) -> &[IpAddr] {
        self.0.iter().find(|(known, _)| known == host).map_or(&[], |(_, addresses)| addresses)
    }
}

/// Resolves all endpoints at once.
pub(super) async fn observe(endpoints: &[Endpoint]) -> (DnsObservation, Addresses) {
    let mut addresses: Vec<(String, Vec<IpAddr>)> = Vec::new();
    let mut lookups = JoinSet::new();
    for endpoint in endpoints {
        if addresses.iter().any(|(known, _)| *known == endpoint.host) {
            continue;
        }
        addresses.push((endpoint.host.clone(), endpoint.literal().into_iter().collect()));
        if endpoint.literal().is_none() {
            lookups.spawn(look_up(endpoint.clone()));
        }
    }
    let mut names = Vec::new();
    while let Some(done) = lookups.join_next().await {
        let Ok((host, found)) = done else { continue };
        let took = found.map(|(found, took_ms)| {
            if let Some((_, slot)) = addresses.iter_mut().find(|(known, _)| *known == host) {
                *slot = found;
            }
            took_ms
        });
        names.push(NameAnswer { host, took });
    }
    names.sort_by(|a, b| a.host.cmp(&b.host));
    (DnsObservation { names, routed: has_route() }, Addresses(addresses))
}

async fn look_up(endpoint: Endpoint) -> (String, Result<(Vec<IpAddr>, u64), NameFault>) {
    let begun = Instant::now();
    let found = match timeout(DNS_LIMIT, tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect::<Vec<_>>()),
        Ok(Err(error)) => Err(of_io(&error)),
        Err(_) => Err(NameFault::Silent),
    };
    let found = found.and_then(|found| if found.is_empty() { Err(NameFault::NoSuchName) } else { Ok(found) });
    (endpoint.host, found.map(|found| (found, millis(begun.elapsed()))))
}

/// The system resolver tells its reasons apart only in words. Anything but a clear "no such name" counts as silence.
fn of_io(error: &io::Error) -> NameFault {
    const NO_SUCH_NAME: [&str; 4] =
        ["Name or service not known", "No address associated", "nodename nor servname", "No such host is known"];
    let words = error.to_string();
    if NO_SUCH_NAME.iter().any(|sign| words.contains(sign)) { NameFault::NoSuchName } else { NameFault::Silent }
}

/// Asks the routing table only: connecting a datagram socket sends nothing. The addresses are the ones reserved for documentation.
fn has_route() -> bool {
    let reaches = |from: &str, to: &str| UdpSocket::bind(from).and_then(|socket| socket.connect(to)).is_ok();
    reaches("0.0.0.0:0", "192.0.2.1:9") || reaches("[::]:0", "[2001:db8::1]:9")
}

/// Judges by the worst name.
pub(super) fn judge(seen: &DnsObservation) -> Verdict {
    let fault =
        |fault| seen.names.iter().filter(|name| name.took == Err(fault)).map(|name| name.host.as_str()).collect();
    let silent: Vec<&str> = fault(NameFault::Silent);
    let unknown: Vec<&str> = fault(NameFault::NoSuchName);
    let slowest_ms = seen.names.iter().filter_map(|name| name.took.ok()).max();
    if (!silent.is_empty() || !unknown.is_empty()) && slowest_ms.is_none() && !seen.routed {
        let words = Words::new("电脑没有接入网络", "this machine is not on any network");
        return Verdict::failed("dns.no_route", words, Blame::Clear(Who::Store)).try_this(
            "检查网线或无线，重启路由器；换一个网口或一根网线再试",
            "check the cable or Wi-Fi and restart the router; try another port or cable",
        );
    }
    if !silent.is_empty() {
        // One name answered and another not: the line works, the resolver is unwell.
        let blame = if slowest_ms.is_some() { Who::Store } else { Who::Provider };
        let words = Words::new("域名解析没有应答", "names are not resolved: no answer");
        return Verdict::failed("dns.silent", words, Blame::Clear(blame)).value(silent.join(", ")).try_this(
            "看光猫指示灯，重启光猫和路由器；或把路由器的DNS改成另一个",
            "look at the modem's lights, restart modem and router; or set the router to another DNS server",
        );
    }
    if !unknown.is_empty() {
        let words = Words::new(
            "域名不存在：地址写错，或被DNS拦截",
            "no such name: a wrong address, or blocked by the DNS server",
        );
        return Verdict::failed("dns.no_such_name", words, Blame::Clear(Who::Store))
            .value(unknown.join(", "))
            .try_this(
                "核对设置里的地址；地址没错就把路由器的DNS改成另一个",
                "check the address in the configuration; if it is right, set the router to another DNS server",
            );
    }
    match slowest_ms {
        None => Verdict::good(NOT_NEEDED, Words::new("不需要解析", "nothing to resolve")),
        Some(ms) if ms < GOOD_BELOW_MS => {
            Verdict::good("dns.ok", Words::new("域名解析正常", "names resolve")).value(format!("{ms} ms"))
        }
        Some(ms) => {
            let words = Words::new("域名解析慢", "names resolve slowly");
            Verdict::poor("dns.slow", words, Blame::Clear(Who::Store))
                .value(format!("{ms} ms"))
                .try_this("把路由器的DNS改成另一个", "set the router to another DNS server")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judged() {
        use NameFault::{NoSuchName, Silent};
        type Row = (&'static [Result<u64, NameFault>], bool, &'static str, Option<Who>);
        let table: &[Row] = &[
            (&[], true, NOT_NEEDED, None),
            (&[], false, NOT_NEEDED, None),
            (&[Ok(99)], true, "dns.ok", None),
            (&[Ok(99)], false, "dns.ok", None),
            (&[Ok(3), Ok(100)], true, "dns.slow", Some(Who::Store)),
            (&[Err(Silent)], true, "dns.silent", Some(Who::Provider)),
            (&[Err(Silent), Err(NoSuchName)], true, "dns.silent", Some(Who::Provider)),
            (&[Ok(3), Err(Silent)], true, "dns.silent", Some(Who::Store)),
            (&[Err(Silent), Err(Silent)], false, "dns.no_route", Some(Who::Store)),
            (&[Err(NoSuchName)], false, "dns.no_route", Some(Who::Store)),
            (&[Ok(3), Err(NoSuchName)], true, "dns.no_such_name", Some(Who::Store)),
        ];
        for (took, routed, code, who) in table {
            let names = took.iter().map(|took| NameAnswer { host: "a.example".into(), took: *took }).collect();
            let verdict = judge(&DnsObservation { names, routed: *routed });
            assert_eq!((verdict.code, verdict.blame), (*code, who.map(Blame::Clear)), "{took:?} {routed}");
        }
    }

    #[test]
    fn the_resolvers_words_are_understood() {
        let of = |words: &str| of_io(&io::Error::other(format!("failed to lookup address information: {words}")));
        assert_eq!(of("Name or service not known"), NameFault::NoSuchName);
        assert_eq!(of("Temporary failure in name resolution"), NameFault::Silent);
    }

    #[tokio::test]
    async fn literals_are_their_own_addresses() {
        let endpoints = ["127.0.0.1:80", "[::1]:80", "127.0.0.1:81"].map(|text| Endpoint::parse(text).unwrap());
        let (seen, addresses) = observe(&endpoints).await;
        assert_eq!(seen.names, []);
        assert_eq!(addresses.of("127.0.0.1"), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(addresses.of("::1").len(), 1);
        assert!(addresses.of("elsewhere").is_empty());
    }
}
