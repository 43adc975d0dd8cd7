//! Second factors: codes of an authenticator app (TOTP, RFC 6238), and the
//! recovery codes that stand in for them.
//!
//! The secret that an app shares with us is stored nowhere: it is made again
//! from a random salt, which is, and a key that is derived from `TOKEN_KEY`. So
//! a stolen backup of the database makes no codes.

use std::fmt;

use callboard_shared::{config::TokenKeyConfig, mac::mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use totp_rs::{Algorithm, Builder, Secret, Totp, TotpError};

/// Says what the key is for, so that no other use of `TOKEN_KEY` makes the same.
const PURPOSE: &[u8] = b"callboard/totp/v1";

/// Says what is hashed, so that the hash of nothing else is one of a code.
const RECOVERY: &[u8] = b"callboard/recovery-code/v1\0";

/// What apps show beside the account's name.
const ISSUER: &str = "Callboard";

const DIGITS: u8 = 6;

/// How long a code is good in seconds. Apps ignore any other number.
const STEP_SECONDS: u64 = 30;

/// A code of the step before and after is taken too, for clocks that differ.
const SKEW: u16 = 1;

/// How many recovery codes are made at a time.
const RECOVERY_CODES: usize = 10;

/// Random bytes of a recovery code: 16 letters and digits, far too many to try.
const RECOVERY_BYTES: usize = 10;

/// Characters between the dashes of a recovery code.
const GROUP: usize = 4;

/// Makes the secrets of authenticator apps.
pub struct TotpKey([u8; 32]);

impl TotpKey {
    /// The key that belongs to `TOKEN_KEY`.
    #[must_use]
    pub fn new(settings: &TokenKeyConfig) -> Self {
        Self(mac(settings.token_key.expose(), &[PURPOSE]))
    }

    /// The secret that belongs to a salt.
    #[must_use]
    pub fn secret(&self, salt: &[u8]) -> TotpSecret {
        let mut secret = [0; 20];
        secret.copy_from_slice(&mac(&self.0, &[PURPOSE, salt])[..20]);
        TotpSecret(secret)
    }
}

impl fmt::Debug for TotpKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpKey([REDACTED])")
    }
}

/// A secret that an authenticator app shares with us: 20 bytes.
pub struct TotpSecret([u8; 20]);

impl TotpSecret {
    /// The secret as people type it: base32.
    #[must_use]
    pub fn base32(&self) -> SecretString {
        Secret::new_stack(self.0).to_base32().into()
    }

    /// The URL that apps read from a QR code, for the account of this name.
    ///
    /// # Errors
    /// When the account's name is empty or has a colon, which usernames have not.
    pub fn url(&self, account: &str) -> Result<SecretString, TotpError> {
        Ok(self.totp(account)?.to_url()?.into())
    }

    /// The time step whose code this is, if it is one of those that are good at
    /// `now` (seconds since 1970). Takes the same time for right and wrong digits.
    ///
    /// # Errors
    /// When the parameters break the RFC's rules. A defect.
    pub fn step_of(&self, code: &TotpCode, now: i64) -> Result<Option<i64>, TotpError> {
        let now = u64::try_from(now).unwrap_or_default();
        let step = self.totp(ISSUER)?.check(&code.0, now);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    fn totp(&self, account: &str) -> Result<Totp, TotpError> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP_SECONDS)
            .with_skew(SKEW)
            .with_secret(Secret::new_stack(self.0))
            .with_issuer(Some(ISSUER))
            .with_account_name(account)
            .build()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpSecret([REDACTED])")
    }
}

/// A salt for a new secret.
#[must_use]
pub fn new_salt() -> [u8; 32] {
    rand::random()
}

/// Six digits as an app shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpCode(String);

impl TotpCode {
    /// Reads six digits; blanks between them don't count, as apps show some.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        let digits: String = raw.chars().filter(|character| *character != ' ').take(usize::from(DIGITS) + 1).collect();
        let is_code = digits.len() == usize::from(DIGITS) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(digits))
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TotpCode([REDACTED])")
    }
}

/// A code that stands in for one of the app, once: `abcd-efgh-ijkl-mnop`, 80
/// random bits. Enough that a plain hash of it can be stored, so that it goes on
/// working when `TOKEN_KEY` is changed.
#[derive(Clone)]
pub struct RecoveryCode(SecretString);

