//! `/api/v1/rate-limits`, and what limits do to all other routes.

mod accounts;
mod addresses;
mod get;
mod headers;
