use clap::Parser;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\\n-----END PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----";
const OTHER_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIGsxanN4Ec/lX4Xj+47619XatudRwSxG4Mkkk9os060q\\n-----END PRIVATE KEY-----";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    auth: AuthConfig,
}

/// Tokens with these settings besides the secret, the issuer and the audience.
fn tokens_with(secret: &str, more: &[&str]) -> AccessTokens {
    let own = ["--jwt-secret", secret, "--jwt-issuer", "issuer", "--jwt-audience", "audience"];
    let settings: Vec<_> = own.iter().chain(more).copied().collect();
    // A key begins with hyphens, as an option does.
    let joined = settings.chunks(2).map(|setting| setting.join("="));
    AccessTokens::new(&Cli::parse_from(std::iter::once("test".to_owned()).chain(joined)).auth).unwrap()
}

fn tokens() -> AccessTokens {
    tokens_with(SECRET, &[])
}

fn issue(tokens: &AccessTokens) -> String {
    tokens.issue(Uuid::now_v7(), Uuid::now_v7()).unwrap().token.expose_secret().to_owned()
}

fn signed(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let now = Utc::now().timestamp();
    let mut header =
        Header { typ: Some(ACCESS.into()), kid: Some(key_id(SECRET.as_bytes())), ..Header::new(Algorithm::HS256) };
    let mut claims = json!({
        "iss": "issuer", "aud": "audience", "sub": Uuid::nil(), "sid": Uuid::nil(), "jti": Uuid::nil(),
        "iat": now, "nbf": now, "exp": now + 60,
    });
    change(&mut header, &mut claims);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[test]
fn an_issued_token_names_its_user_and_session() {
    let claims = Claims { sub: Uuid::now_v7(), sid: Uuid::now_v7() };
    for algorithm in ["HS256", "EdDSA"] {
        let tokens = tokens_with(SECRET, &["--jwt-algorithm", algorithm, "--jwt-private-key", PRIVATE]);
        let issued = tokens.issue(claims.sub, claims.sid).unwrap();
        let header = jsonwebtoken::decode_header(issued.token.expose_secret()).unwrap();
        assert_eq!(format!("{:?}", header.alg).to_lowercase(), algorithm.to_lowercase());
        assert_eq!(tokens.check(issued.token.expose_secret()).unwrap(), claims);
    }
    assert!(tokens().check(&signed(|_, _| ())).is_ok());
}

#[test]
fn a_token_that_is_off_in_any_way_is_refused() {
    let now = Utc::now().timestamp();
    let refused = [
        signed(|header, _| header.alg = Algorithm::HS512),
        signed(|header, _| header.typ = Some("JWT".into())),
        signed(|header, _| header.typ = Some(MFA.into())),
        signed(|header, _| header.typ = None),
        signed(|header, _| header.kid = Some("other".into())),
        signed(|header, _| header.kid = None),
        signed(|_, claims| claims["iss"] = json!("other")),
        signed(|_, claims| claims["aud"] = json!("other")),
        signed(|_, claims| claims["exp"] = json!(now - 60)),
        signed(|_, claims| claims["nbf"] = json!(now + 60)),
        signed(|_, claims| claims["sub"] = json!("no id")),
        signed(|_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        signed(|_, claims| drop(claims.as_object_mut().unwrap().remove("sid"))),
        String::new(),
        "a.b.c".to_owned(),
    ];
    for token in refused {
        assert!(tokens().check(&token).is_err(), "{token}");
    }
}

#[test]
fn an_unsigned_token_is_refused() {
    let token = signed(|_, _| ());
    let claims = token.split('.').nth(1).unwrap();
    let kid = key_id(SECRET.as_bytes());
    let header = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#));
    assert!(tokens().check(&format!("{header}.{claims}.")).is_err());
}

#[test]
fn a_public_key_is_no_secret_of_an_hmac() {
    let tokens = tokens_with(SECRET, &["--jwt-algorithm", "EdDSA", "--jwt-private-key", PRIVATE]);
    let public = public_key(&tokens.signing).unwrap();
    let header = Header { typ: Some(ACCESS.into()), kid: Some(key_id(&public)), ..Header::new(Algorithm::HS256) };
    let (_, claims) = signed(|_, _| ()).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.split('.').next().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let forged = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&public)).unwrap();
    assert!(tokens.check(&forged).is_err());
    // Nor does the secret sign, once the algorithm is another.
    assert!(tokens.check(&signed(|_, _| ())).is_err());
}

#[test]
fn old_keys_check_and_do_not_sign() {
    let new_secret = "fedcba9876543210fedcba9876543210";
    let rotated = tokens_with(new_secret, &["--jwt-old-secrets", SECRET]);
    assert!(rotated.check(&issue(&tokens())).is_ok());
    assert!(tokens().check(&issue(&rotated)).is_err());
    assert!(tokens_with(new_secret, &[]).check(&issue(&tokens())).is_err());

    let eddsa = ["--jwt-algorithm", "EdDSA", "--jwt-private-key"];
    let first = tokens_with(SECRET, &[&eddsa[..], &[PRIVATE]].concat());
    let second = tokens_with(SECRET, &[&eddsa[..], &[OTHER_PRIVATE, "--jwt-old-public-keys", PUBLIC]].concat());
    assert!(second.check(&issue(&first)).is_ok());
    assert!(first.check(&issue(&second)).is_err());
    // From one algorithm to the other.
    let changed = tokens_with(SECRET, &[&eddsa[..], &[PRIVATE, "--jwt-old-secrets", SECRET]].concat());
    assert!(changed.check(&issue(&tokens())).is_ok());
}

#[test]
fn the_first_step_of_a_login_opens_nothing_else() {
    let user = Uuid::now_v7();
    let mfa = tokens().issue_mfa(user, None).unwrap();
    assert_eq!(tokens().check_mfa(mfa.expose_secret()).unwrap().user_id, user);
    assert!(tokens().check(mfa.expose_secret()).is_err());
    assert!(tokens().check_mfa(&issue(&tokens())).is_err());
}

#[test]
fn the_first_step_is_of_one_password() {
    let (user, hash) = (Uuid::now_v7(), SecretString::from("$argon2id$one"));
    let step = |hash: Option<&SecretString>| {
        let mfa = tokens().issue_mfa(user, hash).unwrap();
        assert!(!mfa.expose_secret().contains("argon2"));
        tokens().check_mfa(mfa.expose_secret()).unwrap()
    };
    assert!(step(Some(&hash)).is_of(Some(&hash)));
    assert!(step(None).is_of(None));
    assert!(!step(Some(&hash)).is_of(Some(&"$argon2id$another".into())));
    assert!(!step(Some(&hash)).is_of(None) && !step(None).is_of(Some(&hash)));
}
