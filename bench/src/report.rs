//! Turns measurements into `docs/benchmarks.md`.

use std::{fmt::Write as _, time::Duration};

use crate::{
    drain::FLOORS,
    idle::Cost,
    peer::{ABOVE, BELOW, PeerRun},
};

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) machine: Vec<String>,
    pub(crate) enqueue: Vec<f64>,
    pub(crate) floors: [Vec<f64>; FLOORS.len()],
    pub(crate) worker: Vec<f64>,
    pub(crate) latencies: Vec<Duration>,
    pub(crate) idle: Option<Cost>,
    pub(crate) peer: Vec<PeerRun>,
    pub(crate) peer_above: Option<PeerRun>,
}

/// Jobs a second; none, if none ran.
pub(crate) fn rate(jobs: u64, took: Duration) -> f64 {
    if jobs == 0 {
        return 0.0;
    }
    f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which `per_mille` thousandths of the sorted values lie, in ms.
fn quantile(sorted: &[Duration], per_mille: usize) -> f64 {
    let at = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

fn spread(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    format!("{low:.0} – {high:.0}")
}

impl Report {
    pub(crate) fn render(&self, jobs: u64, rounds: usize) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = self.write(&mut text, jobs, rounds);
        text
    }

    fn write(&self, out: &mut String, jobs: u64, rounds: usize) -> std::fmt::Result {
        writeln!(out, "# Benchmarks\n\nWritten by `make bench` (`bench/`); don't edit by hand.\n")?;
        writeln!(
            out,
            "Machines are noisy, so what counts are the ratios: in each of {rounds} rounds the floor and the"
        )?;
        writeln!(
            out,
            "worker take turns, each on a database of its own, and medians are compared.\n\n## The machine\n"
        )?;
        for line in &self.machine {
            writeln!(out, "- {line}")?;
        }
        self.write_drain(out, jobs)?;
        self.write_latency(out)?;
        self.write_peer(out)
    }

    fn write_drain(&self, out: &mut String, jobs: u64) -> std::fmt::Result {
        let floors: Vec<f64> = self.floors.iter().map(|rates| median(rates)).collect();
        let best = floors.iter().copied().fold(0.0, f64::max);
        let worker = median(&self.worker);
        writeln!(out, "\n## Draining {jobs} no-op jobs\n")?;
        writeln!(
            out,
            "The *floor* sends the same SQL and Redis commands in a bare loop: pop, claim, complete, with no runtime,"
        )?;
        writeln!(
            out,
            "handlers, spans or metrics. The *worker* is the real one with its default settings (500 slots, 2 fetchers):"
        )?;
        writeln!(out, "apalis runtime, a handler by kind, spans at info, metrics on; the log line a job is off, as")?;
        writeln!(
            out,
            "`LOG_LEVEL=info,callboard_queue::job=warn` does. Its time runs from its start until the ledger is empty.\n"
        )?;
        writeln!(out, "| what | jobs/s (median) | lowest – highest | of the best floor |\n|---|---:|---:|---:|")?;
        for ((fetchers, batch), rates) in FLOORS.iter().zip(&self.floors) {
            let middle = median(rates);
            writeln!(out, "| floor, {fetchers} × {batch} | {middle:.0} | {} | {:.2} |", spread(rates), middle / best)?;
        }
        writeln!(out, "| **worker** | **{worker:.0}** | {} | **{:.2}** |", spread(&self.worker), worker / best)?;
        writeln!(
            out,
            "\nBulk enqueue, 1,000 a statement and transaction: {:.0} jobs/s ({}).",
            median(&self.enqueue),
            spread(&self.enqueue)
        )
    }

    fn write_latency(&self, out: &mut String) -> std::fmt::Result {
        let times = &self.latencies;
        writeln!(out, "\n## From commit to start, idle system\n")?;
        writeln!(
            out,
            "From the commit's answer to the handler's first line, {} jobs one by one, each on an idle system.\n",
            times.len()
        )?;
        writeln!(out, "| p50 | p90 | p99 | highest |\n|---:|---:|---:|---:|")?;
        writeln!(
            out,
            "| {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms |",
            quantile(times, 500),
            quantile(times, 900),
            quantile(times, 990),
            quantile(times, 1_000),
        )?;
        if let Some(idle) = &self.idle {
            writeln!(
                out,
                "\n## An idle worker\n\nOne worker that holds every duty (auditor, janitor, promoter, scheduler) and its heartbeat:\n"
            )?;
            match idle.statements {
                Some(statements) => writeln!(out, "- {statements:.2} statements a second to PostgreSQL")?,
                None => writeln!(out, "- statements to PostgreSQL: not counted, pg_stat_statements is not preloaded")?,
            }
            writeln!(out, "- {:.2} commands a second to Redis", idle.commands)?;
        }
        Ok(())
    }

    fn write_peer(&self, out: &mut String) -> std::fmt::Result {
        let rates: Vec<f64> = self.peer.iter().map(|run| rate(run.ran, run.took)).collect();
        let complete = self.peer.iter().filter(|run| run.stopped.is_none()).count();
        writeln!(out, "\n## apalis-redis 1.0 on the same Redis\n")?;
        writeln!(
            out,
            "Its jobs live in Redis alone: no row, no transaction. Batches of 100, polling every 100 ms, events off.\n"
        )?;
        writeln!(out, "| jobs queued | ran | jobs/s (median) | |\n|---:|---:|---:|---|")?;
        let ran: Vec<String> = self.peer.iter().map(|run| run.ran.to_string()).collect();
        writeln!(
            out,
            "| {BELOW} | {} | {:.0} | {complete} of {} runs complete |",
            ran.join(", "),
            median(&rates),
            self.peer.len()
        )?;
        if let Some(above) = &self.peer_above {
            let end = above.stopped.as_deref().unwrap_or("complete");
            writeln!(out, "| {ABOVE} | {} | {:.0} | {end} |", above.ran, rate(above.ran, above.took))?;
        }
        Ok(())
    }
}
