//! The one function between facts and verdict.
//!
//! It first selects at most one basis (identity, else certificate, else address; never a union of several), then reads
//! only that grant and what is declared for everybody. Each condition is a small function in `checks.rs`; this file
//! holds the order in which they are asked.

use crate::basis::{Basis, FactDigest, Name, Permit, Standing};
use crate::checks::{self, Check, Finding};
use crate::facts::{Fact, LoginAnswer, Reader, RecipientForm};
use crate::model::{By, Grant, Listener, Role, Ungranted};
use crate::reason::Reason;
use crate::snapshot::Snapshot;

/// What becomes of one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Taken.
    Accept,
    /// Taken, and held until a new decision.
    Hold(Reason),
    /// Taken, and set aside for review.
    Quarantine(Reason),
    /// Not now; the client is to try again.
    Defer(Reason),
    /// No.
    Refuse(Reason),
}

impl Verdict {
    /// Whether the message is taken for this recipient.
    #[must_use]
    pub const fn accepts(self) -> bool {
        matches!(self, Self::Accept | Self::Hold(_) | Self::Quarantine(_))
    }
}

/// The ground a decision stands on, by index into the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ground {
    /// A grant.
    Grant(u32),
    /// An inbound route; `None` where a role address of an own domain has no route.
    Route(Option<u32>),
    /// A forward.
    Forward(u32),
}

/// A verdict with its reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the recipient, as far as is known.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// On what ground; present on every acceptance.
    pub ground: Option<Ground>,
    /// Whether every fact that was read is known; only such a decision becomes a permit.
    pub complete: bool,
}

impl Decision {
    /// The grant that was selected, whatever came of it.
    #[must_use]
    pub fn grant<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Grant> {
        match self.ground {
            Some(Ground::Grant(index)) => snapshot.grant(index),
            _ => None,
        }
    }

    /// The permit of an accepting decision on complete facts; `None` for every other.
    #[must_use]
    pub fn permit(&self, snapshot: &Snapshot, digest: FactDigest) -> Option<Permit> {
        let standing = match self.verdict {
            Verdict::Accept => Standing::Ready,
            Verdict::Hold(reason) => Standing::Held(reason),
            Verdict::Quarantine(reason) => Standing::Quarantined(reason),
            Verdict::Defer(_) | Verdict::Refuse(_) => return None,
        };
        self.permit_as(standing, snapshot, digest)
    }

    /// A permit for a recipient that was accepted at RCPT and is refused now, while others of the same message are
    /// accepted: SMTP has no reply for that, so it is set aside for review, and never delivered by itself.
    #[must_use]
    pub fn permit_aside(&self, snapshot: &Snapshot, digest: FactDigest) -> Option<Permit> {
        match self.verdict {
            Verdict::Defer(reason) | Verdict::Refuse(reason) => {
                self.permit_as(Standing::Quarantined(reason), snapshot, digest)
            }
            Verdict::Accept | Verdict::Hold(_) | Verdict::Quarantine(_) => None,
        }
    }

    fn permit_as(&self, standing: Standing, snapshot: &Snapshot, digest: FactDigest) -> Option<Permit> {
        if !self.complete {
            return None;
        }
        let basis = match self.ground? {
            Ground::Grant(index) => Basis::Grant(snapshot.grant(index)?.name.clone()),
            Ground::Route(Some(index)) => Basis::Route(snapshot.route(index)?.name.clone()),
            Ground::Route(None) => Basis::Route(Name::from("postmaster")),
            Ground::Forward(index) => Basis::Forward(snapshot.forward(index)?.name.clone()),
        };
        Some(Permit::new(
            basis,
            snapshot.generation(),
            snapshot.hash(),
            digest,
            standing,
        ))
    }
}

/// Writes down what judgement asked and found. The live one does nothing and costs nothing.
pub trait Trail {
    /// A condition was looked at.
    fn checked(&mut self, check: Check, finding: Finding);
}

/// Leaves no trail.
pub struct NoTrail;

impl Trail for NoTrail {
    fn checked(&mut self, _: Check, _: Finding) {}
}

/// Judges one recipient.
pub fn decide<R: Reader>(snapshot: &Snapshot, reader: &mut R) -> Decision {
    decide_with(snapshot, reader, &mut NoTrail)
}

/// Judges one recipient and writes down each condition looked at.
pub fn decide_with<R: Reader, T: Trail>(snapshot: &Snapshot, reader: &mut R, trail: &mut T) -> Decision {
    let mut case = Case {
        snapshot,
        reader,
        trail,
        ground: None,
        mark: None,
        complete: true,
    };
    let (verdict, reason) = match case.judge() {
        Ok(reason) => match case.mark {
            Some(marked @ (Verdict::Hold(why) | Verdict::Quarantine(why))) => (marked, why),
            _ => (Verdict::Accept, reason),
        },
        Err(Stop(verdict, reason)) => (verdict, reason),
    };
    Decision {
        verdict,
        reason,
        ground: case.ground,
        complete: case.complete,
    }
}

