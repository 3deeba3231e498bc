//! Debian's Postfix as a smart host that wants a login, and as a host that refuses: what its replies lead to.

use crate::house::{
    Authority, Gate, Outside, PASSWORD, Plan, Postfix, eventually, have, letter, python, write_private,
};

const HOST: &str = "smart.dest.test";

/// A gate whose way to everybody else is this smart host, with a login whose secret stands in a file.
fn gate_with_login(outside: &Outside, authority: &Authority, postfix: &Postfix, secret: &str) -> (Gate, Running) {
    let inside = outside.sink("inside");
    let loopback = "127.0.0.1".parse().unwrap();
    let dns = outside.dns(dns::testing::Zone::new().address(HOST, loopback));
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), "unused", &["unused.test"]);
    write_private(&folder.path().join("secret"), &format!("{secret}\n"));
    let plan = Plan {
        internet: format!(
            "to = [\"{HOST}:{}\"]\ntls = \"verify\"\nca = \"{dir}/ca.pem\"\n\
             login = {{ user = \"gate\", secret_file = \"{dir}/secret\" }}",
            postfix.port,
            dir = folder.path().display()
        ),
        more: format!("[dns]\nservers = [\"{}\"]\n", dns.address()),
        ..Plan::to(&inside, &inside)
    };
    let gate = Gate::start(plan);
    let running = Running {
        folder,
        _inside: inside,
        _dns: dns,
    };
    (gate, running)
}

/// What a gate needs around it.
struct Running {
    folder: tempfile::TempDir,
    _inside: crate::house::Sink,
    _dns: dns::testing::TestDns,
}

#[test]
fn the_gate_logs_in_at_a_postfix_and_a_login_that_was_mended_serves_after_a_reload() {
    if !Postfix::can_run() || !have("saslpasswd2") || !have("python3") {
        return;
    }
    let outside = Outside::new();
    let authority = Authority::new();
    let postfix = Postfix::smart_host(&authority, HOST, "gate", "smart-secret-1");
    let (mut gate, around) = gate_with_login(&outside, &authority, &postfix, "a-former-secret");
    let sent = letter("scan@devices.example.edu", "anna@dest.test", "through-the-smart-host");
    gate.copy("anna@dest.test", &sent);
    let told = gate.logged(&["queue.defer", "anna@dest.test", "535"]);
    assert!(!gate.log().contains("former-secret"), "a secret is not logged: {told}");
    assert!(postfix.mailbox().is_empty());

    write_private(&around.folder.path().join("secret"), "smart-secret-1\n");
    let same = format!("[dns]\nservers = [\"{}\"]\n", around._dns.address());
    gate.reload(&same);
    gate.logged(&["config.reloaded"]);
    gate.command(&["queue", "retry", "--all"]).expect_ok("queue retry");
    let message = postfix.receive("through-the-smart-host");
    assert!(message.contains("(Authenticated sender: gate"), "{message}");
    assert!(message.contains("using TLSv1.3"), "{message}");
    let at = message.find("Received: from ").map(|_| message.replace('\n', "\r\n"));
    assert!(at.unwrap().ends_with(&sent));
}

/// Submits one message as the application.
const APPLICATION: &str = r#"
import smtplib, ssl, sys
port, ca, password, to, message = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:-1], sys.argv[-1]
with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
    client.starttls(context=ssl.create_default_context(cafile=ca))
    client.login("erp", password)
    client.sendmail("billing@example.edu", to, message.encode())
"#;

#[test]
fn a_recipient_whom_postfix_does_not_know_comes_back_to_the_sender_and_the_other_is_delivered() {
    if !Postfix::can_run() || !have("python3") {
        return;
    }
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let authority = Authority::new();
    let postfix = Postfix::destination_of_anna(&authority, "mx.dest.test");
    let gate = Gate::start(Plan {
        internet: format!("to = [\"127.0.0.1:{}\"]", postfix.port),
        ..Plan::to(&inside, &inside)
    });
    let sent = letter("billing@example.edu", "anna@dest.test", "to-both");
    let (port, ca) = (gate.ports.submission.to_string(), gate.ca());
    let to = ["anna@dest.test", "nobody@dest.test"];
    python(
        APPLICATION,
        &[&port, ca.to_str().unwrap(), PASSWORD, to[0], to[1], &sent],
    )
    .expect_ok("the application");
    postfix.receive("to-both");
    let (envelope, notice) = eventually("the notice", || inside.messages().into_iter().next());
    let notice = String::from_utf8_lossy(&notice).into_owned();
    assert_eq!(
        (envelope.from.as_str(), envelope.to.as_slice()),
        ("", &["billing@example.edu".to_owned()][..])
    );
    for part in [
        "report-type=delivery-status",
        "Auto-Submitted: auto-replied",
        "Final-Recipient: rfc822; nobody@dest.test",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1",
        "Subject: to-both",
    ] {
        assert!(notice.contains(part), "{part} is missing in\n{notice}");
    }
    assert!(!notice.contains("Final-Recipient: rfc822; anna@dest.test"), "{notice}");
    assert_eq!(postfix.mailbox().len(), 1);
    assert_eq!(inside.messages().len(), 1, "one notice and no second");
}
