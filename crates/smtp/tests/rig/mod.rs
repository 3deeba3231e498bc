//! A driver without sockets and a handler without judgement, for tests of the server's dialogue.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mail::{Domain, EnhancedCode, Mechanism, Mechanisms, Reply, Tolerances};
use smtp::server::{Answer, AuthOffer, CloseReason, Dialect, Question, Server, ServerConfig, Step, Transport};

/// What a test begins with.
pub struct Setting {
    pub config: ServerConfig,
    pub transport: Transport,
    /// What the client's address has tolerated.
    pub tolerances: Tolerances,
    /// The mechanisms that the handler says are of use; all that are offered where it says nothing.
    pub usable: Option<Mechanisms>,
}

impl Setting {
    pub fn new(dialect: Dialect) -> Self {
        let mut config = ServerConfig::new(Domain::parse("gate.example.edu").unwrap());
        config.dialect = dialect;
        config.timeouts.error_delay = Duration::ZERO;
        Self {
            config,
            transport: Transport::Clear,
            tolerances: Tolerances::NONE,
            usable: None,
        }
    }

    pub fn with_auth(mut self) -> Self {
        self.config.offer.auth = AuthOffer::UnderTls([Mechanism::Plain, Mechanism::Login].into());
        self
    }
}

/// One client, its connection and the handler behind it.
pub struct Rig {
    pub server: Server,
    pub now: Duration,
    input: BytesMut,
    tolerances: Tolerances,
    usable: Option<Mechanisms>,
    /// What the client has been sent and has not read yet.
    pub output: Vec<u8>,
    /// Questions, events and steps as they came.
    pub log: Vec<String>,
    /// The body that is coming in, or the last that came.
    pub body: Vec<u8>,
    /// Every body that came to its end.
    pub letters: Vec<Vec<u8>>,
    /// Answers for the next questions of a kind, instead of the usual.
    pub answers: VecDeque<(String, Answer)>,
    pub closed: Option<CloseReason>,
    pub starting_tls: bool,
    /// A client that does not read: output stays where it is.
    pub deaf: bool,
    login_user: Option<Vec<u8>>,
}

impl Rig {
    pub fn new(setting: Setting) -> Self {
        let now = Duration::from_secs(1000);
        let server = Server::new(Arc::new(setting.config), setting.transport, now);
        Self {
            server,
            now,
            input: BytesMut::new(),
            tolerances: setting.tolerances,
            usable: setting.usable,
            output: Vec::new(),
            log: Vec::new(),
            body: Vec::new(),
            letters: Vec::new(),
            answers: VecDeque::new(),
            closed: None,
            starting_tls: false,
            deaf: false,
            login_user: None,
        }
    }

    /// A rig past EHLO, its greeting read.
    pub fn greeted(setting: Setting) -> Self {
        let mut rig = Self::new(setting);
        rig.send(b"EHLO client.example.com\r\n");
        rig.output.clear();
        rig.log.clear();
        rig
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        self.pump();
    }

