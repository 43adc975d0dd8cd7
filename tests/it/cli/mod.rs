//! The command lines of both programs.

mod create_admin;
mod doctor;
mod environment_example;
mod migrate;
mod settings;
