//! Grants that are set up already, for lives that begin there.

use jiff::Timestamp;
use serde_json::Value;

use super::{Campus, Client, DAY, HOUR, SECURITY, form_file};
use crate::peers::eventually;

/// Who takes the risk of exceptions.
pub const DEAN: &str = "dean@example.edu";

impl Campus {
    /// A copier that logs in, once it is set up: its case and its secret.
    pub fn copier(&self, flags: &[&str]) -> (String, String) {
        let id = self.request("copier.toml", flags);
        self.told(&["approve", &id]);
        self.stands(&id, "provisioned");
        let made = self.told(&["provision", &id]);
        self.is_known(&id);
        (id, made["credential"]["secret"].as_str().unwrap().to_owned())
    }

    /// A client at this address that has logged in, as soon as its secret is live.
    pub fn logged_in(&self, address: &str, id: &str, secret: &str) -> Client {
        eventually(&format!("the secret of {id} to be live"), || {
            let mut client = self.program(address);
            client.log_in(id, secret).starts_with("235").then_some(client)
        })
    }

    /// A plotter that cannot log in, once it is set up: its head took the risk, and security let it until this day.
    pub fn exception(&self, until: Timestamp, flags: &[&str]) -> String {
        let id = self.request("plotter.toml", flags);
        self.told(&["approve", &id]);
        self.acknowledged(&id);
        self.decided(&id, until);
        self.stands(&id, "provisioned");
        id
    }

    /// Its first mail, as soon as what was set up is live; the session stays open.
    pub fn first_mail(&self, id: &str, address: &str, from: &str) -> Client {
        let mut session = self.device(address);
        session.is_answered(from, "250");
        session.delivers(from, "olga@example.edu", "the first");
        self.stands(id, "active");
        session
    }

    /// A day goes by, and these have the letter of that day, in which these words stand.
    pub fn day_ends(&self, people: &[&str], words: &str) {
        self.calendar.pass(DAY + HOUR);
        for who in people {
            self.news(who, words);
        }
    }

    /// Its head takes the risk.
    pub fn acknowledged(&self, id: &str) {
        let accepted = ["--accept", "1", "--accept", "2", "--accept", "3"];
        let who = ["--name", "Dora Dean", "--as", DEAN];
        self.told(&[&["ack", id][..], &accepted, &who].concat());
    }

    /// Security lets it, until this day.
    pub fn decided(&self, id: &str, until: Timestamp) {
        let day = until.strftime("%Y-%m-%d").to_string();
        let decision = [
            "--risk",
            "low",
            "--control",
            "address and sender are pinned",
            "--until",
            &day,
        ];
        self.told(&[&["approve", id][..], &decision, &["--as", SECURITY]].concat());
    }

    /// The gate has done everything that is due by now: what somebody else hands in now is told of behind it.
    pub fn gate_looks(&self) {
        let form = form_file("copier.toml");
        let carl = ["--requestor", "Carl <carl@example.edu>"];
        let draft = self.told(&[&["request", "--form", form.to_str().unwrap()][..], &carl].concat());
        self.gate.logged(&["grant.step", &draft["id"].to_string()]);
    }

    /// A time of a grant, as `access list` has it.
    pub fn time(&self, id: &str, name: &str) -> Timestamp {
        let listed = self.listed(id);
        let time = listed[name].as_str().unwrap_or_else(|| panic!("no {name} in {listed}"));
        time.parse().unwrap()
    }

    /// When each step of this name was taken.
    pub fn steps(&self, id: &str, event: &str) -> Vec<Timestamp> {
        let steps = self.history(id).into_iter().filter(|step| step["event"] == event);
        steps
            .map(|step: Value| step["at"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    /// Waits until so many steps of this name were taken; when the last of them was.
    pub fn step(&self, id: &str, event: &str, count: usize) -> Timestamp {
        let what = format!("{id} to take the step {event} for the {count}th time");
        let steps = eventually(&what, || {
            Some(self.steps(id, event)).filter(|steps| steps.len() >= count)
        });
        assert_eq!(steps.len(), count, "{event}");
        steps[count - 1]
    }

    /// How many recipients are held in the queue.
    pub fn held(&self) -> u64 {
        let counts = self.gate.command(&["queue", "counts", "--json"]).expect_ok("counts");
        let counts: Value = serde_json::from_str(&counts).unwrap();
        let held = counts["recipients"]["held"].as_u64();
        held.unwrap_or_else(|| panic!("{counts}"))
    }

    /// How many letters to somebody have these words in their subject.
    pub fn count_letters(&self, to: &str, subject: &str) -> usize {
        let letters = self.letters(to);
        letters.iter().filter(|letter| letter.subject.contains(subject)).count()
    }
}

/// Whether a step was taken when this was due, or within the hour.
#[track_caller]
pub fn came_due(step: Timestamp, due: Timestamp) {
    let late = step.duration_since(due).as_secs();
    assert!((0..3_600).contains(&late), "{step} for {due}");
}
