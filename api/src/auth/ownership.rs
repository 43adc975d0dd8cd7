//! Whose rows a caller may see and change: one rule a resource, all of them here.

use axum::http::Method;
use callboard_shared::models::Entity;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Caller,
    access::{Needs, Rule},
};
use crate::error::{Code, Problem, Text, missing_reference};

/// Who may read and write the rows of a resource. The owner always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Who may read besides.
    read: Others,
    /// Who may write besides.
    write: Others,
}

/// Who, besides the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Admins.
    Admins,
    /// Managers and admins.
    Staff,
    /// Everybody, logged in or not.
    Everybody,
}

/// The price list: everybody reads, the owner and admins write.
pub const ITEMS: Ownership = Ownership { read: Others::Everybody, write: Others::Admins };
/// Contact people: their owner's, and staff's.
pub const PROFILES: Ownership = Ownership { read: Others::Staff, write: Others::Staff };
/// Clients: their owner's, and staff's.
pub const ACCOUNTS: Ownership = Ownership { read: Others::Staff, write: Others::Staff };
/// Jobs: of whoever caused them, and staff's.
pub const JOBS: Ownership = Ownership { read: Others::Staff, write: Others::Staff };
/// Users: each one's own, and the admins'.
pub const USERS: Ownership = Ownership { read: Others::Admins, write: Others::Admins };

const NOT_YOURS: Text = Text::fixed(
    "You may read this, but only its owner and admins may change it.",
    "읽을 수는 있지만 소유자와 관리자만 변경할 수 있습니다.",
);

impl Ownership {
    /// The row, if the caller may read it.
    ///
    /// # Errors
    /// 404, the same for a row that is not there and for one that is not theirs.
    pub fn readable<T: Entity>(self, row: Option<T>, caller: Option<&Caller>) -> Result<T, Problem> {
        row.filter(|row| self.read.include(caller, row.owner_id())).ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// The row, if the caller may change it.
    ///
    /// # Errors
    /// 404 as for reading; 403 for a row that they may only read.
    pub fn writable<T: Entity>(self, row: Option<T>, caller: &Caller) -> Result<T, Problem> {
        let row = self.readable(row, Some(caller))?;
        if self.write.include(Some(caller), row.owner_id()) {
            Ok(row)
        } else {
            Err(Problem::new(Code::Forbidden).with_detail(NOT_YOURS))
        }
    }

    /// Whether `field` may name this row: one that the caller may read.
    ///
    /// # Errors
    /// 422 with a pointer to the field, the same for a row that is not there and
    /// for one that is not theirs.
    pub fn referable<T: Entity>(self, row: Option<T>, caller: &Caller, field: &str) -> Result<(), Problem> {
        let row = self.readable(row, Some(caller));
        row.map(drop).map_err(|_| Problem::validation(vec![missing_reference(field)]))
    }

    /// Whose rows alone the caller may list; `None` for all.
    #[must_use]
    pub fn only(self, caller: &Caller) -> Option<Uuid> {
        let nobody = Uuid::nil();
        if self.read.include(Some(caller), nobody) { None } else { Some(caller.user_id()) }
    }
}

impl Others {
    fn include(self, caller: Option<&Caller>, owner_id: Uuid) -> bool {
        let is = |check: fn(&Caller) -> bool| caller.is_some_and(check);
        match self {
            _ if caller.is_some_and(|caller| caller.user_id() == owner_id) => true,
            Self::Everybody => true,
            Self::Staff => is(Caller::is_staff),
            Self::Admins => is(Caller::is_admin),
        }
    }
}

/// Whose rows a route reaches, for a caller whom it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The caller's own.
    Own,
    /// Everybody's.
    All,
    /// Such that need no caller at all.
    Public,
}

/// Whose rows the caller reaches by the route of `rule`.
#[must_use]
pub fn reach(rule: &Rule, caller: &Caller) -> Reach {
    if matches!(rule.needs, Needs::Staff | Needs::Admin) {
        return Reach::All;
    }
    let path = rule.path.trim_start_matches("/api/v1/");
    let ownership = match path.split('/').next() {
        Some("items") => ITEMS,
        Some("profiles") => PROFILES,
        Some("accounts") => ACCOUNTS,
        Some("jobs") => JOBS,
        Some("users") if !path.starts_with("users/me") => USERS,
        _ if rule.needs == Needs::Anybody => return Reach::Public,
        _ => return Reach::Own,
    };
    // What a caller makes is their own; a user belongs to themselves.
    if rule.method == Method::POST && ownership != USERS {
        return Reach::Own;
    }
    match if rule.method == Method::GET { ownership.read } else { ownership.write } {
        Others::Everybody => Reach::Public,
        others if others.include(Some(caller), Uuid::nil()) => Reach::All,
        _ => Reach::Own,
    }
}
