//! A change of one row: by whom, of which, and of which version of it.

use axum::{extract::FromRequestParts, http::request::Parts};
use callboard_shared::models::Entity;
use uuid::Uuid;

use super::{PathId, Preconditions, RequestInfo};
use crate::{
    auth::{Caller, ownership::Ownership},
    error::Problem,
    state::AppState,
    work::Work,
};

/// What a PUT, PATCH or DELETE of one row begins with.
#[derive(Debug)]
pub struct Change {
    /// Who makes it.
    pub caller: Caller,
    /// The row that is meant.
    pub id: Uuid,
    preconditions: Preconditions,
    info: RequestInfo,
}

impl Change {
    /// Begins the caller's work.
    ///
    /// # Errors
    /// 503 while PostgreSQL is out of reach.
    pub async fn begin(&self, state: &AppState) -> Result<Work, Problem> {
        Work::by(state, &self.info, &self.caller).await
    }

    /// The row, locked in that work, if the caller may change it and means this
    /// version of it.
    ///
    /// # Errors
    /// 404 for a row that is not there or that they may not even read, 403 for
    /// one that they may only read, 412 for another version than `If-Match` names.
    pub fn admit<T: Entity>(&self, ownership: Ownership, row: Option<T>) -> Result<T, Problem> {
        let row = ownership.writable(row, &self.caller)?;
        self.preconditions.check(row.version())?;
        Ok(row)
    }
}

impl FromRequestParts<AppState> for Change {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let PathId(id) = PathId::from_request_parts(parts, state).await?;
        let preconditions = Preconditions::from_request_parts(parts, state).await?;
        let info = match RequestInfo::from_request_parts(parts, state).await {
            Ok(info) => info,
            Err(impossible) => match impossible {},
        };
        Ok(Self { caller, id, preconditions, info })
    }
}
