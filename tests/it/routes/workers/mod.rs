//! `/api/v1/workers`

mod get;
