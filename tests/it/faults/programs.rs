//! The real API and a real worker, people who register, and mails on their way.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use callboard_tests::{
    answer::Answer,
    app::{PASSWORD, Send as _, client, scrape},
    installation::{Installation, api_url},
    mailbox::{Hold, Mailbox},
    process::Process,
    services::Services,
    wait::{SOON, wait_out, wait_until},
};
use serde_json::json;
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Mails that are in the middle of being sent when it begins.
const HELD: usize = 5;
/// Somebody registers in each of these.
const EVERY: Duration = Duration::from_millis(250);

/// Both programs, and a steady stream of people.
pub(super) struct Programs {
    pub(super) place: Installation,
    pub(super) api: Process,
    pub(super) worker: Process,
    mailbox: Mailbox,
    hold: Mutex<Option<Hold>>,
    sending: Vec<Uuid>,
    people: People,
    begun: Instant,
}

/// Those who register one after the other, and what they were answered.
struct People {
    account: Arc<Mutex<Account>>,
    stop: CancellationToken,
    coming: JoinHandle<()>,
}

#[derive(Default)]
struct Account {
    registered: Vec<String>,
    refused: Vec<Answer>,
    took: Vec<Duration>,
    /// How many of these have been looked at.
    looked_at: usize,
}

impl Account {
    /// How long those have waited who came since the last look; the most patient last.
    fn waited(&mut self) -> Vec<Duration> {
        let mut waited = self.took[self.looked_at..].to_vec();
        self.looked_at = self.took.len();
        waited.sort_unstable();
        waited
    }
}

impl People {
    fn come_to(api: &Process) -> Self {
        let (account, stop) = (Arc::<Mutex<Account>>::default(), CancellationToken::new());
        let coming = tokio::spawn(register(api_url(api), account.clone(), stop.clone()));
        Self { account, stop, coming }
    }

    async fn registered(&self) -> usize {
        self.account.lock().await.registered.len()
    }

    async fn end(self) -> Account {
        self.stop.cancel();
        self.coming.await.unwrap();
        Arc::into_inner(self.account).unwrap().into_inner()
    }
}

async fn register(url: String, account: Arc<Mutex<Account>>, stop: CancellationToken) {
    let client = client();
    for person in 0.. {
        let email = format!("person{person}@example.com");
        let body = json!({ "email": email, "password": PASSWORD });
        let asked = Instant::now();
        let answer = client.post(format!("{url}/api/v1/auth/register")).json(&body).answer().await;
        {
            let mut account = account.lock().await;
            account.took.push(asked.elapsed());
            if answer.status == 201 { account.registered.push(email) } else { account.refused.push(answer) }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY.saturating_sub(asked.elapsed())) => {}
        }
    }
}

impl Programs {
    pub(super) async fn on(services: &Services) -> Self {
        let place = Installation::on(services).await;
        let mailbox = Mailbox::start().await.unwrap();
        let api = place.start_api(&[("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")]).await;
        let patient = [("SMTP_TIMEOUT_SECONDS", "120"), ("SMTP_POOL", "5")];
        let worker = place.start_worker(&api, &mailbox, &patient).await;
        let hold = mailbox.hold();
        let people = People::come_to(&api);
        mailbox.wait_until_held(HELD, SOON).await.unwrap();
        let running = "SELECT id FROM queue_jobs WHERE worker_id IS NOT NULL AND kind = 'email.verify_address'";
        let sending: Vec<Uuid> = sqlx::query_scalar(running).fetch_all(place.pool()).await.unwrap();
        assert_eq!(sending.len(), HELD);
        let hold = Mutex::new(Some(hold));
        Self { place, api, worker, mailbox, hold, sending, people, begun: Instant::now() }
    }

    /// Whoever only wants to read is answered.
    pub(super) async fn reads_go_on(&self) {
        let list = api_url(&self.api) + "/api/v1/items";
        wait_until(SOON, "lists are read", || async { client().get(&list).answer().await.status == 200 }).await;
    }

