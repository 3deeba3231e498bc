//! What a changed configuration has to pass before it serves: the proof, and who answers for what it opens.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use mail::Timestamp;
use portcullis::change::{self, Decided, Keeper, Proofs, Proven, Refused};
use portcullis::config::{self, Machine};
use portcullis::generations::{Came, Wish};

const DAY: i64 = 86_400_000;
/// A morning in November 2026.
const NOW: Timestamp = Timestamp(20_779 * DAY);

fn text(rest: &str) -> String {
    format!(
        r#"version = 1
[organisation]
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["10.0.0.0/8"]
[listeners.mx]
role   = "mx"
listen = ["192.0.2.25:25"]
[listeners.devices]
role   = "relay"
listen = ["10.20.0.25:25"]
[routes.inside]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.internet]
to = "mx"
[spool]
dir = "spool"
[ledger]
dir = "ledger"
{rest}"#
    )
}

fn copier(address: &str, to: &str) -> String {
    text(&format!(
        r#"[grants.copier]
owner   = "Chemistry"
contact = "it@example.edu"
reason  = "scan to mail"
until   = 2027-06-30
by      = {{ address = ["{address}"] }}
from    = ["scan@example.edu"]
to      = "{to}"
class   = "device"
"#
    ))
}

fn with_change(text: &str, reason: &str) -> String {
    let change = format!("version = 1\nchange = {{ author = \"ann@example.edu\", reason = \"{reason}\" }}");
    text.replacen("version = 1", &change, 1)
}

/// A gate's folder in which configurations are started, one after the other.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn judge(&self, text: &str, now: Timestamp) -> Result<(Keeper, Decided), Refused> {
        let machine = Machine {
            now,
            ..Machine::default()
        };
        let reading = config::read("gate.toml", text.to_owned(), self.folder(), &machine);
        let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
        let keeper = Keeper::of(&config);
        let decided = keeper.judge_start("gate.toml", &config, text, now)?;
        Ok((keeper, decided))
    }

    /// Starts it; it serves.
    fn start(&self, text: &str, now: Timestamp) -> Decided {
        let (keeper, decided) = self.judge(text, now).unwrap_or_else(|why| panic!("{why}"));
        let wish = Wish::of(Came::Start);
        let number = keeper.keep(&decided, &wish, 0, now).unwrap();
        keeper.serves(&decided, number, now).unwrap();
        decided
    }

    fn refuses(&self, text: &str) -> Refused {
        self.judge(text, NOW).err().unwrap()
    }
}

#[test]
fn a_broken_property_is_refused_with_its_counterexample() {
    let house = House::new();
    let wide = copier("10.20.3.14", "any").replacen("2027-06-30", "2028-06-30", 1);
    let told = house.refuses(&wide).to_string();
    assert!(
        told.contains("until 2028-06-30") && told.contains("gate.toml:22"),
        "{told}"
    );
    assert!(told.contains("accepted by grant copier"), "{told}");
    // Nobody can answer for that, and nothing is kept of it.
    assert!(matches!(
        house.refuses(&with_change(&wide, "please")),
        Refused::Broken { .. }
    ));
    assert!(!change::folder(&house.folder().join("spool")).exists());
}

#[test]
fn a_first_start_needs_no_change_and_a_widening_needs_one_of_its_own() {
    let house = House::new();
    let inside = copier("10.20.3.14", "internal");
    let outside = copier("10.20.3.14", "any");
    assert!(house.start(&inside, NOW).passed.diff.is_none());
    let told = house.refuses(&outside).to_string();
    assert!(told.contains("newly possible"), "{told}");
    assert!(told.contains("10.20.3.14") && told.contains("gate.toml:22"), "{told}");
    assert!(told.contains("change = {"), "{told}");
    assert!(
        house
            .start(&with_change(&outside, "CHG-1"), NOW)
            .passed
            .diff
            .unwrap()
            .widens()
    );
    // Taking it back opens nothing; opening it again is another change, for which the former reason does not stand.
    house.start(&inside, NOW);
    house.start(&with_change(&inside, "CHG-1"), NOW);
    let told = house.refuses(&with_change(&outside, "CHG-1")).to_string();
    assert!(
        told.contains("still that of the former one") && told.contains("CHG-1"),
        "{told}"
    );
    house.start(&with_change(&outside, "CHG-2"), NOW);
}