/// The end of a judgement that does not accept.
struct Stop(Verdict, Reason);

/// Whether the recipient is postmaster or abuse of ours.
enum RoleAddress {
    /// It is, and is taken.
    Taken,
    /// It is another.
    No,
    /// It is not named yet.
    NotYet,
}

/// One recipient under judgement.
struct Case<'c, R, T> {
    snapshot: &'c Snapshot,
    reader: &'c mut R,
    trail: &'c mut T,
    ground: Option<Ground>,
    mark: Option<Verdict>,
    complete: bool,
}

impl<'c, R: Reader, T: Trail> Case<'c, R, T> {
    fn judge(&mut self) -> Result<Reason, Stop> {
        let index = self.reader.listener();
        let Some(listener) = self.snapshot.listener(index) else {
            return Err(Stop(Verdict::Refuse(Reason::NoGrant), Reason::NoGrant));
        };
        self.look(Check::ClientInZone, |snapshot, reader| {
            checks::client_in_zone(snapshot, listener.zone.as_ref(), reader)
        })?;
        match listener.role {
            Role::Mx => self.front_gate(),
            Role::Submission | Role::Submissions => self.submission(),
            Role::Relay => self.relay(listener),
        }
    }

    /// Our own recipients and nothing else.
    fn front_gate(&mut self) -> Result<Reason, Stop> {
        match self.role_address()? {
            RoleAddress::No => {}
            RoleAddress::Taken => return Ok(Reason::RoleAddress),
            // postmaster hears everybody, so nobody is turned away before the recipient is named.
            RoleAddress::NotYet => return Ok(Reason::RouteTakes),
        }
        self.look(Check::RecipientForm, |_, reader| checks::recipient_form(reader))?;
        self.look(Check::SenderNotOurs, |snapshot, reader| {
            checks::sender_not_ours(snapshot, reader)
        })?;
        let forward = self.reader.recipient_forward(&self.snapshot.forwards);
        if let Some(Some(index)) = self.known(Check::Forward, forward)? {
            return self.forward(index);
        }
        let reason = self.own_recipient(Reason::NotOurDomain)?;
        self.content()?;
        Ok(reason)
    }

    fn forward(&mut self, index: u32) -> Result<Reason, Stop> {
        self.ground = Some(Ground::Forward(index));
        let Some(forward) = self.snapshot.forward(index) else {
            return Err(Stop(Verdict::Refuse(Reason::NoSuchRecipient), Reason::NoSuchRecipient));
        };
        self.look(Check::ForwardNotEnded, |_, reader| {
            checks::not_ended(forward.until, Reason::NoSuchRecipient, reader)
        })?;
        self.content()?;
        Ok(Reason::ForwardTakes)
    }

    /// postmaster and abuse of our own domains are reachable for everybody (RFC 5321 §4.5.1, RFC 2142).
    fn role_address(&mut self) -> Result<RoleAddress, Stop> {
        let form = self.reader.recipient_form();
        match self.known(Check::RoleAddress, form)? {
            Some(RecipientForm::Role) => {}
            Some(_) => return Ok(RoleAddress::No),
            None => return Ok(RoleAddress::NotYet),
        }
        let own = self.reader.recipient_domain_in(&self.snapshot.own);
        if self.known(Check::OwnDomain, own)? != Some(true) {
            return Ok(RoleAddress::No);
        }
        let route = self.reader.recipient_route(&self.snapshot.routes);
        let route = self.known(Check::Route, route)?.flatten();
        self.ground = Some(Ground::Route(route));
        self.look(Check::Hops, |_, reader| checks::hops(reader))?;
        Ok(RoleAddress::Taken)
    }

    /// A recipient that one of our routes takes and that exists.
    fn own_recipient(&mut self, otherwise: Reason) -> Result<Reason, Stop> {
        let route = self.reader.recipient_route(&self.snapshot.routes);
        match self.known(Check::Route, route)? {
            None => Ok(Reason::RouteTakes),
            Some(Some(index)) => {
                self.ground = Some(Ground::Route(Some(index)));
                self.recipient_exists(index)?;
                Ok(Reason::RouteTakes)
            }
            Some(None) => {
                let own = self.reader.recipient_domain_in(&self.snapshot.own);
                let reason = match self.known(Check::OwnDomain, own)? {
                    Some(true) => Reason::NoSuchRecipient,
                    _ => otherwise,
                };
                Err(Stop(Verdict::Refuse(reason), reason))
            }
        }
    }

    fn recipient_exists(&mut self, route: u32) -> Result<(), Stop> {
        match self.snapshot.route(route) {
            Some(route) => self.look(Check::RecipientExists, |_, reader| {
                checks::recipient_exists(route, reader)
            }),
            None => Ok(()),
        }
    }

