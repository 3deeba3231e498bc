//! Debian's Postfix at both ends: it logs in and submits over verified TLS, and it receives.

use crate::house::{Authority, Gate, Outside, Plan, Postfix, arrived_whole, eventually, letter};
use dns::testing::Zone;

fn from_the_copier(subject: &str) -> String {
    letter("scan@devices.example.edu", "anna@dest.test", subject)
}

#[test]
fn postfix_logs_in_over_verified_tls_and_hands_over_what_its_users_send() {
    if !Postfix::can_run() {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let postfix = Postfix::client(&gate);
    for number in 0..3 {
        let subject = format!("postfix-{number}");
        let sent = letter("billing@example.edu", "bob@elsewhere.example", &subject);
        postfix.submit("billing@example.edu", "bob@elsewhere.example", &sent);
        let (envelope, message) = internet.receive(&subject);
        assert_eq!(envelope.from, "billing@example.edu");
        arrived_whole(&message, &sent);
    }
    assert!(
        postfix
            .log()
            .contains("Verified TLS connection established to 127.0.0.1"),
        "{}",
        postfix.log()
    );
}

#[test]
fn postfix_hears_a_permanent_no_for_a_sender_that_is_not_granted() {
    if !Postfix::can_run() {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let postfix = Postfix::client(&gate);
    let (from, to) = ("ceo@example.edu", "bob@elsewhere.example");
    postfix.submit(from, to, &letter(from, to, "never"));
    eventually("the bounce in Postfix's log", || {
        let log = postfix.log();
        log.lines()
            .any(|line| line.contains("status=bounced") && line.contains("sender-not-granted"))
            .then_some(())
    });
    assert!(internet.messages().is_empty());
}

#[test]
fn postfix_receives_over_starttls_where_it_is_offered() {
    if !Postfix::can_run() {
        return;
    }
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let authority = Authority::new();
    let postfix = Postfix::destination(&authority, "mx.dest.test");
    let internet = format!("to = [\"127.0.0.1:{}\"]", postfix.port);
    let gate = Gate::start(Plan {
        internet,
        ..Plan::to(&inside, &inside)
    });
    let sent = from_the_copier("opportunistic");
    gate.copy("anna@dest.test", &sent);
    let message = postfix.receive("opportunistic");
    assert!(message.contains("using TLSv1.3"), "{message}");
    let ours = message
        .find("Received: from ")
        .map(|_| message.replace('\n', "\r\n"))
        .unwrap();
    assert!(ours.ends_with(&sent), "{ours}");
}

#[test]
fn a_route_that_verifies_delivers_to_the_right_name_only() {
    if !Postfix::can_run() {
        return;
    }
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let authority = Authority::new();
    let postfix = Postfix::destination(&authority, "mx.dest.test");
    let loopback = "127.0.0.1".parse().unwrap();
    let dns = outside.dns(
        Zone::new()
            .address("mx.dest.test", loopback)
            .address("alias.dest.test", loopback),
    );
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), "unused", &["unused.test"]);
    let ca = folder.path().join("ca.pem").display().to_string();
    let route = |host: &str, ca: &str| format!("to = [\"{host}:{}\"]\ntls = \"verify\"\n{ca}", postfix.port);
    let plan = |internet: String| Plan {
        internet,
        more: format!("[dns]\nservers = [\"{}\"]\n", dns.address()),
        ..Plan::to(&inside, &inside)
    };
    let trusting = format!("ca = \"{ca}\"\n");

    let gate = Gate::start(plan(route("mx.dest.test", &trusting)));
    gate.copy("anna@dest.test", &from_the_copier("right-name"));
    assert!(postfix.receive("right-name").contains("using TLSv1.3"));

    for (subject, internet) in [
        ("another-name", route("alias.dest.test", &trusting)),
        ("nobody-we-know", route("mx.dest.test", "")),
    ] {
        let before = postfix.log().matches("connect from").count();
        let gate = Gate::start(plan(internet));
        gate.copy("anna@dest.test", &from_the_copier(subject));
        eventually("two attempts at Postfix", || {
            (postfix.log().matches("connect from").count() >= before + 2).then_some(())
        });
        let arrived = postfix.mailbox().iter().any(|message| message.contains(subject));
        assert!(!arrived, "a certificate that is not valid for the host gets no mail");
    }
    assert!(postfix.log().contains("TLS connection"), "{}", postfix.log());
}
