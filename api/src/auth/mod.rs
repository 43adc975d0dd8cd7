//! Identity: passwords, access tokens, and who a request comes from.

pub mod access;
mod caller;
mod identities;
pub mod oauth;
pub mod ownership;
mod password;
mod refresh;
mod strength;
mod token;
pub mod totp;

pub use caller::{Caller, identify};
pub use identities::{Identities, KeyIdentity, SessionIdentity};
pub use password::{PasswordError, Passwords};
pub use refresh::{NotARefreshToken, RefreshKey, RefreshToken};
pub use strength::About;
pub use token::{AccessToken, AccessTokens, Claims, FirstStep, MFA_LIFETIME};
