//! The values that the business speaks of, as types that can't hold a bad one.
//!
//! Each is parsed once, at the edge, and needs no second look. Parsing fails
//! with an [`InvalidValue`], which has a stable code and a text for people in
//! each language. Deserializing goes through the same parser; what comes out of
//! the database was parsed on its way in.
//!
//! Values that tell about a person or a secret don't show in `Debug`, so that
//! no log line holds them by accident.

mod email;
mod invalid_value;
mod locale;
mod password;
mod person_name;
mod role;
mod username;
mod verification_token;

pub use self::email::Email;
pub use self::invalid_value::InvalidValue;
pub use self::locale::Locale;
pub use self::password::Password;
pub use self::person_name::PersonName;
pub use self::role::Role;
pub use self::username::Username;
pub use self::verification_token::{VerificationKey, VerificationToken};
