//! An authenticator app, and the second factor that it is set up for.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::time::SystemTime;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use crate::app::{App, PASSWORD, Person, Send as _};

const STEP_SECONDS: u64 = 30;

/// An app that knows one secret.
#[derive(Debug)]
pub struct Authenticator {
    app: Totp,
    /// The code that confirmed it, and is used up by that.
    pub confirmed_by: String,
}

impl Authenticator {
    /// An app into which this secret was typed.
    #[must_use]
    pub fn new(base32: &str) -> Self {
        let secret = Secret::try_from_base32(base32).expect("base32");
        let app = Builder::new().with_secret(secret).build().expect("an app");
        Self { app, confirmed_by: String::new() }
    }

    /// Sets one up for somebody, with the code of now. Returns the recovery codes too.
    pub async fn set_up(app: &App, person: &Person) -> (Self, Vec<String>) {
        let begin = app.post("/api/v1/auth/totp", &json!({ "current_password": PASSWORD })).bearer_auth(&person.token);
        let secret = begin.answer().await.expect(200).json()["secret"].as_str().expect("a secret").to_owned();
        let mut authenticator = Self::new(&secret);
        authenticator.confirmed_by = authenticator.code(0);
        let body = json!({ "code": authenticator.confirmed_by });
        let confirm = app.post("/api/v1/auth/totp/confirm", &body).bearer_auth(&person.token);
        let answer = confirm.answer().await.expect(200).json();
        let codes = answer["recovery_codes"].as_array().expect("codes").iter();
        (authenticator, codes.map(|code| code.as_str().expect("a code").to_owned()).collect())
    }

    /// The code of now, or of as many steps later or earlier. The API takes one
    /// step on either side; give later ones later, and no clock can pass them by.
    #[must_use]
    pub fn code(&self, steps: i64) -> String {
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() / STEP_SECONDS;
        self.app.generate(now.saturating_add_signed(steps) * STEP_SECONDS).to_string()
    }

    /// Six digits that are none of the codes that are good about now.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let near: Vec<String> = (-5..=5).map(|steps| self.code(steps)).collect();
        let mut all = (0..=near.len()).map(|number| format!("{number:06}"));
        all.find(|code| !near.contains(code)).expect("one that is wrong")
    }
}

/// The first step of a login with [`PASSWORD`]; returns the `mfa_token`.
pub async fn mfa_token(app: &App, login: &str) -> String {
    let body = json!({ "login": login, "password": PASSWORD });
    let problem = app.post("/api/v1/auth/login", &body).answer().await.problem(401, "totp_required");
    problem.0["mfa_token"].as_str().expect("a token").to_owned()
}

/// Time goes by, until the codes that were used are long past.
pub async fn forget_used_codes(app: &App, user: Uuid) {
    sqlx::query("UPDATE totp_credentials SET last_step = NULL WHERE user_id = $1")
        .bind(user)
        .execute(app.pool())
        .await
        .expect("a second factor");
}

/// The body of the second step.
#[must_use]
pub fn second_step(mfa_token: &str, code: &str) -> Value {
    json!({ "mfa_token": mfa_token, "code": code })
}
