//! Who acts by a command, and the line that this leaves in the audit log.

use callboard_queue::{Error, Queue, Transaction};
use callboard_shared::db::{
    DbError,
    audit_log::{Act, Origin},
    requests,
};
use clap::Args;
use serde_json::Value;

use super::plain;

/// Longest name of an operator, in characters.
const LONGEST_NAME: usize = 100;

/// What a change may wait for a lock, and what PostgreSQL bears an end that says nothing more.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// Whoever runs a command that changes something.
#[derive(Debug, Args)]
pub(super) struct Operator {
    /// Who does it, for others to see: in the audit log, and beside a pause.
    #[arg(long, env = "USER", default_value = "callboard-api", value_name = "ada", value_parser = name)]
    pub(super) by: String,
}

/// What may stand for a person: not what the API writes for its own callers.
fn name(given: &str) -> Result<String, &'static str> {
    let name = given.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(plain::is_unseen) {
        return Err("it must have 1 to 100 characters, all of which can be seen");
    }
    if ["user:", "key:"].iter().any(|of_callers| name.starts_with(of_callers)) {
        return Err("`user:` and `key:` stand for callers of the API");
    }
    Ok(name.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_read_and_is_no_callers() {
        for (given, is) in [("ada", "ada"), ("  ada ", "ada"), ("김민지", "김민지"), ("ci/deploy#7", "ci/deploy#7")]
        {
            assert_eq!(name(given).as_deref(), Ok(is));
        }
        for given in ["", " ", "a\nb", "a\x1b[31m", "\u{202e}ada", "a\u{200b}", &"x".repeat(101), "user:7", " key:7"] {
            assert!(name(given).is_err(), "{given:?}");
        }
    }
}
