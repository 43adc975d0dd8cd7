//! Whether a password is hard to guess. Length is [`Password`]'s own rule; there
//! are no rules about kinds of characters.
//!
//! [`Password`]: callboard_shared::domain::Password

use zxcvbn::{Score, zxcvbn};

use crate::{error::Text, extract::Reason};

/// A part of a name or address shorter than this may occur by chance.
const SHORTEST_PART: usize = 3;

/// Who the password is for: words that it must not contain.
#[derive(Debug, Clone, Default)]
pub struct About(Vec<String>);

impl About {
    /// The words of an email address' local part, of names, and so on.
    pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = words.into_iter().flat_map(str::split_whitespace);
        Self(parts.map(str::to_lowercase).collect())
    }
}

/// Refuses what contains who it is for, and what zxcvbn scores below 3 of 4.
///
/// # Errors
/// The reason, for the client.
pub(super) fn check(password: &str, about: &About) -> Result<(), Reason> {
    let lower = password.to_lowercase();
    let words = about.0.iter().filter(|word| word.chars().count() >= SHORTEST_PART);
    if words.clone().any(|word| lower.contains(word.as_str())) {
        return Err(Reason {
            code: "contains_personal_data",
            detail: Text::fixed(
                "The password must not contain your email address or your name.",
                "비밀번호에 이메일 주소나 이름을 넣을 수 없습니다.",
            ),
        });
    }
    let known: Vec<&str> = words.map(String::as_str).chain(["callboard"]).collect();
    if zxcvbn(password, &known).score() < Score::Three {
        return Err(Reason {
            code: "too_weak",
            detail: Text::fixed(
                "The password is too easy to guess. A few unrelated words make a good one.",
                "비밀번호가 추측하기 쉽습니다. 서로 관련 없는 단어 몇 개를 이어 쓰면 좋습니다.",
            ),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<&'static str> {
        let about = About::words(["jiwoo.kim", "Ji Woo Kim"]);
        check(password, &about).err().map(|reason| reason.code)
    }

    #[test]
    fn easy_and_personal_passwords_are_refused() {
        assert_eq!(code("password123"), Some("too_weak"));
        assert_eq!(code("callboard1"), Some("too_weak"));
        assert_eq!(code("xJIWOO.Kim-94-lantern"), Some("contains_personal_data"));
        assert_eq!(code("kimchi lantern orbit"), Some("contains_personal_data"));
        assert_eq!(code("quiet lantern over the harbour"), None);
        assert_eq!(code(&"quiet lantern harbour ".repeat(3)), None);
    }
}
