//! `/api/v1/schedules`, `/api/v1/schedules/{name}`, and running one

mod get;
mod patch;
mod run;
