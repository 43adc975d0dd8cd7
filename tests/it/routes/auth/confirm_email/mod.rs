//! `/api/v1/auth/confirm-email`

mod get;
mod post;
