//! The configuration of a gate: a small university, with one program that logs in and one copier that cannot.

use std::path::Path;

use super::{Plan, Ports, until};

/// What a plan comes to; `proof` is what the login `erp` is proved by.
pub(super) fn text(plan: &Plan, ports: Ports, proof: &str, dir: &Path) -> String {
    let Ports {
        mx,
        submission,
        submissions,
        relay,
        health,
        answers,
    } = ports;
    let Plan {
        inside,
        internet,
        doors,
        ..
    } = plan;
    let more = plan.more.replace("@ANSWERS@", &answers.to_string());
    let dir = dir.display();
    let spool = plan.spool.replace("@DIR@", &dir.to_string());
    let networks: String = plan.networks.iter().map(|network| format!(", \"{network}\"")).collect();
    let until = until();
    // What opens more has a reason of its own.
    let difference = plan.more.len();
    format!(
        r#"version = 1
change = {{ author = "postmaster@example.edu", reason = "a test with {difference} more octets" }}

[organisation]
name = "Example University"
hostname = "mail.example.edu"
domains = ["example.edu", "*.example.edu"]
networks = ["127.0.0.0/8"{networks}]
help = "https://mail.example.edu/why"

[listeners.mx]
role = "mx"
listen = ["127.0.0.1:{mx}"]

[listeners.submission]
role = "submission"
listen = ["127.0.0.1:{submission}"]
{doors}

[listeners.submissions]
role = "submissions"
listen = ["127.0.0.1:{submissions}"]

[listeners.relay]
role = "relay"
listen = ["127.0.0.1:{relay}"]
{doors}

[listeners.health]
role = "health"
listen = ["127.0.0.1:{health}"]

[tls]
certificates = [{{ chain = "{dir}/gate.pem", key = "{dir}/gate.key" }}]

[routes.inside]
domains = ["example.edu", "*.example.edu"]
recipients = "any"
{inside}

[routes.internet]
{internet}

[grants.erp]
owner = "Finance IT"
contact = "erp-admins@example.edu"
reason = "invoices"
until = {until}
by = {{ password = "erp", {proof} }}
from = ["billing@example.edu", "*@erp.example.edu"]
to = "any"
class = "application"

[grants.copier]
owner = "Chemistry"
contact = "it@example.edu"
reason = "scan to mail"
until = {until}
by = {{ address = ["127.0.0.2"] }}
from = ["*@devices.example.edu"]
to = "any"
class = "device"
tolerate = ["bare-lf", "long-lines", "missing-from"]

[[limits.for]]
networks = ["127.0.0.0/8"{networks}]
sessions_per_address = 200
sessions_per_minute = 1000000
messages_per_minute = 10000
errors_soft = 1000
errors_hard = 2000

[delivery]
schedule = ["1s"]
jitter_percent = 0

[spool]
{spool}

[ledger]
dir = "{dir}/ledger"

{more}
"#
    )
}
