//! A way to PostgreSQL that can be cut, and on which answers get lost.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
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

/// Passes everything on between clients and PostgreSQL, until it is told to
/// lose the answer to a COMMIT: then the server has committed, and the client
/// sees its connection break.
#[derive(Debug)]
pub struct PostgresProxy {
    options: PgConnectOptions,
    to_lose: Arc<AtomicUsize>,
    cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl PostgresProxy {
    /// A way to the server that `options` name.
    pub async fn to(options: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = (options.get_host().to_owned(), options.get_port());
        let to_lose = Arc::new(AtomicUsize::new(0));
        let losing = to_lose.clone();
        let cut = watch::Sender::new(false);
        let cutting = cut.subscribe();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *cutting.borrow() {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server.clone()).await else { continue };
                let (losing, mut cutting) = (losing.clone(), cutting.clone());
                // Ends with its client, its server or the cut.
                tokio::spawn(async move {
                    tokio::select! {
                        passed = pass(client, server, &losing) => passed,
                        _ = cutting.wait_for(|cut| *cut) => Ok(()),
                    }
                });
            }
        });
        Self { options: options.host("127.0.0.1").port(port), to_lose, cut, accepting }
    }

    /// Breaks all connections and takes no new ones.
    pub fn cut(&self) {
        self.cut.send_replace(true);
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
        self.to_lose.store(commits, Ordering::SeqCst);
    }

    /// How many answers are still to be lost.
    #[must_use]
    pub fn still_to_lose(&self) -> usize {
        self.to_lose.load(Ordering::SeqCst)
    }
}

impl Drop for PostgresProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes on until either side closes, or an answer is lost.
async fn pass(mut client: TcpStream, mut server: TcpStream, to_lose: &AtomicUsize) -> io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                server.write_all(&asked[..read]).await?;
                if is_commit(&asked[..read]) && take(to_lose) {
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
