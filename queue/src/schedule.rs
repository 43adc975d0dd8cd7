//! What is enqueued by the clock: a job, a cron expression and a time zone.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{Cron, errors::CronError};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::{EnqueueOptions, Error, Job, new_job::NewJob};

/// What becomes of ticks that nobody was there to see: no worker ran, or
/// PostgreSQL was down. A tick that is at most a minute late is never missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// They are left out.
    Skip,
    /// However many were missed, the job runs once, for the latest.
    #[default]
    RunOnce,
    /// The job runs for each, the latest 100 at most.
    RunAll,
}

impl Misfire {
    /// Its word, in the ledger and for people: `skip`, `run_once` or `run_all`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::RunOnce => "run_once",
            Self::RunAll => "run_all",
        }
    }

    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "skip" => Self::Skip,
            "run_all" => Self::RunAll,
            _ => Self::RunOnce,
        }
    }
}

/// A cron expression in a time zone.
///
/// Five fields as in `cron(5)`, or six with seconds first; `@daily` and the
/// like; `L`, `W` and `#` as in Quartz. When clocks are set, as Vixie cron does:
///
/// - A fixed time that a gap leaves out (02:30 when 02:00 becomes 03:00) fires
///   at the first moment after the gap. Fields with `*` just have no tick there.
/// - A fixed time that comes twice fires the first time only. Fields with `*`
///   fire in both.
#[derive(Clone, Debug)]
pub(crate) struct Clockwork {
    cron: Cron,
    zone: Tz,
}

impl Clockwork {
    pub(crate) fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let zone = zone.parse().map_err(|_| format!("`{zone}` is no time zone of the IANA database"))?;
        let cron = Cron::from_str(cron).map_err(|error| format!("`{cron}` is no cron expression: {error}"))?;
        Ok(Self { cron, zone })
    }

    /// The first tick after `at`; `None` if there is none ever.
    pub(crate) fn after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        utc(self.cron.find_next_occurrence(&at.with_timezone(&self.zone), false))
    }

    /// The last tick at or before `at`.
    pub(crate) fn at_or_before(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        utc(self.cron.find_previous_occurrence(&at.with_timezone(&self.zone), true))
    }

    /// The ticks after `from` up to `to`, the oldest first; of more than
    /// `limit` the latest.
    pub(crate) fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>, limit: usize) -> Vec<DateTime<Utc>> {
        let mut ticks = Vec::new();
        let mut next = self.at_or_before(to);
        while let Some(tick) = next.filter(|tick| *tick > from && ticks.len() < limit) {
            ticks.push(tick);
            next = self.at_or_before(tick - chrono::TimeDelta::milliseconds(1));
        }
        ticks.reverse();
        ticks
    }
}

fn utc(tick: Result<DateTime<Tz>, CronError>) -> Option<DateTime<Utc>> {
    tick.ok().map(|tick| tick.with_timezone(&Utc))
}

/// A declaration: which job is enqueued when.
///
/// # Example
///
/// ```
/// # use callboard_queue::{Job, Misfire, Schedule};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Digest {}
/// # impl Job for Digest { const KIND: &'static str = "email.digest"; }
/// let weekdays = Schedule::new("email.digest", "0 9 * * MON-FRI", "Asia/Seoul", &Digest {})?
///     .on_misfire(Misfire::Skip);
/// # Ok::<(), callboard_queue::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    pub(crate) name: String,
    pub(crate) cron: String,
    pub(crate) zone: String,
    pub(crate) misfire: Misfire,
    pub(crate) job: Box<RawValue>,
}

impl Schedule {
    /// Enqueues `job` whenever `cron` ticks in the time zone `zone` (a name of
    /// the IANA database). `name` is the schedule's own, for operators and for
    /// good: another name is another schedule.
    ///
    /// # Errors
    /// [`Error::Schedule`] for a name, an expression or a zone that can't be
    /// used, also for an expression that never ticks (as 30 February), and what
    /// [`Transaction::enqueue`](crate::Transaction::enqueue) says of the job.
    pub fn new<J: Job>(name: &str, cron: &str, zone: &str, job: &J) -> Result<Self, Error> {
        let refuse = |problem| Error::Schedule { name: name.to_owned(), problem };
        if !(1..=100).contains(&name.chars().count()) || name.contains(char::is_control) {
            return Err(refuse("a name has 1 to 100 characters".to_owned()));
        }
        let clockwork = Clockwork::parse(cron, zone).map_err(refuse)?;
        if clockwork.after(Utc::now()).is_none() {
            return Err(refuse(format!("`{cron}` never ticks")));
        }
        if J::ENCRYPTED {
            return Err(refuse("its job's kind is encrypted, and a schedule stands in the database".to_owned()));
        }
        let job = NewJob::new(job, &EnqueueOptions::default())?;
        let job = serde_json::value::to_raw_value(&job).map_err(|error| refuse(error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            cron: cron.to_owned(),
            zone: zone.to_owned(),
            misfire: Misfire::default(),
            job,
        })
    }

