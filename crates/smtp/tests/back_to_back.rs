//! Our client and our server, back to back: what one says the other understands, and a body arrives as it left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mail::{
    BodyType, Domain, DsnReturn, EnhancedCode, ForwardPath, Host, MailParams, Mechanism, Notify, RcptParams, Reply,
    ReversePath, Tolerances,
};
use proptest::prelude::*;
use smtp::client::{
    Client, ClientConfig, ClientStep, Failure, Login, Outcome, RecipientOutcome, Stage, TlsDemand, Transaction,
};
use smtp::server::{Answer, AuthOffer, Question, Server, ServerConfig, Step, Transport};

const NOW: Duration = Duration::from_secs(1);

/// A wire between the two, cut into pieces.
struct Wire {
    client: Client,
    server: Server,
    to_client: BytesMut,
    to_server: BytesMut,
    /// Octets that pass at a time.
    piece: usize,
    taken: Vec<Taken>,
    current: Taken,
    steps: Vec<ClientStep>,
    logins: Vec<Vec<u8>>,
}

/// A message as the server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Taken {
    sender: Option<(ReversePath, MailParams)>,
    recipients: Vec<(ForwardPath, RcptParams)>,
    body: Vec<u8>,
}

impl Wire {
    fn new(client: ClientConfig, server: ServerConfig, piece: usize) -> Self {
        Self {
            client: Client::new(client, Transport::Clear, NOW),
            server: Server::new(Arc::new(server), Transport::Clear, NOW),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            piece,
            taken: Vec::new(),
            current: Taken::default(),
            steps: Vec::new(),
            logins: Vec::new(),
        }
    }

    /// Lets octets pass until nothing moves; both handshakes succeed at once. A body is written when asked for.
    fn run(&mut self, body: &[u8]) {
        loop {
            let server_moved = self.poll_server();
            let client_moved = self.poll_client(body);
            let passed = pass(self.server.output(), &mut self.to_client, self.piece)
                | pass(self.client.output(), &mut self.to_server, self.piece);
            if !(server_moved || client_moved || passed) {
                return;
            }
        }
    }

    fn poll_client(&mut self, body: &[u8]) -> bool {
        let step = self.client.poll(&mut self.to_client, NOW);
        match &step {
            ClientStep::Wait | ClientStep::Close => return false,
            ClientStep::NeedBody => {
                body.chunks(self.piece).for_each(|piece| self.client.body(piece));
                self.client.body_end(NOW);
                return true;
            }
            ClientStep::StartTls => {
                assert!(self.client.output().is_empty() && self.to_client.is_empty());
                self.client.tls_established(NOW);
            }
            _ => {}
        }
        self.steps.push(step);
        true
    }

    fn poll_server(&mut self) -> bool {
        match self.server.poll(&mut self.to_server, NOW) {
            Step::Wait | Step::Close(_) => return false,
            Step::Event(_) => self.current = Taken::default(),
            Step::Body(octets) => self.current.body.extend_from_slice(&octets),
            Step::StartTls => {
                // The 220 leaves in the clear; only then does either side shake hands.
                pass(self.server.output(), &mut self.to_client, usize::MAX);
                self.server.tls_established(NOW);
            }
            Step::Ask(question) => {
                let answer = self.answer(question);
                self.server.answer(answer, NOW);
            }
        }
        true
    }

