//! The conditions of judgement, one small function each.

use mail::Timestamp;

use crate::basis::Name;
use crate::decide::Verdict;
use crate::facts::{ContentClass, Fact, FromAnswer, Reader, RecipientForm};
use crate::model::{By, Grant, GrantState, Recipients, Route, Scope};
use crate::ports::Usage;
use crate::reason::Reason;
use crate::snapshot::Snapshot;

/// Received headers from which a message counts as looping (RFC 5321 §6.3 asks for at least 100).
const HOPS_MAX: u32 = 100;

/// A condition judgement looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// The client is in the listener's zone.
    ClientInZone,
    /// The client's login.
    Login,
    /// The client's certificate.
    Certificate,
    /// An exception for the client's address.
    AddressException,
    /// The session is encrypted, where a login or certificate was shown.
    Encrypted,
    /// The grant is not suspended.
    GrantActive,
    /// The grant has begun.
    GrantBegun,
    /// The grant has not ended.
    GrantNotEnded,
    /// The grant holds on this listener.
    GrantHere,
    /// The client is in the grant's zone.
    GrantZone,
    /// The client is in the grant's networks.
    GrantNetwork,
    /// The grant has this envelope sender.
    SenderGranted,
    /// The recipient is a plain mailbox.
    RecipientForm,
    /// The recipient is in the grant's scope.
    RecipientInScope,
    /// The message is small enough.
    Size,
    /// The grant has this From header.
    FromGranted,
    /// The grant's use is within its limits.
    Usage,
    /// No several clients hide behind the address.
    MaskedSource,
    /// The recipient is postmaster or abuse.
    RoleAddress,
    /// The recipient's domain is ours.
    OwnDomain,
    /// A route takes the recipient's domain.
    Route,
    /// The recipient exists.
    RecipientExists,
    /// A forward takes the recipient.
    Forward,
    /// The forward has not ended.
    ForwardNotEnded,
    /// An outsider does not send as one of us.
    SenderNotOurs,
    /// A machine of ours sends as one of us.
    SenderIsOurs,
    /// The client is a machine of ours.
    ClientIsOurs,
    /// The message does not loop.
    Hops,
    /// The content scanners agree.
    Content,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The condition holds.
    Pass,
    /// It will be known later.
    NotYet,
    /// It changes what becomes of the message, once everything else holds.
    Mark(Verdict),
    /// It ends the judgement.
    Stop(Verdict, Reason),
}

/// An authority fact nobody can tell now.
pub(crate) const UNKNOWN: Finding = Finding::Stop(Verdict::Defer(Reason::AuthorityUnknown), Reason::AuthorityUnknown);

const fn refuse(reason: Reason) -> Finding {
    Finding::Stop(Verdict::Refuse(reason), reason)
}

/// Passes where `fact` is known to be `wanted`; refuses with `reason` where it is known to be otherwise.
fn require(fact: Fact<bool>, wanted: bool, reason: Reason) -> Finding {
    match fact {
        Fact::Known(value) if value == wanted => Finding::Pass,
        Fact::Known(_) => refuse(reason),
        Fact::NotYet => Finding::NotYet,
        Fact::Unknown => UNKNOWN,
    }
}

type OfGrant<R> = fn(&Snapshot, &Grant, &mut R) -> Finding;

/// The conditions that bind a grant, in the order in which a person would ask them.
pub(crate) fn of_grant<R: Reader>() -> [(Check, OfGrant<R>); 12] {
    [
        (Check::Encrypted, encrypted),
        (Check::GrantActive, active),
        (Check::GrantBegun, begun),
        (Check::GrantNotEnded, |_, grant, reader| {
            not_ended(grant.until, Reason::GrantExpired, reader)
        }),
        (Check::GrantHere, here),
        (Check::GrantZone, |snapshot, grant, reader| {
            client_in_zone(snapshot, grant.zone.as_ref(), reader)
        }),
        (Check::GrantNetwork, network),
        (Check::SenderGranted, sender),
        (Check::RecipientForm, |_, _, reader| recipient_form(reader)),
        (Check::RecipientInScope, scope),
        (Check::Size, size),
        (Check::FromGranted, from),
    ]
}

