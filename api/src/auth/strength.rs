//! Whether a password is strong enough. Length is [`Password`]'s own rule. The
//! usual policy asks how hard it is to guess and not what it is made of; the
//! other, for those who must, asks for kinds of characters.
//!
//! [`Password`]: callboard_shared::domain::Password

use callboard_shared::config::PasswordPolicy;
use callboard_shared::{domain::PersonName, models::User};
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

    /// The words of a user.
    #[must_use]
    pub fn user(user: &User) -> Self {
        let full_name = user.full_name.as_ref().map_or("", PersonName::as_str);
        Self::words([user.email.local_part(), user.username.as_str(), full_name])
    }
}

/// Refuses what contains who it is for, and what the policy does not take:
/// either what zxcvbn scores below 3 of 4, or what lacks a kind of characters.
///
/// # Errors
/// The reason, for the client.
pub(super) fn check(policy: PasswordPolicy, password: &str, about: &About) -> Result<(), Reason> {
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
    match policy {
        PasswordPolicy::Strength => check_strength(password, words.map(String::as_str)),
        PasswordPolicy::Classes => check_classes(password),
    }
}

fn check_strength<'a>(password: &str, words: impl Iterator<Item = &'a str>) -> Result<(), Reason> {
    let known: Vec<&str> = words.chain(["callboard"]).collect();
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

fn check_classes(password: &str) -> Result<(), Reason> {
    let has = |is_one: fn(char) -> bool| password.chars().any(is_one);
    let is_special = |letter: char| !letter.is_alphanumeric() && !letter.is_whitespace();
    if has(char::is_uppercase) && has(char::is_lowercase) && has(char::is_numeric) && has(is_special) {
        return Ok(());
    }
    Err(Reason {
        code: "lacks_classes",
        detail: Text::fixed(
            "The password needs a capital and a small letter, a digit, and another character such as ! or -.",
            "비밀번호에는 영문 대문자와 소문자, 숫자, 그리고 ! 또는 - 같은 특수 문자가 모두 있어야 합니다.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<&'static str> {
        let about = About::words(["jiwoo.kim", "Ji Woo Kim"]);
        check(PasswordPolicy::Strength, password, &about).err().map(|reason| reason.code)
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

    #[test]
    fn classes_ask_for_kinds_of_characters() {
        let about = About::words(["jiwoo"]);
        let code = |password| check(PasswordPolicy::Classes, password, &about).err().map(|reason| reason.code);
        assert_eq!(code("Aa1-aaaa"), None);
        for lacking in ["aa1-aaaa", "AA1-AAAA", "Aab-aaaa", "Aa1baaaa", "quiet lantern over the harbour"] {
            assert_eq!(code(lacking), Some("lacks_classes"), "{lacking}");
        }
        assert_eq!(code("Aa1-Jiwoo"), Some("contains_personal_data"));
    }
}
