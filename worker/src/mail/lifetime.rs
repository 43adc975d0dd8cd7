//! How long a link works, in words.

use std::time::Duration;

use callboard_shared::domain::Locale;

/// Rounds to whole hours from two hours on, else to minutes, of which there is
/// at least one.
pub(super) fn in_words(lifetime: Duration, locale: Locale) -> String {
    let minutes = (lifetime.as_secs() + 30) / 60;
    let (count, is_hours) = if minutes >= 120 { ((minutes + 30) / 60, true) } else { (minutes.max(1), false) };
    match (locale, is_hours) {
        (Locale::En, true) => format!("{count} hours"),
        (Locale::En, false) if count == 1 => "1 minute".to_owned(),
        (Locale::En, false) => format!("{count} minutes"),
        (Locale::Ko, true) => format!("{count}시간"),
        (Locale::Ko, false) => format!("{count}분"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_the_fitting_unit() {
        let cases = [
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
