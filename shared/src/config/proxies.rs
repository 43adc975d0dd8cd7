//! The proxies in front of the API, whose word about a client's address counts.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::value;

/// Addresses and networks of proxies that are trusted; none when empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether `address` is one of them. An IPv4 address that is mapped to IPv6
    /// counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether any network among them is everybody.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.0.iter().any(|network| network.prefix_len() == 0)
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(raw: &str) -> Result<Self, String> {
        value::list(raw).map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(raw: &str) -> Result<IpNet, String> {
    let network = raw.parse::<IpNet>().ok().or_else(|| raw.parse().ok().map(|ip: IpAddr| ip.to_canonical().into()));
    network.ok_or_else(|| {
        "must be addresses or networks such as 10.0.0.5 or 10.0.0.0/8 or fd00::/8, separated by commas".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_told_from_others() {
        let proxies: TrustedProxies = "10.0.0.0/8, 192.0.2.7 ,fd00::/8".parse().unwrap();
        for inside in ["10.255.0.1", "192.0.2.7", "fd12::1", "::ffff:10.0.0.1"] {
            assert!(proxies.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1", "::1"] {
            assert!(!proxies.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!proxies.is_everybody());
        assert!("0.0.0.0/0".parse::<TrustedProxies>().unwrap().is_everybody());
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "*"] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
    }
}
