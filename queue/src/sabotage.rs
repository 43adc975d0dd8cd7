//! Rules of the protocol, left out on purpose: a test suite that does not
//! notice would not notice a mistake either.
//!
//! Compiled with the feature `sabotage` alone, which only the tests enable;
//! which rule is left out says `CALLBOARD_QUEUE_SABOTAGE`.

#[cfg(feature = "sabotage")]
mod armed {
    use std::env;

    use sqlx::PgConnection;
    use uuid::Uuid;

    use crate::ledger::finish::Ended;

    /// Whether this rule is left out.
    pub(crate) fn leaves_out(rule: &str) -> bool {
        env::var("CALLBOARD_QUEUE_SABOTAGE").is_ok_and(|left_out| left_out == rule)
    }

    /// Finishes named by whatever claim holds their rows now: no fence.
    pub(crate) async fn without_fence(connection: &mut PgConnection, ended: &[Ended]) -> sqlx::Result<Vec<Ended>> {
        let mut unfenced = ended.to_vec();
        if leaves_out("fence") {
            for job in &mut unfenced {
                let claim: Option<Uuid> = sqlx::query_scalar("SELECT claim_id FROM queue_jobs WHERE id = $1")
                    .bind(job.id)
                    .fetch_optional(&mut *connection)
                    .await?
                    .flatten();
                job.claim_id = claim.unwrap_or(job.claim_id);
            }
        }
        Ok(unfenced)
    }
}

#[cfg(feature = "sabotage")]
pub(crate) use armed::{leaves_out, without_fence};

/// Nothing is left out.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn leaves_out(_rule: &str) -> bool {
    false
}
