//! Rates, medians and quantiles.

use std::time::Duration;

use tokio::time::Instant;

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2⁵³")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Jobs a second; none, if none ran.
pub(crate) fn rate(jobs: u64, took: Duration) -> f64 {
    if jobs == 0 {
        return 0.0;
    }
    float(jobs) / took.as_secs_f64()
}

/// Jobs a second between the first and the last tenth of these sorted starts, so
/// that neither the worker's start nor its end counts.
pub(crate) fn steady(starts: &[Instant]) -> f64 {
    between(starts, 10, 90)
}

/// Jobs a second between two percentages of these sorted starts.
pub(crate) fn between(starts: &[Instant], from: usize, to: usize) -> f64 {
    let (from, to) = (starts.len() * from / 100, starts.len() * to / 100);
    match (starts.get(from), starts.get(to)) {
        (Some(first), Some(last)) => rate((to - from) as u64, *last - *first),
        _ => f64::NAN,
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which `per_mille` thousandths of the sorted values lie, in ms.
pub(crate) fn quantile(sorted: &[Duration], per_mille: usize) -> f64 {
    let at = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

pub(crate) fn spread(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    format!("{low:.0} – {high:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_start_and_a_slow_end_do_not_count() {
        let begin = Instant::now();
        let millis = |ms| begin + Duration::from_millis(ms);
        let mut starts = vec![begin; 5];
        starts.extend((0..91).map(|number| millis(1_000 + number)));
        starts.extend(vec![millis(60_000); 4]);
        assert!((steady(&starts) - 1_000.0).abs() < 1.0);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert!((quantile(&times, 500) - 51.0).abs() < 1e-9);
        assert!((quantile(&times, 1_000) - 100.0).abs() < 1e-9);
    }
}
