//! C8: whether one machine speaks through a grant, or several behind one address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Colour, Finding};
use crate::check::Check;

/// What a gate saw of a grant in one session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// Where the client came from.
    pub from: IpAddr,
    /// What it called itself.
    pub hello: Box<str>,
    /// The addresses in its From headers.
    pub senders: BTreeSet<Box<str>>,
}

/// Makes the check of what was seen for a while. Address translation in between, or a machine in the place of another,
/// shows as several names behind one address, or as senders that never come together. So does a machine with several programs on
/// it, each with a secret of its own: somebody is to look, and nothing is stopped for it.
#[must_use]
pub fn one_machine(seen: &[Observation]) -> Finding {
    let (colour, said) = match several(seen) {
        _ if seen.is_empty() => (Colour::Unchecked, "nothing was seen of it yet".to_owned()),
        Some(said) => (Colour::Yellow, said),
        None => (Colour::Green, "one machine speaks through it".to_owned()),
    };
    Finding {
        check: Check::OneMachine,
        colour,
        said,
    }
}

fn several(seen: &[Observation]) -> Option<String> {
    let mut behind: BTreeMap<IpAddr, (BTreeSet<String>, Vec<BTreeSet<String>>)> = BTreeMap::new();
    for session in seen {
        let (hellos, sets) = behind.entry(session.from.to_canonical()).or_default();
        hellos.insert(session.hello.trim_end_matches('.').to_ascii_lowercase());
        let senders = session.senders.iter().map(|sender| sender.to_ascii_lowercase());
        join(sets, senders.collect());
    }
    behind.into_iter().find_map(|(address, (hellos, sets))| {
        let advice = "look for address translation on the way, or for another machine at its address";
        if hellos.len() > 1 {
            let names: Vec<String> = hellos.into_iter().collect();
            return Some(format!("{address} calls itself {}; {advice}", names.join(" and ")));
        }
        if sets.len() > 1 {
            let sets: Vec<String> = sets
                .into_iter()
                .map(|set| set.into_iter().collect::<Vec<_>>().join(", "))
                .collect();
            return Some(format!(
                "{address} sends as {}, and never as both; {advice}",
                sets.join(" or as ")
            ));
        }
        None
    })
}

/// Senders that came together once are one machine's.
fn join(sets: &mut Vec<BTreeSet<String>>, mut senders: BTreeSet<String>) {
    if senders.is_empty() {
        return;
    }
    let (touching, apart): (Vec<_>, Vec<_>) = std::mem::take(sets)
        .into_iter()
        .partition(|set| !set.is_disjoint(&senders));
    senders.extend(touching.into_iter().flatten());
    *sets = apart;
    sets.push(senders);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(from: &str, hello: &str, senders: &[&str]) -> Observation {
        Observation {
            from: from.parse().unwrap(),
            hello: hello.into(),
            senders: senders.iter().map(|sender| Box::from(*sender)).collect(),
        }
    }

    #[track_caller]
    fn found(seen: &[Observation], colour: Colour, said: &str) {
        let finding = one_machine(seen);
        assert_eq!(
            (finding.check, finding.colour),
            (Check::OneMachine, colour),
            "{finding:?}"
        );
        assert!(finding.said.contains(said), "{finding:?}");
    }

    #[test]
    fn c8_one_machine_speaks_through_a_grant() {
        found(&[], Colour::Unchecked, "nothing was seen");
        let scan = session("10.1.2.3", "copier.example.edu", &["scan@example.edu"]);
        let capital = session("::ffff:10.1.2.3", "COPIER.example.edu.", &["Scan@example.edu"]);
        found(&[scan.clone(), capital.clone()], Colour::Green, "one machine");
        let other = session("10.1.2.3", "laptop", &["scan@example.edu"]);
        found(
            &[scan.clone(), other],
            Colour::Yellow,
            "calls itself copier.example.edu and laptop",
        );
        // A farm has a machine behind each of its addresses.
        let next = session("10.1.2.4", "other.example.edu", &["fax@example.edu"]);
        found(&[scan.clone(), next], Colour::Green, "one machine");
        let fax = session("10.1.2.3", "copier.example.edu", &["fax@example.edu"]);
        found(&[scan.clone(), fax.clone()], Colour::Yellow, "fax@example.edu");
        let both = session(
            "10.1.2.3",
            "copier.example.edu",
            &["fax@example.edu", "scan@example.edu"],
        );
        found(&[scan, fax, both], Colour::Green, "one machine");
        // A client without a From header says nothing about it.
        found(
            &[capital, session("10.1.2.3", "copier.example.edu", &[])],
            Colour::Green,
            "one machine",
        );
    }
}
