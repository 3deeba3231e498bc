//! What each command does, and when it may come.

use std::borrow::Cow;

use mail::{EnhancedCode, Reply};

use super::{
    AuthOffer, BodyVia, CloseReason, Counts, Dialect, HelloVerb, Pending, Phase, Question, Server, Step, Transaction,
    Violation, violation,
};
use crate::command::{
    Fault, Grammar, Verb, auth_arguments, bdat_arguments, hello_name, mail_arguments, rcpt_arguments, split_verb,
};

/// A chunk smaller than this moves so little that it counts as an idle command, unless it is the last.
const TINY_CHUNK_OCTETS: u64 = 1024;

/// 250 2.0.0
pub(super) fn done(text: &'static str) -> Reply {
    Reply::new(250, EnhancedCode::new(2, 0, 0), text)
}

impl Server {
    /// Carries out one line; `behind` says whether octets came behind it. `None` when the dialogue goes on by itself.
    pub(super) fn command(&mut self, line: &[u8], octets: usize, behind: bool) -> Option<Step> {
        let text = match readable(line, self.config.dialect) {
            Ok(text) => text,
            Err(fault) => return self.refused(violation::syntax(fault)),
        };
        let (verb, arguments) = split_verb(text.trim_end_matches(' '));
        if self.line_is_too_long(verb, octets) {
            return self.refused(violation::line_too_long());
        }
        if !matches!(verb, Verb::Rcpt | Verb::Data | Verb::Bdat) {
            self.session.mail_refused = false;
        }
        match verb {
            Verb::Helo => self.hello(HelloVerb::Helo, arguments),
            Verb::Ehlo => self.hello(HelloVerb::Ehlo, arguments),
            Verb::Mail => self.mail(arguments),
            Verb::Rcpt => self.rcpt(arguments),
            Verb::Data => self.data(arguments, behind),
            Verb::Bdat => self.bdat(arguments),
            Verb::Auth => self.auth(arguments),
            Verb::StartTls => self.start_tls(arguments, behind),
            Verb::Rset => self.rset(arguments),
            Verb::Noop => self.idle(&done("Nothing done")),
            Verb::Vrfy => self.vrfy(arguments),
            Verb::Help => self.idle(&Reply::new(
                214,
                EnhancedCode::new(2, 0, 0),
                "This is SMTP as of RFC 5321",
            )),
            Verb::Quit => self.quit(arguments),
            Verb::NotCarriedOut => self.refused(violation::not_carried_out()),
            Verb::Http => self.refused(violation::http()),
            Verb::Unknown => self.refused(violation::unknown_command()),
        }
    }

    fn refused(&mut self, violation: Violation) -> Option<Step> {
        self.refuse(violation);
        None
    }