impl RecoveryCode {
    /// A set of new ones.
    #[must_use]
    pub fn generate() -> Vec<Self> {
        let one = || Secret::from(rand::random::<[u8; RECOVERY_BYTES]>().to_vec()).to_base32().to_lowercase();
        (0..RECOVERY_CODES).map(|_| Self(one().into())).collect()
    }

    /// Reads one; its dashes, blanks and the case of its letters don't count.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        const LENGTH: usize = RECOVERY_BYTES * 8 / 5;
        let letters = raw.chars().filter(|character| !matches!(character, '-' | ' '));
        let code: String = letters.map(|letter| letter.to_ascii_lowercase()).take(LENGTH + 1).collect();
        let is_base32 = code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        (is_base32 && code.len() == LENGTH).then(|| Self(code.into()))
    }

    /// The code as it is shown.
    #[must_use]
    pub fn shown(&self) -> String {
        let letters: Vec<char> = self.0.expose_secret().chars().collect();
        let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
        groups.join("-")
    }

    /// The SHA-256 that is stored.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(RECOVERY).chain_update(self.0.expose_secret()).finalize().into()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryCode([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> TotpKey {
        TotpKey::new(&TokenKeyConfig { token_key: secret.parse().unwrap() })
    }

    /// Apps keep their secret for years: an upgrade must not change it.
    #[test]
    fn the_derivation_is_stable_and_another_key_or_salt_makes_another_secret() {
        let (ours, theirs) = (key("a secret of the installation, ours"), key("a secret of the installation, theirs"));
        let secret = |key: &TotpKey, salt: u8| key.secret(&[salt; 32]).base32().expose_secret().to_owned();
        assert_eq!(secret(&ours, 1), "GSPZA3DVEQAAIBRNUY3YBTDEWF6V5IZ6");
        assert_ne!(secret(&ours, 1), secret(&ours, 2));
        assert_ne!(secret(&ours, 1), secret(&theirs, 1));
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc_for_one_step_around_now() {
        let secret = TotpSecret(*b"12345678901234567890");
        let code = TotpCode::parse("081804").unwrap();
        let step = 1_111_111_109 / 30;
        for (seconds, expected) in [(-60, None), (-30, Some(step)), (0, Some(step)), (30, Some(step)), (60, None)] {
            assert_eq!(secret.step_of(&code, 1_111_111_109 + seconds).unwrap(), expected, "{seconds}");
        }
        assert_eq!(secret.step_of(&TotpCode::parse("081805").unwrap(), 1_111_111_109).unwrap(), None);
    }

    #[test]
    fn the_url_names_issuer_and_account() {
        let url = TotpSecret(*b"12345678901234567890").url("jiwoo").unwrap();
        let expected = "otpauth://totp/Callboard:jiwoo?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Callboard";
        assert_eq!(url.expose_secret(), expected);
    }

    #[test]
    fn a_code_is_six_digits() {
        assert_eq!(TotpCode::parse("123 456"), TotpCode::parse("123456"));
        assert!(TotpCode::parse("123456").is_some());
        for wrong in ["", "12345", "1234567", "12345a", "+12345", "１２３４５６", &"1".repeat(1_000_000)] {
            assert_eq!(TotpCode::parse(wrong), None);
        }
    }

    #[test]
    fn a_recovery_code_is_read_as_it_is_shown() {
        let codes = RecoveryCode::generate();
        assert_eq!(codes.len(), 10);
        for code in &codes {
            let shown = code.shown();
            assert_eq!(shown.len(), 19, "{shown}");
            for typed in [shown.clone(), shown.to_uppercase(), shown.replace('-', " ")] {
                assert_eq!(RecoveryCode::parse(&typed).unwrap().hash(), code.hash());
            }
            assert_eq!(codes.iter().filter(|other| other.hash() == code.hash()).count(), 1);
        }
        for wrong in ["", "abcd-efgh-ijkl-mno", "abcd-efgh-ijkl-mnop-q", "abcd-efgh-ijkl-mno1"] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let key = key("a secret of the installation, ours");
        let shown = format!("{key:?} {:?} {:?}", key.secret(&[1; 32]), RecoveryCode::generate());
        assert_eq!(shown.matches("[REDACTED]").count(), 12, "{shown}");
    }
}
