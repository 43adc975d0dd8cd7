//! Who is counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a hash that are kept: enough that no two subjects meet.
const KEPT: usize = 16;

/// Whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// `user:<id>` or `key:<id>`.
    Principal(&'a str),
    /// A client's address, an IPv6 one cut to its /64.
    Address(IpAddr),
    /// An account, by what the client called it.
    Account(&'a str),
}

impl Subject<'_> {
    /// The subject of an address. IPv6 clients have a /64 and more to choose from, so
    /// that is what counts. Requests without an address, of which there are none over
    /// a connection, count as one client.
    #[must_use]
    pub fn address(address: Option<IpAddr>) -> Self {
        Self::Address(match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Some(address) => address,
            None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        })
    }
}

/// Makes the names under which subjects are counted. What is personal is hashed with
/// a key, so that Redis does not tell who was here.
pub(super) struct Names(Hmac<Sha256>);

impl Names {
    pub(super) fn new(key: &[u8]) -> Self {
        // HMAC takes a key of any length.
        #[expect(clippy::expect_used, reason = "never fails for HMAC")]
        Self(Hmac::new_from_slice(key).expect("HMAC takes any key"))
    }

    pub(super) fn of(&self, subject: &Subject<'_>) -> String {
        match subject {
            Subject::Principal(principal) => (*principal).to_owned(),
            Subject::Address(address) => self.hashed("address", &address.to_string()),
            Subject::Account(login) => self.hashed("account", &login.trim().to_lowercase()),
        }
    }

    fn hashed(&self, kind: &str, value: &str) -> String {
        let mac = self.0.clone().chain_update("rate limit ").chain_update(kind).chain_update(" ").chain_update(value);
        URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..KEPT])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(address: &str) -> String {
        Names::new(b"key").of(&Subject::address(Some(address.parse().unwrap())))
    }

    #[test]
    fn an_ipv6_client_counts_as_its_64() {
        assert_eq!(address("2001:db8:1:2:3:4:5:6"), address("2001:db8:1:2:ffff::1"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn an_account_is_one_however_it_is_written_and_not_told() {
        let names = Names::new(b"key");
        let name = names.of(&Subject::Account("ada@example.com"));
        assert_eq!(name, names.of(&Subject::Account(" Ada@Example.com ")));
        assert!(!name.contains("ada"), "{name}");
        assert_ne!(name, Names::new(b"another").of(&Subject::Account("ada@example.com")));
        assert_ne!(names.of(&Subject::Account("192.0.2.1")), address("192.0.2.1"));
    }
}
