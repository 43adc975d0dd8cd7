//! The worker: takes jobs from the queue and does the slow work.
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | the command line and its settings |
//! | [`app`] | the process: built from settings, run until told to stop |
//! | [`context`] | what handlers work with |
//! | [`registry`] | which kinds of job this worker knows |
//! | [`schedules`] | what it does by the clock |
//! | [`jobs`] | a handler a file |
//! | [`mail`] | letters, their templates, and the SMTP transport |
//! | [`health`] | what the probes tell |

pub mod app;
pub mod context;
pub mod health;
pub mod jobs;
pub mod mail;
pub mod registry;
pub mod schedules;
pub mod settings;
