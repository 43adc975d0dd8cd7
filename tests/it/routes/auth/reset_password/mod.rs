//! `/api/v1/auth/reset-password`

mod get;
mod post;
