//! Values as people read them on a terminal.

use chrono::{DateTime, TimeDelta, Utc};

/// Text of whatever origin on one line. Control characters could move the
/// cursor or change colours, and others turn what follows around, so they become
/// blanks.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|letter| if is_unseen(letter) { ' ' } else { letter }).collect()
}

/// Whether a letter changes how others look and has no look of its own: a control
/// character, one of no width, or a mark of the direction of writing.
pub(super) fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A time in UTC, to the second.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A time that there may not be.
pub(super) fn maybe_time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// A length of time in its largest unit of which there are two or more.
pub(super) fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds().abs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A time and how far it is from `now`.
pub(super) fn time_from(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let (time, distance) = (time(at), span(at - now));
    if at > now { format!("{time} (in {distance})") } else { format!("{time} ({distance} ago)") }
}

/// "1 job", "2 jobs".
pub(super) fn count(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_a_unit_that_fits() {
        for (seconds, told) in
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (-172_800, "2 days")]
        {
            assert_eq!(span(TimeDelta::seconds(seconds)), told);
        }
    }

    #[test]
    fn a_time_says_on_which_side_of_now_it_is() {
        let now: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
        assert_eq!(time_from(now + TimeDelta::minutes(5), now), "2026-11-21 08:05:00Z (in 5 min)");
        assert_eq!(time_from(now - TimeDelta::hours(3), now), "2026-11-21 05:00:00Z (3 h ago)");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_could_steer_it() {
        assert_eq!(line("a\x1b[31mb\nc"), "a [31mb c");
    }
}
