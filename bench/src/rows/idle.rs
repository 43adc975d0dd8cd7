//! What an idle worker costs PostgreSQL and Redis.

use std::time::Duration;

use crate::{counters, options::Options, report::Section, stage::Error, workers::Workers};

/// The start of a worker (registration, partitions) is not idleness.
pub(crate) const STARTED_AFTER: Duration = Duration::from_secs(6);

/// One worker, which holds every duty.
pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let stage = options.stage().await?;
    let worker = Workers::start(&stage, 1)?;
    tokio::time::sleep(STARTED_AFTER).await;
    let cost = counters::watch(&stage, Duration::from_secs(options.idle_seconds)).await?;
    worker.stop().await?;
    stage.strike().await?;

    let statements = match &cost.statements {
        Some(statements) => format!("- {:.2} statements a second to PostgreSQL", statements.total()),
        None => "- statements to PostgreSQL: not counted, pg_stat_statements is not preloaded".to_owned(),
    };
    let text = format!(
        "\
One worker that holds every duty (auditor, janitor, promoter, scheduler) and its heartbeat:

{statements}
- {:.2} commands a second to Redis
",
        cost.commands.total()
    );
    Ok(Section { title: "An idle worker".to_owned(), text, bars: Vec::new() })
}
