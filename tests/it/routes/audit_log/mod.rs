//! `/api/v1/audit-log`.

mod get;
