//! How a body becomes a checked value: shape by serde, values by the domain's types.

use serde::de::DeserializeOwned;

use super::Faults;

/// A body that a handler takes, checked.
///
/// `Raw` is its shape (`#[serde(deny_unknown_fields)]`, so a typo is refused);
/// `parse` turns its values into the domain's types and notes every one that is
/// at fault, so that a client learns of all of them at once.
pub trait Input: Sized {
    /// The shape of the JSON object.
    type Raw: DeserializeOwned;

    /// The checked value; `None` when something was noted in `faults`.
    fn parse(raw: Self::Raw, faults: &mut Faults) -> Option<Self>;
}

/// A body that may come from an HTML form or an OAuth2 client too.
pub trait FormInput: Input {
    /// The shape of the form.
    type Form: DeserializeOwned + Into<Self::Raw>;
}
