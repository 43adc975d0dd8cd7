//! A way to PostgreSQL that can be cut, and on which answers get lost.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// How many COMMITs are still to be lost, and in which way.
#[derive(Debug, Default)]
struct Losses {
    answers: AtomicUsize,
    commits: AtomicUsize,
}

/// Passes everything on between clients and PostgreSQL, until it is told to
/// lose the answer to a COMMIT (then the server has committed, and the client
/// sees its connection break) or to swallow a COMMIT (then the server waits for
/// it, and neither side hears of the other again).
#[derive(Debug)]
pub struct PostgresProxy {
    options: PgConnectOptions,
    losses: Arc<Losses>,
    cut: watch::Sender<bool>,
    hung: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

impl PostgresProxy {
    /// A way to the server that `options` name.
    pub async fn to(options: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = (options.get_host().to_owned(), options.get_port());
        let losses = Arc::<Losses>::default();
        let losing = losses.clone();
        let cut = watch::Sender::new(false);
        let cutting = cut.subscribe();
        let hung = watch::Sender::new(0);
        let hanging = hung.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                if *cutting.borrow() {
                    continue;
                }
                let Ok(mut server) = TcpStream::connect(server.clone()).await else { continue };
                let (losing, mut cutting, mut hanging) = (losing.clone(), cutting.clone(), hanging.clone());
                hanging.mark_unchanged();
                // Ends with its client, its server or the cut.
                tokio::spawn(async move {
                    let is_silent = tokio::select! {
                        _ = pass(&mut client, &mut server, &losing) => false,
                        _ = cutting.wait_for(|cut| *cut) => false,
                        told = hanging.changed() => told.is_ok(),
                    };
                    if is_silent {
                        // Nothing passes any more, and both ends stay open.
                        pending::<()>().await;
                    }
                });
            }
        });
        Self { options: options.host("127.0.0.1").port(port), losses, cut, hung, accepting }
    }

    /// Breaks all connections and takes no new ones.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets the connections that there are stay open and say nothing any more,
    /// as when the way between is gone; takes new ones.
    pub fn hang(&self) {
        self.hung.send_modify(|times| *times += 1);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// How to connect through it.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Loses the answers to the next `commits`.
    pub fn lose_answers(&self, commits: usize) {
        self.losses.answers.store(commits, Ordering::SeqCst);
    }

    /// How many answers are still to be lost.
    #[must_use]
    pub fn still_to_lose(&self) -> usize {
        self.losses.answers.load(Ordering::SeqCst)
    }

    /// Swallows the next `commits`; their connections stay open and say nothing any more.
    pub fn swallow(&self, commits: usize) {
        self.losses.commits.store(commits, Ordering::SeqCst);
    }

    /// How many COMMITs are still to be swallowed.
    #[must_use]
    pub fn still_to_swallow(&self) -> usize {
        self.losses.commits.load(Ordering::SeqCst)
    }
}

impl Drop for PostgresProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes on until either side closes, or an answer is lost.
async fn pass(client: &mut TcpStream, server: &mut TcpStream, losses: &Losses) -> io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                let commits = is_commit(&asked[..read]);
                if commits && take(&losses.commits) {
                    pending::<()>().await;
                }
                server.write_all(&asked[..read]).await?;
                if commits && take(&losses.answers) {
                    // It has committed by the time it answers.
                    let _lost = server.read(&mut answered).await?;
                    return Ok(());
                }
            }
            read = server.read(&mut answered) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&answered[..read]).await?;
            }
        }
    }
}

/// Whether a client's message is a COMMIT, which comes alone.
fn is_commit(message: &[u8]) -> bool {
    message.windows(7).any(|window| window == b"COMMIT\0")
}

fn take(to_lose: &AtomicUsize) -> bool {
    to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
