//! Real clients get their mail through: swaks, curl, msmtp, Python's smtplib.

use std::fs;
use std::process::Command;

use crate::house::{Gate, Outside, PASSWORD, Plan, Sink, arrived_whole, have, letter, python, run, write_private};

const FROM: &str = "billing@example.edu";
const TO: &str = "bob@elsewhere.example";

#[test]
fn swaks_submits_with_both_mechanisms_on_both_ports() {
    if !have("swaks") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let ways = [
        (gate.ports.submission, "--tls"),
        (gate.ports.submissions, "--tls-on-connect"),
    ];
    for (number, (port, tls)) in ways.into_iter().enumerate() {
        for mechanism in ["PLAIN", "LOGIN"] {
            let subject = format!("swaks-{number}-{mechanism}");
            let port = port.to_string();
            let mut swaks = Command::new("swaks");
            swaks
                .args([
                    "--server",
                    "127.0.0.1",
                    "--port",
                    &port,
                    tls,
                    "--tls-verify",
                    "--tls-ca-path",
                ])
                .arg(gate.ca());
            swaks.args(["--auth", mechanism, "--auth-user", "erp", "--auth-password", PASSWORD]);
            swaks.args([
                "--from",
                FROM,
                "--to",
                TO,
                "--h-Subject",
                &subject,
                "--body",
                ".a line with a dot",
            ]);
            run(&mut swaks).expect_ok("swaks");
            let (envelope, message) = internet.receive(&subject);
            assert_eq!(
                (envelope.from.as_str(), envelope.to.as_slice()),
                (FROM, &[TO.to_owned()][..])
            );
            assert!(String::from_utf8_lossy(&message).contains("\r\n.a line with a dot\r\n"));
        }
    }
    assert!(inside.messages().is_empty());
}

#[test]
fn swaks_hears_why_it_is_refused() {
    if !have("swaks") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let swaks = |port: u16, more: &[&str]| {
        let mut swaks = Command::new("swaks");
        swaks
            .args(["--server", "127.0.0.1", "--port", &port.to_string(), "--to", TO])
            .args(more);
        run(&mut swaks)
    };
    let auth = ["--tls", "--auth", "PLAIN", "--auth-user", "erp", "--auth-password"];
    let with = |password, from| [&auth[..], &[password, "--from", from]].concat();

    swaks(gate.ports.submission, &with("wrong", FROM)).expect_refused("535 5.7.8");
    swaks(gate.ports.submission, &["--tls", "--from", FROM]).expect_refused("530 5.7.0");
    swaks(gate.ports.submission, &with(PASSWORD, "ceo@example.edu")).expect_refused("[sender-not-granted");
    swaks(gate.ports.relay, &["--from", FROM]).expect_refused("[no-grant");
    let said = swaks(gate.ports.mx, &["--from", "a@elsewhere.example"]).expect_refused("554 5.7.1");
    assert!(said.contains("https://mail.example.edu/why/"), "{said}");
    assert!(internet.messages().is_empty() && inside.messages().is_empty());
}

#[test]
fn the_copier_relays_from_its_address_and_the_world_reaches_us_on_mx() {
    if !have("swaks") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let copier = [
        "--local-interface",
        "127.0.0.2",
        "--from",
        "scan@devices.example.edu",
        "--helo",
        "RNP002673A1B2C3",
    ];
    let ways: [(u16, &[&str], &str, &str, &Sink); 3] = [
        (gate.ports.relay, &copier, "copier-out", TO, &internet),
        (gate.ports.relay, &copier, "copier-in", "chemistry@example.edu", &inside),
        (
            gate.ports.mx,
            &["--from", "alice@elsewhere.example"],
            "mx-in",
            "chemistry@example.edu",
            &inside,
        ),
    ];
    for (port, more, subject, to, sink) in ways {
        let mut swaks = Command::new("swaks");
        swaks
            .args([
                "--server",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--to",
                to,
                "--h-Subject",
                subject,
            ])
            .args(more);
        run(&mut swaks).expect_ok(subject);
        assert_eq!(sink.receive(subject).0.to, [to]);
    }
}

