//! `/api/v1/users/me/permissions`.

mod get;
