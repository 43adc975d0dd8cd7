//! The values that the business speaks of, as types that can't hold a bad one.
//!
//! Each is parsed once, at the edge, and needs no second look. Parsing fails
//! with an [`InvalidValue`], which has a stable code and a text for people in
//! each language. Deserializing goes through the same parser; what comes out of
//! the database was parsed on its way in.
//!
//! Values that tell about a person or a secret don't show in `Debug`, so that
//! no log line holds them by accident.

mod account_type;
mod api_key;
mod email;
mod invalid_value;
mod locale;
mod mail_token;
mod mobile_number;
mod money;
mod password;
mod person_name;
mod provider;
mod role;
mod scope;
mod text;
mod username;
mod web_address;

pub use self::account_type::AccountType;
pub use self::api_key::ApiKey;
pub use self::email::Email;
pub use self::invalid_value::InvalidValue;
pub use self::locale::Locale;
pub use self::mail_token::{MailKey, MailToken, TokenPurpose};
pub use self::mobile_number::MobileNumber;
pub(crate) use self::money::decimal;
pub use self::money::{Amount, Currency};
pub use self::password::Password;
pub use self::person_name::PersonName;
pub use self::provider::Provider;
pub use self::role::Role;
pub use self::scope::Scope;
pub use self::text::{Line, Prose};
pub use self::username::Username;
pub use self::web_address::WebAddress;