    fn submission(&mut self) -> Result<Reason, Stop> {
        let login = self.reader.login(&self.snapshot.logins);
        match self.known(Check::Login, login)? {
            None => Ok(Reason::GrantAllows),
            Some(LoginAnswer::Grant(index)) => self.grant(index),
            Some(LoginAnswer::WithoutGrant) => self.refuse(Reason::LoginWithoutGrant),
            Some(LoginAnswer::None) => self.refuse(Reason::LoginRequired),
        }
    }

    fn relay(&mut self, listener: &Listener) -> Result<Reason, Stop> {
        let login = self.reader.login(&self.snapshot.logins);
        match self.known(Check::Login, login)? {
            Some(LoginAnswer::Grant(index)) => return self.grant(index),
            // Whoever logs in is judged by that login alone; an exception of the address does not mend it.
            Some(LoginAnswer::WithoutGrant) => return self.refuse(Reason::LoginWithoutGrant),
            Some(LoginAnswer::None) => {}
            // Whoever may yet log in is not judged by the address, neither for nor against.
            None => return Ok(Reason::GrantAllows),
        }
        let certificate = self.reader.certificate(&self.snapshot.certificates);
        match self.known(Check::Certificate, certificate)? {
            Some(Some(index)) => return self.grant(index),
            Some(None) => {}
            None => return Ok(Reason::GrantAllows),
        }
        let address = self.reader.address(&self.snapshot.addresses);
        match self.known(Check::AddressException, address)? {
            Some(Some(index)) => self.grant(index),
            Some(None) => self.ungranted(listener),
            None => Ok(Reason::GrantAllows),
        }
    }

    fn refuse(&self, reason: Reason) -> Result<Reason, Stop> {
        Err(Stop(Verdict::Refuse(reason), reason))
    }

    /// A relay listener may let our own machines reach our own recipients without a grant, and never more.
    fn ungranted(&mut self, listener: &Listener) -> Result<Reason, Stop> {
        if listener.ungranted == Ungranted::Deny {
            return self.refuse(Reason::NoGrant);
        }
        self.look(Check::ClientIsOurs, |snapshot, reader| {
            checks::client_is_ours(snapshot, reader)
        })?;
        self.look(Check::RecipientForm, |_, reader| checks::recipient_form(reader))?;
        self.look(Check::SenderIsOurs, |snapshot, reader| {
            checks::sender_is_ours(snapshot, reader)
        })?;
        let reason = self.own_recipient(Reason::NoGrant)?;
        self.content()?;
        Ok(reason)
    }

    /// Everything that binds the one selected grant.
    fn grant(&mut self, index: u32) -> Result<Reason, Stop> {
        self.ground = Some(Ground::Grant(index));
        let Some(grant) = self.snapshot.grant(index) else {
            return self.refuse(Reason::NoGrant);
        };
        for (check, look) in checks::of_grant::<R>() {
            let finding = look(self.snapshot, grant, self.reader);
            self.check(check, finding)?;
        }
        let form = self.reader.recipient_form();
        if self.known(Check::RecipientForm, form)? == Some(RecipientForm::Plain) {
            let route = self.reader.recipient_route(&self.snapshot.routes);
            if let Some(Some(route)) = self.known(Check::Route, route)? {
                self.recipient_exists(route)?;
            }
        }
        self.look(Check::Usage, |_, reader| checks::usage(grant, reader))?;
        if matches!(grant.by, By::Address(_)) {
            self.look(Check::MaskedSource, |_, reader| checks::masked(reader))?;
        }
        self.content()?;
        Ok(Reason::GrantAllows)
    }

    /// What holds for every message, once it is there.
    fn content(&mut self) -> Result<(), Stop> {
        self.look(Check::Hops, |_, reader| checks::hops(reader))?;
        self.look(Check::Content, |_, reader| checks::content(reader))
    }

    /// Looks at one condition.
    fn look(&mut self, check: Check, ask: impl FnOnce(&'c Snapshot, &mut R) -> Finding) -> Result<(), Stop> {
        let finding = ask(self.snapshot, self.reader);
        self.check(check, finding)
    }

    /// Notes a finding and stops where it says so. The first mark stays: it names the nearest trouble.
    fn check(&mut self, check: Check, finding: Finding) -> Result<(), Stop> {
        self.trail.checked(check, finding);
        match finding {
            Finding::Pass => Ok(()),
            Finding::NotYet => {
                self.complete = false;
                Ok(())
            }
            Finding::Mark(verdict) => {
                self.mark.get_or_insert(verdict);
                Ok(())
            }
            Finding::Stop(verdict, reason) => Err(Stop(verdict, reason)),
        }
    }

    /// The value of an authority fact: `None` where it is not known yet, a deferral where nobody can say.
    fn known<V>(&mut self, check: Check, fact: Fact<V>) -> Result<Option<V>, Stop> {
        match fact {
            Fact::Known(value) => {
                self.trail.checked(check, Finding::Pass);
                Ok(Some(value))
            }
            Fact::NotYet => {
                self.check(check, Finding::NotYet)?;
                Ok(None)
            }
            Fact::Unknown => {
                self.check(check, checks::UNKNOWN)?;
                Ok(None)
            }
        }
    }
}
