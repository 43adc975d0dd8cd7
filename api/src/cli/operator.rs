//! Who acts by a command, and the line that this leaves in the audit log.

use callboard_queue::{Error, Queue, Transaction};
use callboard_shared::db::{
    DbError,
    audit_log::{Act, Origin},
    requests,
};
use clap::Args;
use serde_json::Value;

/// What a change may wait for a lock, and what PostgreSQL bears an end that says nothing more.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Whoever runs a command that changes something.
#[derive(Debug, Args)]
pub(super) struct Operator {
    /// Who does it, for others to see: in the audit log, and beside a pause.
    #[arg(long, env = "USER", default_value = "callboard-api", value_name = "ada")]
    pub(super) by: String,
}

impl Operator {
    /// A transaction for one change.
    pub(super) async fn begin(&self, queue: &Queue) -> Result<Transaction, Error> {
        queue.begin_with(BEGIN).await
    }

    /// Commits a change together with its line in the audit log; without one where
    /// nothing was left to change, so that workers are told once more.
    pub(super) async fn commit(&self, mut transaction: Transaction, act: Option<Act>) -> Result<(), Error> {
        let Some(mut act) = act else { return Box::pin(transaction.commit()).await };
        if let Value::Object(details) = &mut act.details {
            details.insert("by".to_owned(), self.by.clone().into());
        }
        let origin = Origin { actor: "system", ip: None, request_id: None };
        match requests::leave(&mut *transaction, origin, &[act], None).await {
            Ok(_) => Box::pin(transaction.commit()).await,
            Err(DbError::Sqlx(error)) => Err(Error::Ledger(error)),
            Err(other) => Err(Error::Ledger(sqlx::Error::Protocol(other.to_string()))),
        }
    }
}
