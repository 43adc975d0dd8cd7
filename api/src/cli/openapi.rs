//! `callboard-api openapi`.

use std::process::ExitCode;

use super::{Outcome, say};
use crate::router;

pub(super) fn run() -> Outcome {
    say(&router::description().to_pretty_json()?)?;
    Ok(ExitCode::SUCCESS)
}
