//! PostgreSQL answers, and is of no use: it has no slot left, is in recovery, or
//! takes no writes.

use std::time::Duration;

use callboard_tests::services::Services;

use super::{busy::Busy, programs::Programs};

/// As long as people wait in vain. The workers' outages last until they would be given
/// up for dead.
const OUTAGE: Duration = Duration::from_secs(8);
/// As many connections as the workers and the tests need at most.
const CONNECTIONS: u16 = 70;

#[tokio::test]
async fn workers_whose_connections_others_have_taken_wait_for_theirs() {
    let services = Services::start().await;
    services.prepare_postgres(CONNECTIONS).await;
    let busy = Busy::on(&services).await;
    let database = busy.queue.database().name().to_owned();
    let taken = services.take_all_connections(&database).await;
    assert!(taken.len() > 50, "{} of {CONNECTIONS}", taken.len());
    busy.outlast(OUTAGE, "pool timed out").await;
    services.give_connections_back(taken, &database).await;
    busy.recover().await;
}

#[tokio::test]
async fn workers_wait_for_a_standby_to_be_promoted() {
    let services = Services::start().await;
    services.prepare_postgres(CONNECTIONS).await;
    let busy = Busy::on(&services).await;
    services.stop_postgres().await;
    services.start_postgres_as_standby().await;
    busy.outlast(OUTAGE, "read-only transaction").await;
    services.promote_postgres().await;
    busy.recover().await;
}

#[tokio::test]
async fn workers_wait_for_a_read_only_server_to_take_writes() {
    let services = Services::start().await;
    let busy = Busy::on(&services).await;
    services.make_postgres_read_only(true).await;
    busy.outlast(OUTAGE, "read-only transaction").await;
    services.make_postgres_read_only(false).await;
    busy.recover().await;
}

#[tokio::test]
async fn both_programs_wait_for_connections_that_others_have_taken() {
    let services = Services::start().await;
    services.prepare_postgres(CONNECTIONS).await;
    let programs = Programs::on(&services).await;
    let database = programs.place.database().name().to_owned();
    let taken = services.take_all_connections(&database).await;
    programs.outlast(OUTAGE).await;
    services.give_connections_back(taken, &database).await;
    programs.recover().await;
}

#[tokio::test]
async fn both_programs_wait_for_a_standby_to_be_promoted() {
    let services = Services::start().await;
    services.prepare_postgres(CONNECTIONS).await;
    let programs = Programs::on(&services).await;
    services.stop_postgres().await;
    services.start_postgres_as_standby().await;
    programs.reads_go_on().await;
    programs.outlast(OUTAGE).await;
    services.promote_postgres().await;
    programs.recover().await;
}

#[tokio::test]
async fn both_programs_wait_for_a_read_only_server_to_take_writes() {
    let services = Services::start().await;
    let programs = Programs::on(&services).await;
    services.make_postgres_read_only(true).await;
    programs.reads_go_on().await;
    programs.outlast(OUTAGE).await;
    services.make_postgres_read_only(false).await;
    programs.recover().await;
}
