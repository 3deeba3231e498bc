//! Configurations that somebody might write, and that would let in what nobody wants. Each is found by the proof with a
//! counterexample; and a gate without the proof treats a real client just as the counterexample says.
//!
//! The files are whole configurations; the first line says what is wrong, and `# <- here` marks the declaration that the
//! proof has to name. Those that `check` refuses on its own account are proven as they are written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod client;
mod gate;
#[path = "../gateway_house/mod.rs"]
mod gateway_house;

use std::path::{Path, PathBuf};

use mail::Timestamp;
use policy::Generation;
use policy::prove::{Breach, Judged, Proof, Severity, prove};
use portcullis::config::{self, Config, Machine, Reading};

/// A morning in November 2026, when they were written.
pub const NOW: Timestamp = Timestamp(20_779 * 86_400_000);

/// Who finds it: the proof alone, or `check` as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    ByProof,
    ByCheckToo,
}
use Found::{ByCheckToo, ByProof};

/// Each file, the property it breaks, and who finds that.
const CASES: [(&str, &str, Found); 31] = [
    (
        "an-exception-inside-the-nat-pool",
        "exceptions-name-machines",
        ByCheckToo,
    ),
    (
        "an-exception-around-a-vpn-gateway",
        "exceptions-name-machines",
        ByCheckToo,
    ),
    ("a-proxy-as-a-client", "exceptions-name-machines", ByCheckToo),
    ("the-gate-itself-as-a-client", "exceptions-name-machines", ByCheckToo),
    ("a-v4-mapped-address", "exceptions-name-machines", ByCheckToo),
    ("an-exception-in-the-dynamic-range", "exceptions-stay-put", ByProof),
    ("an-exception-elsewhere", "exceptions-inside", ByCheckToo),
    ("an-exception-elsewhere-over-ipv6", "exceptions-inside", ByCheckToo),
    ("networks-forgotten", "exceptions-inside", ByCheckToo),
    ("a-slash-16-for-one-copier", "exceptions-narrow", ByCheckToo),
    ("a-slash-27-for-a-farm", "exceptions-narrow", ByCheckToo),
    ("a-slash-60-over-ipv6", "exceptions-narrow", ByCheckToo),
    ("wider-than-its-own-measure", "exceptions-narrow", ByCheckToo),
    ("two-grants-on-one-address", "exceptions-apart", ByProof),
    ("an-end-ten-years-away", "ends-in-time", ByProof),
    ("an-application-for-ever", "ends-in-time", ByProof),
    ("longer-than-its-own-measure", "ends-in-time", ByProof),
    ("a-forward-for-three-years", "ends-in-time", ByProof),
    ("a-domain-missing-from-the-organisation", "senders-are-ours", ByCheckToo),
    ("a-sender-of-somebody-else", "senders-are-ours", ByCheckToo),
    ("senders-wider-than-the-owner", "senders-not-wider", ByProof),
    ("senders-of-every-department", "senders-not-wider", ByProof),
    ("a-never-broken-by-a-forgotten-grant", "never", ByProof),
    ("a-never-broken-by-a-login-without-networks", "never", ByProof),
    ("a-never-broken-by-what-needs-no-grant", "never", ByProof),
    ("a-never-broken-by-a-session-in-clear", "never", ByProof),
    ("a-never-broken-by-a-sender-of-many", "never", ByProof),
    ("a-never-broken-by-a-scope", "never", ByProof),
    ("an-always-broken-by-a-zone", "always", ByProof),
    ("an-always-broken-by-a-scope", "always", ByProof),
    ("two-routes-swapped", "routes-not-swapped", ByProof),
];

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_configurations/files")
}

/// A case, read and proven.
struct Case {
    name: &'static str,
    config: Config,
    proof: Proof,
    /// What it breaks, and how.
    judged: Judged,
}

