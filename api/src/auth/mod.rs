//! Identity: passwords, access tokens, and who a request comes from.

mod current_user;
mod password;
mod strength;
mod token;

pub use current_user::CurrentUser;
pub use password::{PasswordError, Passwords};
pub use strength::About;
pub use token::{AccessToken, AccessTokens};
