//! `/api/v1/auth/me`

mod get;