fn encrypted<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    match grant.by {
        By::Login(_) | By::Certificate(_) => require(reader.encrypted(), true, Reason::LoginInClear),
        By::Address(_) => Finding::Pass,
    }
}

fn active<R: Reader>(_: &Snapshot, grant: &Grant, _: &mut R) -> Finding {
    match grant.state {
        GrantState::Active => Finding::Pass,
        GrantState::Suspended(_) => refuse(Reason::GrantSuspended),
    }
}

fn begun<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    if reader.now_before(grant.from_time) {
        refuse(Reason::GrantNotYet)
    } else {
        Finding::Pass
    }
}

/// `until` itself is still inside.
pub(crate) fn not_ended<R: Reader>(until: Timestamp, reason: Reason, reader: &mut R) -> Finding {
    let after = Timestamp(until.0.saturating_add(1));
    if reader.now_before(after) {
        Finding::Pass
    } else {
        refuse(reason)
    }
}

fn here<R: Reader>(snapshot: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    let name = snapshot.listener(reader.listener()).map(|listener| &listener.name);
    let here = grant.listeners.is_empty() || name.is_some_and(|name| grant.listeners.contains(name));
    if here {
        Finding::Pass
    } else {
        refuse(Reason::GrantNotHere)
    }
}

pub(crate) fn client_in_zone<R: Reader>(snapshot: &Snapshot, zone: Option<&Name>, reader: &mut R) -> Finding {
    let Some(name) = zone else { return Finding::Pass };
    match snapshot.zone(name) {
        Some(zone) => require(reader.client_in(&zone.networks), true, Reason::OutsideZone),
        // Snapshot::build refuses this; were it to happen, nobody is inside a zone that is not there.
        None => refuse(Reason::OutsideZone),
    }
}

fn network<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    if grant.networks.is_empty() {
        return Finding::Pass;
    }
    require(reader.client_in(&grant.networks), true, Reason::NetworkNotGranted)
}

fn sender<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    require(reader.sender_in(&grant.senders), true, Reason::SenderNotGranted)
}

/// Second destinations and address literals are what relay testers try; nobody's device needs them.
pub(crate) fn recipient_form<R: Reader>(reader: &mut R) -> Finding {
    match reader.recipient_form() {
        Fact::Known(RecipientForm::Plain | RecipientForm::Role) => Finding::Pass,
        Fact::Known(RecipientForm::Smuggled | RecipientForm::Literal) => refuse(Reason::AddressForm),
        Fact::NotYet => Finding::NotYet,
        Fact::Unknown => UNKNOWN,
    }
}

fn scope<R: Reader>(snapshot: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    let own = |reader: &mut R| reader.recipient_domain_in(&snapshot.own);
    let inside = match &grant.scope {
        Scope::Any => return Finding::Pass,
        Scope::Internal => own(reader),
        Scope::Domains(domains) => match own(reader) {
            Fact::Known(false) => reader.recipient_matches(domains),
            other => other,
        },
    };
    require(inside, true, Reason::RecipientOutsideScope)
}

fn size<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    require(
        reader.larger_than(grant.limits.octets_per_message),
        false,
        Reason::TooLarge,
    )
}

fn from<R: Reader>(_: &Snapshot, grant: &Grant, reader: &mut R) -> Finding {
    match reader.header_from_in(grant.from_patterns()) {
        Fact::Known(FromAnswer::Granted) => Finding::Pass,
        Fact::Known(FromAnswer::Missing) if grant.tolerances.missing_from => Finding::Pass,
        Fact::Known(FromAnswer::Missing | FromAnswer::Malformed) => refuse(Reason::FromMissing),
        Fact::Known(FromAnswer::Other) => refuse(Reason::FromNotGranted),
        Fact::NotYet => Finding::NotYet,
        Fact::Unknown => UNKNOWN,
    }
}

