//! `/api/v1/auth`: registration, verification, login.

pub mod login;
pub mod me;
pub mod register;
pub mod resend_verification;
pub mod verify_email;
