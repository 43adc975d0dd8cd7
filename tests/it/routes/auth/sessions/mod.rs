//! `/api/v1/auth/sessions`

mod delete;
mod get;
