//! The tables of the tokens in mails.

use std::time::Duration;

use callboard_shared::db::email_change_tokens::{self, EmailChange};
use callboard_shared::db::{TokenState, password_reset_tokens, verification_tokens};
use callboard_shared::domain::{MailKey, MailToken, TokenPurpose};
use callboard_tests::installation::Installation;
use futures::future::join_all;
use sqlx::PgPool;
use uuid::Uuid;

const AN_HOUR: Duration = Duration::from_hours(1);

fn key() -> MailKey {
    MailKey::derive(b"a secret of tests", TokenPurpose::ResetPassword)
}

async fn user(pool: &PgPool, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    let insert = sqlx::query("INSERT INTO users (id, email, username) VALUES ($1, $2 || '@example.com', $2)");
    insert.bind(id).bind(name).execute(pool).await.unwrap();
    id
}

/// A token of the user that is good for an hour, and its id.
async fn reset_token(pool: &PgPool, user: Uuid) -> (MailToken, Uuid) {
    let id = password_reset_tokens::create(pool, &key(), user, AN_HOUR).await.unwrap();
    (key().token(id), id)
}

/// Lets a token expire as long ago as this interval says.
async fn age(pool: &PgPool, id: Uuid, ago: &str) {
    let query = sqlx::query(
        "UPDATE password_reset_tokens
         SET created_at = now() - $2::interval - interval '1 hour', expires_at = now() - $2::interval WHERE id = $1",
    );
    assert_eq!(query.bind(id).bind(ago).execute(pool).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn of_many_who_bring_a_token_at_once_one_may_use_it() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let user = user(pool, "ada").await;
    let (token, _) = reset_token(pool, user).await;
    let consume = || async {
        let mut tx = pool.begin().await.unwrap();
        let state = password_reset_tokens::consume(&mut tx, &token).await.unwrap();
        tx.commit().await.unwrap();
        state
    };
    let states = join_all((0..8).map(|_| consume())).await;
    assert_eq!(states.iter().filter(|state| **state == TokenState::Good(user)).count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == TokenState::Used(user)).count(), 7, "{states:?}");
    assert_eq!(consume().await, TokenState::Used(user), "and never again");
}

#[tokio::test]
async fn to_look_at_a_token_does_not_use_it() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let user = user(pool, "ada").await;
    let (token, id) = reset_token(pool, user).await;
    let find = || async { password_reset_tokens::find(pool, &token).await.unwrap() };
    assert_eq!(find().await, TokenState::Good(user));
    assert_eq!(find().await, TokenState::Good(user));
    assert!(password_reset_tokens::remaining(pool, id).await.unwrap().unwrap() <= AN_HOUR);

    age(pool, id, "1 second").await;
    assert_eq!(find().await, TokenState::Expired);
    assert_eq!(password_reset_tokens::remaining(pool, id).await.unwrap(), None);
    let mut connection = pool.acquire().await.unwrap();
    let consumed = password_reset_tokens::consume(&mut connection, &token).await.unwrap();
    assert_eq!(consumed, TokenState::Expired);
    let unknown = key().token(Uuid::now_v7());
    assert_eq!(password_reset_tokens::consume(&mut connection, &unknown).await.unwrap(), TokenState::Unknown);
}

/// The tokens of one table are nothing to another.
#[tokio::test]
async fn a_token_is_good_for_its_own_purpose_only() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let user = user(pool, "ada").await;
    let (token, _) = reset_token(pool, user).await;
    assert_eq!(verification_tokens::find(pool, &token).await.unwrap(), TokenState::Unknown);
    assert_eq!(email_change_tokens::find(pool, &token).await.unwrap(), TokenState::Unknown);
}

#[tokio::test]
async fn what_rolls_back_leaves_the_token_good() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let user = user(pool, "ada").await;
    let new_email = "ada@example.org".parse().unwrap();
    let id = email_change_tokens::create(pool, &key(), user, &new_email, AN_HOUR).await.unwrap();
    let token = key().token(id);
    let good = TokenState::Good(EmailChange { user_id: user, new_email });
    for _ in 0..2 {
        let mut tx = pool.begin().await.unwrap();
        assert_eq!(email_change_tokens::consume(&mut tx, &token).await.unwrap(), good);
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn all_open_tokens_of_a_user_can_be_let_expire() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let (ada, eve) = (user(pool, "ada").await, user(pool, "eve").await);
    let (open, _) = reset_token(pool, ada).await;
    let (used, _) = reset_token(pool, ada).await;
    let (other, _) = reset_token(pool, eve).await;
    let mut tx = pool.begin().await.unwrap();
    password_reset_tokens::consume(&mut tx, &used).await.unwrap();
    // Written and let expire at almost the same time.
    let id = password_reset_tokens::create(&mut *tx, &key(), ada, AN_HOUR).await.unwrap();
    assert_eq!(password_reset_tokens::expire_all(&mut *tx, ada).await.unwrap(), 2);
    tx.commit().await.unwrap();

    for token in [open, key().token(id)] {
        assert_eq!(password_reset_tokens::find(pool, &token).await.unwrap(), TokenState::Expired);
    }
    assert_eq!(password_reset_tokens::find(pool, &used).await.unwrap(), TokenState::Used(ada));
    assert_eq!(password_reset_tokens::find(pool, &other).await.unwrap(), TokenState::Good(eve));
    assert_eq!(password_reset_tokens::created_within(pool, ada, AN_HOUR).await.unwrap(), 3, "they still count");
}

#[tokio::test]
async fn pruning_takes_the_oldest_first_and_never_more_than_asked() {
    let installation = Installation::new().await;
    let pool = installation.pool();
    let user = user(pool, "ada").await;
    let mut ids = Vec::new();
    for ago in ["3 days", "9 days", "5 days", "2 hours"] {
        let (_, id) = reset_token(pool, user).await;
        age(pool, id, ago).await;
        ids.push(id);
    }
    let (_, good) = reset_token(pool, user).await;
    let left = || async {
        let left: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM password_reset_tokens ORDER BY id").fetch_all(pool).await.unwrap();
        left
    };
    assert_eq!(password_reset_tokens::prune(pool, 2).await.unwrap(), 2);
    assert_eq!(left().await, [ids[0], ids[3], good]);
    assert_eq!(password_reset_tokens::prune(pool, 2).await.unwrap(), 1);
    assert_eq!(left().await, [ids[3], good], "what expired within a day still answers and counts");
    assert_eq!(password_reset_tokens::prune(pool, 2).await.unwrap(), 0);
}
