//! `/api/v1/auth/login`

mod post;
mod throttling;
mod totp;
