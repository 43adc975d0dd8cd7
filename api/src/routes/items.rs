//! `/api/v1/items`: the price list.

use axum::{extract::State, http::StatusCode, response::Response};
use callboard_shared::{
    db::items::{self, ItemDraft},
    domain::{Amount, Currency},
    models::Item,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Page, Versioned},
    auth::{Caller, ownership::ITEMS},
    error::Problem,
    extract::{Change, Faults, Input, List, ListParams, MergePatch, Patch, PathId, Post, Preconditions, ValidJson},
    openapi::{BodyProblems, ChangeProblems, DeleteProblems, IdempotencyProblems, ListProblems, NotFoundProblems},
    services::deletion,
    state::AppState,
    work::{Begun, Work},
};

/// Where they are.
const PATH: &str = "/api/v1/items";

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, replace, update, remove))
}

/// What of an item its owner decides.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// What it is called.
    #[schema(min_length = 1, max_length = 200, example = "Half-day studio rental")]
    title: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 10_000, example = "Studio A with two assistants, four hours")]
    description: Option<String>,
    /// What it costs, above zero, with no more digits behind the point than its currency has.
    #[schema(pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$", example = "250000")]
    price: String,
    /// The currency, by its code of ISO 4217.
    #[serde(default = "won")]
    #[schema(pattern = "^[A-Z]{3}$", default = "KRW", example = "KRW")]
    currency: String,
}

/// How the description shows a change of an item.
type ItemPatch = Patch<ItemBody>;

fn won() -> String {
    "KRW".to_owned()
}

impl From<&Item> for ItemBody {
    fn from(item: &Item) -> Self {
        Self {
            title: item.title.clone(),
            description: item.description.clone(),
            price: item.price.to_string(),
            currency: item.currency.as_str().to_owned(),
        }
    }
}

impl Input for ItemDraft {
    type Raw = ItemBody;

    fn parse(raw: ItemBody, faults: &mut Faults) -> Option<Self> {
        let title = faults.check("title", raw.title.parse());
        let description = faults.check_optional("description", raw.description.map(TryInto::try_into));
        let currency = faults.check("currency", raw.currency.parse::<Currency>());
        // What a price may be depends on its currency.
        let price = currency.as_ref().and_then(|it| faults.check("price", Amount::positive(&raw.price, it)));
        Some(Self { title: title?, description: description?, price: price?, currency: currency? })
    }
}

/// List the items
///
/// Everybody may. The list is cached for a short time; `X-Cache` says so.
#[utoipa::path(get, path = PATH, tag = "items", params(ListParams<Item>),
    responses((status = 200, description = "A page", body = Page<Item>), ListProblems))]
async fn list(State(state): State<AppState>, list: List<Item>) -> Result<Response, Problem> {
    state.lists.items.serve(&list.canonical, || Page::fetch(&state, &list, None)).await
}

/// Make an item
///
/// It is the caller's own.
#[utoipa::path(post, path = PATH, tag = "items", request_body = ItemBody,
    responses((status = 201, description = "The item", body = Item), BodyProblems, IdempotencyProblems))]
async fn create(State(state): State<AppState>, caller: Caller, post: Post<ItemDraft>) -> Result<Response, Problem> {
    let mut work = match post.begin(&state, &caller).await? {
        Begun::Work(work) => work,
        Begun::Replay(answer) => return Ok(answer),
    };
    let item = items::insert(&mut *work, &post.value, caller.user_id()).await?;
    work.audit("item.created", ("item", item.id));
    state.lists.items.changed_by(async move { work.commit_created(PATH, &item).await }).await
}

/// Look at an item
#[utoipa::path(get, path = "/api/v1/items/{id}", tag = "items", params(("id" = Uuid, Path, description = "The item's id")),
    responses((status = 200, description = "The item", body = Item), NotFoundProblems))]
async fn show(
    State(state): State<AppState>,
    PathId(id): PathId,
    preconditions: Preconditions,
) -> Result<Response, Problem> {
    let item = ITEMS.readable(items::find(state.queue.pool(), id).await?, None)?;
    Ok(Versioned(item).unless_known(&preconditions))
}

/// Replace an item
///
/// What is left out is taken away, or gets its default.
#[utoipa::path(put, path = "/api/v1/items/{id}", tag = "items", params(("id" = Uuid, Path, description = "The item's id")),
    request_body = ItemBody,
    responses((status = 200, description = "The item", body = Item), BodyProblems, ChangeProblems))]
async fn replace(
    State(state): State<AppState>,
    change: Change,
    ValidJson(draft): ValidJson<ItemDraft>,
) -> Result<Versioned<Item>, Problem> {
    let mut work = change.begin(&state).await?;
    let item = change.admit(ITEMS, items::lock(&mut *work, change.id).await?)?;
    save(&state, work, &item, &draft).await
}

/// Change an item
///
/// A JSON merge patch (RFC 7396): what is named is set, `null` takes away.
#[utoipa::path(patch, path = "/api/v1/items/{id}", tag = "items", params(("id" = Uuid, Path, description = "The item's id")),
    request_body(content = ItemPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The item", body = Item), BodyProblems, ChangeProblems))]
async fn update(State(state): State<AppState>, change: Change, patch: MergePatch) -> Result<Versioned<Item>, Problem> {
    let mut work = change.begin(&state).await?;
    let item = change.admit(ITEMS, items::lock(&mut *work, change.id).await?)?;
    save(&state, work, &item, &patch.apply(&ItemBody::from(&item))?).await
}

async fn save(state: &AppState, mut work: Work, before: &Item, draft: &ItemDraft) -> Result<Versioned<Item>, Problem> {
    let item = items::update(&mut *work, before.id, draft).await?;
    if item.version != before.version {
        work.audit("item.updated", ("item", item.id));
    }
    state.lists.items.changed_by(work.commit()).await?;
    Ok(Versioned(item))
}

/// Delete an item
#[utoipa::path(delete, path = "/api/v1/items/{id}", tag = "items", params(("id" = Uuid, Path, description = "The item's id")),
    responses((status = 204, description = "It is gone"), ChangeProblems, DeleteProblems))]
async fn remove(State(state): State<AppState>, change: Change) -> Result<StatusCode, Problem> {
    let mut work = change.begin(&state).await?;
    change.admit(ITEMS, items::lock(&mut *work, change.id).await?)?;
    let deleted = items::delete(&mut *work, change.id).await;
    work.audit("item.deleted", ("item", change.id));
    let (lists, id) = (state.clone(), change.id);
    lists.lists.items.changed_by(async move { deletion::commit(&state, work, id, deleted).await }).await
}
