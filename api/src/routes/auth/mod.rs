//! `/api/v1/auth`: registration, verification, login.

pub mod change_email;
pub mod change_password;
pub mod confirm_email;
pub mod forgot_password;
pub mod login;
pub mod login_totp;
pub mod logout;
pub mod me;
pub mod oauth;
pub mod providers;
pub mod refresh;
pub mod register;
pub mod resend_verification;
pub mod reset_password;
pub mod sessions;
pub mod totp;
pub mod verify_email;
