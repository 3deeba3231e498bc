use super::*;

fn reply(code: u16, enhanced: Option<(u8, u16, u16)>) -> Reply {
    Reply {
        code,
        enhanced: enhanced.map(|(a, b, c)| EnhancedCode::new(a, b, c)),
        text: "said".into(),
    }
}

fn refused(stage: Stage, code: u16, enhanced: Option<(u8, u16, u16)>) -> (Fate, String) {
    let verdict = of_recipient(&RecipientOutcome::Refused(stage, reply(code, enhanced)), None);
    (verdict.fate, verdict.code.to_string())
}

#[test]
fn the_first_digit_decides_at_every_stage() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body, Stage::End] {
        assert_eq!(
            refused(stage, 450, Some((4, 2, 1))),
            (Fate::Deferred, "4.2.1".into()),
            "{stage}"
        );
        assert_eq!(refused(stage, 421, None), (Fate::Deferred, "4.0.0".into()), "{stage}");
        assert_eq!(
            refused(stage, 550, Some((5, 1, 1))),
            (Fate::Failed, "5.1.1".into()),
            "{stage}"
        );
        assert_eq!(refused(stage, 554, None), (Fate::Failed, "5.0.0".into()), "{stage}");
    }
    assert_eq!(
        refused(Stage::Local, 554, Some((5, 6, 7))),
        (Fate::Failed, "5.6.7".into())
    );
    let delivered = of_recipient(&RecipientOutcome::Delivered(reply(250, Some((2, 1, 5)))), None);
    assert_eq!(
        (delivered.fate, delivered.code.to_string()),
        (Fate::Delivered, "2.1.5".into())
    );
}

#[test]
fn too_many_recipients_is_no_failure_however_it_is_said() {
    assert_eq!(refused(Stage::Rcpt, 552, None).0, Fate::Deferred);
    assert_eq!(refused(Stage::Rcpt, 552, Some((5, 5, 3))).0, Fate::Deferred);
    assert_eq!(
        refused(Stage::Rcpt, 552, Some((5, 2, 2))).0,
        Fate::Failed,
        "a full mailbox"
    );
    assert_eq!(refused(Stage::End, 552, None).0, Fate::Failed, "a message too large");
    assert!(is_too_many(Stage::Rcpt, &reply(452, Some((4, 5, 3)))));
    assert!(!is_too_many(Stage::Rcpt, &reply(452, Some((4, 3, 1)))));
}

#[test]
fn silence_is_never_a_failure_nor_a_delivery() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body, Stage::End] {
        assert_eq!(
            of_recipient(&RecipientOutcome::Unanswered(stage), None).fate,
            Fate::Deferred
        );
    }
}

#[test]
fn failures_of_a_connection_defer_except_where_the_host_takes_no_mail() {
    let table = [
        (
            Failure::Greeting(reply(521, None)),
            Fate::Failed,
            "5.3.2",
            Pressure::Throttle,
        ),
        (
            Failure::Greeting(reply(554, Some((5, 7, 1)))),
            Fate::Deferred,
            "4.3.2",
            Pressure::Unreachable,
        ),
        (
            Failure::Greeting(reply(421, Some((4, 7, 0)))),
            Fate::Deferred,
            "4.7.0",
            Pressure::Throttle,
        ),
        (
            Failure::Hello(reply(550, None)),
            Fate::Deferred,
            "4.3.2",
            Pressure::Unreachable,
        ),
        (
            Failure::Closing(reply(421, None)),
            Fate::Deferred,
            "4.3.2",
            Pressure::Throttle,
        ),
        (
            Failure::Reset(reply(500, None)),
            Fate::Deferred,
            "4.5.0",
            Pressure::None,
        ),
        (Failure::TlsNotOffered, Fate::Deferred, "4.7.4", Pressure::Unreachable),
        (
            Failure::TlsRefused(reply(454, None)),
            Fate::Deferred,
            "4.7.4",
            Pressure::Unreachable,
        ),
        (
            Failure::Auth(reply(535, None)),
            Fate::Deferred,
            "4.7.8",
            Pressure::Unreachable,
        ),
        (Failure::AuthNotOffered, Fate::Deferred, "4.7.4", Pressure::Unreachable),
        (Failure::AuthNeedsTls, Fate::Deferred, "4.7.4", Pressure::Unreachable),
        (
            Failure::Timeout(ClientTimer::Greeting),
            Fate::Deferred,
            "4.4.1",
            Pressure::Unreachable,
        ),
        (
            Failure::Timeout(ClientTimer::End),
            Fate::Deferred,
            "4.4.2",
            Pressure::Unreachable,
        ),
        (Failure::Lost, Fate::Deferred, "4.4.2", Pressure::Unreachable),
        (
            Failure::Protocol("unasked-reply"),
            Fate::Deferred,
            "4.5.0",
            Pressure::Unreachable,
        ),
    ];
    for (failure, fate, code, pressure) in table {
        let setback = of_failure(&failure);
        assert_eq!((setback.verdict.fate, setback.pressure), (fate, pressure), "{failure}");
        assert_eq!(setback.verdict.code.to_string(), code, "{failure}");
    }
}

#[test]
fn only_words_of_the_peer_ask_for_less() {
    let of = |code, enhanced| of_recipient(&RecipientOutcome::Refused(Stage::Rcpt, reply(code, enhanced)), None);
    assert!(of(421, None).asks_for_less());
    assert!(of(450, Some((4, 7, 1))).asks_for_less());
    assert!(!of(450, Some((4, 2, 1))).asks_for_less());
    assert!(!of(550, Some((5, 7, 1))).asks_for_less());
    assert!(!of_tls("mx.example", "expired").verdict.asks_for_less());
}

#[test]
fn one_host_that_may_come_back_keeps_the_message() {
    let gone = || of_failure(&Failure::Greeting(reply(521, None)));
    let ill = || of_failure(&Failure::Lost);
    assert_eq!(weigh(Some(ill()), gone()), ill());
    assert_eq!(weigh(Some(gone()), ill()), ill());
    assert_eq!(weigh(None, gone()), gone());
}

#[test]
fn what_expires_keeps_the_reason_of_the_last_try() {
    let last = of_failure(&Failure::Lost).verdict;
    assert_eq!(Verdict::expired(&last).code.to_string(), "4.4.2");
    let vague = of_recipient(&RecipientOutcome::Refused(Stage::Rcpt, reply(450, None)), None);
    let expired = Verdict::expired(&vague);
    assert_eq!((expired.fate, expired.code.to_string()), (Fate::Failed, "4.4.7".into()));
}
