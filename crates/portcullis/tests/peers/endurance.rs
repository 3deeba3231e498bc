//! What was acknowledged outlives the process, and a new configuration serves without a restart.

use crate::house::{Gate, Outside, PASSWORD, Plan, arrived_whole, eventually, free_port, have, letter, python};

/// Sends each message named on the command line as the application; with `open`, keeps the session for a second part.
const APPLICATION: &str = r#"
import smtplib, ssl, sys
port, ca, password, message = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
    client.starttls(context=ssl.create_default_context(cafile=ca))
    client.login("erp", password)
    client.sendmail("billing@example.edu", ["bob@elsewhere.example"], message.encode())
"#;

fn send(gate: &Gate, subject: &str) -> String {
    let sent = letter("billing@example.edu", "bob@elsewhere.example", subject);
    let (port, ca) = (gate.ports.submission.to_string(), gate.ca());
    python(APPLICATION, &[&port, ca.to_str().unwrap(), PASSWORD, &sent]).expect_ok("the application");
    sent
}

#[test]
fn what_was_acknowledged_is_delivered_after_a_power_cut() {
    if !have("python3") {
        return;
    }
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let port = free_port();
    let internet = format!("to = [\"127.0.0.1:{port}\"]");
    let mut gate = Gate::start(Plan {
        internet,
        ..Plan::to(&inside, &inside)
    });
    let sent: Vec<String> = (0..5).map(|number| send(&gate, &format!("cut-{number}"))).collect();
    gate.cut();
    // Only now somebody is there to take it. What the gate knew of that destination went with the process.
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let internet = eventually("the port", || outside.sink_at("internet", address, None).ok());
    gate.restart();
    for (number, sent) in sent.iter().enumerate() {
        arrived_whole(&internet.receive(&format!("cut-{number}")).1, sent);
    }
}

#[test]
fn a_gate_with_nothing_to_do_ends_in_good_order_when_told() {
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let mut gate = Gate::start(Plan::to(&inside, &inside));
    let ended = gate
        .end()
        .expect("it ends before the time is up that busy sessions are given");
    assert!(ended.success(), "{ended}");
    gate.restart();
}

/// A session that is open while the configuration changes.
const PATIENT: &str = r#"
import smtplib, subprocess, sys, time
port, message = int(sys.argv[1]), sys.argv[2].encode()
client = smtplib.SMTP("127.0.0.1", port, source_address=("127.0.0.3", 0), timeout=20)
def attempt():
    try:
        client.sendmail("plotter@devices.example.edu", ["bob@elsewhere.example"], message)
        return True
    except smtplib.SMTPRecipientsRefused as error:
        assert "no-grant" in str(error), error
    except smtplib.SMTPSenderRefused as error:
        assert "no-grant" in str(error), error
    client.rset()
    return False
assert not attempt()
open(sys.argv[3], "w").close()
for _ in range(200):
    time.sleep(0.1)
    if attempt():
        sys.exit(0)
    if not client.sock:
        sys.exit("the session was dropped")
sys.exit("the new grant never served")
"#;

#[test]
fn a_reload_serves_sessions_that_are_already_open() {
    if !have("python3") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let mut gate = Gate::start(Plan::to(&inside, &internet));
    let more = r#"[grants.plotter]
owner = "Physics"
contact = "it@example.edu"
reason = "plots"
until = UNTIL
by = { address = ["127.0.0.3"] }
from = ["*@devices.example.edu"]
to = "any"
class = "device"
"#;
    let marker = gate.path("first-attempt-refused");
    let port = gate.ports.relay.to_string();
    let message = letter("plotter@devices.example.edu", "bob@elsewhere.example", "reloaded");
    std::thread::scope(|scope| {
        let arguments = [port.as_str(), message.as_str(), marker.to_str().unwrap()];
        let session = scope.spawn(move || python(PATIENT, &arguments));
        eventually("the first attempt", || marker.exists().then_some(()));
        // A configuration that is wrong is refused as a whole; the old one goes on serving.
        gate.reload("[grants.plotter]\nowner = 1\n");
        gate.logged(&["config.refused"]);
        gate.reload(&more.replace("UNTIL", &crate::house::until()));
        session.join().unwrap().expect_ok("the patient session");
    });
    arrived_whole(&internet.receive("reloaded").1, &message);
}
