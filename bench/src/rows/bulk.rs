//! Bulk enqueue against its floor.

use crate::{
    options::Options,
    report::{Bar, Section},
    rows::bulk_floor,
    stage::Error,
    stats::{median, rate, spread},
};

/// Who enqueues.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Product,
    Floor,
}

pub(crate) async fn measure(options: &Options) -> Result<Section, Error> {
    let (mut product, mut floor) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        tracing::info!(round, "bulk");
        let order = if round.is_multiple_of(2) { [Turn::Floor, Turn::Product] } else { [Turn::Product, Turn::Floor] };
        for turn in order {
            let rates = match turn {
                Turn::Product => &mut product,
                Turn::Floor => &mut floor,
            };
            rates.push(one_turn(options, turn).await?);
        }
    }
    Ok(section(options.jobs, &product, &floor))
}

async fn one_turn(options: &Options, turn: Turn) -> Result<f64, Error> {
    let stage = options.stage().await?;
    stage.settle().await?;
    let took = match turn {
        Turn::Product => stage.enqueue(options.jobs).await?,
        Turn::Floor => bulk_floor::enqueue(&stage, options.jobs).await?,
    };
    stage.strike().await?;
    Ok(rate(options.jobs, took))
}

fn section(jobs: u64, product: &[f64], floor: &[f64]) -> Section {
    let ratio = median(product) / median(floor);
    let text = format!(
        "\
{jobs} no-op jobs, a thousand a statement and transaction, one after the other. The *floor* makes the same ids and
payloads and sends the same statements in a bare loop: `BEGIN`, the product's `INSERT` word for word, `COMMIT`,
and the same `RPUSH`.

| what | jobs/s (median) | lowest – highest |
|---|---:|---:|
| floor | {:.0} | {} |
| **`enqueue_many`** | **{:.0}** | {} |
",
        median(floor),
        spread(floor),
        median(product),
        spread(product),
    );
    Section {
        title: "Bulk enqueue".to_owned(),
        text,
        bars: vec![Bar::at_least("bulk enqueue, of the floor", ratio, 0.9)],
    }
}
