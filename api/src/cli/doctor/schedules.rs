//! The schedules: whether they fire.

use callboard_queue::ScheduleView;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Finding, Verdict};
use crate::cli::plain;

/// A tick that late was not seen to.
const LATE: TimeDelta = TimeDelta::minutes(1);

/// One finding for each that does not fire, by PostgreSQL's clock at `now`.
pub(super) fn look(schedules: &[ScheduleView], now: DateTime<Utc>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = schedules.iter().filter_map(|schedule| finding(schedule, now)).collect();
    if findings.is_empty() {
        let next = schedules.iter().filter_map(|schedule| schedule.next_at).min();
        let next = next.map(|at| format!(", the next tick at {}", plain::time(at))).unwrap_or_default();
        findings.push(Finding::good("schedules", format!("{} enabled{next}", schedules.len())));
    }
    findings
}

fn finding(schedule: &ScheduleView, now: DateTime<Utc>) -> Option<Finding> {
    let name = plain::line(&schedule.name);
    let late = schedule.next_at.map(|at| now - at).filter(|late| *late > LATE);
    let (verdict, found) = if !schedule.enabled {
        let heal = format!("`callboard-api schedules enable {name}`, when it is to fire again");
        (Verdict::risky(heal), format!("{name} is disabled"))
    } else if !schedule.declared {
        let heal = "start workers of a version that has it; if none has it any more, it is forgotten after 30 days";
        (Verdict::risky(heal), format!("{name} is declared by no living worker, and does not fire"))
    } else if let Some(late) = late {
        let heal = "the log of the worker with the duty `scheduler` (`callboard-api workers list`) says why; missed \
                    ticks are made up for by the schedule's policy";
        (Verdict::wrong(heal), format!("{name} is {} late", plain::span(late)))
    } else {
        return None;
    };
    Some(Finding::new("schedule", verdict, found))
}
