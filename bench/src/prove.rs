//! Proofs, in process: of whole configurations, and of one changed grant.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context;
use ipnet::IpNet;
use mail::{DomainPattern, Timestamp, Tolerances};
use policy::prove::{Proof, prove, prove_change};
use policy::{
    AsWhom, Assertion, Bounds, Class, Generation, Grant, GrantState, Intent, Listener, Must, Organisation, Place,
    Recipients, Role, Route, Rulebook, Scope, SenderPattern, Snapshot, ToWhom, Ungranted, Who, Zone,
};

use crate::decide::by;
use crate::stats::quantile;

const DAY: i64 = 86_400_000;
const NOW: Timestamp = Timestamp(20_000 * DAY);
/// Different grants that are changed, one at a time.
const CHANGES: u32 = 200;

/// How long a proof took, and how many cells it looked at.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    /// Seconds.
    pub seconds: f64,
    /// Cells.
    pub cells: u64,
}

/// Proves a whole configuration.
pub fn whole(grants: u32) -> anyhow::Result<Whole> {
    let snapshot = indexed(rulebook(grants)?)?;
    let began = Instant::now();
    let proof = black_box(prove(black_box(&snapshot), Some(NOW)));
    let seconds = began.elapsed().as_secs_f64();
    holds(&proof)?;
    Ok(Whole {
        seconds,
        cells: proof.cells,
    })
}

/// Changes one grant after the other: milliseconds until the change is proven, 99 of 100 within. The index that
/// judgement reads is built before, as for every reload.
pub fn one_grant(grants: u32) -> anyhow::Result<f64> {
    let book = rulebook(grants)?;
    let former = indexed(book.clone())?;
    let mut times = Vec::new();
    for change in 0..CHANGES {
        let number = change.wrapping_mul(7919) % grants;
        let mut changed = book.clone();
        let grant = changed.grants.get_mut(number as usize).context("no grant")?;
        grant.scope = Scope::Internal;
        grant.until = Timestamp(grant.until.0 - DAY);
        let next = indexed(changed)?;
        let began = Instant::now();
        let proof = black_box(prove_change(black_box(&former), black_box(&next), Some(NOW)));
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let proof = proof.context("one grant was not proven by itself")?;
        anyhow::ensure!(proof.partial, "all was proven");
        holds(&proof)?;
    }
    times.sort_unstable_by(f64::total_cmp);
    quantile(&times, 0.99).context("nothing was measured")
}

fn holds(proof: &Proof) -> anyhow::Result<()> {
    let broken = proof.broken().next();
    anyhow::ensure!(proof.may_serve(), "the configuration is broken: {broken:?}");
    Ok(())
}

fn indexed(book: Rulebook) -> anyhow::Result<Snapshot> {
    Snapshot::build(book, Generation(1), 1).map_err(|conflicts| anyhow::anyhow!("{conflicts:?}"))
}

fn domain(text: &str) -> anyhow::Result<DomainPattern> {
    DomainPattern::parse(text).map_err(|why| anyhow::anyhow!("{why}"))
}

fn network(text: &str) -> anyhow::Result<IpNet> {
    Ok(text.parse()?)
}

/// A university with so many grants: a third each by login, certificate and address.
fn rulebook(grants: u32) -> anyhow::Result<Rulebook> {
    let listener = |name: &str, role, zone: Option<&str>, ungranted| Listener {
        name: name.into(),
        role,
        zone: zone.map(Into::into),
        ungranted,
        place: Place { line: 1 },
    };
    let route = |name: &str, of: &str| {
        anyhow::Ok(Route {
            name: name.into(),
            domains: vec![domain(of)?],
            recipients: Recipients::Any,
            place: Place { line: 2 },
        })
    };
    Ok(Rulebook {
        organisation: Organisation {
            name: "Own".to_owned(),
            domains: vec![domain("own.example")?, domain("*.own.example")?],
            networks: vec![network("10.0.0.0/8")?, network("2001:db8:1::/48")?],
            never_a_client: vec![network("10.255.0.0/16")?],
            dynamic: vec![network("10.66.0.0/16")?],
            ..Organisation::default()
        },
        zones: vec![Zone {
            name: "moderate".into(),
            networks: vec![network("10.20.0.0/16")?],
            place: Place { line: 1 },
        }],
        listeners: vec![
            listener("mx", Role::Mx, None, Ungranted::Deny),
            listener("submission", Role::Submission, None, Ungranted::Deny),
            listener("devices", Role::Relay, None, Ungranted::Deny),
            listener("inside", Role::Relay, Some("moderate"), Ungranted::InternalOnly),
        ],
        routes: vec![
            route("central", "own.example")?,
            route("chemistry", "chem.own.example")?,
            route("physics", "phys.own.example")?,
        ],
        grants: (0..grants).map(grant).collect::<anyhow::Result<_>>()?,
        intent: intent()?,
        ..Rulebook::default()
    })
}

fn intent() -> anyhow::Result<Intent> {
    let assertion = |must, name: &str| Assertion {
        must,
        name: name.into(),
        who: Who::Anybody,
        sources: Vec::new(),
        door: None,
        senders: Vec::new(),
        recipients: Vec::new(),
        encrypted: None,
        place: Place { line: 3 },
    };
    let president = SenderPattern::parse("president@own.example").map_err(|why| anyhow::anyhow!("{why}"))?;
    Ok(Intent {
        assertions: vec![
            Assertion {
                who: Who::Nobody,
                sources: vec![network("10.66.0.0/16")?],
                recipients: vec![ToWhom::External],
                ..assertion(Must::Never, "guests send nothing outside without a login")
            },
            Assertion {
                senders: vec![AsWhom::Pattern(president)],
                recipients: vec![ToWhom::External],
                ..assertion(Must::Never, "no program sends as the president")
            },
            Assertion {
                sources: vec![network("203.0.113.0/28")?],
                door: Some(policy::Door::Named("mx".into())),
                recipients: vec![ToWhom::Domains(domain("own.example")?)],
                ..assertion(Must::Always, "the hospital reaches us")
            },
        ],
        bounds: Bounds {
            written: Some(NOW),
            ..Bounds::default()
        },
        ..Intent::default()
    })
}

fn grant(number: u32) -> anyhow::Result<Grant> {
    let sender = SenderPattern::parse(&format!("scan{number}@own.example")).map_err(|why| anyhow::anyhow!("{why}"))?;
    Ok(Grant {
        name: format!("grant{number}").as_str().into(),
        owner: format!("Department {}", number % 50),
        contact: "it@own.example".parse()?,
        reason: "scans".to_owned(),
        from_time: Timestamp(0),
        until: Timestamp(NOW.0 + 300 * DAY),
        by: by(number)?,
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![sender],
        header_from: Vec::new(),
        scope: if number.is_multiple_of(2) {
            Scope::Any
        } else {
            Scope::Internal
        },
        class: Class::Application,
        limits: Class::Application.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line: 4 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proven_holds_as_a_whole_and_grant_by_grant() {
        let whole = whole(30).unwrap();
        assert!(whole.cells > 100 && whole.seconds > 0.0);
        assert!(one_grant(300).unwrap() > 0.0);
    }
}
