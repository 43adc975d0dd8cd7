//! How each kind of job runs: a handler a file, named after its payload in
//! `shared/src/jobs/`.

mod confirm_email_change;
mod delivery;
mod invitation;
mod prune;
mod reset_password;
mod security_notice;
mod verify_address;
