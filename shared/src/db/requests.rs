//! What a request leaves behind besides its work: lines in `audit_log` and, under
//! an `Idempotency-Key`, its answer in `idempotency_keys`. Both are written right
//! before the commit, in one statement: every write of the API passes here.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::DbError;
use super::audit_log::{Act, Origin};
use super::idempotency_keys::{IdempotentRequest, StoredAnswer};

/// Writes what was done, and stores the answer for 24 hours. Returns whether the
/// answer was stored, if there was one: not when a duplicate was quicker, whose
/// work then is the one to keep.
///
/// # Errors
/// Only the database's own.
pub async fn leave(
    executor: impl PgExecutor<'_>,
    origin: Origin<'_>,
    acts: &[Act],
    answered: Option<(&IdempotentRequest, &StoredAnswer)>,
) -> Result<bool, DbError> {
    let ids: Vec<_> = acts.iter().map(|_| Uuid::now_v7()).collect();
    let actions: Vec<_> = acts.iter().map(|act| act.action.to_owned()).collect();
    let resources: Vec<_> = acts.iter().map(|act| act.subject.map(|(resource, _)| resource.to_owned())).collect();
    let resource_ids: Vec<_> = acts.iter().map(|act| act.subject.map(|(_, id)| id)).collect();
    let details: Vec<_> = acts.iter().map(|act| act.details.clone()).collect();
    let (request, answer) = answered.unzip();
    let done = sqlx::query!(
        "WITH acts AS (
             INSERT INTO audit_log (id, actor, ip, request_id, action, resource, resource_id, details)
             SELECT act.id, $1, $2::text::inet, $3, act.action, act.resource, act.resource_id, act.details
             FROM unnest($4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::jsonb[])
                  AS act (id, action, resource, resource_id, details)
         )
         INSERT INTO idempotency_keys (principal, route, key, fingerprint, status, location, etag, body, expires_at)
         SELECT $9::text, $10::text, $11::text, $12::bytea, $13::smallint, $14::text, $15::text, $16::bytea,
                clock_timestamp() + interval '24 hours'
         WHERE $9::text IS NOT NULL
         ON CONFLICT (principal, route, key) DO UPDATE
         SET fingerprint = EXCLUDED.fingerprint, status = EXCLUDED.status, location = EXCLUDED.location,
             etag = EXCLUDED.etag, body = EXCLUDED.body, created_at = EXCLUDED.created_at,
             expires_at = EXCLUDED.expires_at
         WHERE idempotency_keys.expires_at <= clock_timestamp()",
        origin.actor,
        origin.ip.map(|ip| ip.to_string()),
        origin.request_id,
        &ids,
        &actions,
        &resources as &[Option<String>],
        &resource_ids as &[Option<Uuid>],
        &details,
        request.map(|request| request.principal.as_str()),
        request.map(|request| request.route.as_str()),
        request.map(|request| request.key.as_str()),
        request.map(|request| request.fingerprint.as_slice()),
        answer.map(|answer| i16::try_from(answer.status).unwrap_or_default()),
        answer.and_then(|answer| answer.location.as_deref()),
        answer.and_then(|answer| answer.etag.as_deref()),
        answer.and_then(|answer| answer.body.as_deref()),
    )
    .execute(executor)
    .await?;
    Ok(answered.is_none() || done.rows_affected() > 0)
}
