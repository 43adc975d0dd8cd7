//! `/api/v1/auth/verify-email`

mod get;
mod post;
