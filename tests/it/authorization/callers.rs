//! Those who call.

use std::time::Duration;

use callboard_api::auth::access::{Needs, Rule};
use callboard_shared::db::api_keys::{self, ApiKeyDraft};
use callboard_shared::db::sessions::{self, Client};
use callboard_shared::db::users::{self, NewUser};
use callboard_shared::domain::{ApiKey, Locale, Role, Scope};
use callboard_tests::app::App;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// A kind of caller: a column of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nobody.
    Anonymous,
    /// A member, on what is their own.
    Owner,
    /// A member, on what is another's.
    Stranger,
    /// A manager, on what is another's.
    Manager,
    /// An admin, on what is another's.
    Admin,
    /// A key with no scope but the route's, on its user's own.
    Key,
    /// A key with every scope but the route's, on its user's own.
    OtherKey,
    /// A member whose address is not verified, on what is their own.
    Unverified,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Anonymous,
        Self::Owner,
        Self::Stranger,
        Self::Manager,
        Self::Admin,
        Self::Key,
        Self::OtherKey,
        Self::Unverified,
    ];

    pub(super) const fn is_key(self) -> bool {
        matches!(self, Self::Key | Self::OtherKey)
    }

    /// Whether what is asked for is the caller's own.
    pub(super) const fn is_owner(self) -> bool {
        matches!(self, Self::Owner | Self::Key | Self::OtherKey | Self::Unverified)
    }

    /// The role of the caller, or of the user of the key.
    pub(super) const fn role(self, rule: &Rule) -> Role {
        match self {
            Self::Manager => Role::Manager,
            Self::Admin => Role::Admin,
            // A key's scope is looked at where its user's role would not stop it.
            Self::Key | Self::OtherKey if matches!(rule.needs, Needs::Staff | Needs::Admin) => Role::Admin,
            _ => Role::Member,
        }
    }
}

/// A caller; nobody has an id that is nobody's, and no token.
pub(super) struct Party {
    pub(super) id: Uuid,
    pub(super) token: Option<String>,
}

impl Party {
    /// A new one of this kind, who is about to call this route.
    pub(super) async fn new(app: &App, kind: Kind, rule: &Rule) -> Self {
        if kind == Kind::Anonymous {
            return Self { id: Uuid::now_v7(), token: None };
        }
        let id = user(app, kind.role(rule), kind != Kind::Unverified).await;
        let is_given = |scope: &&Scope| match rule.scope {
            Some(own) => (scope.as_str() == own) == (kind == Kind::Key),
            None => true,
        };
        let token = if kind.is_key() {
            key(app, id, Scope::ALL.iter().filter(is_given).copied().collect()).await
        } else {
            session(app, id).await
        };
        Self { id, token: Some(token) }
    }
}

/// A new user, who has no password.
pub(super) async fn user(app: &App, role: Role, is_verified: bool) -> Uuid {
    let email = format!("{}@example.com", Uuid::now_v7().simple()).parse().unwrap();
    let new = NewUser {
        email: &email,
        username: None,
        password_hash: None,
        full_name: None,
        phone: None,
        locale: Locale::En,
        role,
        is_verified,
    };
    let mut conn = app.pool().acquire().await.unwrap();
    users::insert(&mut conn, &new).await.unwrap().id
}

async fn session(app: &App, user: Uuid) -> String {
    let client = Client { device: None, ip: None };
    let session = sessions::start(app.pool(), user, client, Duration::from_hours(1)).await.unwrap();
    app.state().tokens.issue(user, session.id).unwrap().token.expose_secret().to_owned()
}

async fn key(app: &App, user: Uuid, scopes: Vec<Scope>) -> String {
    let key = ApiKey::generate();
    let draft = ApiKeyDraft { name: "A service".parse().unwrap(), scopes, expires_at: None };
    api_keys::insert(app.pool(), user, &key, &draft).await.unwrap();
    key.expose()
}
