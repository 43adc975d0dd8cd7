//! A provider of identities: `OpenID` Connect with ES256, and what GitHub has in
//! its place. It logs in whoever comes as the one [`Persona`] it has, and lies
//! as a test tells it to.
#![expect(clippy::missing_panics_doc, clippy::expect_used, reason = "what fails here fails the test")]

mod answers;
mod signer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::signer::Signer;

/// What it knows the API by.
pub const CLIENT_ID: &str = "callboard-tests";

/// What only the two of them know. As a key of HMAC it would be long enough.
pub const CLIENT_SECRET: &str = "a secret between the provider and us, of some length";

/// Who logs in, and how truly it is told.
#[derive(Debug, Clone)]
pub struct Persona {
    /// Who it is; a number at GitHub.
    pub subject: String,
    /// The address; none is told without.
    pub email: Option<String>,
    /// Whether it is verified.
    pub is_email_verified: bool,
    /// Whether the ID token says so too, or the user info alone.
    pub is_told_in_token: bool,
    /// The name.
    pub name: Value,
    /// Claims of the ID token that take the place of the right ones; null takes one away.
    pub claims: Value,
    /// How the ID token is signed.
    pub signature: Signature,
    /// How the endpoints answer that the API asks.
    pub manner: Manner,
}

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// By the key that is published.
    Right,
    /// By another key under the same name.
    OtherKey,
    /// By the client's secret.
    Shared,
    /// Not at all, and it says so.
    None,
}

/// How the endpoints answer that the API asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// As they should.
    Well,
    /// 500.
    Broken,
    /// With more than anybody should read.
    Huge,
    /// From another place.
    Redirects,
    /// With what is no JSON.
    Garbled,
}

/// A login under way at the provider.
#[derive(Debug, Clone)]
struct Grant {
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

#[derive(Debug)]
struct State {
    persona: Persona,
    signer: Signer,
    grants: HashMap<String, Grant>,
    codes: usize,
}

type Shared = Arc<Mutex<State>>;

/// A running provider. Dropping it stops it.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shared: Shared,
    _stop: DropGuard,
}

impl Provider {
    /// Starts one for Ada.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let persona = Persona {
            subject: "4711".to_owned(),
            email: Some("ada@example.com".to_owned()),
            is_email_verified: true,
            is_told_in_token: true,
            name: json!("Ada Lovelace"),
            claims: json!({}),
            signature: Signature::Right,
            manner: Manner::Well,
        };
        let state = State { persona, signer: Signer::generate(), grants: HashMap::new(), codes: 0 };
        let shared: Shared = Arc::new(Mutex::new(state));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(answers::discovery))
            .route("/jwks", get(answers::keys))
            .route("/authorize", get(answers::authorize))
            .route("/token", post(answers::token))
            .route("/userinfo", get(answers::user_info))
            .route("/github/token", post(answers::github_token))
            .route("/github/user", get(answers::github_user))
            .route("/github/user/emails", get(answers::github_emails))
            .with_state(answers::Context { shared: Arc::clone(&shared), issuer: format!("http://{address}") });
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stopped).await });
        Self { address, shared, _stop: stop.drop_guard() }
    }

    /// Its name as an issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings of an API that knows it as Google, as Kakao and as GitHub.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        for name in ["GITHUB", "GOOGLE", "KAKAO"] {
            settings.push((format!("OAUTH_{name}_CLIENT_ID"), CLIENT_ID.to_owned()));
            settings.push((format!("OAUTH_{name}_CLIENT_SECRET"), CLIENT_SECRET.to_owned()));
        }
        for (name, path) in [
            ("OAUTH_GOOGLE_ISSUER", ""),
            ("OAUTH_KAKAO_ISSUER", ""),
            ("OAUTH_GITHUB_AUTHORIZE_URL", "/authorize"),
            ("OAUTH_GITHUB_TOKEN_URL", "/github/token"),
            ("OAUTH_GITHUB_API_URL", "/github"),
        ] {
            settings.push((name.to_owned(), format!("{}{path}", self.issuer())));
        }
        settings
    }

    /// Changes who logs in, or how truly it is told.
    pub fn change(&self, change: impl FnOnce(&mut Persona)) {
        change(&mut lock(&self.shared).persona);
    }

    /// Signs by another key from now on, and publishes that.
    pub fn rotate(&self) {
        lock(&self.shared).signer = Signer::generate();
    }

    /// How many codes it gave out that were not exchanged yet.
    #[must_use]
    pub fn open_codes(&self) -> usize {
        lock(&self.shared).grants.len()
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
