use std::net::SocketAddr;
use std::time::Duration;

use lettre::message::{MultiPart, SinglePart, header};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;
use lettre::{Message, SmtpTransport, Transport as _};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::store::file_name_part;
use super::{Mailbox, MailboxSettings};

const SOON: Duration = Duration::from_secs(10);

/// Long enough for quoted-printable to break it over several lines.
const LINK: &str =
    "http://127.0.0.1:8000/api/v1/auth/verify-email?token=0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_-&a=b";

/// lettre's blocking transport, off the async threads.
struct Sender(SmtpTransport);

impl Sender {
    async fn send(&self, message: Message) -> Result<Response, SmtpError> {
        let transport = self.0.clone();
        tokio::task::spawn_blocking(move || transport.send(&message)).await.unwrap()
    }
}

fn transport(address: SocketAddr) -> Sender {
    let host = address.ip().to_string();
    Sender(SmtpTransport::builder_dangerous(host).port(address.port()).timeout(Some(SOON)).build())
}

fn message(to: &str) -> Message {
    let text = SinglePart::builder()
        .header(header::ContentType::TEXT_PLAIN)
        .header(header::ContentTransferEncoding::QuotedPrintable)
        .body(format!("안녕하세요 = hello\r\n.a line with a dot\r\n\r\n{LINK}.\r\n\r\nhttps://second.example\r\n"));
    let html = SinglePart::html("<a href=\"https://html.example\">링크</a>".to_owned());
    Message::builder()
        .from("Callboard <no-reply@callboard.example>".parse().unwrap())
        .to(to.parse().unwrap())
        .subject("주소 확인: verify your address, and a subject long enough to be folded over two lines")
        .multipart(MultiPart::alternative().singlepart(text).singlepart(html))
        .unwrap()
}

#[tokio::test]
async fn keeps_a_mail_and_decodes_it() {
    let mailbox = Mailbox::start().await.unwrap();
    transport(mailbox.address()).send(message("Ada@example.com")).await.unwrap();
    let mail = mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
    assert_eq!(mail.from, "no-reply@callboard.example");
    assert_eq!(mail.to, ["Ada@example.com"]);
    assert_eq!(mail.subject(), "주소 확인: verify your address, and a subject long enough to be folded over two lines");
    let text = mail.text().unwrap();
    assert!(text.starts_with("안녕하세요 = hello\r\n.a line with a dot\r\n"), "{text:?}");
    assert_eq!(mail.first_link().as_deref(), Some(LINK));
    assert!(mail.html().unwrap().contains("링크"));
    assert_eq!(mail.header("x-none"), None);
}

#[tokio::test]
async fn waiting_sees_a_mail_that_comes_later() {
    let mailbox = Mailbox::start().await.unwrap();
    let waiting = mailbox.wait_for(|mail| mail.is_to("late@example.com"), SOON);
    let (mail, sent) = tokio::join!(waiting, async {
        let transport = transport(mailbox.address());
        transport.send(message("first@example.com")).await?;
        transport.send(message("late@example.com")).await
    });
    sent.unwrap();
    assert_eq!(mail.unwrap().number, 2);
    assert_eq!(mailbox.mails().len(), 2);
    assert_eq!(mailbox.mails_to("first@example.com").len(), 1);
}

#[tokio::test]
async fn waiting_in_vain_lists_what_came() {
    let mailbox = Mailbox::start().await.unwrap();
    transport(mailbox.address()).send(message("here@example.com")).await.unwrap();
    let error = mailbox.wait_for_mail_to("gone@example.com", Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains("here@example.com") && error.contains("주소 확인"), "{error}");
}

#[tokio::test]
async fn refuses_as_often_as_it_was_told() {
    let mailbox = Mailbox::start().await.unwrap();
    // One connection for all: a refusal must leave the session usable.
    let transport = transport(mailbox.address());
    mailbox.refuse_recipients(550, 1);
    mailbox.refuse_messages(451, 1);
    let code = |error: SmtpError| error.status().map(u16::from);
    let first = transport.send(message("a@example.com")).await.unwrap_err();
    assert!(first.is_permanent());
    assert_eq!(code(first), Some(550));
    let second = transport.send(message("a@example.com")).await.unwrap_err();
    assert!(second.is_transient());
    assert_eq!(code(second), Some(451));
    transport.send(message("a@example.com")).await.unwrap();
    assert_eq!(mailbox.mails().len(), 1);
}

#[tokio::test]
async fn holds_messages_until_released() {
    let mailbox = Mailbox::start().await.unwrap();
    let hold = mailbox.hold();
    let transport = transport(mailbox.address());
    let sending = tokio::spawn(async move { transport.send(message("a@example.com")).await });
    mailbox.wait_until_held(1, SOON).await.unwrap();
    assert!(mailbox.mails().is_empty() && !sending.is_finished());
    drop(hold);
    sending.await.unwrap().unwrap();
    assert_eq!(mailbox.mails().len(), 1);
}

#[tokio::test]
async fn a_sender_that_goes_away_while_held_has_delivered_nothing() {
    let mailbox = Mailbox::start().await.unwrap();
    let hold = mailbox.hold();
    let mut client = Client::connect(mailbox.address()).await;
    client.send_message_body().await;
    mailbox.wait_until_held(1, SOON).await.unwrap();
    drop(client);
    tokio::time::timeout(SOON, super::store::until(&mailbox.store.waiting, |waiting| waiting == 0)).await.unwrap();
    drop(hold);
    transport(mailbox.address()).send(message("b@example.com")).await.unwrap();
    assert!(mailbox.mails_to("a@example.com").is_empty());
}

