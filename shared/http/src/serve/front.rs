//! What stands between this server and its callers. Passwords never cross a network in the clear: whoever listens beyond this machine
//! ends TLS itself, or names the proxy that does and hears nobody else.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::tls::Tls;
use crate::place::Proxies;

/// Who may connect, and how.
#[derive(Clone, Default)]
pub struct Front {
    proxies: Proxies,
    tls: Option<Tls>,
    only_proxies: bool,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = self.tls.is_some();
        f.debug_struct("Front").field("proxies", &self.proxies).field("tls", &tls).finish_non_exhaustive()
    }
}

/// A listener that other machines reach and that would hear passwords in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrontError {
    listen: SocketAddr,
}

impl fmt::Display for FrontError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listen = self.listen;
        write!(
            f,
            "listen = \"{listen}\" 会让其他机器用明文连接 would let other machines in without TLS: set [web] certificate and \
             private_key, or name the TLS proxy in front in [web] trusted_proxies, or listen on 127.0.0.1:{}",
            listen.port()
        )
    }
}

impl std::error::Error for FrontError {}

impl Front {
    /// For a server at this address.
    ///
    /// # Errors
    /// When others than this machine reach it and neither TLS nor a proxy is named.
    pub fn new(listen: SocketAddr, proxies: Proxies, tls: Option<Tls>) -> Result<Self, FrontError> {
        let others_reach_it = !listen.ip().to_canonical().is_loopback() && tls.is_none();
        if others_reach_it && proxies.is_empty() {
            return Err(FrontError { listen });
        }
        Ok(Self { proxies, tls, only_proxies: others_reach_it })
    }

    pub(super) const fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Whether a peer may connect at all.
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        !self.only_proxies || peer.to_canonical().is_loopback() || self.proxies.contains(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_this_machine_there_is_tls_or_a_named_proxy_or_no_listener() {
        let proxy = || Proxies::new(&[IpAddr::from([10, 0, 0, 2])]);
        for listen in ["127.0.0.1:80", "[::1]:80", "127.8.0.1:80", "[::ffff:127.0.0.1]:80"] {
            assert!(Front::new(listen.parse().unwrap(), Proxies::default(), None).is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:8080", "192.168.1.5:8080", "[::]:8080"] {
            let listen = listen.parse().unwrap();
            let refused = Front::new(listen, Proxies::default(), None).err().unwrap().to_string();
            assert!(["certificate", "trusted_proxies", "127.0.0.1:8080"].iter().all(|word| refused.contains(word)));
            let front = Front::new(listen, proxy(), None).unwrap();
            for (peer, admitted) in [("10.0.0.2", true), ("127.0.0.1", true), ("10.0.0.3", false)] {
                assert_eq!(front.admits(peer.parse().unwrap()), admitted, "{peer}");
            }
        }
        let local = Front::new("127.0.0.1:80".parse().unwrap(), proxy(), None).unwrap();
        assert!(local.admits("127.0.0.1".parse().unwrap()));
    }
}
