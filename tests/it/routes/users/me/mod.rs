//! `/api/v1/users/me`.

mod delete;
mod get;
mod patch;
mod permissions;
mod put;

const PATH: &str = "/api/v1/users/me";
