//! Ways in beside the usual ones: IPv6, a proxy in front, a certificate for a password; and what the log says of all.

use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::process::Command;

use rcgen::{KeyPair, PublicKeyData};

use crate::house::{
    Authority, Gate, Outside, PASSWORD, Plan, arrived_whole, free_port, have, letter, python, run, until, write_private,
};

fn swaks(server: &str, port: u16, more: &[&str]) -> crate::house::Done {
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", server, "--port", &port.to_string()]);
    run(swaks.args(more))
}

/// One message over IPv6; with an authority and a password as the application does it.
const OVER_SIX: &str = r#"
import smtplib, ssl, sys
port, sender, to, message, login = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]
with smtplib.SMTP("::1", port, timeout=20) as client:
    if login:
        context = ssl.create_default_context(cafile=login[0])
        # Its certificate is made out to names; which one is not the point here.
        context.check_hostname = False
        client.starttls(context=context)
        client.login("erp", login[1])
    client.sendmail(sender, [to], message.encode())
"#;

#[test]
fn the_gate_is_reached_over_ipv6() {
    let Ok(probe) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("DID NOT RUN: this machine has no IPv6 loopback address");
        return;
    };
    if !have("python3") {
        return;
    }
    let mx = probe.local_addr().unwrap().port();
    let second = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let submission = second.local_addr().unwrap().port();
    drop((probe, second));
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan {
        more: format!(
            "[listeners.mx-six]\nrole = \"mx\"\nlisten = [\"[::1]:{mx}\"]\n\
             [listeners.submission-six]\nrole = \"submission\"\nlisten = [\"[::1]:{submission}\"]\n"
        ),
        ..Plan::to(&inside, &internet)
    });
    let (mx, submission) = (mx.to_string(), submission.to_string());
    let stranger = letter("alice@elsewhere.example", "chemistry@example.edu", "six-in");
    python(
        OVER_SIX,
        &[&mx, "alice@elsewhere.example", "chemistry@example.edu", &stranger],
    )
    .expect_ok("a stranger");
    let (_, arrived) = inside.receive("six-in");
    arrived_whole(&arrived, &stranger);
    let arrived = String::from_utf8_lossy(&arrived).into_owned();
    assert!(
        arrived.contains("[IPv6:::1]"),
        "RFC 5321 §4.1.3 writes it so: {arrived}"
    );

    let outwards = letter("billing@example.edu", "bob@elsewhere.example", "six-out");
    let application = ["billing@example.edu", "bob@elsewhere.example", &outwards];
    let relaying = ["alice@elsewhere.example", "bob@elsewhere.example", &stranger];
    python(OVER_SIX, &[&[mx.as_str()][..], &relaying].concat()).expect_refused("554");
    let ca = gate.ca();
    let login = [ca.to_str().unwrap(), PASSWORD];
    python(OVER_SIX, &[&[submission.as_str()][..], &application, &login].concat()).expect_ok("the application");
    arrived_whole(&internet.receive("six-out").1, &outwards);
}