impl Case {
    fn read(name: &'static str, property: &str, found: Found, folder: &Path) -> Self {
        let text = std::fs::read_to_string(files().join(name).with_extension("toml")).unwrap();
        let line = 1 + text.lines().position(|line| line.contains("# <- here")).unwrap();
        let machine = Machine {
            now: NOW,
            ..Machine::default()
        };
        let Reading { report, config } = config::read_as_written(name, text, folder, &machine);
        let refused = if report.errors() > 0 { ByCheckToo } else { ByProof };
        assert_eq!(refused, found, "{name}: {}", report.render());
        let mut config = config.unwrap_or_else(|| panic!("{name}: {}", report.render()));
        config.rulebook.intent.bounds.written = Some(NOW);
        let proof = prove(&config.snapshot(Generation(1)).unwrap(), None);
        let judged = proof.broken().find(|judged| judged.property.id == property).cloned();
        let judged = judged.unwrap_or_else(|| panic!("{name} does not break {property}"));
        assert_eq!(judged.property.severity, Severity::Blocking, "{name}");
        assert_eq!(judged.breaches[0].place.line as usize, line, "{name}");
        Self {
            name,
            config,
            proof,
            judged,
        }
    }

    fn breach(&self) -> &Breach {
        &self.judged.breaches[0]
    }
}

#[test]
fn each_is_found_with_the_declaration_that_causes_it_and_none_is_forgotten() {
    let folder = gate::folder();
    for (name, property, found) in CASES {
        let case = Case::read(name, property, found, folder.path());
        assert!(!case.proof.may_serve(), "{name}");
    }
    let mut named: Vec<_> = CASES.iter().map(|(name, _, _)| format!("{name}.toml")).collect();
    let listed = std::fs::read_dir(files()).unwrap();
    let mut listed: Vec<_> = listed
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    named.sort();
    listed.sort();
    assert_eq!(named, listed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_nobody_proved_treats_a_real_client_as_the_counterexample_says() {
    let mut shown = 0;
    for (name, property, found) in CASES {
        let folder = gate::folder();
        let case = Case::read(name, property, found, folder.path());
        // Forwards and routes are no messages; theirs are shown below.
        let Some(story) = &case.breach().story else { continue };
        let gate = gate::open(case.config.clone(), &folder, gate::before(story.witness.now), &[]).await;
        let answer = client::Message::of(story).send(&gate).await;
        assert_eq!(
            answer.is_ok(),
            story.decision.verdict.accepts(),
            "{}: {story}, and the gate says {answer:?}",
            case.name
        );
        gate.stop().await;
        shown += 1;
    }
    assert_eq!(shown, CASES.len() - 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_of_swapped_routes_arrives_at_the_wrong_department() {
    let folder = gate::folder();
    let case = Case::read("two-routes-swapped", "routes-not-swapped", ByProof, folder.path());
    let (chemistry, physics) = (gateway_house::Peer::usual().await, gateway_house::Peer::usual().await);
    let hosts = [
        ("mail.chem.example.edu", chemistry.address),
        ("mail.phys.example.edu", physics.address),
    ];
    let gate = gate::open(case.config, &folder, NOW, &hosts).await;
    client::Message::to("it@chem.example.edu").send(&gate).await.unwrap();
    let letters = physics.has(1).await;
    assert_eq!(letters[0].to, ["it@chem.example.edu"]);
    assert!(chemistry.letters().is_empty());
    gate.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_of_a_forward_leaves_the_house_to_its_last_day() {
    let folder = gate::folder();
    let case = Case::read("a-forward-for-three-years", "ends-in-time", ByProof, folder.path());
    let until = case.config.rulebook.forwards[0].until;
    let outside = gateway_house::Peer::usual().await;
    let hosts = [("office.example.org", outside.address)];
    let gate = gate::open(case.config, &folder, gate::before(until), &hosts).await;
    client::Message::to("alumni@example.edu").send(&gate).await.unwrap();
    let letters = outside.has(1).await;
    assert_eq!(letters[0].to, ["office@alumni.example.org"]);
    gate.stop().await;
}
