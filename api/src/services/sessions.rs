//! Sessions: begun by a login, renewed by refresh tokens, ended by many.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use callboard_shared::{
    config::AuthConfig,
    db::{
        refresh_tokens::{self, Place, Used},
        sessions::{self, Client},
    },
    jobs::{Notice, SecurityNotice},
    models::RevokedBecause,
};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::{AccessToken, Caller, RefreshKey, RefreshToken},
    error::{Code, Problem},
    extract::RequestInfo,
    limits::Limit,
    state::AppState,
    work::Work,
};

/// How long a used refresh token gives its successor again: two tabs of a
/// browser may bring it at the same time.
const GRACE: Duration = Duration::from_secs(10);

/// Longest name of a device that is kept, in characters.
const LONGEST_DEVICE: usize = 256;

/// How sessions are renewed.
#[derive(Debug)]
pub struct Sessions {
    key: RefreshKey,
    lifetime: Duration,
}

impl Sessions {
    /// Sessions as the settings say.
    #[must_use]
    pub fn new(settings: &AuthConfig) -> Self {
        Self { key: RefreshKey::new(settings), lifetime: settings.refresh_token_ttl }
    }
}

/// What a client goes on with.
#[derive(Debug)]
pub struct Tokens {
    /// For requests.
    pub access: AccessToken,
    /// For the next tokens, once.
    pub refresh: SecretString,
    /// How long the session goes on without being refreshed.
    pub refresh_expires_in: Duration,
}

/// Begins a session for a user who has proved who they are, and notes
/// `login.succeeded`. Let `work` act as the user ([`Work::acting_as`]).
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
pub async fn start(
    state: &AppState,
    work: &mut Work,
    user_id: Uuid,
    info: &RequestInfo,
    headers: &HeaderMap,
) -> Result<Tokens, Problem> {
    let device = device(headers);
    let client = Client { device: device.as_deref(), ip: info.client_ip() };
    let session = sessions::start(&mut **work, user_id, client, state.sessions.lifetime).await?;
    let first = Place { session_id: session.id, generation: 0 };
    let token = state.sessions.key.token(first);
    refresh_tokens::insert(&mut **work, first, token.hash()).await?;
    work.audit_with("login.succeeded", ("user", user_id), json!({ "session_id": session.id }));
    info.set_principal(format!("user:{user_id}"));
    tokens(state, user_id, session.id, &token)
}

/// Exchanges a refresh token for its successor and a new access token.
///
/// Of several that bring one token within ten seconds, all get the same
/// successor. Who brings it later ends the session: either they or those who
/// went on with it are thieves. The user is told by mail.
///
/// # Errors
/// 401 for a token that is unknown, of a session that has ended, of a user who
/// may not log in, or that was used long ago.
pub async fn refresh(
    state: &AppState,
    info: &RequestInfo,
    headers: &HeaderMap,
    token: &str,
) -> Result<Tokens, Problem> {
    let refused = || Problem::new(Code::RefreshTokenInvalid);
    let token: RefreshToken = token.parse().map_err(|_| refused())?;
    let place = refresh_tokens::find(state.queue.pool(), token.hash()).await?.ok_or_else(refused)?;
    state.limits.admit_account(Limit::Refresh, &place.session_id.to_string()).await?;

    let mut work = Work::begin(state, info).await?;
    let user_id = sessions::lock_active(&mut *work, place.session_id).await?.ok_or_else(refused)?;
    info.set_principal(format!("user:{user_id}"));
    let mut work = work.acting_as(user_id);
    let next = Place { generation: place.generation + 1, ..place };
    let successor = state.sessions.key.token(next);
    match refresh_tokens::use_up(&mut work, place, GRACE).await? {
        Used::First => {
            let device = device(headers);
            let client = Client { device: device.as_deref(), ip: info.client_ip() };
            refresh_tokens::insert(&mut *work, next, successor.hash()).await?;
            sessions::touch(&mut *work, place.session_id, client, state.sessions.lifetime).await?;
            work.commit().await?;
        }
        Used::Again => {
            // Made with another key, the successor can't be told any more.
            refresh_tokens::find(&mut *work, successor.hash()).await?.ok_or_else(refused)?;
        }
        Used::TooLate => {
            end_stolen(state, work, user_id, place).await?;
            return Err(refused());
        }
    }
    tokens(state, user_id, place.session_id, &successor)
}

/// Ends the session whose refresh token was used twice.
async fn end_stolen(state: &AppState, mut work: Work, user_id: Uuid, place: Place) -> Result<(), Problem> {
    sessions::revoke(&mut *work, user_id, place.session_id, RevokedBecause::RefreshReused).await?;
    let because = json!({ "because": RevokedBecause::RefreshReused.as_str() });
    work.audit_with("session.revoked", ("session", place.session_id), because);
    work.enqueue(&SecurityNotice { user_id, notice: Notice::RefreshTokenReused, email: None }).await?;
    work.commit().await?;
    state.identities.forget_session(place.session_id);
    Ok(())
}

/// Ends one session of the caller.
///
/// # Errors
/// 404 when the caller has no such session that goes on.
pub async fn revoke(
    state: &AppState,
    info: &RequestInfo,
    caller: &Caller,
    id: Uuid,
    because: RevokedBecause,
) -> Result<(), Problem> {
    let mut work = Work::by(state, info, caller).await?;
    if !sessions::revoke(&mut *work, caller.user_id(), id, because).await? {
        return Err(Problem::new(Code::NotFound));
    }
    work.audit_with("session.revoked", ("session", id), json!({ "because": because.as_str() }));
    work.commit().await?;
    state.identities.forget_session(id);
    Ok(())
}

/// Ends all sessions of the caller but the one that calls.
///
/// # Errors
/// 503 while PostgreSQL is out of reach.
pub async fn revoke_others(state: &AppState, info: &RequestInfo, caller: &Caller) -> Result<(), Problem> {
    let because = RevokedBecause::Revoked;
    let mut work = Work::by(state, info, caller).await?;
    let revoked = sessions::revoke_all(&mut *work, caller.user_id(), caller.session_id(), because).await?;
    for id in &revoked {
        work.audit_with("session.revoked", ("session", *id), json!({ "because": because.as_str() }));
    }
    work.commit().await?;
    for id in revoked {
        state.identities.forget_session(id);
    }
    Ok(())
}

fn tokens(state: &AppState, user_id: Uuid, session_id: Uuid, refresh: &RefreshToken) -> Result<Tokens, Problem> {
    Ok(Tokens {
        access: state.tokens.issue(user_id, session_id).map_err(Problem::internal)?,
        refresh: refresh.expose(),
        refresh_expires_in: state.sessions.lifetime,
    })
}

/// What a client calls itself, without control characters and not too long.
fn device(headers: &HeaderMap) -> Option<String> {
    let agent = String::from_utf8_lossy(headers.get(header::USER_AGENT)?.as_bytes());
    let kept: String = agent.chars().filter(|letter| !letter.is_control()).take(LONGEST_DEVICE).collect();
    Some(kept.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_device_is_short_and_clean() {
        let of = |agent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_bytes(agent).unwrap());
            device(&headers)
        };
        assert_eq!(of(b"Mozilla/5.0 \t(X11)").as_deref(), Some("Mozilla/5.0 (X11)"));
        assert_eq!(of("가".repeat(300).as_bytes()), Some("가".repeat(256)));
        assert_eq!(of(b"\xff").as_deref(), Some("\u{fffd}"));
        assert_eq!(of(b"  "), None);
        assert_eq!(device(&HeaderMap::new()), None);
    }
}
