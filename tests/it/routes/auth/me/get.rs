use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _};
use callboard_tests::settings::SECRET;
use callboard_tests::wait::{SOON, wait_for};
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/me";

/// A former value of `JWT_SECRET`.
const FORMER: &str = "the former secret of before the keys were changed";

/// The example of RFC 8410.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

async fn me(app: &App, token: &str) -> Answer {
    app.get(PATH).bearer_auth(token).answer().await
}

#[track_caller]
fn is_refused(answer: &Answer, why: &str) {
    assert_eq!(answer.status, 401, "{why}");
    let _ = answer.problem(401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#, "{why}");
}

/// The header and the claims of a token.
fn parts(token: &str) -> (Header, Value) {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    (jsonwebtoken::decode_header(token).unwrap(), serde_json::from_slice(&claims).unwrap())
}

fn sign(header: &Header, claims: &Value, secret: &str) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[tokio::test]
async fn shows_oneself() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    let answer = me(&app, &app.login("ada").await).await.expect(200);
    assert_eq!((&answer.json()["id"], &answer.json()["email"]), (&json!(id), &json!("ada@example.com")));
    assert!(!answer.text().contains("hash") && !answer.text().contains("argon2"), "{}", answer.text());
}

#[tokio::test]
async fn a_token_is_what_it_says() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    let (header, claims) = parts(&app.login("ada").await);
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::HS256, Some("at+jwt")));
    assert!(header.kid.is_some());
    assert_eq!(
        (&claims["sub"], &claims["iss"], &claims["aud"]),
        (&json!(id), &json!("callboard"), &json!("callboard"))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 900);
    assert!(claims["jti"].is_string() && claims["iat"].is_number() && claims["sid"].is_string(), "{claims}");
}

#[tokio::test]
async fn without_a_token_it_asks_for_one() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let token = app.login("ada").await;
    let requests = [
        app.get(PATH),
        app.get(PATH).header("authorization", ""),
        app.get(PATH).header("authorization", "Bearer"),
        app.get(PATH).header("authorization", "Basic YWRhOmFkYQ=="),
        app.get(PATH).header("authorization", format!("Token {token}")),
        app.get(PATH).header("authorization", b"Bearer \xff".as_slice()),
        app.get(PATH).header("authorization", format!("Bearer {token}")).header("authorization", "Bearer x"),
    ];
    for request in requests {
        let answer = request.answer().await;
        let _ = answer.problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let _ = app.get(PATH).header("authorization", format!("bearer {token}")).answer().await.expect(200);
    let _ = app.get(&format!("{PATH}?access_token={token}")).answer().await.problem(400, "unknown_parameter");
}

/// Checklist 1, 2 and 4.
#[tokio::test]
async fn a_forged_or_spent_token_is_refused() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let token = app.login("ada").await;
    let (header, claims) = parts(&token);
    let now = Utc::now().timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        sign(&header, &claims, SECRET)
    };
    let under = |change: fn(&mut Header)| {
        let mut header = header.clone();
        change(&mut header);
        sign(&header, &claims, SECRET)
    };
    // The way these are signed is the right one.
    let _ = me(&app, &sign(&header, &claims, SECRET)).await.expect(200);

    let unsigned = |alg: &str| {
        let header = json!({ "typ": "at+jwt", "alg": alg, "kid": header.kid });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", encode(&header), encode(&claims))
    };
    let flipped = if token.ends_with('A') { "B" } else { "A" };
    let cases = [
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("no signature", unsigned("HS256")),
        ("no algorithm at all", unsigned("")),
        ("HS384", under(|header| header.alg = Algorithm::HS384)),
        ("HS512", under(|header| header.alg = Algorithm::HS512)),
        ("another type", under(|header| header.typ = Some("JWT".into()))),
        ("no type", under(|header| header.typ = None)),
        ("another key", under(|header| header.kid = Some("x".into()))),
        ("another secret", sign(&header, &claims, "another secret of thirty-two bytes or more")),
        ("an empty secret", sign(&header, &claims, "")),
        ("expired", with("exp", json!(now - 60))),
        ("not yet good", with("nbf", json!(now + 600))),
        ("another issuer", with("iss", json!("evil"))),
        ("no issuer", with("iss", Value::Null)),
        ("another audience", with("aud", json!("evil"))),
        ("nobody", with("sub", json!(uuid::Uuid::now_v7()))),
        ("no id", with("sub", json!("ada"))),
        ("exp as text", with("exp", json!("tomorrow"))),
        ("exp far beyond", with("exp", json!(1e300))),
        ("a changed signature", format!("{}{flipped}", &token[..token.len() - 2])),
        ("half of it", token[..token.len() / 2].to_owned()),
        ("twice", format!("{token}.{token}")),
        ("two dots", "..".to_owned()),
        ("garbage", "a.b.c".to_owned()),
        ("a long one", "a".repeat(8_000)),
    ];
    for (why, forged) in cases {
        is_refused(&me(&app, &forged).await, why);
    }
    let _ = me(&app, &token).await.expect(200);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let app = App::start_with(&[("ACCESS_TOKEN_TTL_SECONDS", "60")]).await;
    app.register("ada@example.com").await;
    let (header, mut claims) = parts(&app.login("ada").await);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    // A minute later, by moving the token into the past.
    for name in ["exp", "iat", "nbf"] {
        claims[name] = json!(claims[name].as_i64().unwrap() - 70);
    }
    is_refused(&me(&app, &sign(&header, &claims, SECRET)).await, "its time is over");
}