#[tokio::test]
async fn writes_files_whose_names_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mail");
    let settings = MailboxSettings { folder: Some(mails.clone()), ..MailboxSettings::default() };
    let mailbox = Mailbox::start_with(settings).await.unwrap();
    let mut client = Client::connect(mailbox.address()).await;
    for recipient in ["../../etc/passwd", "a@example.com", "a@example.com", "..", "-rf@example.com"] {
        client.command("MAIL FROM:<x@example.com>", 250).await;
        client.command(&format!("RCPT TO:<{recipient}>"), 250).await;
        client.command("DATA", 354).await;
        client.command("Subject: x\r\n\r\n..\r\nend\r\n.", 250).await;
    }
    for mail in mailbox.mails() {
        let file = mail.file.clone().unwrap();
        assert_eq!(file.parent(), Some(mails.as_path()));
        assert_eq!(std::fs::read(&file).unwrap(), b"Subject: x\r\n\r\n.\r\nend\r\n");
    }
    let names: Vec<_> =
        std::fs::read_dir(&mails).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let well_named =
        |name: &String| name.starts_with(|c: char| c.is_ascii_digit()) && name.rsplit('.').next() == Some("eml");
    assert!(names.iter().all(well_named), "{names:?}");
    assert!(names.iter().any(|name| name.contains("-.._.._etc_passwd")), "{names:?}");
}

#[test]
fn a_recipient_in_a_file_name_is_short_and_tame() {
    assert_eq!(file_name_part("a.b+c@example.com"), "a.b+c@example.com");
    assert_eq!(file_name_part("$(rm) 한\n\0/\\\"'"), "__rm_________");
    assert_eq!(file_name_part(&"x".repeat(1000)).len(), 100);
}

#[tokio::test]
async fn keeps_only_the_newest() {
    let mailbox = Mailbox::start_with(MailboxSettings { keep: 2, ..MailboxSettings::default() }).await.unwrap();
    let transport = transport(mailbox.address());
    for name in ["a", "b", "c"] {
        transport.send(message(&format!("{name}@example.com"))).await.unwrap();
    }
    let numbers: Vec<_> = mailbox.newer_than(1).await.iter().map(|mail| mail.number).collect();
    assert_eq!(numbers, [2, 3]);
}

#[tokio::test]
async fn serves_many_connections_at_once() {
    let mailbox = Mailbox::start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::connect(mailbox.address()).await);
    }
    // All of them are open; the last one is served nevertheless.
    for client in clients.iter_mut().rev() {
        client.send_message_body().await;
        client.expect(250).await;
    }
    assert_eq!(mailbox.mails().len(), 50);
}

#[tokio::test]
async fn broken_protocol_ends_or_is_answered() {
    let mailbox = Mailbox::start().await.unwrap();
    let mut client = Client::connect(mailbox.address()).await;
    client.command("NONSENSE", 500).await;
    client.command("DATA", 503).await;
    client.writer.write_all(&vec![b'x'; 1024 * 1024 + 1]).await.unwrap();
    let mut rest = String::new();
    // Closed, or reset because it wasn't all read.
    let end = client.reader.read_line(&mut rest).await;
    assert!(end.is_err() || rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn stops_when_told_and_when_dropped() {
    let mailbox = Mailbox::start().await.unwrap();
    let address = mailbox.address();
    let mut client = Client::connect(address).await;
    mailbox.stop().await;
    let mut rest = String::new();
    assert_eq!(client.reader.read_line(&mut rest).await.unwrap_or(0), 0);
    // The port is free again at once, for a server that comes back.
    let again = Mailbox::start_with(MailboxSettings { listen: address, ..MailboxSettings::default() }).await.unwrap();
    let mut client = Client::connect(address).await;
    drop(again);
    assert_eq!(client.reader.read_line(&mut rest).await.unwrap_or(0), 0);
}

/// SMTP by hand, for what a well-behaved client would not send.
struct Client {
    reader: BufReader<tokio::net::tcp::OwnedReadHalf>,
    writer: tokio::net::tcp::OwnedWriteHalf,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(address).await.unwrap().into_split();
        let mut client = Self { reader: BufReader::new(reader), writer };
        client.expect(220).await;
        client.command("EHLO client.example", 250).await;
        client
    }

    async fn command(&mut self, command: &str, code: u16) {
        self.writer.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        self.expect(code).await;
    }

    /// Reads a reply to its last line.
    async fn expect(&mut self, code: u16) {
        loop {
            let mut line = String::new();
            tokio::time::timeout(SOON, self.reader.read_line(&mut line)).await.unwrap().unwrap();
            assert!(line.starts_with(&code.to_string()), "expected {code}, got {line:?}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return;
            }
        }
    }

    async fn send_message_body(&mut self) {
        self.command("MAIL FROM:<x@example.com>", 250).await;
        self.command("RCPT TO:<a@example.com>", 250).await;
        self.command("DATA", 354).await;
        self.writer.write_all(b"Subject: x\r\n\r\nhello\r\n.\r\n").await.unwrap();
    }
}
