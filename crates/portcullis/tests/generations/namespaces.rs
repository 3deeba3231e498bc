//! The self-test from elsewhere: two network namespaces with a wire between them, a gate in the one and a stranger in the
//! other. Nothing of this machine's own network is touched.

use std::process::{Command, Output};

use crate::gate::{House, grant, program, text};

/// Where the gate is, and where the stranger is.
const GATE: &str = "10.77.0.1";
const STRANGER: &str = "10.77.0.2";

/// Two namespaces; removed when dropped.
struct Wire {
    gate: String,
    stranger: String,
}

fn ip(words: &[&str]) -> Output {
    Command::new("ip").args(words).output().unwrap_or_else(|why| Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(256),
        stdout: Vec::new(),
        stderr: why.to_string().into_bytes(),
    })
}

impl Wire {
    /// `None`, and said aloud, where namespaces may not be made.
    fn new() -> Option<Self> {
        let pid = std::process::id();
        let wire = Self {
            gate: format!("portcullis-gate-{pid}"),
            stranger: format!("portcullis-stranger-{pid}"),
        };
        let (gate, stranger) = (wire.gate.as_str(), wire.stranger.as_str());
        let (gates, strangers) = (format!("{GATE}/30"), format!("{STRANGER}/30"));
        let steps: [&[&str]; 9] = [
            &["netns", "add", gate],
            &["netns", "add", stranger],
            &[
                "-n", gate, "link", "add", "gate0", "type", "veth", "peer", "name", "far0", "netns", stranger,
            ],
            &["-n", gate, "address", "add", &gates, "dev", "gate0"],
            &["-n", gate, "link", "set", "gate0", "up"],
            &["-n", gate, "link", "set", "lo", "up"],
            &["-n", stranger, "address", "add", &strangers, "dev", "far0"],
            &["-n", stranger, "link", "set", "far0", "up"],
            &["-n", stranger, "link", "set", "lo", "up"],
        ];
        for step in steps {
            let done = ip(step);
            if !done.status.success() {
                let why = String::from_utf8_lossy(&done.stderr).into_owned();
                eprintln!("skipped: network namespaces may not be made here: ip {step:?}: {why}");
                return None;
            }
        }
        Some(wire)
    }

    /// A command in the stranger's namespace, about the gate of this house.
    fn selftest(&self, house: &House, at: &str) -> (Option<i32>, String) {
        let program = program();
        let output = Command::new("ip")
            .args(["netns", "exec", &self.stranger])
            .arg(program.get_program())
            .args(["selftest", "--at", at, "--config"])
            .arg(house.file())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.gate]);
        ip(&["netns", "delete", &self.stranger]);
    }
}

fn in_the_namespace(more: &str) -> House {
    let listeners = text(more).replace("listen = [\"127.0.0.1:0\"]", &format!("listen = [\"{GATE}:0\"]"));
    // Nobody knows names there, and says so at once.
    House::new(&(listeners + "[dns]\nservers = [\"127.0.0.1:9\"]\n"))
}

#[test]
fn a_stranger_elsewhere_is_refused_and_who_is_let_in_by_address_finds_the_door_that_does_it() {
    let Some(wire) = Wire::new() else { return };
    let house = in_the_namespace("");
    let gate = house.start_in(&wire.gate);
    assert_eq!(gate.event("selftest.done")["green"], true, "from loopback");
    for listener in ["mx", "devices"] {
        let (code, said) = wire.selftest(&house, &gate.address(listener));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.starts_with("ok: "), "{said}");
    }
    gate.stop();

    let granted = grant("everything", STRANGER, "").replace("scan@", "*@");
    let house = in_the_namespace(&granted);
    let gate = house.start_in(&wire.gate);
    assert_eq!(gate.event("selftest.done")["green"], true, "loopback is not let in");
    let (code, said) = wire.selftest(&house, &gate.address("devices"));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("relays for strangers") && said.contains("<user@example.org>"),
        "{said}"
    );
    let (code, said) = wire.selftest(&house, &format!("{GATE}:1"));
    assert!(code == Some(1) && said.contains("lets nobody in"), "{said}");
    gate.stop();
}
