//! Small worlds, tried out to the last: no order of commands reaches a body without what must come before it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod rig;

use rig::{Rig, Setting};
use smtp::server::{Dialect, Transport};

/// Commands, and what each does to the reference below.
const COMMANDS: [(&str, Act); 12] = [
    ("HELO c\r\n", Act::Hello),
    ("EHLO c\r\n", Act::Hello),
    ("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", Act::Auth),
    ("AUTH PLAIN AHVzZXIAbm8=\r\n", Act::Nothing),
    ("MAIL FROM:<a@b.c>\r\n", Act::Mail),
    ("RCPT TO:<d@e.f>\r\n", Act::Rcpt),
    ("RCPT TO:<nobody@e.f>\r\n", Act::Nothing),
    ("DATA\r\n", Act::Body),
    ("BDAT 0 LAST\r\n", Act::Body),
    ("RSET\r\n", Act::Reset),
    ("NOOP\r\n", Act::Nothing),
    ("JUNK\r\n", Act::Nothing),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Hello,
    Auth,
    Mail,
    Rcpt,
    Body,
    Reset,
    Nothing,
}

/// A second, simpler telling of RFC 5321 §4.1.4.
#[derive(Default)]
struct Reference {
    hello: bool,
    auth: bool,
    sender: bool,
    recipients: u32,
}

impl Reference {
    /// Whether a body may begin with this act.
    fn act(&mut self, act: Act, auth_required: bool) -> bool {
        match act {
            Act::Hello => {
                self.hello = true;
                self.sender = false;
                self.recipients = 0;
            }
            Act::Auth if self.hello && !self.sender => self.auth = true,
            Act::Mail if self.hello && !self.sender && (self.auth || !auth_required) => self.sender = true,
            Act::Rcpt if self.sender => self.recipients += 1,
            Act::Reset => {
                self.sender = false;
                self.recipients = 0;
            }
            Act::Body if self.recipients > 0 => {
                self.sender = false;
                self.recipients = 0;
                return true;
            }
            _ => {}
        }
        false
    }
}

fn setting(auth_required: bool) -> Setting {
    let mut setting = Setting::new(Dialect::Lenient).with_auth();
    setting.transport = Transport::ImplicitTls;
    setting.config.auth_required = auth_required;
    setting.config.limits.auth_failures = 100;
    setting
}

fn try_out(sequence: &[usize], auth_required: bool) {
    let mut rig = Rig::new(setting(auth_required));
    rig.pump();
    let mut reference = Reference::default();
    for command in sequence {
        let (line, act) = COMMANDS[*command];
        let may_begin = reference.act(act, auth_required);
        rig.log.clear();
        rig.send(line.as_bytes());
        let begun = rig.log.iter().any(|entry| entry.starts_with("BodyBegin"));
        let story = || sequence.iter().map(|command| COMMANDS[*command].0).collect::<String>();
        assert_eq!(begun, may_begin, "auth required: {auth_required}\n{}", story());
        if begun && line == "DATA\r\n" {
            rig.send(b".\r\n");
        }
        assert!(rig.closed.is_none(), "{}", story());
    }
}

fn every_sequence(commands: &[usize], length: usize, auth_required: bool) {
    let count = commands.len().pow(u32::try_from(length).unwrap());
    for number in 0..count {
        let mut rest = number;
        let sequence: Vec<usize> = (0..length)
            .map(|_| {
                let command = commands[rest % commands.len()];
                rest /= commands.len();
                command
            })
            .collect();
        try_out(&sequence, auth_required);
    }
}

#[test]
fn no_four_commands_reach_a_body_without_hello_sender_and_recipient() {
    let all: Vec<usize> = (0..COMMANDS.len()).collect();
    every_sequence(&all, 4, false);
}

#[test]
fn no_five_commands_reach_a_body_without_auth_where_it_is_required() {
    // EHLO, both AUTH, MAIL, RCPT, DATA, RSET: those that can matter.
    every_sequence(&[1, 2, 3, 4, 5, 7, 9], 5, true);
}

#[test]
fn five_commands_behind_a_recipient_keep_the_order_too() {
    // EHLO, MAIL, both RCPT, DATA, BDAT, RSET.
    every_sequence(&[1, 4, 5, 6, 7, 8, 9], 5, false);
}
