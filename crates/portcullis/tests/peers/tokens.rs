//! A client without a secret of ours: msmtp with a token that somebody else issued.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::house::{Done, Gate, Outside, Plan, arrived_whole, have, letter, run, until, write_private};

const SENDER: &str = "planning@example.edu";

/// An issuer's key.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn keys(&self) -> String {
        let point = self.0.public_key().as_ref();
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "one", "x": part(1), "y": part(33) }] }).to_string()
    }

    /// A token for `audience` that ends in so many seconds.
    fn token(&self, audience: &str, ends_in: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!(
            "{}.{}",
            part(json!({ "alg": "ES256", "kid": "one" })),
            part(json!({
                "iss": "https://login.example.edu", "aud": audience, "sub": "job:reports", "branch": "main",
                "exp": now + ends_in,
            }))
        );
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
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
        msmtp(&gate, &issuer.token("smtp", 300), mechanism).expect_ok("msmtp");
        arrived_whole(&internet.receive(mechanism).1, &sent);
    }
    for token in [
        issuer.token("imap", 300),
        issuer.token("smtp", -300),
        Issuer::new().token("smtp", 300),
    ] {
        msmtp(&gate, &token, "oauthbearer").expect_refused("535 5.7.8");
    }
}