pub(crate) fn usage<R: Reader>(grant: &Grant, reader: &mut R) -> Finding {
    match reader.usage() {
        Fact::Known(Usage::Within) => Finding::Pass,
        Fact::Known(Usage::Soft) if grant.class.holds_over_limit() => Finding::Mark(Verdict::Hold(Reason::RateHeld)),
        Fact::Known(Usage::Soft | Usage::Hard) => {
            Finding::Stop(Verdict::Defer(Reason::RateExceeded), Reason::RateExceeded)
        }
        Fact::NotYet => Finding::NotYet,
        Fact::Unknown => UNKNOWN,
    }
}

pub(crate) fn masked<R: Reader>(reader: &mut R) -> Finding {
    match reader.masked() {
        Fact::Known(false) => Finding::Pass,
        // Whether a source is masked is authority: it says whose mail this is. In doubt it is held, not sent.
        Fact::Known(true) | Fact::Unknown => Finding::Mark(Verdict::Hold(Reason::MaskedSource)),
        Fact::NotYet => Finding::NotYet,
    }
}

pub(crate) fn recipient_exists<R: Reader>(route: &Route, reader: &mut R) -> Finding {
    if route.recipients == Recipients::Any {
        return Finding::Pass;
    }
    match reader.recipient_exists(route) {
        Fact::Unknown => Finding::Stop(
            Verdict::Defer(Reason::RecipientUnverifiable),
            Reason::RecipientUnverifiable,
        ),
        fact => require(fact, true, Reason::NoSuchRecipient),
    }
}

/// An outsider who claims to be one of us. A machine of ours on the front gate is no outsider.
pub(crate) fn sender_not_ours<R: Reader>(snapshot: &Snapshot, reader: &mut R) -> Finding {
    match reader.sender_domain_in(&snapshot.own) {
        Fact::Known(false) => Finding::Pass,
        Fact::NotYet => Finding::NotYet,
        Fact::Known(true) | Fact::Unknown => client_is_ours_or(snapshot, reader, Reason::SenderIsOurs),
    }
}

pub(crate) fn client_is_ours<R: Reader>(snapshot: &Snapshot, reader: &mut R) -> Finding {
    client_is_ours_or(snapshot, reader, Reason::NoGrant)
}

fn client_is_ours_or<R: Reader>(snapshot: &Snapshot, reader: &mut R, reason: Reason) -> Finding {
    let organisation = &snapshot.rulebook().organisation;
    match require(reader.client_in(&organisation.networks), true, reason) {
        Finding::Pass => require(reader.client_in(&organisation.never_a_client), false, reason),
        other => other,
    }
}

pub(crate) fn sender_is_ours<R: Reader>(snapshot: &Snapshot, reader: &mut R) -> Finding {
    require(reader.sender_domain_in(&snapshot.own), true, Reason::SenderNotGranted)
}

pub(crate) fn hops<R: Reader>(reader: &mut R) -> Finding {
    match reader.hops_above(HOPS_MAX) {
        Fact::Known(true) => refuse(Reason::MailLoop),
        Fact::NotYet => Finding::NotYet,
        Fact::Known(false) | Fact::Unknown => Finding::Pass,
    }
}

/// What scanners say is suspicion: where they cannot say, that is no evidence.
pub(crate) fn content<R: Reader>(reader: &mut R) -> Finding {
    match reader.content() {
        Fact::Known(ContentClass::Below) | Fact::Unknown => Finding::Pass,
        Fact::Known(ContentClass::Quarantine) => Finding::Mark(Verdict::Quarantine(Reason::ContentQuarantined)),
        Fact::Known(ContentClass::Refuse) => refuse(Reason::ContentRefused),
        Fact::NotYet => Finding::NotYet,
    }
}
