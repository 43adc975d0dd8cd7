//! How long a link works, in words.

use std::time::Duration;

use callboard_shared::domain::Locale;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Rounds to whole days from two days on, to whole hours from two hours on, and
/// else to minutes, of which there is at least one.
pub(super) fn in_words(lifetime: Duration, locale: Locale) -> String {
    let rounded = |unit: u64| (lifetime.as_secs() + unit / 2) / unit;
    // A second less than two days is two days: the mail takes a while to write.
    let minutes = rounded(MINUTE).max(1);
    let (count, english, korean) = match minutes * MINUTE {
        seconds if seconds >= 2 * DAY => (rounded(DAY), "days", "일"),
        seconds if seconds >= 2 * HOUR => (rounded(HOUR), "hours", "시간"),
        _ => (minutes, if minutes == 1 { "minute" } else { "minutes" }, "분"),
    };
    match locale {
        Locale::En => format!("{count} {english}"),
        Locale::Ko => format!("{count}{korean}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_the_fitting_unit() {
        let cases = [
            (604_790, "7 days", "7일"),
            (172_799, "2 days", "2일"),
            (169_200, "47 hours", "47시간"),
            (86_399, "24 hours", "24시간"),
            (7_200, "2 hours", "2시간"),
            (3_600, "60 minutes", "60분"),
            (90, "2 minutes", "2분"),
            (0, "1 minute", "1분"),
        ];
        for (seconds, english, korean) in cases {
            let lifetime = Duration::from_secs(seconds);
            assert_eq!(in_words(lifetime, Locale::En), english);
            assert_eq!(in_words(lifetime, Locale::Ko), korean);
        }
    }
}
