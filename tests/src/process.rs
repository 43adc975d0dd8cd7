//! The real programs as child processes, to be stopped, continued and killed.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::wait::wait_for;

/// A program about to be started, with nothing in its environment but what is
/// set here.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
}

/// Where a program says that it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Addresses {
    /// The API's public listener.
    pub http: Option<SocketAddr>,
    /// Metrics and probes.
    pub metrics: SocketAddr,
}

impl Program {
    /// `callboard-api` or `callboard-worker`, as `CALLBOARD_BIN_DIR` has them.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, arguments: Vec::new(), variables: BTreeMap::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn command(&self, folder: &Path) -> Command {
        let program = PathBuf::from(crate::environment("CALLBOARD_BIN_DIR")).join(self.name);
        let mut command = Command::new(program);
        // A folder of its own, so that no .env lies about.
        command.args(&self.arguments).env_clear().envs(&self.variables).current_dir(folder);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs it to its end; returns its exit status and what it printed and logged.
    pub async fn run(self) -> (ExitStatus, String) {
        let folder = TempDir::new().expect("a folder");
        let output = self.command(folder.path()).output().await.expect(self.name);
        let printed = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&printed).into_owned())
    }

    /// Starts it and waits until it says that it is ready.
    pub async fn start(self, within: Duration) -> Process {
        let folder = TempDir::new().expect("a folder");
        let ready_file = folder.path().join("ready.json");
        let log = File::create(folder.path().join("log")).expect("a log file");
        let mut command = self.command(folder.path());
        command.arg("--ready-file").arg(&ready_file);
        command.stdout(log.try_clone().expect("a log file")).stderr(log);
        let child = command.spawn().expect(self.name);
        let mut process = Process { name: self.name, child, addresses: None, folder };
        let what = format!("{} is ready", self.name);
        let (addresses, _) = wait_for(within, what, || {
            let ended = process.child.try_wait().expect("a child process");
            assert!(ended.is_none(), "{} ended at its start: {ended:?}\n{}", process.name, process.log());
            let text = std::fs::read_to_string(&ready_file).ok();
            async move { serde_json::from_str(&text?).ok() }
        })
        .await;
        process.addresses = Some(addresses);
        process
    }
}

/// A running program. Dropping it kills it; its log is shown if the test failed.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    addresses: Option<Addresses>,
    folder: TempDir,
}

impl Process {
    /// Where it is bound to.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses.expect("a process that was ready")
    }

    /// Its number.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a process that runs")
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The lines of warnings and errors that it has logged as JSON, apart from the one
    /// that each request and each run has anyway.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let is_complaint = |line: &serde_json::Value| {
            ["WARN", "ERROR"].iter().any(|level| line["level"] == *level)
                && line["message"] != "request"
                && line["target"] != "callboard_queue::job"
        };
        let log = self.log();
        let lines = log.lines().filter(|line| serde_json::from_str(line).is_ok_and(|line| is_complaint(&line)));
        lines.map(ToOwned::to_owned).collect()
    }

    /// Sends a signal by its name, as `TERM`, `STOP`, `CONT` or `KILL`.
    pub async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("a process that runs").to_string();
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid).status().await;
        assert!(sent.expect("kill").success(), "no {signal} for {}", self.name);
    }

    /// Kills it with `kill -9` and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child process");
    }

    /// Sends SIGTERM and waits for its end.
    pub async fn terminate(mut self, within: Duration) -> ExitStatus {
        self.signal("TERM").await;
        self.ended(within).await
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} did not end within {within:?}", self.name)).expect("a child process")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test runner shows it with the failure.
            let _ = writeln!(io::stderr(), "--- {} logged:\n{}", self.name, self.log());
        }
    }
}
