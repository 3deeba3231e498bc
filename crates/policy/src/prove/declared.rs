//! Properties of single declarations: where an exception may stand, how wide it is, how long it lasts, whose it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use mail::Timestamp;

use super::cell::{Cell, Seen};
use super::names::Names;
use super::property::{Breach, Judged, Property, Severity, Story};
use super::ranges::Ranges;
use super::region::{Atom, Region};
use super::subject::{Subject, at, from_clients, written};
use crate::model::{By, Grant, Place, SenderPattern};
use crate::snapshot::unmapped;

pub(crate) fn blocking(id: &'static str, sentence: impl Into<String>) -> Judged {
    judged(id, sentence.into(), Severity::Blocking)
}

pub(crate) fn finding(id: &'static str, sentence: impl Into<String>) -> Judged {
    judged(id, sentence.into(), Severity::Finding)
}

fn judged(id: &'static str, sentence: String, severity: Severity) -> Judged {
    Judged::new(Property {
        id,
        sentence,
        severity,
        place: None,
    })
}

/// Every property of single grants and forwards; `only` these grants, where the others are proven already.
pub(crate) fn judge(subject: &Subject<'_>, only: Option<&BTreeSet<u32>>) -> Vec<Judged> {
    let mut all = exceptions(subject, only);
    all.push(mapped(subject, only));
    all.push(lasting(subject, only));
    all.extend(senders(subject, only));
    all.push(answered_for(subject));
    all
}

fn grants<'s>(subject: &Subject<'s>, only: Option<&BTreeSet<u32>>) -> impl Iterator<Item = (u32, &'s Grant)> {
    let all = (0u32..).zip(&subject.snapshot.rulebook().grants);
    all.filter(move |(index, _)| only.is_none_or(|only| only.contains(index)))
}

fn told(story: Option<Story>, because: String, grant: &Grant, others: Vec<Place>, remedy: &str) -> Breach {
    Breach {
        story,
        because,
        place: grant.place,
        others,
        remedy: remedy.to_owned(),
    }
}

/// Exceptions stand inside our networks, on no address that hides or changes its machines, and are narrow.
fn exceptions(subject: &Subject<'_>, only: Option<&BTreeSet<u32>>) -> Vec<Judged> {
    let organisation = &subject.snapshot.rulebook().organisation;
    let mut inside = blocking(
        "exceptions-inside",
        "every address exception lies in organisation.networks",
    );
    let mut hiding = blocking(
        "exceptions-name-machines",
        "no address exception stands where clients hide: NAT, VPN, proxies, gateways",
    );
    let mut moving = blocking(
        "exceptions-stay-put",
        "no address exception stands in a range that is given out dynamically",
    );
    let mut wide = blocking(
        "exceptions-narrow",
        "no address exception is wider than its class may be",
    );
    let ours = Ranges::of(&organisation.networks);
    let hidden = Ranges::of(&organisation.never_a_client);
    let dynamic = Ranges::of(&organisation.dynamic);
    let others = &subject.snapshot.rulebook().intent.hidden;
    let others: Vec<_> = others.iter().map(|one| (Ranges::of(&one.networks), one)).collect();
    for (index, grant) in grants(subject, only) {
        let By::Address(networks) = &grant.by else { continue };
        let own = Ranges::of(networks);
        let stands = |judged: &mut Judged, bad: Ranges, why: &str, place: Place, remedy: &str| {
            if !bad.is_empty() {
                judged.breach(|| {
                    let because = format!("grant {} names {bad}, {why}", grant.name);
                    let story = subject.let_in(&from_clients(bad), index);
                    told(story, because, grant, vec![place], remedy)
                });
            }
        };
        stands(
            &mut inside,
            own.without(&ours),
            "which organisation.networks does not hold",
            organisation.place,
            "name the device's own address, or add its network to organisation.networks if it is ours",
        );
        stands(
            &mut hiding,
            own.and(&hidden),
            "which is in organisation.never_a_client: every machine behind it could use this grant",
            organisation.place,
            "name the device's own address, or give it a password",
        );
        for (networks, hidden) in &others {
            stands(
                &mut hiding,
                own.and(networks),
                &format!(
                    "which is {}: whoever comes through it could use this grant",
                    hidden.what
                ),
                hidden.place,
                "name the device's own address, or give it a password",
            );
        }
        stands(
            &mut moving,
            own.and(&dynamic),
            "which is in organisation.dynamic: tomorrow it is another machine's address",
            organisation.place,
            "give the device a fixed address outside the range, or a password",
        );
        let bounds = subject.snapshot.rulebook().intent.bounds.widest(grant.class);
        for network in networks.iter().filter(|network| is_wider(**network, bounds)) {
            wide.breach(|| {
                let (v4, v6) = bounds;
                let because = format!(
                    "grant {} covers {network}; for class {} a /{v4} (v6: /{v6}) is the widest",
                    grant.name,
                    grant.class.name()
                );
                let story = subject.let_in(&from_clients(Ranges::of(&[*network])), index);
                told(story, because, grant, Vec::new(), "name the devices' own addresses")
            });
        }
    }
    vec![inside, hiding, moving, wide]
}

