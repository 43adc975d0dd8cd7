//! `/api/v1/auth`

mod login;
mod me;
mod register;
mod resend_verification;
mod verify_email;
