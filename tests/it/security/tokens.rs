//! Access tokens: forged, borrowed, outlived.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, mfa_token};
use callboard_tests::settings::SECRET;
use callboard_tests::wait::{SOON, wait_for};
use chrono::Utc;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use super::{me, parts, sign, text};

/// The example of RFC 8410, and its public half.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const PUBLIC_DER: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

#[tokio::test]
async fn c01_alg_none_or_swapped_algorithm() {
    let app = App::start().await;
    let ada = app.person("ada", "admin").await;
    let (header, claims) = parts(&ada.token);
    let _ = me(&app, &sign(&header, &claims, SECRET.as_bytes())).await.expect(200);
    let kid = header.kid.clone().unwrap();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256"] {
        for header in [
            json!({ "alg": alg, "typ": "at+jwt", "kid": kid }),
            json!({ "alg": alg, "typ": "at+jwt" }),
            json!({ "alg": alg, "typ": "JWT", "kid": kid }),
        ] {
            let [header, claims] = [&header, &claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
            for unsigned in
                [format!("{header}.{claims}."), format!("{header}.{claims}"), format!("{header}.{claims}.AA")]
            {
                let _ = me(&app, &unsigned).await.problem(401, "invalid_token");
            }
        }
    }
    for alg in [Algorithm::HS384, Algorithm::HS512] {
        let forged = sign(&Header { alg, ..header.clone() }, &claims, SECRET.as_bytes());
        let _ = me(&app, &forged).await.problem(401, "invalid_token");
    }
    // Keys of the attacker's choice.
    for (kid, key) in [("../../../../dev/null", ""), ("' UNION SELECT 'k' --", "k"), ("0", ""), (&kid, "")] {
        let header = Header {
            kid: Some(kid.to_owned()),
            jku: Some("https://evil.example/keys".to_owned()),
            x5u: Some("https://evil.example/cert".to_owned()),
            ..header.clone()
        };
        let _ = me(&app, &sign(&header, &claims, key.as_bytes())).await.problem(401, "invalid_token");
    }
}

/// The public key, which is no secret, as that of an HMAC.
#[tokio::test]
async fn c01_the_public_key_is_no_shared_secret() {
    let app = App::start_with(&[("JWT_ALGORITHM", "EdDSA"), ("JWT_PRIVATE_KEY", PRIVATE_KEY)]).await;
    let ada = app.person("ada", "admin").await;
    let (header, claims) = parts(&ada.token);
    assert_eq!(header.alg, Algorithm::EdDSA);
    let der = base64::prelude::BASE64_STANDARD.decode(PUBLIC_DER).unwrap();
    for key in
        [&der[der.len() - 32..], &der, PUBLIC_KEY.as_bytes(), PUBLIC_KEY.trim_end().as_bytes(), SECRET.as_bytes()]
    {
        let forged = sign(&Header { alg: Algorithm::HS256, ..header.clone() }, &claims, key);
        let _ = me(&app, &forged).await.problem(401, "invalid_token");
    }
    let _ = me(&app, &ada.token).await.expect(200);
}

#[tokio::test]
async fn c02_expired_or_not_yet_good() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (header, claims) = parts(&ada.token);
    let now = Utc::now().timestamp();
    for (name, value) in [
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("exp", json!("never")),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now + 86_400 * 365)),
        ("nbf", Value::Null),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        let forged = sign(&header, &claims, SECRET.as_bytes());
        let _ = me(&app, &forged).await.problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn c03_other_tokens_as_bearer() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let refresh = text(&app.login_tokens("ada").await, "refresh_token").to_owned();
    let forgot = json!({ "email": "ada@example.com" });
    let _ = app.post("/api/v1/auth/forgot-password", &forgot).answer().await.expect(202);
    let change = json!({ "current_password": PASSWORD, "new_email": "countess@example.com" });
    let _ = app.post("/api/v1/auth/change-email", &change).bearer_auth(&ada.token).answer().await.expect(202);
    let _ = Authenticator::set_up(&app, &ada).await;
    let others = [
        ("refresh", refresh),
        ("reset", app.reset_token(ada.id).await),
        ("verification", app.verification_token(ada.id).await),
        ("email change", app.email_change_token(ada.id).await),
        ("mfa", mfa_token(&app, "ada").await),
    ];
    for (what, token) in others {
        for (method, path) in [("GET", "/api/v1/auth/me"), ("GET", "/api/v1/profiles"), ("DELETE", "/api/v1/users/me")]
        {
            let answer = app.request(method, path).bearer_auth(&token).answer().await;
            assert_eq!(
                (answer.status, answer.any_problem().code()),
                (401, "invalid_token"),
                "{what} at {method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn c04_wrong_audience_or_issuer() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (header, claims) = parts(&ada.token);
    for name in ["aud", "iss"] {
        for value in [json!("evil"), json!(""), json!(["evil"]), json!({}), Value::Null] {
            let mut claims = claims.clone();
            claims[name] = value;
            let _ = me(&app, &sign(&header, &claims, SECRET.as_bytes())).await.problem(401, "invalid_token");
        }
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        let _ = me(&app, &sign(&header, &without, SECRET.as_bytes())).await.problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn c05_an_access_token_after_logout() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let beside = app.start_beside(&[]).await;
    for process in [&app, &beside] {
        let _ = me(process, &ada.token).await.expect(200);
    }
    let _ = app.request("POST", "/api/v1/auth/logout").bearer_auth(&ada.token).answer().await.expect(204);
    let _ = me(&app, &ada.token).await.problem(401, "invalid_token");
    ends_within_a_second(&beside, &ada.token).await;
}

#[tokio::test]
async fn c08_a_disabled_users_live_token() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let beside = app.start_beside(&[]).await;
    for process in [&app, &beside] {
        let _ = me(process, &ada.token).await.expect(200);
    }
    let path = format!("/api/v1/users/{}", ada.id);
    let disable = app.request("PATCH", &path).bearer_auth(&root.token).json(&json!({ "is_active": false }));
    let _ = disable.answer().await.expect(200);
    let _ = me(&app, &ada.token).await.problem(401, "invalid_token");
    ends_within_a_second(&beside, &ada.token).await;
}

/// On another process, which may remember who it was for a second.
async fn ends_within_a_second(app: &App, token: &str) {
    let refused = || async { (me(app, token).await.status == 401).then_some(()) };
    let ((), took) = wait_for(SOON, "the token ends", refused).await;
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}
