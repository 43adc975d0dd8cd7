//! What the logs say, with everything on.

use base64::Engine as _;
use callboard_tests::answer::Answer;
use callboard_tests::app::{PASSWORD, Send as _, client};
use callboard_tests::authenticator::Authenticator;
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::process::Process;
use callboard_tests::settings::SECRET;
use callboard_tests::wait::{SOON, wait_for};
use serde_json::{Value, json};

use super::{NEW_PASSWORD, text};

const THIRD_PASSWORD: &str = "eleven amber kettles whistling";
const WRONG: &str = "an incorrect guess of somebody";

/// The programs at `trace`, somebody who uses them, and every secret that went
/// over the wire meanwhile.
struct Stage {
    api: Process,
    mailbox: Mailbox,
    secrets: Vec<String>,
    token: String,
}

impl Stage {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = client().request(method.parse().unwrap(), api_url(&self.api) + path).json(body);
        let request = if self.token.is_empty() { request } else { request.bearer_auth(&self.token) };
        request.answer().await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", &format!("/api/v1/auth/{path}"), &body).await
    }

    fn keep(&mut self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(secret.len() >= 6, "{secret}");
        self.secrets.push(secret.clone());
        secret
    }

    /// Notes the tokens of an answer, and uses them from now on.
    fn enter(&mut self, answer: Answer) -> Value {
        let tokens = answer.expect(200).json();
        self.token = self.keep(text(&tokens, "access_token"));
        self.keep(text(&tokens, "refresh_token"));
        tokens
    }

    /// The token in the newest link of this kind.
    async fn mailed(&mut self, path: &str) -> String {
        let path = format!("/{path}?token=");
        let fits = |text: Option<String>| text.is_some_and(|text| text.contains(&path));
        let seen = self.secrets.clone();
        let is_new = |link: Option<String>| link.is_some_and(|link| !seen.iter().any(|secret| link.ends_with(secret)));
        let mail = self.mailbox.wait_for(|mail| fits(mail.text()) && is_new(mail.first_link()), SOON).await.unwrap();
        let token = mail.first_link().unwrap().split_once("token=").unwrap().1.to_owned();
        self.keep(token)
    }

    async fn log_in(&mut self, password: &str) -> Value {
        self.token.clear();
        let answer = self.post("login", json!({ "login": "ada", "password": password })).await;
        self.enter(answer)
    }

    /// Registration, verification, logins and refreshes, good and bad.
    async fn sessions(&mut self) {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD, "username": "ada" });
        let _ = self.post("register", body.clone()).await.expect(201);
        let _ = self.post("register", body).await.expect(409);
        let token = self.mailed("verify-email").await;
        let _ = self.post("verify-email", json!({ "token": token })).await.expect(200);
        let _ = self.post("login", json!({ "login": "ada", "password": WRONG })).await.expect(401);
        let form = [("username", "ada"), ("password", PASSWORD)];
        let answer = client().post(api_url(&self.api) + "/api/v1/auth/login").form(&form).answer().await;
        self.enter(answer);
        let tokens = self.log_in(PASSWORD).await;
        let refresh = json!({ "refresh_token": tokens["refresh_token"] });
        for _ in 0..2 {
            let answer = self.post("refresh", refresh.clone()).await;
            self.enter(answer);
        }
        let forged = self.keep("x".repeat(43));
        let _ = self.post("refresh", json!({ "refresh_token": forged })).await.expect(401);
    }

    /// A new password by a link and by the old one, and another address.
    async fn changes(&mut self) {
        let _ = self.post("forgot-password", json!({ "email": "ada@example.com" })).await.expect(202);
        let token = self.mailed("reset-password").await;
        let page = format!("/api/v1/auth/reset-password?token={token}");
        let _ = client().get(api_url(&self.api) + &page).answer().await.expect(200);
        for (password, status) in [("password123", 422), (NEW_PASSWORD, 200), (NEW_PASSWORD, 400)] {
            let _ = self.post("reset-password", json!({ "token": token, "password": password })).await.expect(status);
        }
        self.log_in(NEW_PASSWORD).await;
        for (current, status) in [(WRONG, 422), (NEW_PASSWORD, 204)] {
            let body = json!({ "current_password": current, "new_password": THIRD_PASSWORD });
            let _ = self.post("change-password", body).await.expect(status);
        }
        let body = json!({ "current_password": THIRD_PASSWORD, "new_email": "countess@example.com" });
        let _ = self.post("change-email", body).await.expect(202);
        let token = self.mailed("confirm-email").await;
        let _ = self.post("confirm-email", json!({ "token": token })).await.expect(200);
    }

    /// A second factor, its codes, and what stands in for them.
    async fn second_factor(&mut self) {
        let begun = self.post("totp", json!({ "current_password": THIRD_PASSWORD })).await.expect(200).json();
        let secret = self.keep(text(&begun, "secret"));
        let authenticator = Authenticator::new(&secret);
        let code = self.keep(authenticator.code(0));
        let codes = self.post("totp/confirm", json!({ "code": code })).await.expect(200).json();
        for code in codes["recovery_codes"].as_array().unwrap() {
            let code = self.keep(code.as_str().unwrap());
            self.keep(code.replace('-', ""));
        }
        let recovery = codes["recovery_codes"][0].as_str().unwrap().to_owned();
        self.token.clear();
        let login = json!({ "login": "ada", "password": THIRD_PASSWORD });
        let first = self.post("login", login).await.problem(401, "totp_required").0;
        let mfa = self.keep(text(&first, "mfa_token"));
        let wrong = self.keep(authenticator.wrong_code());
        let _ = self.post("login/totp", json!({ "mfa_token": mfa, "code": wrong })).await.problem(401, "wrong_code");
        let code = self.keep(authenticator.code(1));
        let answer = self.post("login/totp", json!({ "mfa_token": mfa, "code": code })).await;
        self.enter(answer);
        let answer = self.post("login/totp", json!({ "mfa_token": mfa, "recovery_code": recovery })).await;
        self.enter(answer);
    }

    /// An API key, used well and badly.
    async fn keys(&mut self) {
        let body = json!({ "name": "Nightly", "scopes": ["users:read"] });
        let made = self.send("POST", "/api/v1/api-keys", &body).await.expect(201).json();
        let key = self.keep(text(&made, "key"));
        let other = self.keep(callboard_shared::domain::ApiKey::generate().expose());
        let session = std::mem::replace(&mut self.token, key);
        let _ = self.send("GET", "/api/v1/users/me", &json!({})).await.expect(200);
        for bad in [other, "cb_a-mistyped-key-of-some-length".to_owned(), "eyJhbGciOiJub25lIn0.e30.forged".to_owned()] {
            self.token = self.keep(bad);
            let _ = self.send("GET", "/api/v1/users/me", &json!({})).await.problem(401, "invalid_token");
        }
        self.token = session;
        let _ = self.post("logout", json!({})).await;
    }
}

