//! What the code under test logs, kept for assertions and shown when a test fails.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The log of the thread that made it. `#[tokio::test]` runs everything on one
/// thread, so there it is the log of the whole test.
#[derive(Debug)]
pub struct Logs {
    text: Buffer,
    _guard: DefaultGuard,
}

#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Keeps what is logged from here on, until it is dropped.
    #[must_use]
    pub fn keep() -> Self {
        let text = Buffer::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn,callboard=debug,callboard_queue=debug"))
            .with_ansi(false)
            .with_writer(text.clone())
            .finish();
        Self { text, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines with `what` in them.
    #[must_use]
    pub fn lines_with(&self, what: &str) -> Vec<String> {
        let text = self.text.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
    }

    /// The warnings and errors, apart from the one that each run has anyway.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut lines = self.lines_with(" WARN ");
        lines.extend(self.lines_with(" ERROR "));
        lines.retain(|line| !line.contains("callboard_queue::job:"));
        lines
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.lines_with("") {
                // The test runner shows it with the failure.
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
