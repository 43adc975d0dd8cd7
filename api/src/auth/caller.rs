//! Who calls: a person with a session, or a service with a key.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use callboard_shared::{
    domain::{ApiKey, Role},
    models::User,
};
use uuid::Uuid;

use super::identities::{KeyIdentity, SessionIdentity};
use crate::{
    error::{Code, Problem},
    limits::Limit,
    state::AppState,
};

/// Who calls, as the database has them now, or had them at most a second ago.
///
/// The gate identifies callers before any handler runs; as an extractor this is
/// whom it found, or a 401.
#[derive(Debug, Clone)]
pub struct Caller {
    credential: Credential,
    principal: Arc<str>,
}

/// What a caller has proved themselves with.
#[derive(Debug, Clone)]
enum Credential {
    Session(Arc<SessionIdentity>),
    Key(Arc<KeyIdentity>),
}

impl Caller {
    fn session(identity: Arc<SessionIdentity>) -> Self {
        let principal = format!("user:{}", identity.user.id).into();
        Self { credential: Credential::Session(identity), principal }
    }

    fn key(identity: Arc<KeyIdentity>) -> Self {
        let principal = format!("key:{}", identity.key_id).into();
        Self { credential: Credential::Key(identity), principal }
    }

    /// The user who calls, or for whom a key acts.
    #[must_use]
    pub fn user(&self) -> &User {
        match &self.credential {
            Credential::Session(identity) => &identity.user,
            Credential::Key(identity) => &identity.user,
        }
    }

    /// The id of that user.
    #[must_use]
    pub fn user_id(&self) -> Uuid {
        self.user().id
    }

    /// The session, unless a key calls.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        match &self.credential {
            Credential::Session(identity) => Some(identity.session_id),
            Credential::Key(_) => None,
        }
    }

    /// The name for logs, limits and records: `user:<id>` or `key:<id>`.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What the user may do.
    #[must_use]
    pub fn role(&self) -> Role {
        self.user().role
    }

    /// Whether the user is a manager or an admin.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.role().is_staff()
    }

    /// Whether the user is an admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.role() == Role::Admin
    }

    /// What a key was given; `None` for a person.
    #[must_use]
    pub fn scopes(&self) -> Option<&[String]> {
        match &self.credential {
            Credential::Session(_) => None,
            Credential::Key(identity) => Some(&identity.scopes),
        }
    }

    /// Whether the caller may do what needs `scope`: a person may, a key if it
    /// was given it.
    #[must_use]
    pub fn has_scope(&self, scope: Option<&str>) -> bool {
        match &self.credential {
            Credential::Session(_) => true,
            Credential::Key(identity) => scope.is_some_and(|scope| identity.scopes.iter().any(|given| given == scope)),
        }
    }
}

/// Who sent these headers; `None` when they claim nobody.
///
/// # Errors
/// 401 when what they claim is not so, 429 for too many strange keys from `client_ip`,
/// 503 while PostgreSQL is out of reach and nothing is remembered of them.
pub async fn identify(
    state: &AppState,
    headers: &HeaderMap,
    client_ip: Option<IpAddr>,
) -> Result<Option<Caller>, Problem> {
    let Some(token) = bearer(headers)? else { return Ok(None) };
    if ApiKey::is_marked(token) {
        return key(state, token, client_ip).await.map(Some);
    }
    let claims = state.tokens.check(token).map_err(|_| Problem::new(Code::InvalidToken))?;
    let identity = state.identities.session(state.queue.pool(), claims.sid).await?;
    let identity = identity.filter(|identity| identity.user.id == claims.sub);
    identity.map(|identity| Some(Caller::session(identity))).ok_or_else(|| Problem::new(Code::InvalidToken))
}

/// Whom a key acts as, and with what. A mistyped one is refused without asking, and
/// one that is new here is counted before: anybody can make up keys by the thousand.
async fn key(state: &AppState, text: &str, client_ip: Option<IpAddr>) -> Result<Caller, Problem> {
    let key: ApiKey = text.parse().map_err(|_| Problem::new(Code::InvalidToken))?;
    let hash = key.hash();
    if state.identities.is_strange_key(&hash) {
        state.limits.admit(Limit::StrangeKey, None, client_ip).await?;
    }
    let identity = state.identities.key(state.queue.pool(), hash).await?;
    identity.map(Caller::key).ok_or_else(|| Problem::new(Code::InvalidToken))
}

/// The token of `Authorization: Bearer <token>`; `None` without the header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (given.next(), given.next());
    let Some(value) = value else { return Ok(None) };
    value
        .to_str()
        .ok()
        .filter(|_| another.is_none())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Some(token.trim()))
        .ok_or_else(|| Problem::new(Code::Unauthenticated))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}
