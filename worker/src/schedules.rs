//! What this installation does by the clock.

use callboard_queue::{Error, Job, Misfire, Schedule};
use callboard_shared::config::BusinessConfig;
use callboard_shared::jobs::{PruneApiKeys, PruneAuditLog, PruneIdempotencyKeys, PruneSessions, PruneTokens};

/// All schedules, sorted by name. Times of day are those of `BUSINESS_TIME_ZONE`.
///
/// # Errors
/// For a schedule that can't be used, which a test finds.
pub fn schedules(business: &BusinessConfig) -> Result<Vec<Schedule>, Error> {
    let zone = business.business_time_zone.name();
    // At odd minutes: whole hours are everybody's.
    Ok(vec![
        prune::<PruneApiKeys>("17 3 * * *", zone)?,
        prune::<PruneAuditLog>("27 3 * * *", zone)?,
        prune::<PruneIdempotencyKeys>("7 * * * *", zone)?,
        prune::<PruneSessions>("37 3 * * *", zone)?,
        prune::<PruneTokens>("47 3 * * *", zone)?,
    ])
}

/// A schedule that is named after its kind, as the kind has only this one.
fn prune<J: Job + Default>(cron: &str, zone: &str) -> Result<Schedule, Error> {
    Ok(Schedule::new(J::KIND, cron, zone, &J::default())?.on_misfire(Misfire::RunOnce))
}

#[cfg(test)]
mod tests {
    use callboard_shared::jobs;

    use super::*;

    #[test]
    fn they_are_sorted_and_usable_in_every_zone() {
        for zone in chrono_tz::TZ_VARIANTS {
            let business = BusinessConfig { business_time_zone: zone, audit_log_days: 400 };
            let schedules = schedules(&business).unwrap();
            assert!(schedules.is_sorted_by_key(|schedule| schedule.name().to_owned()));
        }
    }

    #[test]
    fn the_api_knows_the_policies_of_all_kinds_that_the_worker_can_run() {
        let of_worker = crate::registry::registry().policies();
        assert_eq!(jobs::kinds().names(), of_worker.names());
    }
}