    fn answer(&mut self, question: Question) -> Answer {
        let ok = Answer::Reply(Reply::new(250, EnhancedCode::new(2, 0, 0), "fine"));
        let no = |code, why: &'static str| Answer::Reply(Reply::new(code, EnhancedCode::new(5, 1, 1), why));
        let tolerances = Tolerances::default();
        let welcome = Answer::Authenticated {
            reply: Reply::plain(235, "welcome"),
            tolerances,
        };
        match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, "mx.example.net ESMTP"),
                tolerances,
            },
            Question::Hello { .. } => ok,
            Question::Auth {
                mechanism: Mechanism::Plain,
                initial: Some(said),
            } => {
                self.logins.push(said);
                welcome
            }
            Question::Auth { .. } => Answer::AuthChallenge(b"Username:".to_vec()),
            Question::AuthResponse(said) => {
                self.logins.push(said);
                if self.logins.len().is_multiple_of(2) {
                    welcome
                } else {
                    Answer::AuthChallenge(b"Password:".to_vec())
                }
            }
            Question::AuthCancelled => no(501, "cancelled"),
            Question::Sender { path, params } => {
                self.current = Taken {
                    sender: Some((path, params)),
                    ..Taken::default()
                };
                ok
            }
            Question::Recipient { path, .. } if path.to_string().starts_with("<no") => no(550, "nobody"),
            Question::Recipient { path, params } => {
                self.current.recipients.push((path, params));
                ok
            }
            Question::BodyBegin { .. } => Answer::Proceed,
            Question::BodyEnd { octets, .. } => {
                assert_eq!(octets, self.current.body.len() as u64);
                self.taken.push(std::mem::take(&mut self.current));
                ok
            }
            Question::Refusal(violation) => Answer::Reply(violation.reply),
        }
    }

    fn outcomes(&self) -> Vec<&Outcome> {
        self.steps
            .iter()
            .filter_map(|step| {
                if let ClientStep::Done(outcome) = step {
                    Some(outcome)
                } else {
                    None
                }
            })
            .collect()
    }
}

fn pass(from: &mut BytesMut, to: &mut BytesMut, most: usize) -> bool {
    let octets = from.split_to(from.len().min(most));
    to.extend_from_slice(&octets);
    !octets.is_empty()
}

fn client_config() -> ClientConfig {
    ClientConfig::new(Host::parse("gate.example.edu").unwrap())
}

fn server_config() -> ServerConfig {
    ServerConfig::new(Domain::parse("mx.example.net").unwrap())
}

fn to(names: &[&str]) -> Transaction {
    let path = |name: &&str| (ForwardPath::Mailbox(name.parse().unwrap()), RcptParams::default());
    Transaction {
        reverse: ReversePath::Mailbox("a@example.edu".parse().unwrap()),
        recipients: names.iter().map(path).collect(),
        params: MailParams::default(),
    }
}

#[test]
fn envelopes_arrive_with_all_their_parameters() {
    let mut wire = Wire::new(client_config(), server_config(), 7);
    wire.run(b"");
    let mut transaction = to(&["b@example.net", "dü@example.net", "no@example.net"]);
    transaction.params = MailParams {
        size: Some(3),
        body: BodyType::EightBitMime,
        smtputf8: true,
        ret: Some(DsnReturn::Full),
        envid: Some("a b=+".into()),
    };
    transaction.recipients[0].1 = RcptParams {
        notify: Some(Notify::Never),
        orcpt: Some("rfc822;b+c=d@example.net".into()),
    };
    transaction.recipients[1].1 = RcptParams {
        notify: Some(Notify::On {
            success: true,
            failure: false,
            delay: true,
        }),
        orcpt: Some("utf-8;dü+\\@example.net".into()),
    };
    wire.client.begin(transaction.clone(), NOW);
    wire.run(b"x\r\n");
    let [taken] = wire.taken.as_slice() else {
        panic!("{:?}", wire.steps)
    };
    assert_eq!(taken.sender, Some((transaction.reverse, transaction.params)));
    assert_eq!(taken.recipients, transaction.recipients[..2]);
    let outcome = wire.outcomes()[0];
    assert!(matches!(
        &outcome.recipients[..2],
        [RecipientOutcome::Delivered(_), RecipientOutcome::Delivered(_)]
    ));
    assert!(matches!(&outcome.recipients[2], RecipientOutcome::Refused(Stage::Rcpt, reply) if reply.code == 550));
}

#[test]
fn tls_and_each_mechanism_lead_to_ready() {
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        let mut client = client_config();
        client.tls = TlsDemand::Required;
        client.login = Some(Login::new("erp", "secret").unwrap());
        let mut server = server_config();
        server.offer.starttls = true;
        server.offer.auth = AuthOffer::UnderTls([mechanism].into());
        server.auth_required = true;
        let mut wire = Wire::new(client, server, 5);
        wire.run(b"");
        assert_eq!(wire.steps, [ClientStep::StartTls, ClientStep::Ready], "{mechanism:?}");
        let expected: &[&[u8]] = match mechanism {
            Mechanism::Plain => &[b"\0erp\0secret"],
            _ => &[b"erp", b"secret"],
        };
        assert_eq!(wire.logins, expected);
        wire.client.begin(to(&["b@example.net"]), NOW);
        wire.run(b"x\r\n");
        assert_eq!(wire.taken.len(), 1);
        wire.client.quit(NOW);
        wire.run(b"");
        assert_eq!(wire.client.poll(&mut wire.to_client, NOW), ClientStep::Close);
    }
}

