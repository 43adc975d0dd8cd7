//! What is sent to PostgreSQL and Redis, by their own counts.

use std::{collections::HashMap, time::Duration};

use crate::stage::{Error, Stage};

/// Calls by what is called.
type Calls = HashMap<String, i64>;

/// How often something is sent, a second; the most frequent first.
pub(crate) struct Rates(Vec<(String, f64)>);

/// Statements and commands in a time.
pub(crate) struct Cost {
    /// `None` where `pg_stat_statements` is not preloaded.
    pub(crate) statements: Option<Rates>,
    pub(crate) commands: Rates,
}

impl Rates {
    fn between(before: &Calls, after: Calls, window: Duration) -> Self {
        let mut rates: Vec<(String, f64)> = after
            .into_iter()
            .filter_map(|(what, calls)| {
                let more = u32::try_from(calls - before.get(&what).unwrap_or(&0)).ok().filter(|more| *more > 0)?;
                Some((what, f64::from(more) / window.as_secs_f64()))
            })
            .collect();
        rates.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Self(rates)
    }

    pub(crate) fn total(&self) -> f64 {
        self.0.iter().map(|(_, rate)| rate).sum()
    }

    /// The most frequent ones, as a list in Markdown.
    pub(crate) fn list(&self) -> String {
        let lines = self.0.iter().take(8).map(|(what, rate)| format!("- {rate:.2} a second: `{what}`\n"));
        lines.collect::<Vec<_>>().concat()
    }
}

/// What everybody but the benchmark itself sends within `window`.
pub(crate) async fn watch(stage: &Stage, window: Duration) -> Result<Cost, Error> {
    let before = (statements(stage).await, commands(stage).await?);
    tokio::time::sleep(window).await;
    let after = (statements(stage).await, commands(stage).await?);
    let statements = before.0.ok().zip(after.0.ok());
    Ok(Cost {
        statements: statements.map(|(from, to)| Rates::between(&from, to, window)),
        commands: Rates::between(&before.1, after.1, window),
    })
}

/// Statements that clients sent to this database, transaction control included,
/// by how they begin.
async fn statements(stage: &Stage) -> Result<Calls, sqlx::Error> {
    let counts: Vec<(String, i64)> = sqlx::query_as(
        r"SELECT left(regexp_replace(query, '\s+', ' ', 'g'), 60) AS start, sum(calls)::bigint
          FROM pg_stat_statements
          WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND query NOT LIKE '%pg_stat_statements%'
          GROUP BY start",
    )
    .fetch_all(&stage.pool)
    .await?;
    Ok(counts.into_iter().collect())
}

/// Commands that Redis has run, by name; the look itself is left out.
async fn commands(stage: &Stage) -> Result<Calls, Error> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut stage.redis.clone()).await?;
    Ok(info.lines().filter_map(command).filter(|(name, _)| name != "info").collect())
}

/// Reads `cmdstat_get:calls=21,usec=175,…`.
fn command(line: &str) -> Option<(String, i64)> {
    let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
    Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_figures_are_read() {
        assert_eq!(command("cmdstat_client|id:calls=21,usec=175"), Some(("client|id".to_owned(), 21)));
        assert_eq!(command("# Commandstats"), None);
    }

    #[test]
    fn rates_are_what_came_on_top() {
        let calls = |blmpop, llen| Calls::from([("blmpop".to_owned(), blmpop), ("llen".to_owned(), llen)]);
        let rates = Rates::between(&calls(10, 5), calls(14, 5), Duration::from_secs(2));
        assert_eq!(rates.0, [("blmpop".to_owned(), 2.0)]);
    }
}