fn is_wider(network: IpNet, (v4, v6): (u8, u8)) -> bool {
    let network = unmapped(network);
    network.prefix_len() < if network.addr().is_ipv4() { v4 } else { v6 }
}

/// A network in v4-mapped form reads like one thing and is another.
fn mapped(subject: &Subject<'_>, only: Option<&BTreeSet<u32>>) -> Judged {
    let mut judged = blocking("networks-as-they-are", "no network is written in v4-mapped form");
    let book = subject.snapshot.rulebook();
    let mut look = |networks: &[IpNet], place: Place, whose: &str, story: &dyn Fn(IpNet) -> Option<Story>| {
        for network in networks.iter().filter(|network| unmapped(**network) != **network) {
            judged.breach(|| Breach {
                story: story(*network),
                because: format!("{whose} names {network}, which is {}", unmapped(*network)),
                place,
                others: Vec::new(),
                remedy: format!("write {}", unmapped(*network)),
            });
        }
    };
    let nobody = |_| None;
    let organisation = &book.organisation;
    look(
        &organisation.networks,
        organisation.place,
        "organisation.networks",
        &nobody,
    );
    look(
        &organisation.never_a_client,
        organisation.place,
        "organisation.never_a_client",
        &nobody,
    );
    look(
        &organisation.dynamic,
        organisation.place,
        "organisation.dynamic",
        &nobody,
    );
    for zone in &book.zones {
        look(&zone.networks, zone.place, &format!("zone {}", zone.name), &nobody);
    }
    for assertion in &book.intent.assertions {
        look(
            &assertion.sources,
            assertion.place,
            &format!("\"{}\"", assertion.name),
            &nobody,
        );
    }
    for (index, grant) in grants(subject, only) {
        let from = |network: IpNet| subject.let_in(&from_clients(Ranges::of(&[network])), index);
        let whose = format!("grant {}", grant.name);
        look(&grant.networks, grant.place, &whose, &from);
        if let By::Address(networks) = &grant.by {
            look(networks, grant.place, &whose, &from);
        }
    }
    judged
}

const DAY: i64 = 86_400_000;

/// Nothing lasts longer than its class may. Measured from its beginning, not from the present moment, so that the same
/// declarations are judged the same whenever they are read.
fn lasting(subject: &Subject<'_>, only: Option<&BTreeSet<u32>>) -> Judged {
    let mut judged = blocking(
        "ends-in-time",
        "no grant and no forward lasts longer than its class may",
    );
    let book = subject.snapshot.rulebook();
    let bounds = &book.intent.bounds;
    let written = bounds.written.unwrap_or_default();
    for (index, grant) in grants(subject, only) {
        let exception = matches!(grant.by, By::Address(_));
        let days = bounds.longest(grant.class, exception);
        let begin = if grant.from_time.0 > 0 {
            grant.from_time
        } else {
            written
        };
        if is_longer(begin, grant.until, days) {
            judged.breach(|| {
                let because = format!(
                    "grant {} lasts until {}; for {} of class {} {days} days are the most",
                    grant.name,
                    grant.until.to_date(),
                    if exception { "an exception" } else { "a grant" },
                    grant.class.name()
                );
                let story = subject.let_in(&at(grant.until), index);
                told(
                    story,
                    because,
                    grant,
                    Vec::new(),
                    "set an earlier end; it can be renewed",
                )
            });
        }
    }
    for forward in &book.forwards {
        let days = bounds.longest_forward();
        if is_longer(written, forward.until, days) {
            judged.breach(|| Breach {
                story: None,
                because: format!(
                    "forward {} lasts until {}; {days} days are the most",
                    forward.name,
                    forward.until.to_date()
                ),
                place: forward.place,
                others: Vec::new(),
                remedy: "set an earlier end; it can be renewed".to_owned(),
            });
        }
    }
    judged
}

fn is_longer(begin: Timestamp, end: Timestamp, days: u32) -> bool {
    end.0.saturating_sub(begin.0) > i64::from(days) * DAY
}

