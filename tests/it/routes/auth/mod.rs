//! `/api/v1/auth`

mod change_email;
mod change_password;
mod confirm_email;
mod forgot_password;
mod login;
mod logout;
mod me;
mod oauth;
mod providers;
mod refresh;
mod register;
mod resend_verification;
mod reset_password;
mod sessions;
mod totp;
mod verify_email;