    /// PostgreSQL is of no use now, for `span`: what the mail server takes meanwhile can
    /// be told to nobody. The API says that it is unavailable, and soon.
    pub(super) async fn outlast(&self, span: Duration) {
        let began = Instant::now();
        let before = self.people.account.lock().await.refused.len();
        drop(self.hold.lock().await.take());
        wait_until(SOON, "the mails are taken", || async { self.mailbox.mails().len() >= HELD }).await;
        wait_out(began, span).await;

        let mut account = self.people.account.lock().await;
        assert!(account.refused.len() >= before + 5, "nobody can register");
        for answer in &account.refused {
            let problem = answer.problem(503, "service_unavailable");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            for inside in ["postgres", "sqlx", "read-only", "connection", "callboard_test"] {
                assert!(!problem.0["detail"].as_str().unwrap().to_lowercase().contains(inside), "{}", problem.0);
            }
        }
        let slowest = account.waited().pop().unwrap();
        assert!(slowest < Duration::from_secs(4), "somebody waited {slowest:?}");
    }

    /// Redis is of no use now, or of use again, for `span`: nobody notices.
    pub(super) async fn stay_quick(&self, span: Duration) {
        let (began, before) = (Instant::now(), self.people.registered().await);
        drop(self.hold.lock().await.take());
        wait_out(began, span).await;
        let mut account = self.people.account.lock().await;
        assert!(account.refused.is_empty(), "{:?}", account.refused);
        let waited = account.waited();
        let usually = waited[waited.len() * 9 / 10];
        assert!(usually < Duration::from_millis(1_500), "one in ten waited {usually:?} or more: {waited:?}");
        assert!(*waited.last().unwrap() < Duration::from_secs(4), "{waited:?}");
        let came = account.registered.len() - before;
        assert!(came as u64 >= span.as_secs(), "{came} people in {span:?}");
    }

    /// All is well again.
    pub(super) async fn recover(self) {
        let Self { place, api, worker, mailbox, sending, people, begun, .. } = self;
        let before = people.registered().await;
        wait_until(SOON, "people register again", || async { people.registered().await > before + 10 }).await;
        let account = people.end().await;
        // Who was refused may have a mail: an answer may be lost after the commit.
        let left = || async {
            let left = sqlx::query_scalar("SELECT count(*) FROM queue_jobs WHERE kind = 'email.verify_address'");
            left.fetch_one(place.pool()).await.is_ok_and(|left: i64| left == 0)
        };
        wait_until(2 * SOON, "no mail is left to be sent", left).await;
        for person in &account.registered {
            assert_eq!(mailbox.mails_to(person).len(), 1, "a mail for {person}");
        }
        let ended: Vec<(Uuid, String, i16)> =
            sqlx::query_as("SELECT id, state, attempt FROM queue_jobs_all WHERE kind = 'email.verify_address'")
                .fetch_all(place.pool())
                .await
                .unwrap();
        let (least, most) = (account.registered.len(), account.registered.len() + account.refused.len());
        assert!((least..=most).contains(&ended.len()), "{least} to {most} people, {} mails", ended.len());
        assert!(ended.iter().all(|(_, state, _)| state == "completed"), "{ended:?}");
        for (id, _, attempt) in ended.iter().filter(|(id, ..)| sending.contains(id)) {
            assert_eq!(*attempt, 1, "what was sent is not sent again: {id}");
        }
        let metrics = scrape(worker.addresses().metrics).await;
        assert!(metrics.contains("\njobs_rescued_total 0\n"), "its worker lives: {metrics}");
        for (name, program) in [("API", &api), ("worker", &worker)] {
            let complaints = program.complaints();
            assert!(complaints.len() as u64 <= begun.elapsed().as_secs(), "the {name}: {complaints:#?}");
        }
        for program in [api, worker] {
            assert_eq!(program.terminate(SOON).await.code(), Some(0));
        }
    }
}
