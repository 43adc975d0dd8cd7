//! `/api/v1/accounts`: clients.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use callboard_shared::{
    db::{
        accounts::{self, AccountDraft},
        profiles,
    },
    models::Account,
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
const PATH: &str = "/api/v1/accounts";

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, replace, update, remove))
}

/// What of an account its owner decides.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// What the client is called.
    #[schema(min_length = 1, max_length = 200, example = "Hangang Film")]
    account_name: String,
    /// The primary contact: a profile that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a31")]
    profile_id: Option<Uuid>,
    /// How far they have come: `Prospect`, `Customer`, `Partner` or `Former`.
    #[serde(default = "prospect")]
    #[schema(pattern = "^(Prospect|Customer|Partner|Former)$", default = "Prospect", example = "Prospect")]
    account_type: String,
    /// Their page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri", max_length = 2048, pattern = "^https?://", example = "https://hangang.example.com/")]
    website: Option<String>,
    /// What else is to be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 10_000, example = "Shoots in spring and in autumn")]
    notes: Option<String>,
}

/// How the description shows a change of an account.
type AccountPatch = Patch<AccountBody>;

fn prospect() -> String {
    "Prospect".to_owned()
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        Self {
            account_name: account.account_name.clone(),
            profile_id: account.profile_id,
            account_type: account.account_type.to_string(),
            website: account.website.as_ref().map(ToString::to_string),
            notes: account.notes.clone(),
        }
    }
}

impl Input for AccountDraft {
    type Raw = AccountBody;

    fn parse(raw: AccountBody, faults: &mut Faults) -> Option<Self> {
        let account_name = faults.check("account_name", raw.account_name.parse());
        let account_type = faults.check("account_type", raw.account_type.parse());
        let website = faults.check_optional("website", raw.website.map(TryInto::try_into));
        let notes = faults.check_optional("notes", raw.notes.map(TryInto::try_into));
        Some(Self {
            account_name: account_name?,
            profile_id: raw.profile_id,
            account_type: account_type?,
            website: website?,
            notes: notes?,
        })
    }
}

/// The contact is one whom the caller may see, unless it was the contact before.
async fn check_contact(
    work: &mut Work,
    caller: &Caller,
    draft: &AccountDraft,
    before: Option<Uuid>,
) -> Result<(), Problem> {
    match draft.profile_id {
        Some(id) if before != Some(id) => {
            PROFILES.referable(profiles::find(&mut **work, id).await?, caller, "profile_id")
        }
        _ => Ok(()),
    }
}

/// List the accounts
///
/// One's own; staff see all.
#[utoipa::path(get, path = PATH, tag = "accounts", params(ListParams<Account>),
    responses((status = 200, description = "A page", body = Page<Account>), ListProblems))]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    list: List<Account>,
) -> Result<Json<Page<Value>>, Problem> {
    Page::fetch(&state, &list, ACCOUNTS.only(&caller)).await.map(Json)
}

/// Make an account
///
/// It is the caller's own.
#[utoipa::path(post, path = PATH, tag = "accounts", request_body = AccountBody,
    responses((status = 201, description = "The account", body = Account), BodyProblems, IdempotencyProblems))]
async fn create(State(state): State<AppState>, caller: Caller, post: Post<AccountDraft>) -> Result<Response, Problem> {
    let mut work = match post.begin(&state, &caller).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    check_contact(&mut work, &caller, &post.value, None).await?;
    let account = accounts::insert(&mut *work, &post.value, caller.user_id()).await?;
    work.audit("account.created", ("account", account.id));
    work.commit_created(PATH, &account).await
}

/// Look at an account
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = Uuid, Path, description = "The account's id")),
    responses((status = 200, description = "The account", body = Account), NotFoundProblems))]
async fn show(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    preconditions: Preconditions,
) -> Result<Response, Problem> {
    let account = ACCOUNTS.readable(accounts::find(state.queue.pool(), id).await?, Some(&caller))?;
    Ok(Versioned(account).unless_known(&preconditions))
}

/// Replace an account
///
/// What is left out is taken away, or gets its default.
#[utoipa::path(put, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = Uuid, Path, description = "The account's id")),
    request_body = AccountBody,
    responses((status = 200, description = "The account", body = Account), BodyProblems, ChangeProblems))]
async fn replace(
    State(state): State<AppState>,
    change: Change,
    ValidJson(draft): ValidJson<AccountDraft>,
) -> Result<Versioned<Account>, Problem> {
    let mut work = change.begin(&state).await?;
    let account = change.admit(ACCOUNTS, accounts::lock(&mut *work, change.id).await?)?;
    save(work, &change.caller, &account, &draft).await
}

/// Change an account
///
/// A JSON merge patch (RFC 7396): what is named is set, `null` takes away.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = Uuid, Path, description = "The account's id")),
    request_body(content = AccountPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The account", body = Account), BodyProblems, ChangeProblems))]
async fn update(
    State(state): State<AppState>,
    change: Change,
    patch: MergePatch,
) -> Result<Versioned<Account>, Problem> {
    let mut work = change.begin(&state).await?;
    let account = change.admit(ACCOUNTS, accounts::lock(&mut *work, change.id).await?)?;
    save(work, &change.caller, &account, &patch.apply(&AccountBody::from(&account))?).await
}

async fn save(
    mut work: Work,
    caller: &Caller,
    before: &Account,
    draft: &AccountDraft,
) -> Result<Versioned<Account>, Problem> {
    check_contact(&mut work, caller, draft, before.profile_id).await?;
    let account = accounts::update(&mut *work, before.id, draft).await?;
    if account.version != before.version {
        work.audit("account.updated", ("account", account.id));
    }
    work.commit().await?;
    Ok(Versioned(account))
}

/// Delete an account
#[utoipa::path(delete, path = "/api/v1/accounts/{id}", tag = "accounts", params(("id" = Uuid, Path, description = "The account's id")),
    responses((status = 204, description = "It is gone"), ChangeProblems, DeleteProblems))]
async fn remove(State(state): State<AppState>, change: Change) -> Result<StatusCode, Problem> {
    let mut work = change.begin(&state).await?;
    change.admit(ACCOUNTS, accounts::lock(&mut *work, change.id).await?)?;
    let deleted = accounts::delete(&mut *work, change.id).await;
    work.audit("account.deleted", ("account", change.id));
    deletion::commit(&state, work, change.id, deleted).await
}
