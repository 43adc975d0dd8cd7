//! Many at once, of whom one may.

use std::collections::BTreeMap;

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Send as _};
use futures::future::join_all;
use serde_json::json;

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn of_fifty_registrations_of_one_address_one_is_made() {
    let app = App::start().await;
    let register = |number: usize| {
        // The address is the same, however its letters are written.
        let email = ["ada@example.com", "ADA@example.com"][number % 2];
        let body = json!({ "email": email, "username": format!("ada{number}"), "password": PASSWORD });
        app.post("/api/v1/auth/register", &body).answer()
    };
    let answers = join_all((0..50).map(register)).await;
    assert_eq!(statuses(&answers), BTreeMap::from([(201, 1), (409, 49)]));
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        let _ = answer.problem(409, "email_taken");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM email_verification_tokens").await, 1);
}

/// A client that is not patient: one invitation, and one mail.
#[tokio::test]
async fn of_a_hundred_invitations_under_one_key_one_is_made() {
    let app = App::start().await;
    let beside = app.start_beside(&[]).await;
    let root = app.person("root", "admin").await;
    let invite = |number: usize| {
        let process = [&app, &beside][number % 2];
        let request = process.post("/api/v1/users", &json!({ "email": "ada@example.com", "full_name": "Ada" }));
        request.bearer_auth(&root.token).header("idempotency-key", "invite-ada").answer()
    };
    let answers = join_all((0..100).map(invite)).await;
    let counts = statuses(&answers);
    assert!(counts.keys().all(|status| [201, 409].contains(status)), "{counts:?}");
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    let first = made.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).count();
    assert_eq!(first, 1, "{counts:?}");
    assert!(made.iter().all(|answer| answer.body == made[0].body));
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        let _ = answer.problem(409, "idempotency_in_flight");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    let again = invite(0).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &made[0].body));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all WHERE kind = 'email.invitation'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'user.created'").await, 1);
}
