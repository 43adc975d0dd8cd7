//! One connection of an SMTP client.

use std::io;
use std::mem;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use mailin::{Action, Handler, Response, SessionBuilder, response};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::store::{Store, Verdict};

/// No client sends lines like that; one that does is cut off.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The largest message that is kept.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// Talks to one client until it leaves, breaks the protocol or the server stops.
///
/// A connection that breaks is the client's affair, so its error ends here.
pub(super) async fn serve(stream: TcpStream, peer: IpAddr, store: Arc<Store>) {
    let _ = talk(stream, peer, &store).await;
}

async fn talk(stream: TcpStream, peer: IpAddr, store: &Arc<Store>) -> io::Result<()> {
    let finished = Arc::new(Mutex::new(None));
    let letter = Letter { store: Arc::clone(store), draft: Draft::default(), finished: Arc::clone(&finished) };
    let mut session = SessionBuilder::new("callboard-mailbox").build(peer, letter);
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    answer(&mut writer, &session.greeting()).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let mut reply = session.process(&line);
        let draft = finished.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(draft) = draft {
            // The session goes on as after a delivery even when the message is
            // refused, as the protocol has it; only the answer differs.
            match deliver(draft, store, &mut reader).await? {
                Some(verdict) => reply = verdict,
                None => return Ok(()),
            }
        }
        answer(&mut writer, &reply).await?;
        if !matches!(reply.action, Action::Reply | Action::NoReply) {
            return Ok(());
        }
    }
}

/// Decides about a message that was sent in full. None: the client went away while
/// it was held back.
async fn deliver(
    draft: Draft,
    store: &Arc<Store>,
    reader: &mut BufReader<OwnedReadHalf>,
) -> io::Result<Option<Response>> {
    let _waiting = store.enter();
    tokio::select! {
        biased;
        () = store.until_released() => {}
        // A client has nothing to say before it is answered; the end is nothing too.
        more = reader.fill_buf() => {
            if more?.is_empty() {
                return Ok(None);
            }
            store.until_released().await;
        }
    }
    if draft.raw.len() > LARGEST_MESSAGE {
        return Ok(Some(response::NO_STORAGE));
    }
    let to = draft.to.join(", ");
    Ok(Some(match store.deliver(draft.from, draft.to, draft.raw).await {
        Ok(Verdict::Kept) => response::OK,
        Ok(Verdict::Refused(code)) => refusal(code, &to),
        Err(error) => Response::custom(452, format!("the mail can't be written: {error}")),
    }))
}

async fn answer(writer: &mut OwnedWriteHalf, reply: &Response) -> io::Result<()> {
    writer.write_all(&reply.buffer()?).await
}

/// Repeats the recipient, as most servers do: senders have to keep it out of what
/// they note.
fn refusal(code: u16, to: &str) -> Response {
    Response::custom(code, format!("<{to}>: refused, as the test asked for"))
}

/// A message on its way.
#[derive(Debug, Default)]
struct Draft {
    from: String,
    to: Vec<String>,
    raw: Vec<u8>,
}

/// Collects what `mailin` reads, and hands every finished message to the connection.
struct Letter {
    store: Arc<Store>,
    draft: Draft,
    finished: Arc<Mutex<Option<Draft>>>,
}

impl Handler for Letter {
    fn rcpt(&mut self, to: &str) -> Response {
        self.store.next_recipient_refusal().map_or(response::OK, |code| refusal(code, to))
    }

    fn data_start(&mut self, _domain: &str, from: &str, _is8bit: bool, to: &[String]) -> Response {
        self.draft = Draft { from: from.to_owned(), to: to.to_vec(), raw: Vec::new() };
        response::OK
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        // What is too large is read to its end, so that the client hears of it, but
        // only as much is kept as shows that it is.
        if self.draft.raw.len() <= LARGEST_MESSAGE {
            self.draft.raw.extend_from_slice(line);
        }
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let draft = mem::take(&mut self.draft);
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = Some(draft);
        response::OK
    }
}
