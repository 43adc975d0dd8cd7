//! HMAC-SHA256, from which keys and tokens are derived.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The MAC of `parts`, one after the other, still to be finished or verified.
///
/// Whoever derives something begins with a part that says what it is for, so
/// that no other use of the same key makes or accepts one of these.
///
/// # Panics
/// Never: HMAC takes keys of any length, and only the signature that it shares
/// with other MACs says otherwise.
#[must_use]
#[expect(clippy::expect_used, reason = "see Panics")]
pub fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The MAC of `parts`.
#[must_use]
pub fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 § 4.3, in two parts.
    #[test]
    fn it_is_the_mac_of_the_standard() {
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
            0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(mac(b"Jefe", &[b"what do ya want ", b"for nothing?"]), expected);
    }
}