    /// Sends one octet at a time.
    pub fn trickle(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.send(&[*octet]));
    }

    /// Everything said since the last time.
    pub fn said(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.output)).unwrap()
    }

    /// The codes of the replies said since the last time.
    pub fn codes(&mut self) -> Vec<u16> {
        let said = self.said();
        said.lines()
            .filter(|line| line.as_bytes().get(3) == Some(&b' '))
            .map(|line| line[..3].parse().unwrap())
            .collect()
    }

    pub fn eof(&mut self) {
        self.server.handle_eof();
        self.pump();
    }

    pub fn tls(&mut self) {
        assert!(std::mem::take(&mut self.starting_tls), "no handshake was asked for");
        assert!(self.input.is_empty(), "octets would cross into TLS");
        self.server.tls_established(self.now);
        self.pump();
    }

    pub fn shut_down(&mut self) {
        self.server.shut_down(self.now);
        self.pump();
    }

    /// Lets time pass, ringing every timer on the way.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            match self
                .server
                .deadline()
                .filter(|(at, _)| *at <= end && self.closed.is_none())
            {
                Some((at, _)) => {
                    self.now = self.now.max(at);
                    self.server.handle_timeout(self.now);
                    self.pump();
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("a timer that never stops ringing");
    }

    pub fn pump(&mut self) {
        // A server that asks for ever is a bug of its own.
        for _ in 0..2_000_000 {
            if self.closed.is_some() {
                return;
            }
            match self.server.poll(&mut self.input, self.now) {
                Step::Wait => {
                    let output = self.server.output();
                    if self.deaf || output.is_empty() {
                        return;
                    }
                    self.output.extend_from_slice(&output.split());
                }
                Step::Ask(question) => {
                    self.log.push(format!("{question:?}"));
                    let answer = self.judge(question);
                    self.server.answer(answer, self.now);
                }
                Step::Body(octets) => self.body.extend_from_slice(&octets),
                Step::Event(event) => self.log.push(format!("{event:?}")),
                Step::StartTls => {
                    self.output.extend_from_slice(&self.server.output().split());
                    self.log.push("StartTls".into());
                    self.starting_tls = true;
                }
                Step::Close(reason) => {
                    self.output.extend_from_slice(&self.server.output().split());
                    self.log.push(format!("Close({reason:?})"));
                    self.closed = Some(reason);
                }
            }
        }
        panic!("the dialogue never waits");
    }

    fn judge(&mut self, question: Question) -> Answer {
        if matches!(question, Question::BodyEnd { .. }) {
            self.letters.push(self.body.clone());
        }
        let kind = format!("{question:?}").split(['(', ' ']).next().unwrap().to_owned();
        if self.answers.front().is_some_and(|(meant, _)| *meant == kind) {
            return self.answers.pop_front().unwrap().1;
        }
        match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, "gate.example.edu ESMTP"),
                tolerances: self.tolerances,
            },
            Question::Hello { .. } => match self.usable {
                Some(mechanisms) => Answer::Welcome { mechanisms },
                None => Answer::Reply(Reply::plain(250, "welcome")),
            },
            Question::Auth { mechanism, initial } => {
                self.login_user = None;
                match (mechanism, initial) {
                    (Mechanism::Plain, Some(initial)) => self.check_plain(&initial),
                    (Mechanism::Plain, None) => Answer::AuthChallenge(Vec::new()),
                    (Mechanism::Login, Some(user)) => {
                        self.login_user = Some(user);
                        Answer::AuthChallenge(b"Password:".to_vec())
                    }
                    _ => Answer::AuthChallenge(b"Username:".to_vec()),
                }
            }
            Question::AuthResponse(response) if response.contains(&0) => self.check_plain(&response),
            Question::AuthResponse(response) => match self.login_user.take() {
                None => {
                    self.login_user = Some(response);
                    Answer::AuthChallenge(b"Password:".to_vec())
                }
                Some(user) => self.check(&user, &response),
            },
            Question::AuthCancelled => answer(501, (5, 7, 0), "cancelled"),
            Question::Sender { .. } => answer(250, (2, 1, 0), "sender taken"),
            Question::Recipient { path, .. } => match path.mailbox().map(|mailbox| mailbox.local().as_str()) {
                Some("nobody") => answer(550, (5, 1, 1), "no such user"),
                Some("later") => answer(450, (4, 2, 0), "not now"),
                _ => answer(250, (2, 1, 5), "recipient taken"),
            },
            Question::BodyBegin { .. } => {
                self.body.clear();
                Answer::Proceed
            }
            Question::BodyEnd { .. } => answer(250, (2, 6, 0), "taken"),
            Question::Refusal(violation) => {
                let mut reply = violation.reply;
                reply.text = format!("{} [{}]", reply.text, violation.reason).into();
                Answer::Reply(reply)
            }
        }
    }

    fn check_plain(&self, response: &[u8]) -> Answer {
        let mut parts = response.split(|octet| *octet == 0).skip(1);
        self.check(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }

    fn check(&self, user: &[u8], password: &[u8]) -> Answer {
        if (user, password) == (b"user", b"secret") {
            let reply = Reply::new(235, EnhancedCode::new(2, 7, 0), "welcome");
            Answer::Authenticated {
                reply,
                tolerances: self.tolerances,
            }
        } else {
            answer(535, (5, 7, 8), "wrong")
        }
    }
}

pub fn answer(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Answer {
    let (class, subject, detail) = enhanced;
    Answer::Reply(Reply::new(code, EnhancedCode::new(class, subject, detail), text))
}
