//! Against servers that do what real ones rarely do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use callboard_shared::domain::{Email, Locale};
use tokio::sync::oneshot;

use super::*;

fn mailer(listener: &TcpListener) -> Mailer {
    let config = MailConfig {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        tls: SmtpTls::None,
        username: None,
        password: None,
        pool: 1.try_into().unwrap(),
        timeout: Duration::from_secs(1),
        from: "no-reply@callboard.example".parse().unwrap(),
    };
    Mailer::new(&config).unwrap()
}

async fn send(mailer: &Mailer, to: &str) -> Result<(), SendError> {
    let email: Email = to.parse().unwrap();
    let letter =
        Letter { subject: "s".to_owned(), text: "t".to_owned(), html: "<p>h</p>".to_owned(), locale: Locale::En };
    mailer.send(Uuid::now_v7(), Recipient { name: None, email: &email }, letter).await
}

/// Speaks SMTP on one connection. `answer` has the last word on each line; what
/// it does not answer is answered kindly.
fn serve(stream: TcpStream, mut answer: impl FnMut(&str) -> Option<&'static str>) {
    let mut writer = stream.try_clone().unwrap();
    let mut say = |words: &str| writer.write_all(format!("{words}\r\n").as_bytes());
    let mut is_body = false;
    if say("220 ready").is_err() {
        return;
    }
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let kind = match line.as_str() {
            "." => "250 taken",
            _ if is_body => continue,
            "DATA" => "354 go on",
            _ => "250 fine",
        };
        is_body = line == "DATA";
        if say(answer(&line).unwrap_or(kind)).is_err() {
            return;
        }
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test]
async fn an_address_that_the_server_can_not_take_is_refused() {
    let listener = listener();
    let mailer = mailer(&listener);
    thread::spawn(move || serve(listener.accept().unwrap().0, |_| None));
    let refused = send(&mailer, "길동@example.com").await.unwrap_err();
    assert!(matches!(&refused, SendError::Refused(reason) if reason.contains("SMTPUTF8")), "{refused:?}");
    assert!(!refused.to_string().contains("길동"), "{refused}");
    send(&mailer, "ada@example.com").await.unwrap();
}

/// The answer to a letter that nobody waits for any more is not taken for that
/// of the next.
#[tokio::test]
async fn a_send_that_is_given_up_still_runs_to_its_end() {
    let listener = listener();
    let mailer = mailer(&listener);
    let (arrived, arrival) = oneshot::channel();
    let (go_on, waiting) = mpsc::channel::<()>();
    let mut arrived = Some(arrived);
    thread::spawn(move || {
        serve(listener.accept().unwrap().0, |line| {
            if line == "."
                && let Some(arrived) = arrived.take()
            {
                arrived.send(()).unwrap();
                waiting.recv().unwrap();
            }
            line.contains("nobody@").then_some("550 no such user")
        });
    });
    tokio::select! {
        sent = send(&mailer, "ada@example.com") => panic!("{sent:?}"),
        arrived = arrival => arrived.unwrap(),
    }
    go_on.send(()).unwrap();
    let refused = send(&mailer, "nobody@example.com").await;
    assert!(matches!(refused, Err(SendError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = listener();
    let mailer = mailer(&listener);
    let sent = timeout(Duration::from_secs(10), send(&mailer, "ada@example.com")).await.expect("in time");
    assert!(matches!(sent, Err(SendError::Failed(_))), "{sent:?}");
    timeout(Duration::from_secs(10), mailer.close()).await.expect("in time");
}
