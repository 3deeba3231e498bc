//! Bodies too long for a text file: chunks, progress, and replies that come before their time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use bytes::BytesMut;
use mail::{ForwardPath, Host, MailParams, RcptParams, ReversePath};
use smtp::client::{
    Client, ClientConfig, ClientStep, ClientTimer, Failure, Outcome, RecipientOutcome, Stage, Transaction,
};
use smtp::server::Transport;

const START: Duration = Duration::ZERO;
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

struct Pair {
    client: Client,
    input: BytesMut,
}

impl Pair {
    /// A client that was asked for the body of a message to one recipient.
    fn in_body(offers: &str) -> Self {
        let config = ClientConfig::new(Host::parse("gate.example.edu").unwrap());
        let mut pair = Self {
            client: Client::new(config, Transport::Clear, START),
            input: BytesMut::new(),
        };
        pair.hear("220 x\r\n");
        assert_eq!(pair.hear(offers), ClientStep::Ready);
        let transaction = Transaction {
            reverse: ReversePath::Null,
            recipients: vec![(ForwardPath::Postmaster, RcptParams::default())],
            params: MailParams::default(),
        };
        pair.client.begin(transaction, START);
        pair.take();
        let answers: &[&str] = if offers.contains("PIPELINING") && offers.contains("CHUNKING") {
            &["250 ok\r\n250 ok\r\n"]
        } else {
            &["250 ok\r\n", "250 ok\r\n", "354 go\r\n"]
        };
        let mut step = ClientStep::Wait;
        for answer in answers {
            step = pair.hear(answer);
        }
        assert_eq!(step, ClientStep::NeedBody);
        pair
    }

    fn take(&mut self) -> BytesMut {
        self.client.output().split()
    }

    /// The next step behind these octets; output is taken.
    fn hear(&mut self, text: &str) -> ClientStep {
        self.take();
        self.input.extend_from_slice(text.as_bytes());
        let step = self.client.poll(&mut self.input, START);
        if !matches!(step, ClientStep::NeedBody) {
            self.take();
        }
        step
    }

    fn poll(&mut self) -> ClientStep {
        self.client.poll(&mut self.input, START)
    }
}

fn refused(step: ClientStep) -> (Stage, u16) {
    let ClientStep::Done(Outcome { recipients, .. }) = step else {
        panic!("{step:?}")
    };
    let RecipientOutcome::Refused(stage, reply) = &recipients[0] else {
        panic!("{recipients:?}")
    };
    (*stage, reply.code)
}

const BDAT: &str = "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n";

#[test]
fn a_long_body_goes_in_chunks_and_each_is_answered() {
    let mut pair = Pair::in_body(BDAT);
    for _ in 0..5 {
        pair.client.body(&PIECE);
    }
    pair.client.body_end(START);
    let said = pair.take();
    let mut rest = &said[..];
    for head in ["BDAT 131072\r\n", "BDAT 131072\r\n", "BDAT 65538 LAST\r\n"] {
        rest = rest.strip_prefix(head.as_bytes()).expect(head);
        let octets: usize = head[5..]
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap()
            .parse()
            .unwrap();
        rest = &rest[octets..];
    }
    assert!(rest.is_empty());
    assert_eq!(pair.hear("250 ok\r\n250 ok\r\n"), ClientStep::Wait);
    assert!(matches!(pair.hear("250 ok\r\n"), ClientStep::Done(_)));
    assert_eq!(pair.poll(), ClientStep::Ready);
}

#[test]
fn behind_a_refused_chunk_nothing_more_is_written() {
    let mut pair = Pair::in_body(BDAT);
    for _ in 0..4 {
        pair.client.body(&PIECE);
    }
    assert_eq!(pair.hear("552 5.3.4 too big\r\n"), ClientStep::Wait);
    pair.client.body(&PIECE);
    pair.client.body_end(START);
    assert!(pair.take().is_empty());
    pair.input.extend_from_slice(b"503 5.5.1 no\r\n");
    assert_eq!(refused(pair.poll()), (Stage::Body, 552));
    assert_eq!(&pair.take()[..], b"RSET\r\n");
    assert_eq!(pair.hear("250 ok\r\n"), ClientStep::Ready);
}

#[test]
fn a_refused_chunk_outweighs_a_last_chunk_that_is_taken() {
    let mut pair = Pair::in_body(BDAT);
    for _ in 0..3 {
        pair.client.body(&PIECE);
    }
    pair.client.body_end(START);
    assert_eq!(refused(pair.hear("451 4.3.0 disk\r\n250 ok\r\n")), (Stage::Body, 451));
}

#[test]
fn each_octet_that_leaves_puts_the_timer_of_the_body_off() {
    let mut pair = Pair::in_body("250 x\r\n");
    let (first, timer) = pair.client.deadline().unwrap();
    assert_eq!(timer, ClientTimer::Block);
    pair.client.body(&PIECE);
    let later = Duration::from_secs(100);
    assert_eq!(pair.client.poll(&mut pair.input, later), ClientStep::NeedBody);
    assert_eq!(pair.client.deadline(), Some((first, timer)), "nothing left");
    pair.take();
    pair.client.handle_timeout(first);
    assert_eq!(
        pair.client.deadline(),
        Some((first + first, timer)),
        "progress, seen just in time"
    );
    pair.client.handle_timeout(first + first);
    assert!(matches!(pair.poll(), ClientStep::Done(_)));
    assert_eq!(pair.poll(), ClientStep::Failed(Failure::Timeout(ClientTimer::Block)));
}

#[test]
fn the_end_of_the_body_has_a_timer_of_its_own() {
    let mut pair = Pair::in_body(BDAT);
    pair.client.body(&PIECE);
    pair.client.body(&PIECE);
    pair.client.body_end(Duration::from_secs(7));
    assert_eq!(
        pair.client.deadline(),
        Some((Duration::from_secs(607), ClientTimer::End))
    );
}

#[test]
fn an_answer_to_what_was_not_yet_said_is_no_answer() {
    let config = ClientConfig::new(Host::parse("gate.example.edu").unwrap());
    let mut client = Client::new(config, Transport::Clear, START);
    let mut input = BytesMut::from(&b"220 x\r\n250 x\r\n"[..]);
    assert_eq!(
        client.poll(&mut input, START),
        ClientStep::Failed(Failure::Protocol("reply-before-command"))
    );
}

#[test]
fn octets_that_are_there_before_the_first_one_under_tls_are_an_attack() {
    let config = ClientConfig::new(Host::parse("gate.example.edu").unwrap());
    let mut pair = Pair {
        client: Client::new(config, Transport::Clear, START),
        input: BytesMut::new(),
    };
    pair.hear("220 x\r\n");
    pair.hear("250-x\r\n250 STARTTLS\r\n");
    assert_eq!(pair.hear("220 go\r\n"), ClientStep::StartTls);
    pair.client.tls_established(START);
    assert_eq!(
        pair.hear("250 x\r\n"),
        ClientStep::Failed(Failure::Protocol("starttls-injection"))
    );
}

#[test]
fn a_message_whose_end_has_not_left_is_not_delivered() {
    let mut pair = Pair::in_body("250 x\r\n");
    pair.client.body(b"a\r\n");
    pair.client.body_end(START);
    pair.client.handle_eof();
    let ClientStep::Done(outcome) = pair.poll() else {
        panic!("not done")
    };
    assert_eq!(outcome.recipients, [RecipientOutcome::Unanswered(Stage::Body)]);
}
