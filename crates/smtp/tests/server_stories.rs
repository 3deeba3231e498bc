//! What text files cannot tell well: long lines, deaf clients, clumsy handlers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod rig;

use std::time::Duration;

use mail::{EnhancedCode, Reply, Tolerances};
use rig::{Rig, Setting, answer};
use smtp::server::{Answer, CloseReason, Dialect, Timer, Transport};

const ENVELOPE: &[u8] = b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n";

fn body_of(rig: &mut Rig, text: &[u8]) -> Vec<u16> {
    rig.send(ENVELOPE);
    rig.codes();
    rig.send(text);
    rig.send(b".\r\n");
    rig.codes()
}

#[test]
fn a_line_of_998_octets_is_taken_and_one_of_999_is_refused_without_closing() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    let line = |length: usize| [vec![b'l'; length], b"\r\n".to_vec()].concat();
    assert_eq!(body_of(&mut rig, &line(998)), [250]);
    assert_eq!(body_of(&mut rig, &line(999)), [554]);
    assert!(rig.log.iter().any(|entry| entry == "TransactionReset"));
    assert_eq!(body_of(&mut rig, &line(4 << 20)), [554]);
    assert_eq!(body_of(&mut rig, b"short\r\n"), [250]);
    assert!(rig.closed.is_none());
}

#[test]
fn a_long_line_in_a_chunk_is_refused_and_the_next_command_is_found_behind_it() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 5000 LAST\r\n");
    rig.codes();
    rig.send(&[vec![b'x'; 4998], b"\r\nNOOP\r\n".to_vec()].concat());
    assert_eq!(rig.codes(), [554, 250]);
}

#[test]
fn tolerated_long_lines_are_folded_in_the_header_and_broken_in_the_body() {
    let mut setting = Setting::new(Dialect::Lenient);
    setting.tolerances = Tolerances {
        long_lines: true,
        ..Tolerances::NONE
    };
    let mut rig = Rig::greeted(setting);
    let text = format!(
        "X: {}\r\n\r\n{}\r\n.{}\r\n",
        "h".repeat(2500),
        "b".repeat(2000),
        "d".repeat(1000)
    );
    assert_eq!(body_of(&mut rig, text.as_bytes()), [250]);
    let letter = String::from_utf8(rig.letters.pop().unwrap()).unwrap();
    let lengths: Vec<usize> = letter.split("\r\n").map(str::len).collect();
    assert_eq!(lengths, [998, 998, 509, 0, 998, 998, 4, 998, 2, 0]);
    assert!(letter.contains("h\r\n h"));
    assert!(rig.log.iter().any(|entry| entry.contains("long_lines: 3")));
}

#[test]
fn a_dot_behind_a_broken_line_is_neither_an_end_nor_stuffed() {
    let mut setting = Setting::new(Dialect::Lenient);
    setting.tolerances = Tolerances {
        long_lines: true,
        ..Tolerances::NONE
    };
    let mut rig = Rig::greeted(setting);
    let text = format!("\r\n{}.\r\n", "b".repeat(998));
    assert_eq!(body_of(&mut rig, text.as_bytes()), [250]);
    assert_eq!(rig.letters[0], format!("\r\n{}\r\n.\r\n", "b".repeat(998)).as_bytes());
}

#[test]
fn a_command_line_is_as_long_as_its_extensions_make_it() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.send(format!("NOOP {}\r\n", "x".repeat(505)).as_bytes());
    assert_eq!(rig.codes(), [250]);
    rig.send(format!("NOOP {}\r\n", "x".repeat(506)).as_bytes());
    assert_eq!(rig.codes(), [500]);
    rig.send(format!("MAIL FROM:<{}@example.com>\r\n", "a".repeat(64)).as_bytes());
    assert_eq!(rig.codes(), [250]);
    rig.send(format!("RCPT TO:<{}@example.com>\r\n", "a".repeat(1000)).as_bytes());
    rig.send(b"NOOP\r\n");
    assert_eq!(rig.codes(), [500, 250]);
}

#[test]
fn a_command_line_that_never_ends_is_cut_off() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.send(&vec![b'x'; 60_000]);
    assert!(rig.closed.is_none());
    rig.send(&vec![b'x'; 60_000]);
    assert_eq!(rig.codes(), [500]);
    assert_eq!(rig.closed, Some(CloseReason::Violation("line-too-long")));
}

