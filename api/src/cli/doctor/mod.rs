//! `callboard-api doctor`.

mod ledger;
mod postgres;
mod redis_server;
mod schedules;
mod workers;

use std::{borrow::Cow, process::ExitCode, time::Duration};

use callboard_shared::config::Findings;
use clap::Args;
use serde_json::{Value, json};

use super::{Outcome, say, servers::Servers};

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at PostgreSQL, Redis and the queue, and says what is wrong and how to
/// heal it.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print one JSON document instead, for scripts.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

/// What was found about one thing.
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
}

enum Verdict {
    Good,
    /// Works, with this advice.
    Risky(Cow<'static, str>),
    /// Does not work, until this is done.
    Wrong(Cow<'static, str>),
}

impl Doctor {
    pub(super) fn check(&self, findings: &mut Findings) {
        self.servers.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        let queue = self.servers.queue("callboard-api doctor")?;
        let (mut findings, ledger) = postgres::look(queue.pool()).await;
        findings.extend(redis_server::look(&self.servers.redis).await);
        if let Some(server) = ledger {
            findings.extend(ledger::look(&queue, server.now).await);
        }
        let is_well = findings.iter().all(|finding| !matches!(finding.verdict, Verdict::Wrong(_)));
        if self.json {
            let items: Vec<Value> = findings.iter().map(Finding::document).collect();
            say(&serde_json::to_string_pretty(&json!({ "is_well": is_well, "items": items }))?)?;
        } else {
            findings.iter().try_for_each(|finding| say(&finding.line()))?;
        }
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Finding {
    fn new(what: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { what, verdict, found: found.into() }
    }

    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, Verdict::Good, found)
    }

    fn line(&self) -> String {
        let (mark, heal) = self.verdict.parts();
        let line = format!("{mark:<6} {:<18} {}", self.what, self.found);
        heal.map_or(line.clone(), |heal| format!("{line}\n{:25} → {heal}", ""))
    }

    fn document(&self) -> Value {
        let (mark, heal) = self.verdict.parts();
        json!({ "what": self.what, "verdict": mark.to_lowercase(), "found": self.found, "heal": heal })
    }
}

impl Verdict {
    /// Its word, and what is to be done.
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Good => ("ok", None),
            Self::Risky(heal) => ("risky", Some(heal)),
            Self::Wrong(heal) => ("WRONG", Some(heal)),
        }
    }

    fn risky(heal: impl Into<Cow<'static, str>>) -> Self {
        Self::Risky(heal.into())
    }

    fn wrong(heal: impl Into<Cow<'static, str>>) -> Self {
        Self::Wrong(heal.into())
    }
}

fn words(error: Option<impl std::fmt::Display>) -> String {
    error.map_or_else(|| "no answer".to_owned(), |error| error.to_string())
}
