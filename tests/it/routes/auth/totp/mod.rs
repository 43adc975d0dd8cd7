//! `/api/v1/auth/totp`

mod confirm;
mod disable;
mod get;
mod post;
mod recovery_codes;