#[test]
fn a_demand_for_tls_that_is_not_met_sends_nothing() {
    let mut client = client_config();
    client.tls = TlsDemand::Required;
    let mut wire = Wire::new(client, server_config(), 100);
    wire.run(b"");
    assert_eq!(wire.steps, [ClientStep::Failed(Failure::TlsNotOffered)]);
    assert!(wire.current.sender.is_none());
}

#[test]
fn a_refused_message_leaves_room_for_the_next() {
    let mut wire = Wire::new(client_config(), server_config(), 1000);
    wire.run(b"");
    for names in [
        &["no@example.net"][..],
        &["no1@example.net", "no2@example.net"],
        &["yes@example.net"],
    ] {
        wire.client.begin(to(names), NOW);
        wire.run(b"x\r\n");
        assert_eq!(wire.steps.last(), Some(&ClientStep::Ready), "{names:?}");
    }
    assert_eq!((wire.taken.len(), wire.outcomes().len()), (1, 3));
}

#[test]
fn what_the_peer_limits_is_kept_to() {
    let mut server = server_config();
    server.limits.recipients = 1;
    server.offer.size_max = 10;
    let mut wire = Wire::new(client_config(), server, 1000);
    wire.run(b"");
    assert_eq!(
        (wire.client.extensions().rcpt_max, wire.client.extensions().size_max),
        (Some(1), Some(10))
    );
    let mut big = to(&["b@example.net"]);
    big.params.size = Some(11);
    for transaction in [big, to(&["b@example.net", "c@example.net"])] {
        wire.client.begin(transaction, NOW);
        wire.run(b"x\r\n");
    }
    let stages: Vec<bool> = wire
        .outcomes()
        .iter()
        .flat_map(|outcome| &outcome.recipients)
        .map(|recipient| matches!(recipient, RecipientOutcome::Refused(Stage::Local, _)))
        .collect();
    assert_eq!(stages, [true, false, true]);
}

proptest! {
    /// Dots, empty lines and any octet of text; by DATA and by BDAT, with and without groups; cut anywhere.
    #[test]
    fn a_body_arrives_as_it_left(
        lines in prop::collection::vec("[.a-c\u{e9} ]{0,8}", 0..30),
        piece in 1usize..50,
        pipelining in any::<bool>(),
        chunking in any::<bool>(),
    ) {
        let body: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let mut server = server_config();
        server.offer.pipelining = pipelining;
        server.offer.chunking = chunking;
        let mut wire = Wire::new(client_config(), server, piece);
        wire.run(b"");
        for _ in 0..2 {
            let mut transaction = to(&["b@example.net", "no@example.net", "c@example.net"]);
            transaction.params.body = BodyType::EightBitMime;
            wire.client.begin(transaction, NOW);
            wire.run(body.as_bytes());
            let taken = wire.taken.pop().expect("a message");
            prop_assert_eq!(String::from_utf8(taken.body).unwrap(), body.clone());
            prop_assert_eq!(taken.recipients.len(), 2);
            prop_assert_eq!(wire.steps.last(), Some(&ClientStep::Ready));
        }
    }

    /// What is stored wrongly leaves rightly: a strict server finds nothing to refuse, and one message, not two.
    #[test]
    fn no_body_smuggles(body in "(\r|\n|\\.|a|\r\n|RCPT TO:<x@y>){0,40}", piece in 1usize..20, chunking in any::<bool>()) {
        let mut server = server_config();
        server.offer.chunking = chunking;
        let mut wire = Wire::new(client_config(), server, piece);
        wire.run(b"");
        wire.client.begin(to(&["b@example.net"]), NOW);
        wire.run(body.as_bytes());
        prop_assert_eq!(wire.taken.len(), 1);
        prop_assert_eq!(wire.steps.last(), Some(&ClientStep::Ready));
        prop_assert!(matches!(&wire.outcomes()[0].recipients[0], RecipientOutcome::Delivered(_)));
    }
}
