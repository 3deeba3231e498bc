//! From the greeting to Ready: EHLO, STARTTLS, AUTH.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use mail::{Reply, Severity};
use zeroize::Zeroizing;

use super::reply::{Charset, Lines};
use super::{Asked, Client, ClientStep, ClientTimer, Extensions, Failure, Phase, TlsDemand};

impl Client {
    pub(super) fn say_ehlo(&mut self, now: Duration) {
        let line = format!("EHLO {}", self.config.hello);
        self.say(Asked::Ehlo, &line, now);
    }

    pub(super) fn take_opening(&mut self, what: Asked, lines: Lines, now: Duration) {
        match (what, lines.code) {
            (Asked::Greeting, 220) => self.say_ehlo(now),
            (Asked::Ehlo, 250) => {
                self.extensions = Extensions::read(&lines);
                self.secure_or_log_in(now);
            }
            (Asked::Helo, 250) => self.secure_or_log_in(now),
            (_, 200..400) => self.fail(Failure::Protocol("unexpected-code")),
            (Asked::Greeting, _) => self.fail(Failure::Greeting(plain(lines))),
            (Asked::Ehlo, 500..) => self.fall_back_to_helo(lines, now),
            _ => self.fail(Failure::Hello(plain(lines))),
        }
    }

    /// A peer that knows no EHLO gets HELO (RFC 5321 §4.1.1.1), unless what we need exists in EHLO alone.
    fn fall_back_to_helo(&mut self, lines: Lines, now: Duration) {
        if !self.secure && self.config.tls == TlsDemand::Required {
            return self.fail(Failure::TlsNotOffered);
        }
        if self.config.login.is_some() {
            return self.fail(Failure::AuthNotOffered);
        }
        drop(lines);
        let line = format!("HELO {}", self.config.hello);
        self.say(Asked::Helo, &line, now);
    }

    fn secure_or_log_in(&mut self, now: Duration) {
        if !self.secure && self.config.tls != TlsDemand::Never {
            if self.extensions.starttls {
                return self.say(Asked::StartTls, "STARTTLS", now);
            }
            if self.config.tls == TlsDemand::Required {
                return self.fail(Failure::TlsNotOffered);
            }
        }
        self.log_in(now);
    }

    /// The answer to STARTTLS. `input` is what the peer sent behind it in the clear.
    pub(super) fn take_starttls(&mut self, reply: Reply, input: &BytesMut, now: Duration) {
        match (reply.code, reply.severity()) {
            (220, _) if !input.is_empty() => self.fail(Failure::Protocol("starttls-injection")),
            (220, _) => {
                self.phase = Phase::Handshake;
                let timer = ClientTimer::Handshake;
                self.deadline = Some((now.saturating_add(self.config.timeouts.of(timer)), timer));
                self.steps.push_back(ClientStep::StartTls);
            }
            (_, Severity::Success | Severity::Intermediate) => self.fail(Failure::Protocol("unexpected-code")),
            _ if self.config.tls == TlsDemand::Required => self.fail(Failure::TlsRefused(reply)),
            _ => self.log_in(now),
        }
    }

    fn log_in(&mut self, now: Duration) {
        let Some(login) = self.config.login.clone() else {
            return self.be_ready();
        };
        if !self.secure && !self.config.allow_clear_login {
            return self.fail(Failure::AuthNeedsTls);
        }
        if self.extensions.auth_plain {
            // RFC 4616 §2: authorisation identity (none), user, password.
            let message = Zeroizing::new(format!("\0{}\0{}", login.user(), login.password()));
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *encode(&message)));
            self.say(Asked::AuthPlain, &line, now);
        } else if self.extensions.auth_login {
            self.say(Asked::AuthLogin, "AUTH LOGIN", now);
        } else {
            self.fail(Failure::AuthNotOffered);
        }
    }

    pub(super) fn take_auth(&mut self, what: Asked, reply: Reply, now: Duration) {
        match (what, reply.code) {
            (Asked::AuthPlain | Asked::LoginPassword, 235) => self.be_ready(),
            (Asked::AuthLogin, 334) => self.say_credential(Asked::LoginUser, now),
            (Asked::LoginUser, 334) => self.say_credential(Asked::LoginPassword, now),
            // The mechanism is not known after all (RFC 4954 §4).
            (Asked::AuthPlain, 504) if self.extensions.auth_login => self.say(Asked::AuthLogin, "AUTH LOGIN", now),
            (_, 400..) => self.fail(Failure::Auth(reply)),
            _ => self.fail(Failure::Protocol("unexpected-code")),
        }
    }

    fn say_credential(&mut self, what: Asked, now: Duration) {
        let Some(login) = self.config.login.clone() else {
            return self.fail(Failure::AuthNotOffered);
        };
        let text = if what == Asked::LoginUser {
            login.user()
        } else {
            login.password()
        };
        let line = encode(text);
        self.say(what, &line, now);
    }

    pub(super) fn be_ready(&mut self) {
        self.phase = Phase::Ready;
        self.deadline = None;
        self.steps.push_back(ClientStep::Ready);
    }
}

fn encode(text: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(text.as_bytes()))
}

fn plain(lines: Lines) -> Reply {
    lines.into_reply(Charset::Ascii)
}