#[tokio::test]
async fn c35_no_secret_in_any_log_at_trace() {
    let place = Installation::new().await;
    let mailbox = Mailbox::start().await.unwrap();
    let trace = [("LOG_LEVEL", "trace")];
    let api = place.start_api(&trace).await;
    let worker = place.start_worker(&api, &mailbox, &trace).await;
    let passwords = [PASSWORD, NEW_PASSWORD, THIRD_PASSWORD, WRONG, "password123", SECRET];
    let secrets = passwords.map(str::to_owned).into();
    let mut stage = Stage { api, mailbox, secrets, token: String::new() };
    stage.sessions().await;
    stage.changes().await;
    stage.second_factor().await;
    stage.keys().await;
    // The notices of all this have gone out too.
    let quiet = || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM queue_jobs").fetch_one(place.pool()).await.unwrap();
        (left == 0).then_some(())
    };
    wait_for(SOON, "all mails are sent", quiet).await;

    assert!(stage.secrets.len() > 40, "{}", stage.secrets.len());
    let hashes: Vec<String> =
        sqlx::query_scalar("SELECT password_hash FROM users").fetch_all(place.pool()).await.unwrap();
    for (program, log) in [("api", stage.api.log()), ("worker", worker.log())] {
        assert!(log.contains(r#""level":"TRACE""#) && log.lines().count() > 100, "{program} is at trace");
        for secret in stage.secrets.iter().chain(&hashes) {
            let encoded = base64::prelude::BASE64_STANDARD.encode(secret);
            for form in [secret.as_str(), &encoded, &secret.replace(' ', "%20"), &secret.replace(' ', "+")] {
                let line = log.lines().find(|line| tells(line, form));
                assert!(line.is_none(), "{form} in the log of {program}: {}", line.unwrap_or_default());
            }
        }
        for pattern in ["$argon2", "eyJ0eXAi", "Bearer ey", "Bearer cb_"] {
            assert!(!log.contains(pattern), "{pattern} in the log of {program}");
        }
    }
}

/// Whether a line has this secret; six digits only where no others are around
/// them, as in a time.
fn tells(line: &str, secret: &str) -> bool {
    let is_code = secret.len() == 6 && secret.bytes().all(|byte| byte.is_ascii_digit());
    line.match_indices(secret).any(|(at, _)| {
        let around = [line[..at].chars().next_back(), line[at + secret.len()..].chars().next()];
        !is_code
            || !around.into_iter().flatten().any(|letter| letter.is_ascii_digit() || letter == '.' || letter == 'Z')
    })
}