#[tokio::test]
async fn a_token_of_another_installation_is_refused() {
    let here = App::start().await;
    let there = App::start_with(&[("JWT_AUDIENCE", "elsewhere")]).await;
    for app in [&here, &there] {
        app.register("ada@example.com").await;
    }
    is_refused(&me(&here, &there.login("ada").await).await, "another audience");
}

/// Checklist 8. Behind the API's back, so that what is cached may be a second old.
#[tokio::test]
async fn a_disabled_or_deleted_users_token_ends_within_a_second() {
    let app = App::start().await;
    for (email, statement) in [
        ("off@example.com", "UPDATE users SET is_active = false WHERE username = 'off'"),
        ("gone@example.com", "DELETE FROM users WHERE username = 'gone'"),
    ] {
        app.register(email).await;
        let token = app.login(email).await;
        let _ = me(&app, &token).await.expect(200);
        sqlx::query(statement).execute(app.pool()).await.unwrap();
        let refused = async || Some(me(&app, &token).await).filter(|answer| answer.status == 401);
        let (answer, took) = wait_for(SOON, "the token ends", refused).await;
        is_refused(&answer, statement);
        assert!(took < Duration::from_millis(1_500), "{took:?}");
    }
}

/// Checklist 3: only an access token is one.
#[tokio::test]
async fn a_refresh_token_or_an_mfa_token_is_no_access_token() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    let tokens = app.login_tokens("ada").await;
    is_refused(&me(&app, tokens["refresh_token"].as_str().unwrap()).await, "a refresh token");
    let mfa = app.state().tokens.issue_mfa(id, None).unwrap();
    is_refused(&me(&app, mfa.expose_secret()).await, "an mfa token");
    is_refused(&me(&app, &app.verification_token(id).await).await, "the token of a mail");
}

/// A token names its session, and is of no use with another's.
#[tokio::test]
async fn the_session_of_another_is_refused() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let ((header, mut claims), (_, other)) = (parts(&app.login("ada").await), parts(&app.login("eve").await));
    for sid in [&other["sid"], &json!(uuid::Uuid::now_v7()), &Value::Null] {
        claims["sid"] = sid.clone();
        is_refused(&me(&app, &sign(&header, &claims, SECRET)).await, "another session");
    }
}

/// Checklist 1 and 2, with Ed25519 keys.
#[tokio::test]
async fn eddsa_signs_and_a_former_key_still_checks() {
    let ed = [("JWT_ALGORITHM", "EdDSA"), ("JWT_PRIVATE_KEY", PRIVATE_KEY), ("JWT_OLD_SECRETS", FORMER)];
    let app = App::start_with(&ed).await;
    app.register("ada@example.com").await;
    let token = app.login("ada").await;
    let (header, claims) = parts(&token);
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));
    let _ = me(&app, &token).await.expect(200);
    let swapped = Header { alg: Algorithm::HS256, ..header };
    is_refused(&me(&app, &sign(&swapped, &claims, SECRET)).await, "a swapped algorithm");

    // What the former secret signed is good until it expires.
    let before = App::start_with(&[("JWT_SECRET", FORMER)]).await;
    before.register("ada@example.com").await;
    let (old, _) = parts(&before.login("ada").await);
    let _ = me(&app, &sign(&old, &claims, FORMER)).await.expect(200);
}