#[test]
fn an_auth_line_may_have_12288_octets() {
    let mut setting = Setting::new(Dialect::Strict).with_auth();
    setting.transport = Transport::ImplicitTls;
    let mut rig = Rig::greeted(setting);
    rig.send(format!("AUTH PLAIN {}\r\n", "A".repeat(12_288 - 13)).as_bytes());
    assert_eq!(rig.codes(), [535], "read, and put before the handler");
    rig.send(b"AUTH PLAIN\r\n");
    rig.send(format!("{}\r\n", "A".repeat(12_287)).as_bytes());
    let said = rig.said();
    assert!(said.starts_with("334 \r\n500 5.5.6 "), "{said}");
}

#[test]
fn a_client_that_does_not_read_is_given_no_more_to_read() {
    let mut setting = Setting::new(Dialect::Strict);
    setting.config.limits.idle_commands = u32::MAX;
    let mut rig = Rig::greeted(setting);
    rig.deaf = true;
    for _ in 0..50 {
        rig.send(&b"NOOP\r\n".repeat(1000));
        assert!(rig.server.output().len() < 17 * 1024);
    }
    assert!(!rig.server.wants_octets());
    rig.deaf = false;
    rig.pump();
    assert_eq!(
        rig.codes().len(),
        50_000,
        "what was sent is answered once there is room"
    );
}

#[test]
fn time_that_seems_to_go_back_is_not_believed() {
    use smtp::server::Server;
    let config = std::sync::Arc::new(Setting::new(Dialect::Strict).config);
    let mut rig = Rig::new(Setting::new(Dialect::Strict));
    rig.server = Server::new(config, Transport::Clear, Duration::from_secs(1000));
    rig.now = Duration::ZERO;
    rig.pump();
    let (at, timer) = rig.server.deadline().unwrap();
    assert_eq!((at, timer), (Duration::from_secs(1300), Timer::Command));
}

#[test]
fn no_octets_are_wanted_while_a_refusal_is_held_back() {
    let mut setting = Setting::new(Dialect::Strict);
    setting.config.timeouts.error_delay = Duration::from_secs(1);
    setting.config.limits.errors_soft = 0;
    let mut rig = Rig::greeted(setting);
    assert!(rig.server.wants_octets());
    rig.send(b"JUNK\r\n");
    assert!(!rig.server.wants_octets());
    rig.pass(Duration::from_secs(1));
    assert!(rig.server.wants_octets());
    assert_eq!(rig.codes(), [500]);
}

#[test]
fn a_client_that_never_reads_is_timed_out() {
    let mut setting = Setting::new(Dialect::Strict);
    setting.config.limits.output_octets = 100;
    let mut rig = Rig::greeted(setting);
    rig.deaf = true;
    rig.send(&b"NOOP\r\n".repeat(50));
    assert!(!rig.server.wants_octets());
    rig.pass(Duration::from_secs(300));
    assert_eq!(rig.closed, Some(CloseReason::Timeout(Timer::Command)));
}

#[test]
fn no_timer_runs_while_a_question_is_out() {
    use bytes::BytesMut;
    use smtp::server::{Question, Server, Step};
    let config = std::sync::Arc::new(Setting::new(Dialect::Strict).config);
    let mut server = Server::new(config, Transport::Clear, Duration::ZERO);
    let mut input = BytesMut::new();
    assert!(matches!(
        server.poll(&mut input, Duration::ZERO),
        Step::Ask(Question::Connect)
    ));
    assert_eq!(server.deadline(), None);
    server.handle_timeout(Duration::from_secs(1_000_000));
    assert!(matches!(server.poll(&mut input, Duration::ZERO), Step::Wait));
}

#[test]
fn an_answer_to_another_question_is_our_fault_and_ends_the_connection() {
    for wrong in [Answer::Proceed, Answer::AuthChallenge(Vec::new())] {
        let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
        rig.answers.push_back(("Sender".into(), wrong));
        rig.send(b"MAIL FROM:<a@b.c>\r\n");
        assert_eq!(rig.codes(), [421]);
        assert_eq!(rig.closed, Some(CloseReason::Internal));
    }
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.server.answer(Answer::Proceed, Duration::from_secs(1000));
    rig.pump();
    assert_eq!(rig.closed, Some(CloseReason::Internal));
}

#[test]
fn a_handler_cannot_turn_a_refusal_into_a_success() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.answers
        .push_back(("Refusal".into(), Answer::Reply(Reply::plain(250, "fine"))));
    rig.send(b"DATA\r\n");
    assert_eq!(rig.codes(), [503]);
}

#[test]
fn a_refused_connection_hears_why_and_is_closed() {
    let mut rig = Rig::new(Setting::new(Dialect::Strict));
    rig.answers
        .push_back(("Connect".into(), answer(554, (5, 7, 1), "not you")));
    rig.pump();
    assert_eq!(rig.codes(), [554]);
    assert_eq!(rig.closed, Some(CloseReason::Refused));
}

