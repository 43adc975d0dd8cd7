//! Turns measurements into the HTTP part of `docs/benchmarks.md`.

use std::{fmt::Write as _, path::Path, time::Duration};

use crate::{
    Error,
    load::{Run, Target, saturate},
};

/// Where this part of the file begins; what stands before it is of `make bench`.
const MARK: &str = "<!-- make bench-http writes from here on -->";

/// One thing that the API and the floor both do.
pub(crate) struct Row {
    name: &'static str,
    /// What the ratio is to reach, where that was said.
    bar: Option<f64>,
    floor: Target,
    pub(crate) api: Target,
    floor_runs: Vec<Run>,
    api_runs: Vec<Run>,
}

impl Row {
    pub(crate) fn new(name: &'static str, bar: Option<f64>, floor: Target, api: Target) -> Self {
        Self { name, bar, floor, api, floor_runs: Vec::new(), api_runs: Vec::new() }
    }

    /// Both take their turn.
    pub(crate) async fn measure(&mut self, api_first: bool, seconds: u64, scratch: &Path) -> Result<(), Error> {
        for is_api in [api_first, !api_first] {
            let (target, runs) =
                if is_api { (&self.api, &mut self.api_runs) } else { (&self.floor, &mut self.floor_runs) };
            runs.push(saturate(target, seconds, scratch).await?);
        }
        Ok(())
    }

    pub(crate) fn api_rate(&self) -> f64 {
        median(self.api_runs.iter().map(|run| run.rate))
    }
}

/// A route that passes one thing more than the one before.
pub(crate) struct Step {
    name: &'static str,
    pub(crate) target: Target,
    pub(crate) runs: Vec<Run>,
}

impl Step {
    pub(crate) fn new(name: &'static str, target: Target) -> Self {
        Self { name, target, runs: Vec::new() }
    }
}

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) steps: Vec<Step>,
    /// Requests a second, and how long each took.
    pub(crate) half_load: Option<(f64, Vec<Duration>)>,
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Report {
    pub(crate) fn new(rows: Vec<Row>, steps: Vec<Step>) -> Self {
        Self { rows, steps, half_load: None }
    }

    /// Writes this part of the file, and leaves the other as it is.
    pub(crate) fn write(&self, path: &Path, rounds: usize, seconds: u64) -> Result<(), Error> {
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let before = before.split(MARK).next().unwrap_or_default().trim_end();
        let mut text = format!("{before}\n\n{MARK}\n\n");
        self.render(&mut text, rounds, seconds)?;
        Ok(std::fs::write(path, text)?)
    }

    fn render(&self, out: &mut String, rounds: usize, seconds: u64) -> std::fmt::Result {
        writeln!(
            out,
            "## The HTTP API\n\nWritten by `make bench-http`. The *floor* is a bare axum handler with sqlx that does the same statement,\n\
             with as many connections and sqlx's defaults: it pings a connection each time before it is used, which the API\n\
             does only after a second of idleness. The *API* is the release build with its defaults: rate limits, metrics, request\n\
             ids, session check, a JSON log line a request into a file. wrk keeps 32 connections busy for {seconds} s each, in turns,\n\
             {rounds} rounds; medians. PostgreSQL, Redis, wrk and the servers share the machine's cores.\n"
        )?;
        writeln!(
            out,
            "| what | floor, requests/s | API, requests/s | ratio | bar | API, p99 |\n|---|---:|---:|---:|---:|---:|"
        )?;
        for row in &self.rows {
            let floor = median(row.floor_runs.iter().map(|run| run.rate));
            let (api, p99) = (row.api_rate(), median(row.api_runs.iter().map(|run| run.p99)));
            let bar = row.bar.map_or_else(|| "–".to_owned(), |bar| format!("≥ {bar:.1}"));
            writeln!(out, "| {} | {floor:.0} | {api:.0} | **{:.2}** | {bar} | {p99:.1} ms |", row.name, api / floor)?;
        }
        writeln!(
            out,
            "\nThe bare insert is one statement that commits by itself. The API's create is a transaction, and each of its\n\
             statements a round trip: begin, claim of the key, the insert, with users the link's token and the job, the\n\
             audit line with the answer, commit. The last row's floor sends the same statements as the create without a job,\n\
             from a bare handler: what is between it and the bare insert is the transaction's price, what is between it and\n\
             the API is the API's own."
        )?;
        if let Some((rate, times)) = &self.half_load {
            let at = |per_mille: usize| {
                let index = (times.len() * per_mille / 1_000).min(times.len().saturating_sub(1));
                times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
            };
            writeln!(
                out,
                "\nThe authenticated GET at half of its highest load, {rate:.0} requests/s: p50 {:.2} ms, p99 {:.2} ms (bar: 5 ms),\n\
                 from the moment when each was due.",
                at(500),
                at(990)
            )?;
        }
        writeln!(
            out,
            "\n### What each part of a request costs\n\nEach line does all that the one before does, and one thing more. The cost is that of the whole machine,\n\
             wrk's share included: the difference of the times between two answers.\n"
        )?;
        writeln!(out, "| what | requests/s | µs a request | µs more |\n|---|---:|---:|---:|")?;
        let mut before = None;
        for step in &self.steps {
            let rate = median(step.runs.iter().map(|run| run.rate));
            let cost = 1e6 / rate;
            let more = before.map_or_else(|| "–".to_owned(), |before: f64| format!("{:.1}", cost - before));
            writeln!(out, "| {} | {rate:.0} | {cost:.1} | {more} |", step.name)?;
            before = Some(cost);
        }
        Ok(())
    }
}
