//! `maintenance.prune_*`: in steps, the oldest first, so that no statement holds
//! many rows; a run that ends half-way has lost nothing.

use callboard_queue::{Failure, Handler, Outcome, Progress, Run};
use callboard_shared::db::{
    DbError, api_keys, audit_log, email_change_tokens, idempotency_keys, login_throttles, password_reset_tokens,
    refresh_tokens, sessions, verification_tokens,
};
use callboard_shared::jobs::{PruneApiKeys, PruneAuditLog, PruneIdempotencyKeys, PruneSessions, PruneTokens};
use serde_json::json;

use crate::context::Context;

/// Rows of one step.
const STEP: u32 = 1_000;

/// What has rows that end.
#[derive(Debug, Clone, Copy)]
enum Table {
    ApiKeys,
    AuditLog,
    EmailChangeTokens,
    IdempotencyKeys,
    LoginThrottles,
    PasswordResetTokens,
    RefreshTokens,
    Sessions,
    VerificationTokens,
}

impl Table {
    /// Takes one step; returns how many rows it deleted.
    async fn step(self, context: &Context) -> Result<u64, DbError> {
        let (pool, rows) = (&context.pool, i64::from(STEP));
        match self {
            Self::ApiKeys => api_keys::prune(pool, rows).await,
            Self::AuditLog => {
                let mut transaction = pool.begin().await?;
                let deleted = audit_log::prune(&mut transaction, context.audit_log_days.into(), rows).await?;
                transaction.commit().await?;
                Ok(deleted)
            }
            Self::EmailChangeTokens => email_change_tokens::prune(pool, STEP).await,
            Self::IdempotencyKeys => idempotency_keys::prune(pool, rows).await,
            Self::LoginThrottles => login_throttles::prune(pool, rows).await,
            Self::PasswordResetTokens => password_reset_tokens::prune(pool, STEP).await,
            Self::RefreshTokens => refresh_tokens::prune(pool, rows).await,
            Self::Sessions => sessions::prune(pool, rows).await,
            Self::VerificationTokens => verification_tokens::prune(pool, STEP).await,
        }
    }
}

/// Takes steps in each table until one finds less than it may delete.
async fn prune(context: &Context, run: &Run, tables: &[Table]) -> Result<Outcome, Failure> {
    let mut pruned = 0;
    for table in tables {
        loop {
            let deleted = table.step(context).await?;
            pruned += deleted;
            if deleted < u64::from(STEP) {
                break;
            }
            run.progress(Progress { done: pruned, total: None, message: None }.saying("rows deleted"));
        }
    }
    Ok(Outcome::CompletedWith(json!({ "pruned": pruned })))
}

impl Handler<Context> for PruneApiKeys {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        prune(context, run, &[Table::ApiKeys]).await
    }
}

impl Handler<Context> for PruneAuditLog {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        prune(context, run, &[Table::AuditLog]).await
    }
}

impl Handler<Context> for PruneIdempotencyKeys {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        prune(context, run, &[Table::IdempotencyKeys]).await
    }
}

impl Handler<Context> for PruneSessions {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        prune(context, run, &[Table::RefreshTokens, Table::Sessions, Table::LoginThrottles]).await
    }
}

impl Handler<Context> for PruneTokens {
    async fn run(self, context: &Context, run: &Run) -> Result<Outcome, Failure> {
        let tables = [Table::VerificationTokens, Table::PasswordResetTokens, Table::EmailChangeTokens];
        prune(context, run, &tables).await
    }
}