#[test]
fn curl_submits_over_starttls_and_implicit_tls() {
    if !have("curl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let ways = [("smtp", gate.ports.submission), ("smtps", gate.ports.submissions)];
    for (scheme, port) in ways {
        let subject = format!("curl-{scheme}");
        let sent = letter(FROM, TO, &subject);
        fs::write(gate.path("letter"), &sent).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--verbose", "--ssl-reqd", "--url"]);
        curl.arg(format!("{scheme}://127.0.0.1:{port}/client.example.edu"))
            .arg("--cacert")
            .arg(gate.ca());
        curl.args([
            "--user",
            &format!("erp:{PASSWORD}"),
            "--mail-from",
            FROM,
            "--mail-rcpt",
            TO,
            "--upload-file",
        ]);
        run(curl.arg(gate.path("letter"))).expect_ok("curl");
        arrived_whole(&internet.receive(&subject).1, &sent);
    }
}

#[test]
fn msmtp_submits_with_a_verified_certificate() {
    if !have("msmtp") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    for (account, port, starttls) in [
        ("starttls", gate.ports.submission, "on"),
        ("implicit", gate.ports.submissions, "off"),
    ] {
        let rc = gate.path("msmtprc");
        let ca = gate.ca();
        let text = format!(
            "account {account}\nhost 127.0.0.1\nport {port}\ntls on\ntls_starttls {starttls}\ntls_trust_file {}\n\
             auth on\nuser erp\npassword {PASSWORD}\nfrom {FROM}\n",
            ca.display()
        );
        write_private(&rc, &text);
        let subject = format!("msmtp-{account}");
        let sent = letter(FROM, TO, &subject);
        fs::write(gate.path("letter"), sent.replace("\r\n", "\n")).unwrap();
        let script = format!(
            "exec msmtp --debug -C {} -a {account} {TO} < {}",
            rc.display(),
            gate.path("letter").display()
        );
        run(Command::new("sh").arg("-c").arg(script)).expect_ok("msmtp");
        arrived_whole(&internet.receive(&subject).1, &sent);
    }
}

/// Sends several messages in one session, with recipients that are refused among them, and one that needs SMTPUTF8.
const SMTPLIB: &str = r#"
import smtplib, ssl, sys
from email.message import EmailMessage
port, ca, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
    client.starttls(context=ssl.create_default_context(cafile=ca))
    try:
        client.login("erp", "wrong")
        sys.exit("a wrong password passed")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
    client.login("erp", password)
    for number in range(3):
        message = EmailMessage()
        message["From"], message["To"] = "billing@example.edu", "bob@elsewhere.example, carol@elsewhere.example"
        message["Subject"] = f"smtplib-{number}"
        message.set_content("Grüße\n.with a dot\n", cte="8bit")
        assert client.send_message(message) == {}
    try:
        client.sendmail("ceo@example.edu", ["bob@elsewhere.example"], "Subject: no\r\n\r\nno\r\n")
        sys.exit("another's sender passed")
    except (smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused) as error:
        assert "sender-not-granted" in str(error), error
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "billing@example.edu", "jürgen@elsewhere.example", "smtplib-utf8"
    message.set_content("hello\n")
    client.send_message(message)
"#;

#[test]
fn smtplib_sends_several_messages_in_one_session() {
    if !have("python3") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let (port, ca) = (gate.ports.submission.to_string(), gate.ca());
    python(SMTPLIB, &[&port, ca.to_str().unwrap(), PASSWORD]).expect_ok("smtplib");
    for number in 0..3 {
        let (envelope, message) = internet.receive(&format!("smtplib-{number}"));
        assert_eq!(envelope.to, ["bob@elsewhere.example", "carol@elsewhere.example"]);
        assert_eq!(envelope.body, "8BITMIME");
        assert!(
            String::from_utf8(message)
                .unwrap()
                .contains("\r\nGrüße\r\n.with a dot\r\n")
        );
    }
    let (envelope, _) = internet.receive("smtplib-utf8");
    assert_eq!(
        (envelope.to.as_slice(), envelope.smtputf8),
        (&["jürgen@elsewhere.example".to_owned()][..], true)
    );
}
