//! The life of a grant, row by row, and what holds for every life.

mod attested;
mod contacts;
mod imported;
mod invariants;
mod requests;
mod service;
mod table;
mod time;

use std::time::Duration;

use mail::Timestamp;

use super::*;
use crate::acknowledgement::{Signature, TextVersion};
use crate::calendar::Calendar;
use crate::case::Track;

const REQUEST: [u8; 32] = [7; 32];
/// A Monday.
const BEGIN: Timestamp = Timestamp::from_secs(1_767_600_000);

fn days(days: u32) -> Duration {
    due::DAY * days
}

/// One life, as it goes on.
#[derive(Clone, Debug)]
struct Life {
    case: Case,
    now: Timestamp,
    terms: Terms,
    calendar: Calendar,
    gaps: Vec<(Timestamp, Timestamp)>,
    /// The letters of the last step.
    told: Vec<(Notice, &'static [Audience])>,
}

impl Life {
    fn draft(track: Track) -> Self {
        let mut case = Case::draft(track, Person::new("ann@example.edu"), REQUEST, BEGIN);
        case.head = Some(Person::new("dean@example.edu"));
        Self {
            case,
            now: BEGIN,
            terms: Terms::default(),
            calendar: Calendar::default(),
            gaps: Vec::new(),
            told: Vec::new(),
        }
    }

    fn attempt(&mut self, actor: &Actor, event: &Event) -> Result<State, NoStep> {
        let step = step(&self.case, event, actor, self.now, &self.terms)?;
        self.case = step.case;
        self.told = step.notices;
        Ok(self.case.state)
    }

    #[track_caller]
    fn does(&mut self, actor: &Actor, event: Event) -> &mut Self {
        if let Err(why) = self.attempt(actor, &event) {
            panic!("{event:?} in {}: {why}", self.case.state);
        }
        self
    }

    #[track_caller]
    fn stands(&mut self, state: State, notices: &[Notice]) -> &mut Self {
        let told: Vec<Notice> = self.told.iter().map(|(notice, _)| *notice).collect();
        assert_eq!((self.case.state, told.as_slice()), (state, notices));
        self
    }

    /// Time goes by, an hour after the other; whatever comes due happens. Returns what did, with the day.
    fn wait(&mut self, time: Duration) -> Vec<(u64, Deadline)> {
        let (from, until) = (self.now, self.now.plus(time));
        let mut happened = Vec::new();
        while self.now < until {
            self.now = self.now.plus(Duration::from_secs(3600)).min(until);
            while let Some(deadline) = due(&self.case, self.now, &self.terms, &self.calendar, &self.gaps) {
                self.does(&Actor::rule(deadline.rule()), Event::Elapsed(deadline));
                happened.push((self.now.since(from).as_secs() / 86_400, deadline));
            }
        }
        happened
    }

    /// To a grant that is set up.
    fn provisioned(track: Track) -> Self {
        let mut life = Self::draft(track);
        life.does(&ann(), Event::Submit).does(
            &admin(),
            Event::Complete {
                until: BEGIN.plus(days(360)),
            },
        );
        if track == Track::Exception {
            life.does(&dean(), Event::Acknowledge(signature()));
        }
        if life.case.state == State::SecurityReview {
            life.does(&officer(), decision(Risk::Low, 360));
        }
        life.does(&Actor::rule("checks"), Event::Checked { red: Vec::new() });
        life
    }

    /// To a grant in use.
    fn active(track: Track) -> Self {
        let mut life = Self::provisioned(track);
        life.does(&gate(), mail());
        life
    }
}

fn ann() -> Actor {
    Actor::human("ann@example.edu", Role::Requestor)
}
fn owner() -> Actor {
    Actor::human("owner@example.edu", Role::Owner)
}
fn admin() -> Actor {
    Actor::human("postmaster@example.edu", Role::Admin)
}
fn dean() -> Actor {
    Actor::human("dean@example.edu", Role::Head)
}
fn officer() -> Actor {
    Actor::human("iso@example.edu", Role::Security)
}
fn gate() -> Actor {
    Actor::rule("gate")
}

fn mail() -> Event {
    Event::Accepted {
        message: "m1".into(),
        counts: true,
    }
}

fn decision(risk: Risk, for_days: u32) -> Event {
    Event::Decide {
        risk,
        controls: "pinned address and From".into(),
        until: BEGIN.plus(days(for_days)),
    }
}

fn signature() -> Signature {
    Signature {
        ticked: [true; 3],
        name: "Dean D. Dean".into(),
        words: TextVersion::current(),
        request: REQUEST,
    }
}

fn said(reason: &str) -> Box<str> {
    reason.into()
}