    /// The same with another policy for missed ticks.
    #[must_use]
    pub fn on_misfire(self, misfire: Misfire) -> Self {
        Self { misfire, ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A schedule as operators see it. Times are PostgreSQL's.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleView {
    /// Its name.
    pub name: String,
    /// Its cron expression.
    pub cron: String,
    /// The time zone in which that is meant.
    pub time_zone: String,
    /// What becomes of missed ticks.
    pub misfire: Misfire,
    /// Whether it fires. Operators say so; it stays over deploys.
    pub enabled: bool,
    /// Whether a live worker declares it. One that nobody declares does not fire.
    pub declared: bool,
    /// The kind of job that it enqueues.
    pub kind: String,
    /// Where that job waits.
    pub queue: String,
    /// The payload of that job.
    #[serde(skip)]
    pub payload: Value,
    /// The next tick, while it is enabled and declared.
    pub next_at: Option<DateTime<Utc>>,
    /// The latest tick that enqueued a job.
    pub last_tick_at: Option<DateTime<Utc>>,
    /// That job.
    pub last_job_id: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn ticks(cron: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
        let clockwork = Clockwork::parse(cron, zone).unwrap();
        let ticks = clockwork.between(at(from), at(to), 100);
        let text = |tick: &DateTime<Utc>| tick.with_timezone(&clockwork.zone).format("%dT%H:%M%z").to_string();
        ticks.iter().map(text).collect()
    }

    #[test]
    fn a_fixed_time_in_a_gap_fires_at_the_first_moment_after_it() {
        // Berlin, 29 March 2026: 02:00 becomes 03:00.
        let gap = |cron| ticks(cron, "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(gap("30 2 * * *"), ["29T03:00+0200", "30T02:30+0200"]);
        assert_eq!(gap("0 3 * * *"), ["29T03:00+0200", "30T03:00+0200"], "one that is not left out is as ever");
        let hourly = ticks("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z");
        assert_eq!(hourly, ["29T01:30+0100", "29T03:30+0200"], "every hour that there is");
    }

    #[test]
    fn a_fixed_time_that_comes_twice_fires_once_and_every_hour_means_both() {
        // Berlin, 25 October 2026: 03:00 becomes 02:00.
        let overlap = |cron| ticks(cron, "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(overlap("30 2 * * *"), ["25T02:30+0200", "26T02:30+0100"]);
        let hourly = ticks("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z");
        assert_eq!(hourly, ["25T02:30+0200", "25T02:30+0100"]);
    }

    #[test]
    fn what_can_not_be_read_or_never_ticks_is_refused_with_the_reason() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Any {}
        impl Job for Any {
            const KIND: &'static str = "test.any";
        }
        for (cron, zone, problem) in [
            ("", "UTC", "no cron expression"),
            ("61 * * * *", "UTC", "no cron expression"),
            ("* * *", "UTC", "no cron expression"),
            ("* * * * * * * *", "UTC", "no cron expression"),
            ("0 0 30 2 *", "UTC", "never ticks"),
            ("0 0 * * *", "Mars/Olympus", "no time zone"),
            ("0 0 * * *", "", "no time zone"),
        ] {
            let error = Schedule::new("test.any", cron, zone, &Any {}).unwrap_err();
            assert!(matches!(error, Error::Schedule { .. }) && error.to_string().contains(problem), "{cron}: {error}");
        }
        assert!(Schedule::new("", "* * * * *", "UTC", &Any {}).is_err());
        assert!(Schedule::new("a\0", "* * * * *", "UTC", &Any {}).is_err());
        assert!(Schedule::new("leap", "0 0 29 2 *", "UTC", &Any {}).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever the expression, the zone and the hour: the ticks between two
        /// moments are those that one finds going forward, each after the other,
        /// and parts of the time have the ticks of the whole.
        #[test]
        fn ticks_are_the_same_forward_backward_and_in_parts(
            minute in prop_oneof![Just("*".to_owned()), Just("*/7".to_owned()), (0..60_u8).prop_map(|m| m.to_string())],
            hour in prop_oneof![Just("*".to_owned()), (0..24_u8).prop_map(|h| h.to_string())],
            weekday in prop_oneof![Just("*"), Just("MON-FRI"), Just("SUN")],
            zone in prop_oneof![
                Just("UTC"), Just("Asia/Seoul"), Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe"),
            ],
            start in 1_770_000_000_i64..1_830_000_000,
            hours in 1..27_i64,
            part in 0..27_i64,
        ) {
            let clockwork = Clockwork::parse(&format!("{minute} {hour} * * {weekday}"), zone).unwrap();
            let from = DateTime::from_timestamp(start, 0).unwrap();
            let to = from + chrono::TimeDelta::hours(hours);
            let middle = from + chrono::TimeDelta::hours(part.min(hours));
            let whole = clockwork.between(from, to, usize::MAX);

            let mut forward = Vec::new();
            let mut next = clockwork.after(from);
            while let Some(tick) = next.filter(|tick| *tick <= to) {
                forward.push(tick);
                next = clockwork.after(tick);
            }
            prop_assert_eq!(&whole, &forward, "going forward");
            prop_assert!(whole.windows(2).all(|pair| pair[0] < pair[1]), "each after the other");
            let mut parts = clockwork.between(from, middle, usize::MAX);
            parts.extend(clockwork.between(middle, to, usize::MAX));
            prop_assert_eq!(&parts, &whole, "in two parts");
            let latest = clockwork.between(from, to, 3);
            prop_assert_eq!(&latest[..], &whole[whole.len().saturating_sub(3)..], "of many the latest");
        }
    }
}
