//! `callboard-api jobs stats`.

use std::process::ExitCode;

use crate::cli::{
    Outcome, complain,
    queues::REDIS_DOWN,
    servers::{Console, ask},
    table::Table,
};

/// What `scheduled` and `blocked` are counted up to.
const COUNTED: i64 = 10_000;

pub(super) async fn run(console: &Console) -> Outcome {
    let counts = ask(console.queue()?.counts()).await?;
    if counts.queued.is_none() {
        complain(REDIS_DOWN);
    }
    let queued = counts.queued.map_or_else(|| "?".to_owned(), |queued| queued.to_string());
    let capped = |count: i64| if count >= COUNTED { format!("{count} or more") } else { count.to_string() };
    let rows = [
        ("queued", queued),
        ("running", counts.running.to_string()),
        ("scheduled", capped(counts.scheduled)),
        ("blocked", capped(counts.blocked)),
    ];
    let table = Table::new(["STATE", "JOBS"]).rows(rows, |(state, jobs)| [state.to_owned(), jobs]);
    console.print(&counts, table)?;
    Ok(ExitCode::SUCCESS)
}
