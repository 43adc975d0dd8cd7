//! Keys of services: made and deleted by the person they act for.

use callboard_shared::{
    db::api_keys::{self, ApiKeyDraft},
    domain::ApiKey,
    jobs::{Notice, SecurityNotice},
    models::ApiKeyEntry,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::Caller,
    error::{Code, Problem},
    extract::RequestInfo,
    state::AppState,
    work::Work,
};

/// Makes a key that acts for the caller, and has them told by mail.
///
/// # Errors
/// 409 when the caller has too many, 503 while PostgreSQL is out of reach.
pub async fn create(work: &mut Work, caller: &Caller, draft: &ApiKeyDraft) -> Result<(ApiKeyEntry, ApiKey), Problem> {
    let key = ApiKey::generate();
    let entry = api_keys::insert(&mut **work, caller.user_id(), &key, draft).await?;
    let entry = entry.ok_or_else(|| Problem::new(Code::TooManyApiKeys))?;
    work.audit_with("api_key.created", ("api_key", entry.id), json!({ "scopes": entry.scopes }));
    let notice = SecurityNotice { user_id: caller.user_id(), notice: Notice::ApiKeyCreated, email: None };
    work.enqueue(&notice).await?;
    Ok((entry, key))
}

/// Deletes a key of the caller. It ends at once in this process, and within a
/// second in others.
///
/// # Errors
/// 404 when the caller has no such key.
pub async fn delete(state: &AppState, info: &RequestInfo, caller: &Caller, id: Uuid) -> Result<(), Problem> {
    let mut work = Work::by(state, info, caller).await?;
    if !api_keys::delete(&mut *work, id, caller.user_id()).await? {
        return Err(Problem::new(Code::NotFound));
    }
    work.audit("api_key.deleted", ("api_key", id));
    work.commit().await?;
    state.identities.forget_key(id);
    Ok(())
}
