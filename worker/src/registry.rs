//! Which kinds of job this worker knows.

use callboard_queue::Registry;
use callboard_shared::jobs::{
    ConfirmEmailChange, Invitation, PruneApiKeys, PruneAuditLog, PruneIdempotencyKeys, PruneSessions, PruneTokens,
    ResetPassword, SecurityNotice, VerifyAddress,
};

use crate::context::Context;

/// All handlers, sorted by kind. A kind that is missing here is left in the
/// queue for a worker that knows it.
#[must_use]
pub fn registry() -> Registry<Context> {
    Registry::new()
        .register::<ConfirmEmailChange>() // email.confirm_email_change
        .register::<Invitation>() // email.invitation
        .register::<ResetPassword>() // email.reset_password
        .register::<SecurityNotice>() // email.security_notice
        .register::<VerifyAddress>() // email.verify_address
        .register::<PruneApiKeys>() // maintenance.prune_api_keys
        .register::<PruneAuditLog>() // maintenance.prune_audit_log
        .register::<PruneIdempotencyKeys>() // maintenance.prune_idempotency_keys
        .register::<PruneSessions>() // maintenance.prune_sessions
        .register::<PruneTokens>() // maintenance.prune_tokens
}
