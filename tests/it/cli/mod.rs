//! The command lines of both programs.

mod audit;
mod console;
mod create_admin;
mod doctor;
mod environment_example;
mod jobs;
mod migrate;
mod queues;
mod schedules;
mod settings;
mod workers;
