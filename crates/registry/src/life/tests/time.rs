//! What time alone does.

use super::*;

#[test]
fn a_draft_is_put_away_after_thirty_days() {
    let mut life = Life::draft(Track::Authenticated);
    assert_eq!(life.wait(days(40)), [(30, Deadline::DraftForgotten)]);
    life.stands(State::Withdrawn, &[Notice::DraftForgotten]);
}

#[test]
fn a_question_waits_two_weeks() {
    let mut life = Life::draft(Track::Authenticated);
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Ask { what: said("?") });
    assert_eq!(
        life.wait(days(20)),
        [(7, Deadline::InformationReminder), (14, Deadline::InformationMissing)]
    );
    life.stands(State::Withdrawn, &[Notice::NoAnswer]);
}

#[test]
fn a_head_has_twenty_business_days() {
    let mut life = Life::draft(Track::Exception);
    let until = BEGIN.plus(days(300));
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until });
    // Weeks of five days, from a Monday.
    let expected = [
        (7, Deadline::HeadReminder),
        (14, Deadline::HeadReminderBoth),
        (28, Deadline::HeadSilent),
    ];
    assert_eq!(life.wait(days(40)), expected);
    life.stands(State::Withdrawn, &[Notice::NoAnswer]);
}

#[test]
fn what_was_set_up_and_never_used_is_suspended_after_ninety_days() {
    let mut life = Life::provisioned(Track::Authenticated);
    let expected = [
        (14, Deadline::UnusedReminder),
        (28, Deadline::UnusedReminder),
        (90, Deadline::Unused),
    ];
    assert_eq!(life.wait(days(100)), expected);
    life.stands(State::Suspended(Suspension::Unused), &[Notice::SuspendedUnused]);
}

/// A grant that was used once and whose end is far away.
fn idle() -> Life {
    let mut life = Life::active(Track::Authenticated);
    life.case.until = Some(BEGIN.plus(days(3_000)));
    life
}

#[test]
fn a_year_without_mail_is_asked_about_on_its_last_day_and_not_before() {
    let mut life = idle();
    assert_eq!(life.wait(days(364)), []);
    assert_eq!(idle_days(&life.case, life.now, &[]), 364);
    assert_eq!(life.wait(days(1)), [(0, Deadline::Idle)].map(|(_, what)| (1, what)));
    life.stands(State::IdleWarned, &[Notice::StillNeeded]);
    let mut kept = life.clone();
    kept.does(
        &ann(),
        Event::Keep {
            reason: said("every summer"),
        },
    )
    .stands(State::Active, &[Notice::Kept]);
    assert_eq!(kept.wait(days(364)), []);
    let mut used = life.clone();
    used.now = used.now.plus(days(1));
    used.does(&gate(), mail()).stands(State::Active, &[Notice::InUseAgain]);
    let answers = [
        (7, Deadline::IdleReminder),
        (14, Deadline::IdleReminder),
        (21, Deadline::IdleHeadTold),
        (30, Deadline::IdleUnanswered),
        (60, Deadline::IdleOver),
    ];
    assert_eq!(life.wait(days(61)), answers);
    life.stands(State::Revoked(Revocation::Idle), &[Notice::EndedIdle]);
}

#[test]
fn days_of_which_nothing_is_known_do_not_count() {
    let mut life = idle();
    let from = |day| BEGIN.plus(days(day));
    // Forty days, told as pieces that touch and overlap; and one day behind the year, which moves it once more.
    life.gaps = vec![
        (from(10), from(30)),
        (from(25), from(40)),
        (from(40), from(50)),
        (from(370), from(371)),
    ];
    assert_eq!(life.wait(days(405)), []);
    assert_eq!(life.wait(days(1)), [(1, Deadline::Idle)]);
    assert_eq!(idle_days(&life.case, life.now, &life.gaps), 365);
}

#[test]
fn a_season_is_longer_than_a_year() {
    let mut life = idle();
    life.case.seasonal = Some(400);
    assert_eq!(life.wait(days(399)), []);
    assert_eq!(life.wait(days(1)), [(1, Deadline::Idle)]);
}

#[test]
fn the_end_is_announced_five_times_and_is_exact() {
    let mut life = Life::active(Track::Authenticated);
    let happened = life.wait(days(359));
    assert_eq!(happened, [300, 330, 346, 353, 359].map(|day| (day, Deadline::EndNears)));
    life.stands(State::ReviewDue, &[Notice::EndNears]);
    let until = life.case.until.unwrap();
    life.now = until;
    assert!(life.case.admits_mail(until));
    assert_eq!(due(&life.case, until, &life.terms, &life.calendar, &[]), None);
    let after = Timestamp(until.0 + 1);
    assert!(!life.case.admits_mail(after), "whether or not anybody has looked");
    assert_eq!(
        due(&life.case, after, &life.terms, &life.calendar, &[]),
        Some(Deadline::Ended)
    );
    life.wait(days(1));
    life.stands(State::Expired, &[Notice::Ended]);
}

#[test]
fn what_was_missed_while_nobody_was_there_is_not_made_up_for_in_a_row() {
    // Two months pass in one step: the question is asked, and everything behind it waits its time.
    let mut life = idle();
    life.now = BEGIN.plus(days(430));
    let deadline = due(&life.case, life.now, &life.terms, &life.calendar, &[]).unwrap();
    life.does(&Actor::rule(deadline.rule()), Event::Elapsed(deadline))
        .stands(State::IdleWarned, &[Notice::StillNeeded]);
    assert_eq!(due(&life.case, life.now, &life.terms, &life.calendar, &[]), None);
    life.now = life.now.plus(days(20));
    for notices in [&[Notice::StillNeeded][..], &[]] {
        match due(&life.case, life.now, &life.terms, &life.calendar, &[]) {
            Some(deadline) => {
                life.does(&Actor::rule(deadline.rule()), Event::Elapsed(deadline));
                life.stands(State::IdleWarned, notices);
            }
            None => assert!(notices.is_empty()),
        }
    }
    // Of the letters before an end, only the one that fits is sent.
    let mut life = Life::active(Track::Authenticated);
    life.now = life.case.until.unwrap().minus(days(10));
    assert_eq!(life.wait(Duration::from_secs(3600)), [(0, Deadline::EndNears)]);
    assert_eq!(life.case.reminded.0, 3);
}

#[test]
fn the_next_thing_that_is_due_is_known_beforehand() {
    let life = Life::active(Track::Authenticated);
    let next = next_due(&life.case, &life.terms, &life.calendar, &[]);
    assert_eq!(next, Some((Deadline::EndNears, BEGIN.plus(days(300)))));
    let rejected = Case {
        state: State::Rejected,
        ..life.case
    };
    assert_eq!(next_due(&rejected, &life.terms, &life.calendar, &[]), None);
}
