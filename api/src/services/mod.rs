//! Rules that span tables, each in one transaction.

pub mod admin;
pub mod api_keys;
pub mod deletion;
pub mod email_change;
pub mod login;
pub mod mail_on_request;
pub mod password_change;
pub mod password_reset;
pub mod reauthentication;
pub mod registration;
pub mod sessions;
pub mod social_login;
pub mod throttle;
pub mod totp;
pub mod users;
pub mod verification;