/// A load balancer: it says for whom it speaks, or whatever stands in its third argument, before anything else.
const BALANCER: &str = r#"
import smtplib, sys
port, source, header, message = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].encode()
class Behind(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        sock = super()._get_socket(host, port, timeout)
        if header:
            sock.sendall(header.encode() + b"\r\n")
        return sock
with Behind("127.0.0.1", port, local_hostname="client.elsewhere.example", source_address=(source, 0), timeout=20) as client:
    client.sendmail("alice@elsewhere.example", ["chemistry@example.edu"], message)
"#;

#[test]
fn a_declared_proxy_speaks_for_its_client_and_nobody_else_does() {
    if !have("python3") {
        return;
    }
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let port = free_port();
    let gate = Gate::start(Plan {
        more: format!(
            "[listeners.balanced]\nrole = \"mx\"\nlisten = [\"127.0.0.1:{port}\"]\nproxies = [\"127.0.0.9\"]\n"
        ),
        ..Plan::to(&inside, &inside)
    });
    let header = format!("PROXY TCP4 203.0.113.7 127.0.0.1 4711 {port}");
    let say = |source: &str, header: &str, subject: &str| {
        let message = letter("alice@elsewhere.example", "chemistry@example.edu", subject);
        (
            python(BALANCER, &[&port.to_string(), source, header, &message]),
            message,
        )
    };
    let (done, sent) = say("127.0.0.9", &header, "proxied");
    done.expect_ok("the balancer");
    let (_, arrived) = inside.receive("proxied");
    arrived_whole(&arrived, &sent);
    let arrived = String::from_utf8_lossy(&arrived).into_owned();
    let received = &arrived[..arrived.find("\r\n\tby ").unwrap_or(200)];
    assert!(
        received.contains("[203.0.113.7]") && !received.contains("127.0.0.9"),
        "the real client is named: {received}"
    );
    assert!(gate.logged(&["203.0.113.7"]).contains("203.0.113.7"));

    // Without its header the proxy itself is nobody; a header from elsewhere is no command.
    for (source, header) in [
        ("127.0.0.9", ""),
        ("127.0.0.9", "PROXY TCP4 rubbish"),
        ("127.0.0.1", header.as_str()),
    ] {
        let (done, _) = say(source, header, "not-believed");
        assert!(!done.ok, "{source} {header:?}: {}", done.out);
    }
    assert_eq!(inside.messages().len(), 1);
}

#[test]
fn curl_relays_with_the_certificate_of_a_grant_and_with_no_other() {
    if !have("curl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let folder = tempfile::tempdir().unwrap();
    // Who signed it does not matter: the grant names the key.
    let clients = Authority::new();
    for name in ["meter", "stranger"] {
        clients.write(folder.path(), name, &["meter.example.edu"]);
    }
    let key = fs::read_to_string(folder.path().join("meter.key")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap().subject_public_key_info();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key);
    let pin: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let gate = Gate::start(Plan {
        more: format!(
            "[grants.meter]\nowner = \"Facilities\"\ncontact = \"it@example.edu\"\nreason = \"readings\"\n\
             until = {}\nby = {{ certificate = \"{pin}\" }}\nfrom = [\"meter@example.edu\"]\nto = \"any\"\n\
             class = \"application\"\n",
            until()
        ),
        ..Plan::to(&inside, &internet)
    });
    let send = |certificate: Option<&str>, from: &str, subject: &str| {
        let sent = letter(from, "bob@elsewhere.example", subject);
        write_private(&gate.path("letter"), &sent);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--verbose", "--ssl-reqd", "--url"]);
        curl.arg(format!("smtp://127.0.0.1:{}/meter.example.edu", gate.ports.relay));
        curl.arg("--cacert").arg(gate.ca());
        if let Some(name) = certificate {
            curl.arg("--cert").arg(folder.path().join(format!("{name}.pem")));
            curl.arg("--key").arg(folder.path().join(format!("{name}.key")));
        }
        curl.args(["--mail-from", from, "--mail-rcpt", "bob@elsewhere.example"]);
        (run(curl.arg("--upload-file").arg(gate.path("letter"))), sent)
    };
    let (done, sent) = send(Some("meter"), "meter@example.edu", "by-certificate");
    done.expect_ok("curl");
    arrived_whole(&internet.receive("by-certificate").1, &sent);

    let (done, _) = send(Some("stranger"), "meter@example.edu", "another-key");
    done.expect_refused("[no-grant");
    send(None, "meter@example.edu", "no-key").0.expect_refused("[no-grant");
    let (done, _) = send(Some("meter"), "ceo@example.edu", "another-sender");
    done.expect_refused("[sender-not-granted");
    assert_eq!((internet.messages().len(), inside.messages().len()), (1, 0));
}

#[test]
fn each_line_of_the_log_is_json_with_a_time_and_an_event() {
    if !have("swaks") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let log = "[log]\nformat = \"json\"\nlevel = \"info\"\n";
    let mut gate = Gate::start(Plan {
        more: log.to_owned(),
        ..Plan::to(&inside, &internet)
    });
    let from_outside = ["--from", "a@elsewhere.example", "--h-Subject", "logged", "--to"];
    let send = |to| swaks("127.0.0.1", gate.ports.mx, &[&from_outside[..], &[to]].concat());
    send("chemistry@example.edu").expect_ok("swaks");
    send("bob@elsewhere.example").expect_refused("554");
    inside.receive("logged");
    // A name that JSON and terminals would like to be escaped.
    let odd = ["--helo", "\"quoted\"\\\u{1b}[31m", "--quit-after", "EHLO"];
    let _ = swaks("127.0.0.1", gate.ports.mx, &odd);
    gate.reload(&format!("{log}[grants.broken]\nowner = 1\n"));
    gate.logged(&["config.refused"]);
    gate.reload(log);
    gate.logged(&["config.reloaded"]);
    assert!(gate.end().unwrap().success());
    let log = gate.log();
    // What `check` would say of the file comes first and is for people.
    let lines: Vec<&str> = log.lines().skip_while(|line| !line.starts_with('{')).collect();
    assert!(lines.len() > 8, "{log}");
    for line in lines {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(line) else {
            panic!("this line is no JSON object: {line:?}");
        };
        let has = |field: &str| fields.get(field).is_some_and(serde_json::Value::is_string);
        for field in ["ts", "host", "event"] {
            assert!(has(field), "no {field}: {line}");
        }
    }
}
