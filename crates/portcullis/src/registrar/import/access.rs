//! Access tables of clients: a pattern, blanks, an action (access(5), cidr_table(5)).

use ipnet::IpNet;

use super::{Defaults, Read, network};

/// Of which type the table is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Looked up by key: the most exact one counts.
    Hash,
    /// Read from top to bottom: the first match counts.
    Cidr,
}

pub(super) fn read(text: &str, kind: Kind, defaults: &Defaults) -> Read {
    let mut read = Read::default();
    let mut refused: Vec<(u64, IpNet)> = Vec::new();
    for (line, text) in lines(text) {
        let (pattern, action) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        let meant = means(action.trim());
        let at = at(pattern, kind);
        match (meant, at) {
            (Means::Permit, Some(at)) => {
                match refused.iter().find(|(_, not)| kind == Kind::Cidr && not.contains(&at)) {
                    Some((before, not)) => read.leave(
                        line,
                        &text,
                        format!("line {before} refuses {not}"),
                        "nothing: it could not relay before either",
                    ),
                    None => read.machine(line, &text, at, defaults),
                }
            }
            (Means::Permit, None) => left(line, &text, pattern, &mut read),
            (Means::Refuse, at) => {
                refused.extend(at.map(|at| (line, at)));
                read.leave(
                    line,
                    &text,
                    "it lets nobody in",
                    "nothing: who has no grant is refused anyway",
                );
            }
            (Means::Other, _) => read.leave(
                line,
                &text,
                format!("what {:?} lets in is decided elsewhere", action.trim()),
                "look there who may relay, and ask for a grant for each",
            ),
        }
    }
    read
}

fn left(line: u64, text: &str, pattern: &str, read: &mut Read) {
    let (why, advice) = if pattern.contains('@') {
        (
            "a sender's address proves nothing, and is no grant",
            "import the machine's address, or its login",
        )
    } else if ["if", "endif"].contains(&pattern.to_ascii_lowercase().as_str()) {
        (
            "conditions are not followed",
            "write each network with its action, without them",
        )
    } else {
        (
            "this is no address: who owns a name decides where it leads",
            "name the machine's address in place of it, in CSV with its name beside",
        )
    };
    read.leave(line, text, why, advice);
}

/// What a table's action means for relaying.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    Permit,
    Refuse,
    Other,
}

fn means(action: &str) -> Means {
    let first = action
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let number = !first.is_empty() && first.bytes().all(|octet| octet.is_ascii_digit());
    match first.as_str() {
        "OK" | "PERMIT" | "RELAY" => Means::Permit,
        "REJECT" | "DEFER" | "DEFER_IF_PERMIT" | "DEFER_IF_REJECT" | "DISCARD" | "DUNNO" | "HOLD" | "554" | "550" => {
            Means::Refuse
        }
        _ if number && first.len() == 3 && first.starts_with(['4', '5']) => Means::Refuse,
        // Made by programs that let in by address: any number means OK.
        _ if number => Means::Permit,
        _ => Means::Other,
    }
}

/// The network of a pattern; in a table that is looked up by key, `10.20.3` is one of 256 addresses.
fn at(pattern: &str, kind: Kind) -> Option<IpNet> {
    if let Some(at) = network(pattern) {
        return Some(at);
    }
    if kind == Kind::Cidr {
        return None;
    }
    let octets: Option<Vec<u8>> = pattern.split('.').map(|octet| octet.parse().ok()).collect();
    let octets = octets.filter(|octets| (1..4).contains(&octets.len()))?;
    let mut address = [0; 4];
    for (into, octet) in address.iter_mut().zip(&octets) {
        *into = *octet;
    }
    let bits = u8::try_from(octets.len() * 8).ok()?;
    ipnet::Ipv4Net::new(address.into(), bits).ok().map(IpNet::V4)
}

/// Lines with their numbers; one that begins with a blank goes on with the one before.
fn lines(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, before)) if line.starts_with([' ', '\t']) => {
                before.push(' ');
                before.push_str(plain);
            }
            _ => lines.push((number, plain.to_owned())),
        }
    }
    lines
}
