//! Where a request comes from, as far as counting goes.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Bits of an IPv6 address that tell one subscriber from another; the other 64 anyone may choose anew for each connection.
const SUBSCRIBER_BITS: u32 = 64;

/// What counts as one address: an IPv4 address, or the network of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(IpAddr);

impl Place {
    /// The place of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => {
                let network = u128::MAX << SUBSCRIBER_BITS;
                Self(IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & network)))
            }
            four @ IpAddr::V4(_) => Self(four),
        }
    }
}

/// The proxies in front of this server whose word about their callers is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpAddr>);

impl Proxies {
    /// These addresses.
    #[must_use]
    pub fn new(addresses: &[IpAddr]) -> Self {
        Self(addresses.iter().map(IpAddr::to_canonical).collect())
    }

    /// Whether no proxy is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Who asks through a connection from `peer`: whom a named proxy says it is, else the peer itself. Each proxy adds the address
    /// that it saw at the end, so the list is read from there, and the first that is no proxy of ours is the caller. What stands
    /// before it the caller may have written.
    #[must_use]
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.contains(peer) {
            return peer;
        }
        let mut lists: Vec<&str> =
            headers.get_all(FORWARDED_FOR).into_iter().filter_map(|value| value.to_str().ok()).collect();
        lists.reverse();
        let mut nearest = peer;
        for text in lists.into_iter().flat_map(|list| list.rsplit(',')) {
            let Ok(address) = text.trim().parse::<IpAddr>() else { return nearest };
            nearest = address.to_canonical();
            if !self.contains(nearest) {
                return nearest;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_subscriber_is_one_place_however_many_addresses_it_has() {
        assert_eq!(Place::of(ip("2001:db8:1:2::1")), Place::of(ip("2001:db8:1:2:ffff:ffff:ffff:ffff")));
        assert_ne!(Place::of(ip("2001:db8:1:2::1")), Place::of(ip("2001:db8:1:3::1")));
        assert_eq!(Place::of(ip("::ffff:192.168.1.9")), Place::of(ip("192.168.1.9")));
        assert_ne!(Place::of(ip("192.168.1.8")), Place::of(ip("192.168.1.9")));
    }

    #[test]
    fn only_a_named_proxy_is_believed_and_only_what_it_added() {
        let proxies = Proxies::new(&[ip("127.0.0.1"), ip("10.0.0.2")]);
        let table: [(&str, &[&str], &str); 10] = [
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("127.0.0.1", &["2001:db8::7"], "2001:db8::7"),
        ];
        for (peer, lists, caller) in table {
            let headers = lists.iter().map(|list| (FORWARDED_FOR, HeaderValue::from_str(list).unwrap())).collect();
            assert_eq!(proxies.caller(ip(peer), &headers), ip(caller), "{peer} {lists:?}");
        }
        assert_eq!(Proxies::default().caller(ip("127.0.0.1"), &HeaderMap::new()), ip("127.0.0.1"));
    }
}
