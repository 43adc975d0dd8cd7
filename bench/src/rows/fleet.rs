//! What many idle workers cost PostgreSQL and Redis.

use std::time::Duration;

use crate::{
    counters::{self, Cost, Rates},
    options::Options,
    report::{Bar, Section},
    rows::idle::STARTED_AFTER,
    stage::Error,
    stats::float,
    workers::Workers,
};

const WORKERS: usize = 50;

/// What is sent a second.
struct Shares {
    by_one: f64,
    by_all: f64,
}

/// One worker holds every duty; what the others add, each adds.
pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let window = Duration::from_secs(options.idle_seconds);
    let stage = options.stage().await?;
    let first = Workers::start(&stage, 1)?;
    first.ready().await;
    tokio::time::sleep(STARTED_AFTER).await;
    let one = counters::watch(&stage, window).await?;
    let others = Workers::start(&stage, WORKERS - 1)?;
    others.ready().await;
    tokio::time::sleep(STARTED_AFTER).await;
    let all = counters::watch(&stage, window).await?;
    others.stop().await?;
    first.stop().await?;
    stage.strike().await?;
    Ok(section(&one, &all))
}

impl Shares {
    fn of(by_one: &Rates, by_all: &Rates) -> Self {
        Self { by_one: by_one.total(), by_all: by_all.total() }
    }

    /// What each worker sends that holds no duty.
    fn each(&self) -> f64 {
        (self.by_all - self.by_one) / float(WORKERS as u64 - 1)
    }

    /// What the holders of the duties send beyond that, in sum.
    fn duties(&self) -> f64 {
        self.by_all - self.each() * float(WORKERS as u64)
    }

    fn line(&self, what: &str) -> String {
        let (each, duties) = (self.each(), self.duties());
        format!("| {what} | {:.2} | {:.2} | **{each:.3}** | **{duties:.2}** |\n", self.by_one, self.by_all)
    }
}

fn section(one: &Cost, all: &Cost) -> Section {
    let mut text = format!(
        "\
{WORKERS} real workers in one process, as separate as {WORKERS} processes: each with its own pools and connections.
First one worker is watched, which holds all duties, then all of them. What each of the others adds is what an idle
worker sends; what is left is what the duties send, whoever holds them.

| a second | one worker | {WORKERS} workers | each | duties, in sum |
|---|---:|---:|---:|---:|
"
    );
    let mut bars = Vec::new();
    match (&one.statements, &all.statements) {
        (Some(one), Some(all)) => {
            let statements = Shares::of(one, all);
            text += &statements.line("statements to PostgreSQL");
            bars.push(Bar::at_most("statements a second of an idle worker", statements.each(), 0.5, ""));
            bars.push(Bar::at_most("statements a second of the duties, in sum", statements.duties(), 2.0, ""));
        }
        _ => text += "| statements: `pg_stat_statements` is not preloaded | – | – | – | – |\n",
    }
    let commands = Shares::of(&one.commands, &all.commands);
    text += &commands.line("commands to Redis");
    bars.push(Bar::at_most("Redis commands a second of an idle worker", commands.each(), 0.5, ""));
    text += "\nWhat all of them send most, to Redis:\n\n";
    text += &all.commands.list();
    if let Some(statements) = &all.statements {
        text += "\nand to PostgreSQL:\n\n";
        text += &statements.list();
    }
    Section { title: format!("{WORKERS} idle workers"), text, bars }
}