/// Grants send as our domains, and not as more of them than their owner's.
fn senders(subject: &Subject<'_>, only: Option<&BTreeSet<u32>>) -> [Judged; 3] {
    let mut ours = blocking(
        "senders-are-ours",
        "every grant sends as one of our own domains, or says that others are meant",
    );
    let mut wider = blocking(
        "senders-not-wider",
        "no grant sends as everybody of domains that merely surround its owner's",
    );
    let mut others = finding(
        "senders-of-the-owner",
        "grants send as everybody only of their owner's own domain",
    );
    for (index, grant) in grants(subject, only) {
        let all = grant.senders.iter().chain(&grant.header_from);
        for pattern in all.filter(|pattern| **pattern != SenderPattern::Null) {
            let region = Arc::new(Region::of_senders(std::slice::from_ref(pattern)));
            let foreign = Names::all().within(&region).without(&subject.tables.own);
            let story = |names: Names| {
                let start = Cell {
                    sender: Seen::Known(names),
                    ..Cell::everything()
                };
                subject.let_in(&start, index)
            };
            let meant = &subject.snapshot.rulebook().intent.foreign_senders;
            if !foreign.is_empty() && !meant.contains(&grant.name) {
                ours.breach(|| {
                    let because = format!("grant {} may send as {pattern}, which is not all ours", grant.name);
                    let others = vec![subject.snapshot.rulebook().organisation.place];
                    let remedy = "name senders of our own domains, add the domain to organisation.domains, or write \
                                  `foreign_senders = true` if it is meant";
                    told(story(foreign.clone()), because, grant, others, remedy)
                });
            }
            let Some(owner) = grant.contact.domain().cloned().map(Atom::At) else {
                continue;
            };
            match relation(pattern, &owner) {
                Relation::Within => {}
                Relation::Wider => wider.breach(|| {
                    let because = format!(
                        "grant {} may send as {pattern}, and its owner is at {}",
                        grant.name, grant.contact
                    );
                    let beyond = Names::all().within(&region).without(&Arc::new(owners(&owner)));
                    told(
                        story(beyond),
                        because,
                        grant,
                        Vec::new(),
                        "name the addresses it sends as",
                    )
                }),
                Relation::Other => others.breach(|| {
                    let because = format!(
                        "grant {} may send as {pattern}, and its owner is at {}",
                        grant.name, grant.contact
                    );
                    told(
                        None,
                        because,
                        grant,
                        Vec::new(),
                        "see that this is meant, or name the addresses it sends as",
                    )
                }),
            }
        }
    }
    [ours, wider, others]
}

enum Relation {
    Within,
    Wider,
    Other,
}

/// The owner's domain and everything below.
fn owners(owner: &Atom) -> Region {
    let below = match owner {
        Atom::At(domain) => vec![owner.clone(), Atom::Below(domain.clone())],
        _ => Vec::new(),
    };
    Region::new(below)
}

/// How everybody of a pattern's domain relates to its owner's; single addresses are somebody's own decision.
fn relation(pattern: &SenderPattern, owner: &Atom) -> Relation {
    let (pattern, parent) = match pattern {
        SenderPattern::Null | SenderPattern::Exactly(_) => return Relation::Within,
        SenderPattern::AnyAt(domain) => (Atom::At(domain.clone()), domain),
        SenderPattern::AnyBelow(domain) => (Atom::Below(domain.clone()), domain),
    };
    if owners(owner).covers(&pattern) {
        Relation::Within
    } else if Atom::Below(parent.clone()).covers(owner) {
        Relation::Wider
    } else {
        Relation::Other
    }
}

/// Somebody answers for each exception and each forward, and said what for.
fn answered_for(subject: &Subject<'_>) -> Judged {
    let mut judged = blocking(
        "somebody-answers",
        "every grant and every forward has an owner and a reason",
    );
    let mut look = |what: String, owner: &str, reason: &str, place: Place| {
        for (text, missing) in [(owner, "owner"), (reason, "reason")] {
            if text.trim().is_empty() {
                judged.breach(|| Breach {
                    story: None,
                    because: format!("{what} has no {missing}"),
                    place,
                    others: Vec::new(),
                    remedy: format!("write `{missing} = \"...\"`"),
                });
            }
        }
    };
    let book = subject.snapshot.rulebook();
    for grant in &book.grants {
        look(
            format!("grant {}", grant.name),
            &grant.owner,
            &grant.reason,
            grant.place,
        );
    }
    for forward in &book.forwards {
        look(
            format!("forward {}", forward.name),
            &forward.owner,
            &forward.reason,
            forward.place,
        );
    }
    judged
}

/// Networks of a grant for people.
pub(crate) fn clients_of(grant: &Grant) -> String {
    match &grant.by {
        By::Address(networks) => written(networks),
        By::Login(name) => format!("login `{name}`"),
        By::Certificate(ids) => {
            let all: Vec<String> = ids.iter().map(|id| format!("certificate {id}")).collect();
            all.join(", ")
        }
    }
}
