//! Keeps addresses out of what is stored and logged.

/// Longest text kept of a server's reply.
const LONGEST: usize = 300;

/// The text of an SMTP server without the addresses in it, which servers like
/// to repeat, and without line breaks. `email` is the one the mail was for: its
/// local part is taken out too, since some servers repeat only that.
pub(super) fn redact(text: &str, email: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_matches(|character: char| !character.is_alphanumeric());
        if word.contains('@') || bare.to_lowercase() == local.to_lowercase() { "[address]" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().filter(|character| !character.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_out_what_names_the_receiver() {
        let cases = [
            (
                "permanent error (550): 5.1.1 <Ada@Example.com>: no such user",
                "permanent error (550): 5.1.1 [address] no such user",
            ),
            ("User ADA unknown\r\nsee https://example.net", "User [address] unknown see https://example.net"),
            ("Connection refused (os error 111)", "Connection refused (os error 111)"),
        ];
        for (raw, expected) in cases {
            assert_eq!(redact(raw, "ada@example.com"), expected);
        }
        assert_eq!(redact(&"x ".repeat(10_000), "ada@example.com").len(), LONGEST);
    }
}
