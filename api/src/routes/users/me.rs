//! `/api/v1/users/me`: the caller as a user. What is said of a user by their id
//! holds here too.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use callboard_shared::{db::users, models::User};

use super::document::{UserBody, UserDocument, UserPatch};
use crate::{
    answer::Versioned,
    auth::{Caller, ownership::USERS},
    error::Problem,
    extract::{Preconditions, RequestInfo},
    openapi::{BodyProblems, DeleteProblems, LastAdminProblems, OutageProblems, OwnChangeProblems, UsernameProblems},
    services::users as service,
    state::AppState,
    work::Work,
};

/// Look at oneself
///
/// The URL is the same for everybody, so nobody keeps the answer: the `ETag` is
/// for `If-Match` alone.
///
/// # Errors
/// 401 without a caller.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "users",
    responses((status = 200, description = "The caller", body = User), OutageProblems))]
pub async fn show(State(state): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    let user = USERS.readable(users::find(state.queue.pool(), caller.user_id()).await?, Some(&caller))?;
    let mut response = Versioned(user).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Replace oneself
///
/// What is left out is taken away, but for what must be there, which stays as
/// it is. Only admins may send `role` and `is_active`; an address is changed by
/// `POST /api/v1/auth/change-email`.
///
/// # Errors
/// 422 for what is not the caller's to decide, 409 when the username is taken.
#[utoipa::path(put, path = "/api/v1/users/me", tag = "users", request_body = UserBody,
    responses((status = 200, description = "The caller", body = User),
        BodyProblems, OwnChangeProblems, UsernameProblems, LastAdminProblems))]
pub async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    preconditions: Preconditions,
    info: RequestInfo,
    UserDocument(change): UserDocument,
) -> Result<Versioned<User>, Problem> {
    let (work, user) = begin(&state, &caller, &info, &preconditions).await?;
    service::change(&state, work, &user, &change).await.map(Versioned)
}

/// Change oneself
///
/// A JSON merge patch (RFC 7396): what is named is set, `null` takes away.
///
/// # Errors
/// 422 for what is not the caller's to decide, 409 when the username is taken.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "users",
    request_body(content = UserBody, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The caller", body = User),
        BodyProblems, OwnChangeProblems, UsernameProblems, LastAdminProblems))]
pub async fn update(
    State(state): State<AppState>,
    caller: Caller,
    preconditions: Preconditions,
    info: RequestInfo,
    patch: UserPatch,
) -> Result<Versioned<User>, Problem> {
    let (work, user) = begin(&state, &caller, &info, &preconditions).await?;
    service::change(&state, work, &user, &patch.apply(&user, &caller)?).await.map(Versioned)
}

/// Delete oneself
///
/// The caller's sessions, tokens and keys go too; while they own anything else
/// they stay.
///
/// # Errors
/// 409 while the caller owns anything, or is the last admin.
#[utoipa::path(delete, path = "/api/v1/users/me", tag = "users",
    responses((status = 204, description = "The caller is gone"),
        OwnChangeProblems, DeleteProblems, LastAdminProblems))]
pub async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    preconditions: Preconditions,
    info: RequestInfo,
) -> Result<StatusCode, Problem> {
    let (work, user) = begin(&state, &caller, &info, &preconditions).await?;
    service::delete(&state, work, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn begin(
    state: &AppState,
    caller: &Caller,
    info: &RequestInfo,
    preconditions: &Preconditions,
) -> Result<(Work, User), Problem> {
    let mut work = Work::by(state, info, caller).await?;
    let user = USERS.writable(service::lock(&mut work, caller.user_id()).await?, caller)?;
    preconditions.check(user.version)?;
    Ok((work, user))
}
