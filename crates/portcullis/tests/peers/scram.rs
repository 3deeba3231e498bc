//! Clients that never send their secret: GNU SASL, bound to the TLS session and not, and msmtp.

use std::process::Command;

use crate::house::{Done, Gate, Outside, PASSWORD, Plan, arrived_whole, have, letter, run, write_private};

/// Logs in under STARTTLS and says QUIT.
fn gsasl(gate: &Gate, mechanism: &str, password: &str, more: &[&str]) -> Done {
    let mut gsasl = Command::new("gsasl");
    gsasl
        .args(["--smtp", "--verbose", "--mechanism", mechanism])
        .args([
            "--authentication-id",
            "erp",
            "--authorization-id",
            "",
            "--password",
            password,
        ])
        .arg(format!("--x509-ca-file={}", gate.ca().display()))
        .args(more)
        .args(["localhost", &gate.ports.submission.to_string()]);
    run(&mut gsasl)
}

#[test]
fn gnu_sasl_proves_itself_bound_to_its_session_and_hears_our_proof() {
    if !have("gsasl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let said = gsasl(&gate, "SCRAM-SHA-256-PLUS", PASSWORD, &[]).expect_ok("gsasl");
    assert!(said.contains("235"), "{said}");
    gsasl(&gate, "SCRAM-SHA-256", PASSWORD, &["--no-cb"]).expect_ok("gsasl without a binding");
    gsasl(&gate, "SCRAM-SHA-256-PLUS", "wrong", &[]).expect_refused("535 5.7.8");
}

#[test]
fn where_tls_has_nothing_to_bind_to_nothing_bound_is_offered() {
    if !have("gsasl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let old = "--priority=NORMAL:-VERS-TLS1.3";
    let said = gsasl(&gate, "SCRAM-SHA-256", PASSWORD, &["--no-cb", old]).expect_ok("gsasl over TLS 1.2");
    assert!(
        said.contains("SCRAM-SHA-256 ") && !said.contains("SCRAM-SHA-256-PLUS"),
        "{said}"
    );
}

#[test]
fn msmtp_submits_by_scram() {
    if !have("msmtp") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let gate = Gate::start(Plan::to(&inside, &internet));
    let rc = gate.path("msmtprc");
    let text = format!(
        "account gate\nhost 127.0.0.1\nport {}\ntls on\ntls_trust_file {}\nauth scram-sha-256\nuser erp\n\
         password {PASSWORD}\nfrom billing@example.edu\n",
        gate.ports.submission,
        gate.ca().display()
    );
    write_private(&rc, &text);
    let sent = letter("billing@example.edu", "bob@elsewhere.example", "by-scram");
    std::fs::write(gate.path("letter"), sent.replace("\r\n", "\n")).unwrap();
    let script = format!(
        "exec msmtp --debug -C {} -a gate bob@elsewhere.example < {}",
        rc.display(),
        gate.path("letter").display()
    );
    run(Command::new("sh").arg("-c").arg(script)).expect_ok("msmtp");
    arrived_whole(&internet.receive("by-scram").1, &sent);
}
