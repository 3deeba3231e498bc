//! Sets of addresses in words.

use super::names::Names;
use super::region::{Atom, Region};

/// Patterns named before the rest is only counted.
const SHOWN: usize = 4;

/// Whose addresses these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Sender,
    Recipient,
}

fn atom(atom: &Atom, side: Side) -> String {
    match (atom, side) {
        (Atom::Bare, Side::Sender) => "<>".to_owned(),
        (Atom::Bare, Side::Recipient) => "<postmaster>".to_owned(),
        (Atom::Literals, _) => "*@[address]".to_owned(),
        (Atom::Domains, _) => "*@*".to_owned(),
        (Atom::Below(domain), _) => format!("*@*.{domain}"),
        (Atom::At(domain), _) => format!("*@{domain}"),
        (Atom::One(mailbox), _) => mailbox.to_string(),
    }
}

fn atoms<'a>(all: impl Iterator<Item = &'a Atom>, side: Side) -> String {
    let mut words: Vec<String> = all.map(|one| atom(one, side)).collect();
    words.sort();
    words.dedup();
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    let mut text = words.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// The set in words; `own` is what is ours, which has a name of its own.
pub(crate) fn words(names: &Names, own: &Region, side: Side) -> String {
    let narrowest = names.narrowest();
    let whole = match narrowest {
        Some(region) if is_own(region, own, side) => "our own domains".to_owned(),
        Some(region) => atoms(region.atoms().iter().filter(|one| !names.excludes(one)), side),
        None => "anybody".to_owned(),
    };
    let inside =
        |one: &&Atom| narrowest.is_none_or(|region| region.atoms().iter().any(|own| own.covers(one) && own != *one));
    let mut but = Vec::new();
    let outside = names.excluded();
    if narrowest.is_none() && outside.iter().any(|region| is_own(region, own, side)) {
        but.push("our own domains".to_owned());
    }
    // What lies in our own domains needs no name where those are left out as a whole.
    let named = |one: &&Atom| but.is_empty() || !own.covers(one);
    let others = outside.iter().filter(|region| !is_own(region, own, side));
    let others = atoms(
        others.flat_map(|region| region.atoms()).filter(inside).filter(named),
        side,
    );
    if !others.is_empty() {
        but.push(others);
    }
    if but.is_empty() {
        whole
    } else {
        format!("{whole} but {}", but.join(", "))
    }
}

fn is_own(region: &Region, own: &Region, side: Side) -> bool {
    let bare = usize::from(side == Side::Recipient);
    region.atoms().len() == own.atoms().len() + bare && own.atoms().iter().all(|one| region.atoms().contains(one))
}

/// How wide a set is, to put the widest first: single addresses, domains, everybody.
pub(crate) fn breadth(names: &Names) -> u32 {
    let of = |atom: &Atom| match atom {
        Atom::Bare | Atom::One(_) => 0,
        Atom::At(_) => 1,
        Atom::Below(_) => 2,
        Atom::Literals | Atom::Domains => 3,
    };
    names
        .narrowest()
        .map_or(3, |region| region.atoms().iter().map(of).max().unwrap_or(0))
}
