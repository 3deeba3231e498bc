//! A client without a secret of ours: msmtp with a token that somebody else issued.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::house::{Done, Gate, Issuer, Outside, Plan, arrived_whole, have, letter, run, until, write_private};

const SENDER: &str = "planning@example.edu";

/// What the nightly job's platform says of it.
fn token(issuer: &Issuer, audience: &str, ends_in: i64) -> String {
    issuer.token(
        json!({ "aud": audience, "sub": "job:reports", "branch": "main" }),
        ends_in,
    )
}

const MORE: &str = r#"
[identities.issuers.campus]
issuer = "https://login.example.edu"
audience = "smtp"
keys = "@KEYS@"

[grants.reports]
owner = "Planning"
contact = "planning@example.edu"
reason = "a nightly job"
until = @UNTIL@
by = { token = "reports", issuer = "campus", claims = { sub = "job:reports", branch = "main" } }
from = ["planning@example.edu"]
to = "any"
class = "application"
"#;

fn msmtp(gate: &Gate, token: &str, mechanism: &str) -> Done {
    let rc = gate.path("msmtprc");
    let text = format!(
        "account gate\nhost 127.0.0.1\nport {}\ntls on\ntls_trust_file {}\nauth {mechanism}\nuser reports\n\
         password {token}\nfrom {SENDER}\n",
        gate.ports.submission,
        gate.ca().display()
    );
    write_private(&rc, &text);
    let script = format!(
        "exec msmtp --debug -C {} -a gate bob@elsewhere.example < {}",
        rc.display(),
        gate.path("letter").display()
    );
    run(Command::new("sh").arg("-c").arg(script))
}

#[test]
fn msmtp_submits_with_a_token_of_its_platform_and_with_no_other() {
    if !have("msmtp") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let issuer = Issuer::new();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    fs::write(&keys, issuer.keys()).unwrap();
    let mut plan = Plan::to(&inside, &internet);
    plan.more = MORE
        .replace("@KEYS@", keys.to_str().unwrap())
        .replace("@UNTIL@", &until());
    let gate = Gate::start(plan);
    for mechanism in ["oauthbearer", "xoauth2"] {
        let sent = letter(SENDER, "bob@elsewhere.example", mechanism);
        fs::write(gate.path("letter"), sent.replace("\r\n", "\n")).unwrap();
        msmtp(&gate, &token(&issuer, "smtp", 300), mechanism).expect_ok("msmtp");
        arrived_whole(&internet.receive(mechanism).1, &sent);
    }
    for token in [
        token(&issuer, "imap", 300),
        token(&issuer, "smtp", -300),
        token(&Issuer::new(), "smtp", 300),
    ] {
        msmtp(&gate, &token, "oauthbearer").expect_refused("535 5.7.8");
    }
}
