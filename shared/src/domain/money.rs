//! Money: an amount in a currency.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

use super::InvalidValue;

/// Digits behind the point that the database keeps.
const SCALE: u32 = 2;

/// Longest number that is parsed, in bytes: room for every digit that counts.
const LONGEST_NUMBER: usize = 32;

/// One trillion: the first amount that `numeric(14,2)` can't hold.
const TOO_LARGE: Decimal = Decimal::from_parts(0xD4A5_1000, 0x0000_00E8, 0, false, 0);

/// A currency of ISO 4217 that is in use, by its three letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct Currency(String);

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Digits of its minor unit, at most the two that the database keeps: none
    /// for the won.
    #[must_use]
    pub fn digits(&self) -> u32 {
        let exponent = iso_currency::Currency::from_code(&self.0).and_then(iso_currency::Currency::exponent);
        exponent.map_or(SCALE, u32::from).min(SCALE)
    }
}

impl FromStr for Currency {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        // Gold, test codes and the like have no minor unit and are no price.
        let known = iso_currency::Currency::from_code(raw)
            .filter(|currency| !currency.is_special() && currency.exponent().is_some());
        known.map(|currency| Self(currency.code().to_owned())).ok_or(InvalidValue::CurrencyUnknown)
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

/// An amount of money, in JSON a decimal string: `"50000"`, `"12.50"`. A
/// fraction is shown with two digits, and only where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Amount(Decimal);

impl Amount {
    /// An amount above zero that `currency` can have.
    ///
    /// # Errors
    /// When it is no decimal number, not above zero, too large, or has more
    /// digits behind the point than the currency.
    pub fn positive(raw: &str, currency: &Currency) -> Result<Self, InvalidValue> {
        let amount = decimal(raw).ok_or(InvalidValue::AmountMalformed)?;
        if amount <= Decimal::ZERO {
            return Err(InvalidValue::AmountNotPositive);
        }
        if amount.normalize().scale() > currency.digits() || (currency.digits() == 0 && raw.contains('.')) {
            return Err(InvalidValue::AmountFraction);
        }
        if amount >= TOO_LARGE { Err(InvalidValue::AmountTooLarge) } else { Ok(Self(amount)) }
    }

    /// The number.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

/// A plain decimal number: an optional `-`, digits, and maybe a point between them. Exact: what can't be
/// kept is refused, never rounded.
///
/// What is too long is refused before it is parsed: `rust_decimal` goes one call
/// deeper for each leading zero, and a megabyte of them would fill the stack.
pub(crate) fn decimal(raw: &str) -> Option<Decimal> {
    let number = raw.strip_prefix('-').unwrap_or(raw);
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && number.starts_with(|first: char| first != '.')
        && !number.ends_with('.');
    if is_plain && raw.len() <= LONGEST_NUMBER { Decimal::from_str_exact(raw).ok() } else { None }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.0.normalize();
        let digits = if short.scale() == 0 { 0 } else { 2 };
        write!(formatter, "{short:.digits$}")
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(raw: &str, currency: &str) -> Result<String, InvalidValue> {
        Amount::positive(raw, &currency.parse().unwrap()).map(|amount| amount.to_string())
    }

    #[test]
    fn an_amount_fits_its_currency() {
        for (raw, currency, shown) in [
            ("50000", "KRW", "50000"),
            ("12.5", "USD", "12.50"),
            ("12.50", "EUR", "12.50"),
            ("12.00", "EUR", "12"),
            ("0.01", "USD", "0.01"),
            ("999999999999", "KRW", "999999999999"),
            ("999999999999.99", "USD", "999999999999.99"),
        ] {
            assert_eq!(amount(raw, currency).as_deref(), Ok(shown), "{raw} {currency}");
        }
    }

    #[test]
    fn what_a_currency_can_not_have_is_refused() {
        use InvalidValue::{AmountFraction, AmountMalformed, AmountNotPositive, AmountTooLarge};
        for (raw, currency, why) in [
            ("0", "KRW", AmountNotPositive),
            ("-1", "KRW", AmountNotPositive),
            ("0.00", "USD", AmountNotPositive),
            ("1.5", "KRW", AmountFraction),
            ("1.0", "KRW", AmountFraction),
            ("0.001", "USD", AmountFraction),
            ("1000000000000", "KRW", AmountTooLarge),
            ("", "KRW", AmountMalformed),
            ("1e3", "KRW", AmountMalformed),
            ("5.", "USD", AmountMalformed),
            (".5", "USD", AmountMalformed),
            ("1_000", "KRW", AmountMalformed),
            ("+1", "KRW", AmountMalformed),
            (" 1", "KRW", AmountMalformed),
            ("NaN", "KRW", AmountMalformed),
            ("١", "KRW", AmountMalformed),
            (&"9".repeat(40), "KRW", AmountMalformed),
            (&"0".repeat(1_000_000), "KRW", AmountMalformed),
            ("1-1", "KRW", AmountMalformed),
        ] {
            assert_eq!(amount(raw, currency), Err(why), "{raw} {currency}");
        }
    }

    #[test]
    fn a_currency_is_in_use() {
        assert_eq!("KRW".parse::<Currency>().unwrap().digits(), 0);
        assert_eq!("KWD".parse::<Currency>().unwrap().digits(), 2);
        for raw in ["", "krw", "XXX", "XAU", "WON", "KRWW"] {
            assert_eq!(raw.parse::<Currency>(), Err(InvalidValue::CurrencyUnknown), "{raw}");
        }
    }
}
