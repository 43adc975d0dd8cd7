//! `/api/v1/jobs/{id}`

mod get;
