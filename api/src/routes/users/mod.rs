//! `/api/v1/users`: who can log in. Everybody has themselves, admins have all.

pub mod document;
pub mod me;
pub mod new_user;
pub mod permissions;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use callboard_shared::{db::users, models::User};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::document::{UserBody, UserDocument, UserPatch};
use self::new_user::NewUserBody;
use crate::{
    answer::{Page, Versioned},
    auth::{Caller, ownership::USERS},
    error::Problem,
    extract::{Change, List, ListParams, PathId, Post, Preconditions},
    openapi::{
        BodyProblems, ChangeProblems, DeleteProblems, IdempotencyProblems, LastAdminProblems, ListProblems,
        NotFoundProblems, RegisterProblems, UsernameProblems,
    },
    services::users::{self as service, NewAccount},
    state::AppState,
};

/// Where they are.
const PATH: &str = "/api/v1/users";

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(me::show, me::replace, me::update, me::remove))
        .routes(routes!(permissions::show))
        .routes(routes!(show, replace, update, remove))
}

/// List the users
///
/// Admins may.
#[utoipa::path(get, path = PATH, tag = "users", params(ListParams<User>),
    responses((status = 200, description = "A page", body = Page<User>), ListProblems))]
async fn list(State(state): State<AppState>, list: List<User>) -> Result<Response, Problem> {
    Ok(Json(Page::fetch(&state, &list, None).await?).into_response())
}

/// Make a user
///
/// Admins may. With a password the user gets the mail that verifies their
/// address; without one an invitation, with a link to choose their own that is
/// good for seven days.
#[utoipa::path(post, path = PATH, tag = "users", request_body = NewUserBody,
    responses((status = 201, description = "The user; the mail is on its way", body = User),
        RegisterProblems, BodyProblems, IdempotencyProblems))]
async fn create(State(state): State<AppState>, caller: Caller, post: Post<NewAccount>) -> Result<Response, Problem> {
    service::create(&state, &caller, post, PATH).await
}

/// Look at a user
///
/// Oneself, or anybody for an admin.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = User), NotFoundProblems))]
async fn show(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    preconditions: Preconditions,
) -> Result<Response, Problem> {
    let user = USERS.readable(users::find(state.queue.pool(), id).await?, Some(&caller))?;
    Ok(Versioned(user).unless_known(&preconditions))
}

/// Replace a user
///
/// Oneself, or anybody for an admin. What is left out is taken away, but for
/// what must be there, which stays as it is. Only admins may send `role` and
/// `is_active`; an address is changed by `POST /api/v1/auth/change-email`, by
/// its owner, because it must be proved.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path, description = "The user's id")),
    request_body = UserBody,
    responses((status = 200, description = "The user", body = User),
        BodyProblems, ChangeProblems, UsernameProblems, LastAdminProblems))]
async fn replace(
    State(state): State<AppState>,
    change: Change,
    UserDocument(document): UserDocument,
) -> Result<Versioned<User>, Problem> {
    let mut work = change.begin(&state).await?;
    let user = change.admit(USERS, service::lock(&mut work, change.id).await?)?;
    service::change(&state, work, &user, &document).await.map(Versioned)
}

/// Change a user
///
/// A JSON merge patch (RFC 7396): what is named is set, `null` takes away. Who
/// may change what is as for replacing.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path, description = "The user's id")),
    request_body(content = UserBody, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The user", body = User),
        BodyProblems, ChangeProblems, UsernameProblems, LastAdminProblems))]
async fn update(State(state): State<AppState>, change: Change, patch: UserPatch) -> Result<Versioned<User>, Problem> {
    let mut work = change.begin(&state).await?;
    let user = change.admit(USERS, service::lock(&mut work, change.id).await?)?;
    service::change(&state, work, &user, &patch.apply(&user, &change.caller)?).await.map(Versioned)
}

/// Delete a user
///
/// Oneself, or anybody for an admin. Their sessions, tokens and keys go with
/// them; while they own anything else they stay.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = uuid::Uuid, Path, description = "The user's id")),
    responses((status = 204, description = "They are gone"), ChangeProblems, DeleteProblems, LastAdminProblems))]
async fn remove(State(state): State<AppState>, change: Change) -> Result<StatusCode, Problem> {
    let mut work = change.begin(&state).await?;
    let user = change.admit(USERS, service::lock(&mut work, change.id).await?)?;
    service::delete(&state, work, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
