//! A message near the limits of size goes through whole.

use std::fs;
use std::process::Command;

use crate::house::{Gate, Outside, PASSWORD, Plan, arrived_whole, eventually, have, letter, run, until};

#[test]
fn thirty_megabytes_pass_without_a_change() {
    if !have("curl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let hash = portcullis::identities::hash_secret(PASSWORD, &world::SystemRng).unwrap();
    let gate = Gate::start(Plan {
        more: format!(
            "[grants.archive]\nowner = \"Library\"\ncontact = \"it@example.edu\"\nreason = \"scanned volumes\"\n\
             until = {}\nby = {{ password = \"archive\", hash = \"{}\" }}\nfrom = [\"billing@example.edu\"]\n\
             to = \"any\"\nclass = \"application\"\nlimits = {{ message_size = \"40 MB\" }}\n",
            until(),
            hash.as_str()
        ),
        ..Plan::to(&inside, &internet)
    });
    let sent = large_letter();
    fs::write(gate.path("letter"), &sent).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--ssl-reqd", "--url"]);
    curl.arg(format!("smtp://127.0.0.1:{}/client.example.edu", gate.ports.submission));
    curl.arg("--cacert").arg(gate.ca());
    curl.args([
        "--user",
        &format!("archive:{PASSWORD}"),
        "--mail-from",
        "billing@example.edu",
    ]);
    curl.args(["--mail-rcpt", "bob@elsewhere.example", "--upload-file"]);
    run(curl.arg(gate.path("letter"))).expect_ok("curl");
    let arrived = eventually("the large message", || internet.messages().pop()).1;
    let added = arrived.len() - sent.len();
    // Not assert_eq: nobody wants to read sixty megabytes.
    assert!(arrived[added..] == *sent.as_bytes(), "it arrived as it was sent");
    arrived_whole(&arrived[..added + 9], &sent[..9]);
}

/// Thirty million octets that begin with dots, end with blanks and repeat nowhere in step with any buffer.
fn large_letter() -> String {
    let mut text = letter("billing@example.edu", "bob@elsewhere.example", "large");
    text.reserve(31_000_000);
    let filling = "0123456789abcdefghijklmnopqrstuvwxyz".repeat(26);
    let mut number: usize = 0;
    while text.len() < 30_000_000 {
        number += 1;
        let dot = if number.is_multiple_of(3) { "." } else { "" };
        text.push_str(&format!("{dot}{number} {} \r\n", &filling[..number * 7 % 900]));
    }
    text
}
