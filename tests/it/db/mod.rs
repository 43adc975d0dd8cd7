//! Promises of the tables that no route shows by itself.

mod audit_log;
mod mail_tokens;
mod prune;
