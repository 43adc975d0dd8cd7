//! `callboard-api`: serves the API, and the chores around it. See `--help`.

use std::process::ExitCode;

use callboard_api::cli::{self, Cli};
use callboard_shared::config;
use mimalloc::MiMalloc;

/// Requests allocate often and little, from many threads: the system's own
/// allocator took a tenth of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match config::load::<Cli>("serve") {
        Ok(loaded) => cli::run(loaded).await,
        Err(stop) => stop.report(),
    }
}