#[test]
fn what_once_served_starts_again_at_once_however_late_it_is() {
    let house = House::new();
    let text = copier("10.20.3.14", "any");
    let first = house.start(&text, NOW);
    assert!(matches!(&first.passed.proven, Proven::Now(proof, _) if proof.cells > 10));
    let late = Timestamp(NOW.0 - 400 * DAY);
    // A clock that went wrong would make of its end one that is too far away.
    let again = house.start(&text, late);
    assert!(matches!(&again.passed.proven, Proven::Before(known) if known.written == NOW));
    // Another file is measured from when it is first shown.
    let other = with_change(&text, "CHG-1");
    assert!(matches!(
        house.judge(&other, late).err().unwrap(),
        Refused::Broken { .. }
    ));
}

#[test]
fn another_engine_proves_for_itself_and_measures_from_the_same_moment() {
    let house = House::new();
    let text = copier("10.20.3.14", "any");
    let first = house.start(&text, NOW).passed;
    let proofs = Proofs::at(change::folder(&first.config.spool.dir).join("proofs"));
    let mut known = proofs.find(first.digest()).unwrap();
    known.engine = "another".into();
    proofs.keep(first.digest(), &known).unwrap();
    let again = house.start(&text, Timestamp(NOW.0 + 9 * DAY)).passed;
    assert!(matches!(&again.proven, Proven::Now(proof, _) if !proof.partial));
    let known = proofs.find(first.digest()).unwrap();
    assert_eq!((known.engine.as_str(), known.written), (policy::ENGINE, NOW));
}

#[test]
fn one_changed_grant_is_proven_on_top_of_what_served() {
    let house = House::new();
    house.start(&copier("10.20.3.14", "any"), NOW);
    let narrower = house
        .start(&copier("10.20.3.14", "internal"), Timestamp(NOW.0 + DAY))
        .passed;
    assert!(matches!(&narrower.proven, Proven::Now(proof, _) if proof.partial));
}

#[test]
fn what_cannot_be_compared_any_more_needs_somebody_who_answers_unless_nothing_changed() {
    let house = House::new();
    let text = copier("10.20.3.14", "any");
    let first = house.start(&text, NOW).passed;
    let folder = change::folder(&first.config.spool.dir);
    let kept = folder.join("000001.json");
    let record = std::fs::read_to_string(&kept).unwrap();
    // As if that version had read something else in the same text.
    std::fs::write(&kept, record.replacen(first.digest(), &"0".repeat(64), 1)).unwrap();
    house.judge(&text, NOW).unwrap();
    let narrower = copier("10.20.3.14", "internal");
    let told = house.refuses(&narrower).to_string();
    assert!(
        told.contains("cannot be compared") && told.contains("change = {"),
        "{told}"
    );
    house.judge(&with_change(&narrower, "CHG-1"), NOW).unwrap();
    // What is torn keeps nobody from serving what is there.
    std::fs::write(&kept, "{").unwrap();
    house.judge(&text, NOW).unwrap();
    assert!(matches!(house.refuses(&narrower), Refused::Incomparable { .. }));
    std::fs::write(folder.join("000001.toml"), "{").unwrap();
    assert!(matches!(house.refuses(&text), Refused::Incomparable { .. }));
}

#[test]
fn what_served_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let config = house.start(&copier("10.20.3.14", "any"), NOW).passed.config;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = change::folder(&config.spool.dir);
    assert_eq!(mode(&folder), 0o700);
    for kept in ["000001.toml", "000001.json", "served.jsonl"] {
        assert_eq!(mode(&folder.join(kept)), 0o600);
    }
}
