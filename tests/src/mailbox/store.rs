//! What a mailbox holds, and what it was told to do with the next messages.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::watch;

use super::Mail;

/// The longest part of a file name that comes from a recipient.
const LONGEST_RECIPIENT: usize = 100;

/// The state that the connections and the tests share.
#[derive(Debug)]
pub(super) struct Store {
    folder: Option<PathBuf>,
    keep: usize,
    state: Mutex<State>,
    /// The number of the last mail; waking those who wait for one.
    last: watch::Sender<u64>,
    /// How many [`Hold`]s there are; messages are answered while there is none.
    holds: watch::Sender<usize>,
    /// Messages sent in full and not yet answered.
    pub(super) waiting: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    mails: VecDeque<Arc<Mail>>,
    recipient_refusals: VecDeque<u16>,
    message_refusals: VecDeque<u16>,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is in memory, and in the folder if there is one.
    Kept,
    /// The test asked for this answer.
    Refused(u16),
}

impl Store {
    pub(super) fn new(folder: Option<PathBuf>, keep: usize) -> Self {
        Self {
            folder,
            keep,
            state: Mutex::default(),
            last: watch::Sender::new(0),
            holds: watch::Sender::new(0),
            waiting: watch::Sender::new(0),
        }
    }

    pub(super) fn mails(&self) -> Vec<Arc<Mail>> {
        self.state().mails.iter().cloned().collect()
    }

    /// The first mail that fits, waiting for it as long as it takes.
    pub(super) async fn first(&self, fits: impl Fn(&Mail) -> bool) -> Arc<Mail> {
        let mut last = self.last.subscribe();
        loop {
            last.borrow_and_update();
            if let Some(mail) = self.mails().into_iter().find(|mail| fits(mail)) {
                return mail;
            }
            changed(&mut last).await;
        }
    }

    /// Decides about a message; a kept one is in the folder before it is in memory.
    pub(super) async fn deliver(&self, from: String, to: Vec<String>, raw: Vec<u8>) -> io::Result<Verdict> {
        let refusal = self.state().message_refusals.pop_front();
        if let Some(code) = refusal {
            return Ok(Verdict::Refused(code));
        }
        let mut mail = Mail { number: 0, from, to, raw, received_at: SystemTime::now(), file: None };
        if let Some(folder) = self.folder.clone() {
            mail = tokio::task::spawn_blocking(move || write(&folder, mail)).await.map_err(io::Error::other)??;
        }
        self.last.send_modify(|last| {
            *last += 1;
            mail.number = *last;
            let mut state = self.state();
            state.mails.push_back(Arc::new(mail));
            if state.mails.len() > self.keep {
                state.mails.pop_front();
            }
        });
        Ok(Verdict::Kept)
    }

    pub(super) fn refuse_recipients(&self, code: u16, times: usize) {
        self.state().recipient_refusals.extend(iter::repeat_n(code, times));
    }

    pub(super) fn refuse_messages(&self, code: u16, times: usize) {
        self.state().message_refusals.extend(iter::repeat_n(code, times));
    }

    pub(super) fn next_recipient_refusal(&self) -> Option<u16> {
        self.state().recipient_refusals.pop_front()
    }

    pub(super) fn hold(self: &Arc<Self>) -> Hold {
        self.holds.send_modify(|holds| *holds += 1);
        Hold { store: Arc::clone(self) }
    }

    pub(super) async fn until_released(&self) {
        until(&self.holds, |holds| holds == 0).await;
    }

    pub(super) async fn until_held(&self, messages: usize) {
        until(&self.waiting, |waiting| waiting >= messages).await;
    }

    /// Counts a message as waiting for its answer until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Waiting {
        self.waiting.send_modify(|waiting| *waiting += 1);
        Waiting { store: Arc::clone(self) }
    }

    /// A test that panics while it holds the lock must not hide its own message
    /// behind a poisoned one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a mailbox from answering messages; see [`Mailbox::hold`](super::Mailbox::hold).
#[derive(Debug)]
pub struct Hold {
    store: Arc<Store>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.store.holds.send_modify(|holds| *holds -= 1);
    }
}

/// A message that waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    store: Arc<Store>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.store.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

pub(super) async fn until(value: &watch::Sender<usize>, holds: impl Fn(usize) -> bool) {
    let mut value = value.subscribe();
    while !holds(*value.borrow_and_update()) {
        changed(&mut value).await;
    }
}

/// The store outlives those who wait for it, so its channels never close.
async fn changed<T>(value: &mut watch::Receiver<T>) {
    if value.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Writes a mail under a name of its own that appears only once it is whole.
fn write(folder: &Path, mut mail: Mail) -> io::Result<Mail> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".arriving-").tempfile_in(folder)?;
    file.write_all(&mail.raw)?;
    let stem =
        format!("{}-{}", mail.received_millis(), file_name_part(mail.to.first().map_or("nobody", String::as_str)));
    for copy in 1.. {
        let name = if copy == 1 { format!("{stem}.eml") } else { format!("{stem}-{copy}.eml") };
        let path = folder.join(name);
        match file.persist_noclobber(&path) {
            Ok(_) => {
                mail.file = Some(path);
                break;
            }
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => file = taken.file,
            Err(failed) => return Err(failed.error),
        }
    }
    Ok(mail)
}

/// A recipient as part of a file name: anybody may have chosen it, so nothing in it
/// may lead out of the folder or surprise a shell.
pub(super) fn file_name_part(recipient: &str) -> String {
    recipient
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "@._+-".contains(c) { c } else { '_' })
        .take(LONGEST_RECIPIENT)
        .collect()
}
