//! How fast a backlog of no-op jobs is drained: by the floor, and by the real worker.

use crate::{
    floor,
    options::Options,
    report::{Bar, Section},
    stage::Error,
    stats::{median, rate, spread},
    workers,
};

/// The floor's shapes: fetchers × batch. The best of them counts.
const FLOORS: [(usize, usize); 3] = [(1, 100), (2, 100), (3, 250)];

/// Jobs a second, a value a round.
#[derive(Default)]
struct Measured {
    worker: Vec<f64>,
    floors: [Vec<f64>; FLOORS.len()],
}

/// The worker and every shape of the floor, each on a database of its own; odd
/// rounds begin with the worker, even ones with the floor.
pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let mut measured = Measured::default();
    for round in 1..=options.rounds {
        tracing::info!(round, "drain");
        if !round.is_multiple_of(2) {
            measured.worker.push(worker(options).await?);
        }
        for (rates, (fetchers, batch)) in measured.floors.iter_mut().zip(FLOORS) {
            rates.push(floor(options, fetchers, batch).await?);
        }
        if round.is_multiple_of(2) {
            measured.worker.push(worker(options).await?);
        }
    }
    Ok(section(options.jobs, &measured))
}

async fn worker(options: &Options) -> Result<f64, Error> {
    let stage = options.stage().await?;
    stage.enqueue(options.jobs).await?;
    stage.settle().await?;
    let rate = workers::drain(&stage, options.jobs).await?;
    stage.strike().await?;
    Ok(rate)
}

async fn floor(options: &Options, fetchers: usize, batch: usize) -> Result<f64, Error> {
    let stage = options.stage().await?;
    stage.enqueue(options.jobs).await?;
    stage.settle().await?;
    let took = floor::drain(&stage, fetchers, batch).await?;
    stage.strike().await?;
    Ok(rate(options.jobs, took))
}

fn section(jobs: u64, measured: &Measured) -> Section {
    let floors: Vec<f64> = measured.floors.iter().map(|rates| median(rates)).collect();
    let best = floors.iter().copied().fold(0.0, f64::max);
    let worker = median(&measured.worker);
    let line = |((shape, rates), middle): ((&(usize, usize), &Vec<f64>), &f64)| {
        format!("| floor, {} × {} | {middle:.0} | {} | {:.2} |\n", shape.0, shape.1, spread(rates), middle / best)
    };
    let lines: Vec<String> = FLOORS.iter().zip(&measured.floors).zip(&floors).map(line).collect();
    let text = format!(
        "\
The *floor* sends the same SQL and Redis commands in a bare loop: pop, claim, complete, with no runtime,
handlers, spans or metrics. The *worker* is the real one with its default settings (500 slots, 2 fetchers):
apalis runtime, a handler by kind, spans at info, metrics on; the log line a job is off, as
`LOG_LEVEL=info,callboard_queue::job=warn` does. Its time runs from its start until it has run all, written
what became of them, and ended.

| what | jobs/s (median) | lowest – highest | of the best floor |
|---|---:|---:|---:|
{}| **worker** | **{worker:.0}** | {} | **{:.2}** |
",
        lines.concat(),
        spread(&measured.worker),
        worker / best,
    );
    Section {
        title: format!("Draining {jobs} no-op jobs"),
        text,
        bars: vec![Bar::at_least("drain, of the floor", worker / best, 0.75)],
    }
}
