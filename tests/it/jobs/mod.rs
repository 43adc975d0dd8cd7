//! What each kind of job does, from enqueue to mail.

mod confirm_email_change;
mod invitation;
mod post_office;
mod prune;
mod reset_password;
mod security_notice;
mod verify_address;
