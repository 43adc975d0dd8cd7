//! `/api/v1/profiles`: contact people.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use callboard_shared::{
    db::{
        accounts,
        profiles::{self, ProfileDraft},
    },
    models::Profile,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    answer::{Page, Versioned},
    auth::{
        Caller,
        ownership::{ACCOUNTS, PROFILES},
    },
    error::Problem,
    extract::{Change, Faults, Input, List, ListParams, MergePatch, Patch, PathId, Post, Preconditions, ValidJson},
    openapi::{BodyProblems, ChangeProblems, DeleteProblems, IdempotencyProblems, ListProblems, NotFoundProblems},
    services::deletion,
    state::AppState,
    work::{Begun, Work},
};

/// Where they are.
const PATH: &str = "/api/v1/profiles";

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, replace, update, remove))
}

/// What of a profile its owner decides. The full name is made from its parts.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    /// The given name.
    #[schema(min_length = 1, max_length = 100, example = "지우")]
    first_name: String,
    /// The family name.
    #[schema(min_length = 1, max_length = 100, example = "김")]
    last_name: String,
    /// The email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "email", max_length = 254, example = "jiwoo@hangang.example.com")]
    email: Option<String>,
    /// A Korean mobile number; hyphens may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = "^(010[0-9]{8}|010-[0-9]{4}-[0-9]{4}|01[16789][0-9]{7,8}|01[16789]-[0-9]{3,4}-[0-9]{4})$",
        example = "010-1234-5678"
    )]
    phone: Option<String>,
    /// What they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200, example = "Casting director")]
    title: Option<String>,
    /// Where they work: an account that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a21")]
    account_id: Option<Uuid>,
}

/// How the description shows a change of a profile.
type ProfilePatch = Patch<ProfileBody>;

impl From<&Profile> for ProfileBody {
    fn from(profile: &Profile) -> Self {
        Self {
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            email: profile.email.clone().map(Into::into),
            phone: profile.phone.clone().map(Into::into),
            title: profile.title.clone(),
            account_id: profile.account_id,
        }
    }
}

impl Input for ProfileDraft {
    type Raw = ProfileBody;

    fn parse(raw: ProfileBody, faults: &mut Faults) -> Option<Self> {
        let first_name = faults.check("first_name", raw.first_name.parse());
        let last_name = faults.check("last_name", raw.last_name.parse());
        let email = faults.check_optional("email", raw.email.map(TryInto::try_into));
        let phone = faults.check_optional("phone", raw.phone.map(TryInto::try_into));
        let title = faults.check_optional("title", raw.title.map(TryInto::try_into));
        Some(Self {
            first_name: first_name?,
            last_name: last_name?,
            email: email?,
            phone: phone?,
            title: title?,
            account_id: raw.account_id,
        })
    }
}

/// The account is one that the caller may see, unless it was theirs before.
async fn check_account(
    work: &mut Work,
    caller: &Caller,
    draft: &ProfileDraft,
    before: Option<Uuid>,
) -> Result<(), Problem> {
    match draft.account_id {
        Some(id) if before != Some(id) => {
            ACCOUNTS.referable(accounts::find(&mut **work, id).await?, caller, "account_id")
        }
        _ => Ok(()),
    }
}

/// List the profiles
///
/// One's own; staff see all.
#[utoipa::path(get, path = PATH, tag = "profiles", params(ListParams<Profile>),
    responses((status = 200, description = "A page", body = Page<Profile>), ListProblems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    list: List<Profile>,
) -> Result<Json<Page<Value>>, Problem> {
    Page::fetch(&state, &list, PROFILES.only(&caller)).await.map(Json)
}

/// Make a profile
///
/// It is the caller's own.
#[utoipa::path(post, path = PATH, tag = "profiles", request_body = ProfileBody,
    responses((status = 201, description = "The profile", body = Profile), BodyProblems, IdempotencyProblems))]
async fn create(State(state): State<AppState>, caller: Caller, post: Post<ProfileDraft>) -> Result<Response, Problem> {
    let mut work = match post.begin(&state, &caller).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    check_account(&mut work, &caller, &post.value, None).await?;
    let profile = profiles::insert(&mut *work, &post.value, caller.user_id()).await?;
    work.audit("profile.created", ("profile", profile.id));
    work.commit_created(PATH, &profile).await
}

/// Look at a profile
#[utoipa::path(get, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = Uuid, Path, description = "The profile's id")),
    responses((status = 200, description = "The profile", body = Profile), NotFoundProblems))]
async fn show(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    preconditions: Preconditions,
) -> Result<Response, Problem> {
    let profile = PROFILES.readable(profiles::find(state.queue.pool(), id).await?, Some(&caller))?;
    Ok(Versioned(profile).unless_known(&preconditions))
}

/// Replace a profile
///
/// What is left out is taken away, or gets its default.
#[utoipa::path(put, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = Uuid, Path, description = "The profile's id")),
    request_body = ProfileBody,
    responses((status = 200, description = "The profile", body = Profile), BodyProblems, ChangeProblems))]
async fn replace(
    State(state): State<AppState>,
    change: Change,
    ValidJson(draft): ValidJson<ProfileDraft>,
) -> Result<Versioned<Profile>, Problem> {
    let mut work = change.begin(&state).await?;
    let profile = change.admit(PROFILES, profiles::lock(&mut *work, change.id).await?)?;
    save(work, &change.caller, &profile, &draft).await
}

/// Change a profile
///
/// A JSON merge patch (RFC 7396): what is named is set, `null` takes away.
#[utoipa::path(patch, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = Uuid, Path, description = "The profile's id")),
    request_body(content = ProfilePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The profile", body = Profile), BodyProblems, ChangeProblems))]
async fn update(
    State(state): State<AppState>,
    change: Change,
    patch: MergePatch,
) -> Result<Versioned<Profile>, Problem> {
    let mut work = change.begin(&state).await?;
    let profile = change.admit(PROFILES, profiles::lock(&mut *work, change.id).await?)?;
    save(work, &change.caller, &profile, &patch.apply(&ProfileBody::from(&profile))?).await
}

async fn save(
    mut work: Work,
    caller: &Caller,
    before: &Profile,
    draft: &ProfileDraft,
) -> Result<Versioned<Profile>, Problem> {
    check_account(&mut work, caller, draft, before.account_id).await?;
    let profile = profiles::update(&mut *work, before.id, draft).await?;
    if profile.version != before.version {
        work.audit("profile.updated", ("profile", profile.id));
    }
    work.commit().await?;
    Ok(Versioned(profile))
}

/// Delete a profile
#[utoipa::path(delete, path = "/api/v1/profiles/{id}", tag = "profiles", params(("id" = Uuid, Path, description = "The profile's id")),
    responses((status = 204, description = "It is gone"), ChangeProblems, DeleteProblems))]
async fn remove(State(state): State<AppState>, change: Change) -> Result<StatusCode, Problem> {
    let mut work = change.begin(&state).await?;
    change.admit(PROFILES, profiles::lock(&mut *work, change.id).await?)?;
    let deleted = profiles::delete(&mut *work, change.id).await;
    work.audit("profile.deleted", ("profile", change.id));
    deletion::commit(&state, work, change.id, deleted).await
}
