//! Makes the first admin at the first start, as soon as the database is there.

use std::time::Duration;

use callboard_shared::{db::users, domain::Password};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    error::Problem,
    services::admin::{self, Admin},
    settings::FirstAdmin,
    state::AppState,
};

/// Pause between two tries while the database is not there or not migrated.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Makes the admin of the settings unless there is one; tries until it works.
pub(crate) async fn ensure(state: AppState, wanted: FirstAdmin, shutdown: CancellationToken) {
    let mut has_warned = false;
    while let Some(Err(problem)) = shutdown.run_until_cancelled(try_once(&state, &wanted)).await {
        if problem.code().entry().status.is_client_error() {
            warn!(%problem, "the first admin can't be made as set; check ADMIN_EMAIL and ADMIN_PASSWORD");
            return;
        }
        if !has_warned {
            warn!(%problem, "the first admin waits for the database");
            has_warned = true;
        }
        shutdown.run_until_cancelled(tokio::time::sleep(RETRY_EVERY)).await;
    }
}

async fn try_once(state: &AppState, wanted: &FirstAdmin) -> Result<(), Problem> {
    let (Some(email), Some(password)) = (&wanted.admin_email, &wanted.admin_password) else {
        return Ok(());
    };
    let pool = state.queue.pool();
    if users::has_admin(pool).await? {
        return Ok(());
    }
    let password: Password = admin::parse_password(password.expose_secret())?;
    match admin::create(pool, &state.passwords, email.clone(), password).await? {
        Admin::Created => info!("the first admin was made"),
        Admin::Exists => warn!("ADMIN_EMAIL belongs to a user who is no admin; nothing was changed"),
    }
    Ok(())
}