#[test]
fn a_message_refused_at_its_end_leaves_the_session_open() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.answers
        .push_back(("BodyEnd".into(), answer(451, (4, 3, 0), "not now")));
    assert_eq!(body_of(&mut rig, b"x\r\n"), [451]);
    assert_eq!(body_of(&mut rig, b"x\r\n"), [250]);
}

#[test]
fn tolerances_of_a_login_end_with_it_and_those_of_an_address_survive_tls() {
    let mut setting = Setting::new(Dialect::Lenient).with_auth();
    setting.config.offer.starttls = true;
    setting.tolerances = Tolerances {
        bare_lf: true,
        ..Tolerances::NONE
    };
    let mut rig = Rig::greeted(setting);
    rig.send(b"STARTTLS\n");
    rig.tls();
    rig.send(b"NOOP\n");
    assert_eq!(rig.codes(), [220, 250]);
}

#[test]
fn an_unfinished_handshake_is_closed_without_a_word() {
    let mut setting = Setting::new(Dialect::Lenient);
    setting.config.offer.starttls = true;
    let mut rig = Rig::greeted(setting);
    rig.send(b"STARTTLS\r\n");
    rig.codes();
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.said(), "");
    assert_eq!(rig.closed, Some(CloseReason::Timeout(Timer::Handshake)));
}

#[test]
fn a_body_that_keeps_the_rate_may_outlast_the_session_total() {
    let mut rig = Rig::greeted(Setting::new(Dialect::Strict));
    rig.send(ENVELOPE);
    rig.codes();
    for _ in 0..60 {
        rig.send(&b"0123456789\r\n".repeat(1000));
        rig.pass(Duration::from_secs(60));
    }
    rig.send(b".\r\n");
    assert_eq!(rig.codes(), [250]);
    for _ in 0..6 {
        rig.pass(Duration::from_secs(290));
        rig.send(b"NOOP\r\n");
    }
    assert!(rig.closed.is_none(), "an accepted message begins the total anew");
}

#[test]
fn secrets_of_auth_are_not_shown() {
    let mut setting = Setting::new(Dialect::Lenient).with_auth();
    setting.transport = Transport::ImplicitTls;
    let mut rig = Rig::greeted(setting);
    rig.send(b"AUTH LOGIN dXNlcg==\r\nc2VjcmV0\r\n");
    assert!(
        rig.log
            .iter()
            .all(|entry| !entry.contains("115") && !entry.contains("secret")),
        "{:?}",
        rig.log
    );
}

#[test]
fn who_is_put_off_again_and_again_is_sent_away_in_the_end() {
    let later = || Answer::Reply(Reply::new(450, EnhancedCode::new(4, 7, 1), "later"));
    for (kind, before, line) in [
        ("Sender", &b""[..], &b"MAIL FROM:<a@b.example>\r\n"[..]),
        (
            "Recipient",
            b"MAIL FROM:<a@b.example>\r\n",
            b"RCPT TO:<c@d.example>\r\n",
        ),
        ("Auth", b"", b"AUTH PLAIN AGEAYg==\r\n"),
    ] {
        let mut setting = Setting::new(Dialect::Lenient).with_auth();
        setting.transport = Transport::ImplicitTls;
        let mut rig = Rig::greeted(setting);
        rig.send(before);
        rig.codes();
        for _ in 0..1000 {
            rig.answers.push_back((kind.into(), later()));
            rig.send(line);
        }
        assert_eq!((rig.closed.is_none(), rig.codes()), (true, vec![450; 1000]), "{kind}");
        for _ in 0..20 {
            rig.answers.push_back((kind.into(), later()));
            rig.send(line);
        }
        assert_eq!(rig.codes().last(), Some(&421), "{kind}");
        assert!(rig.closed.is_some(), "{kind}");
    }
}

#[test]
fn chunks_behind_a_refused_mail_are_not_taken_forever() {
    let mut setting = Setting::new(Dialect::Strict);
    setting.config.limits.swallow_octets = 100 * 1024;
    let mut rig = Rig::greeted(setting);
    let mut chunk = b"BDAT 1024\r\n".to_vec();
    chunk.extend([b'x'; 1024]);
    rig.send(b"MAIL FROM:nonsense\r\n");
    for _ in 0..200 {
        rig.send(&chunk);
    }
    assert_eq!(rig.closed, Some(CloseReason::Violation("bad-sequence")));
    assert_eq!(rig.codes(), [&[501][..], &[503; 101]].concat());
}
