//! Rules that span tables, each in one transaction.

pub mod admin;
pub mod login;
pub mod registration;
pub mod verification;