    fn grammar(&self) -> Grammar<'_> {
        Grammar {
            dialect: self.config.dialect,
            offer: &self.config.offer,
            smtputf8: self
                .transaction
                .as_ref()
                .is_some_and(|transaction| transaction.smtputf8),
        }
    }

    /// Says a reply to a command that moves nothing; too many of those are errors.
    fn idle(&mut self, reply: &Reply) -> Option<Step> {
        self.say(reply);
        self.note_idle();
        None
    }

    fn note_idle(&mut self) {
        self.session.idle_commands = self.session.idle_commands.saturating_add(1);
        if self.session.idle_commands > self.config.limits.idle_commands {
            self.session.errors = self.session.errors.saturating_add(1);
            self.check_errors();
        }
    }

    fn hello(&mut self, verb: HelloVerb, arguments: &str) -> Option<Step> {
        match hello_name(arguments, verb == HelloVerb::Helo, self.grammar()) {
            Ok(name) => {
                self.note_idle();
                Some(self.ask(Pending::Hello { verb }, Question::Hello { verb, name }))
            }
            Err(fault) => self.refused(violation::syntax(fault)),
        }
    }

    fn mail(&mut self, arguments: &str) -> Option<Step> {
        if let Some(violation) = self.mail_is_out_of_order() {
            self.session.mail_refused = true;
            return self.refused(violation);
        }
        match mail_arguments(arguments, self.grammar()) {
            Ok((path, params)) => {
                let smtputf8 = params.smtputf8;
                Some(self.ask(Pending::Sender { smtputf8 }, Question::Sender { path, params }))
            }
            Err(fault) => {
                self.session.mail_refused = true;
                self.refused(violation::syntax(fault))
            }
        }
    }

    fn mail_is_out_of_order(&self) -> Option<Violation> {
        let session = &self.session;
        let messages_max = self.config.limits.messages;
        if session.hello.is_none() {
            Some(violation::sequence("EHLO or HELO comes first"))
        } else if self.config.tls_required && !session.secure {
            Some(violation::tls_required())
        } else if self.config.auth_required && !session.authenticated {
            Some(violation::auth_required())
        } else if self.transaction.is_some() {
            Some(violation::sequence("MAIL was already given; RSET takes it back"))
        } else if messages_max.is_some_and(|most| session.messages >= most) {
            Some(violation::too_many_messages())
        } else {
            None
        }
    }

    fn rcpt(&mut self, arguments: &str) -> Option<Step> {
        let limits = &self.config.limits;
        let Some(transaction) = &mut self.transaction else {
            return self.refused_in_group(violation::sequence("MAIL comes first"));
        };
        if transaction.chunked.is_some() {
            return self.refused(violation::sequence("The message has begun; recipients come before it"));
        }
        if transaction.recipients_accepted >= limits.recipients {
            transaction.recipients_beyond = transaction.recipients_beyond.saturating_add(1);
            let forgiven = transaction.recipients_beyond <= limits.recipient_overshoot;
            let counts = if forgiven { Counts::Not } else { Counts::AsError };
            self.refuse_counting(violation::too_many_recipients(), counts);
            return None;
        }
        transaction.recipients_asked = transaction.recipients_asked.saturating_add(1);
        match rcpt_arguments(arguments, self.grammar()) {
            Ok((path, params)) => Some(self.ask(Pending::Recipient, Question::Recipient { path, params })),
            Err(fault) => self.refused(violation::syntax(fault)),
        }
    }

    fn data(&mut self, arguments: &str, behind: bool) -> Option<Step> {
        let refusal = if arguments.is_empty() {
            self.body_is_out_of_order(BodyVia::Data)
        } else {
            Some(violation::syntax(Fault::Arguments("DATA stands alone")))
        };
        match refusal {
            // What is behind was sent as a letter; it must not be read as commands.
            Some(violation) if behind => self.refused(Violation {
                fatal: true,
                ..violation
            }),
            Some(violation) => self.refused_in_group(violation),
            None => Some(self.ask(
                Pending::DataBegin { pipelined: behind },
                Question::BodyBegin { via: BodyVia::Data },
            )),
        }
    }

    fn bdat(&mut self, arguments: &str) -> Option<Step> {
        if !self.config.offer.chunking {
            return self.refused(violation::chunking_not_offered());
        }
        let Some((size, last)) = bdat_arguments(arguments) else {
            return self.refused(violation::bad_chunk());
        };
        if size < TINY_CHUNK_OCTETS && !last {
            self.note_idle();
        }
        if let Some(refusal) = self.body_is_out_of_order(BodyVia::Bdat) {
            self.refuse_chunk(size, refusal);
            return None;
        }
        let transaction = self.transaction.as_mut()?;
        let before = transaction.chunked.as_ref().map_or(0, |body| body.octets());
        if before.saturating_add(size) > self.config.offer.size_max {
            self.reset_transaction();
            self.session.mail_refused = true;
            self.refuse_chunk(size, violation::too_big());
            return None;
        }
        match transaction.chunked.take() {
            Some(body) => {
                self.clock.resume_body();
                self.phase = Phase::Chunk { body, left: size, last };
                None
            }
            None => Some(self.ask(
                Pending::ChunkBegin { size, last },
                Question::BodyBegin { via: BodyVia::Bdat },
            )),
        }
    }

    fn body_is_out_of_order(&self, via: BodyVia) -> Option<Violation> {
        let Some(transaction) = &self.transaction else {
            return Some(violation::sequence("MAIL and RCPT come first"));
        };
        if via == BodyVia::Data && transaction.chunked.is_some() {
            return Some(violation::sequence("The message began with BDAT and ends with BDAT"));
        }
        if transaction.recipients_accepted > 0 {
            None
        } else if transaction.recipients_asked > 0 {
            Some(violation::no_recipients())
        } else {
            Some(violation::sequence("RCPT comes first"))
        }
    }

    /// Refuses a command of a group whose beginning was refused: that was one error, not several.
    fn refused_in_group(&mut self, violation: Violation) -> Option<Step> {
        let counts = self.counts_in_group();
        self.refuse_counting(violation, counts);
        if counts == Counts::Not {
            self.note_idle_quietly();
        }
        None
    }

    pub(super) fn counts_in_group(&self) -> Counts {
        let none_accepted = self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.recipients_asked > 0 && transaction.recipients_accepted == 0);
        if self.session.mail_refused || none_accepted {
            Counts::Not
        } else {
            Counts::AsError
        }
    }

    /// As [`Server::note_idle`], while a refusal is on its way: the next one finds the errors counted.
    fn note_idle_quietly(&mut self) {
        self.session.idle_commands = self.session.idle_commands.saturating_add(1);
        if self.session.idle_commands > self.config.limits.idle_commands {
            self.session.errors = self.session.errors.saturating_add(1);
        }
    }

    fn auth(&mut self, arguments: &str) -> Option<Step> {
        if self.config.offer.auth == AuthOffer::Never {
            return self.refused(violation::auth_not_offered());
        }
        if !self.session.secure {
            return self.refused(violation::auth_needs_tls());
        }
        if let Some(violation) = self.auth_is_out_of_order() {
            return self.refused(violation);
        }
        match auth_arguments(arguments, self.session.mechanisms) {
            Ok(auth) => {
                let question = Question::Auth {
                    mechanism: auth.mechanism,
                    initial: auth.initial,
                };
                Some(self.ask(Pending::Auth, question))
            }
            Err(fault) => self.refused(violation::syntax(fault)),
        }
    }

    fn auth_is_out_of_order(&self) -> Option<Violation> {
        let greeted = match self.session.hello {
            Some(HelloVerb::Ehlo) => true,
            Some(HelloVerb::Helo) => self.config.dialect == Dialect::Lenient,
            None => false,
        };
        if !greeted {
            Some(violation::sequence("EHLO comes first"))
        } else if self.session.authenticated {
            Some(violation::sequence("Already logged in"))
        } else if self.transaction.is_some() {
            Some(violation::sequence("AUTH comes before MAIL"))
        } else {
            None
        }
    }

    fn start_tls(&mut self, arguments: &str, behind: bool) -> Option<Step> {
        if behind {
            return self.refused(violation::starttls_injection());
        }
        if !arguments.is_empty() {
            return self.refused(violation::syntax(Fault::Arguments("STARTTLS stands alone")));
        }
        if self.session.secure {
            return self.refused(violation::sequence("This is already under TLS"));
        }
        if !self.session.may_start_tls(&self.config) {
            return self.refused(violation::starttls_not_offered());
        }
        if self.transaction.is_some() {
            return self.refused(violation::sequence("STARTTLS comes before MAIL"));
        }
        self.say(&Reply::new(
            220,
            EnhancedCode::new(2, 0, 0),
            "Go ahead with the handshake",
        ));
        self.phase = Phase::Handshake;
        Some(Step::StartTls)
    }

    fn rset(&mut self, arguments: &str) -> Option<Step> {
        if !arguments.is_empty() && self.config.dialect == Dialect::Strict {
            return self.refused(violation::syntax(Fault::Arguments("RSET stands alone")));
        }
        self.reset_transaction();
        self.idle(&done("Forgotten"))
    }

    fn vrfy(&mut self, arguments: &str) -> Option<Step> {
        if arguments.is_empty() {
            return self.refused(violation::syntax(Fault::Arguments("VRFY is followed by an address")));
        }
        // The same to everybody and of everything (RFC 5321 §3.5.3).
        self.idle(&Reply::new(252, EnhancedCode::new(2, 1, 5), "Send it and see"))
    }

    fn quit(&mut self, arguments: &str) -> Option<Step> {
        if !arguments.is_empty() && self.config.dialect == Dialect::Strict {
            return self.refused(violation::syntax(Fault::Arguments("QUIT stands alone")));
        }
        self.say(&Reply::new(221, EnhancedCode::new(2, 0, 0), "Goodbye"));
        self.close(CloseReason::Quit);
        None
    }

    pub(super) fn begin_transaction(&mut self, smtputf8: bool) {
        self.session.swallowed = 0;
        self.transaction = Some(Transaction {
            smtputf8,
            ..Transaction::default()
        });
    }
}

/// The line as text: no control characters, and UTF-8. The lenient dialect takes a tab for a blank, and a name in whatever
/// charset behind HELO and EHLO.
fn readable(line: &[u8], dialect: Dialect) -> Result<Cow<'_, str>, Fault> {
    // Almost every line is printable US-ASCII, and needs no closer look.
    if line.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return std::str::from_utf8(line)
            .map(Cow::Borrowed)
            .map_err(|_| Fault::BadCharacter);
    }
    let lenient = dialect == Dialect::Lenient;
    let is_hello = line
        .get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case(b"EHLO") || verb.eq_ignore_ascii_case(b"HELO"));
    let text = match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) if lenient && is_hello => String::from_utf8_lossy(line),
        Err(_) => return Err(Fault::BadCharacter),
    };
    let text = if lenient && text.contains('\t') {
        Cow::Owned(text.replace('\t', " "))
    } else {
        text
    };
    if text.chars().any(char::is_control) {
        Err(Fault::BadCharacter)
    } else {
        Ok(text)
    }
}
