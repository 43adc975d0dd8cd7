//! The development SMTP server: writes every mail it is sent into a folder.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use callboard_tests::mailbox::{Mailbox, MailboxSettings};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// An SMTP server for development that writes every mail into a folder as
/// `<milliseconds>-<recipient>.eml` and sends none on.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:1025")]
    listen: SocketAddr,

    /// Folder for the mails; it is made if need be.
    #[arg(long, default_value = ".dev/mail")]
    dir: PathBuf,

    /// File that gets `{"smtp":"127.0.0.1:1025"}` once it listens.
    #[arg(long, hide = true)]
    ready_file: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    std::fs::create_dir_all(&arguments.dir)
        .map_err(|error| explain("--dir", &arguments.dir.display().to_string(), &error))?;
    let settings = MailboxSettings { listen: arguments.listen, folder: Some(arguments.dir), keep: 100 };
    let mailbox = Mailbox::start_with(settings)
        .await
        .map_err(|error| explain("--listen", &arguments.listen.to_string(), &error))?;
    writeln!(io::stdout(), "listening on {}", mailbox.address())?;
    if let Some(file) = arguments.ready_file {
        let ready = serde_json::json!({ "smtp": mailbox.address().to_string() });
        std::fs::write(file, ready.to_string())?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        result = report(&mailbox) => result?,
    }
    mailbox.stop().await;
    Ok(())
}

/// Prints the file of every mail.
async fn report(mailbox: &Mailbox) -> io::Result<()> {
    let mut seen = 0;
    loop {
        for mail in mailbox.newer_than(seen).await {
            seen = mail.number;
            if let Some(file) = &mail.file {
                writeln!(io::stdout(), "received {}", file.display())?;
            }
        }
    }
}

fn explain(option: &str, value: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{option} {value}: {error}"))
}
