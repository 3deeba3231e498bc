//! What the registry grants, in a gate that runs: live seconds later, in sessions that are open too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use gateway_house::{Client, House, LETTER, Peer, Running, grant};
use mail::Timestamp;
use portcullis::commands::replay;
use portcullis::control::{Asked, Seen, SeenAs};
use portcullis::registrar;
use portcullis::replay::Report;
use rcgen::PublicKeyData as _;
use registry::{
    Actor, Addendum, CaseId, Colour, Contact, CredentialKind, Event, Form, Kept, NewCredential, Proof, Risk, Role,
    Signature, State, Suspension, TextVersion, Volume,
};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{Identity, Roots, TlsClient};
use world::sim::SimClock;

const GENESIS: i64 = world::sim::GENESIS;
const DAY: Duration = Duration::from_secs(86_400);

/// A gate with a registry, at a time that is moved by the test.
struct Office {
    house: House,
    clock: Arc<SimClock>,
    outside: Peer,
    inside: Peer,
}

impl Office {
    async fn new() -> Self {
        let (outside, inside) = (Peer::usual().await, Peer::usual().await);
        let clock = Arc::new(SimClock::new(GENESIS));
        let mut house = House::new(outside.address, inside.address);
        house.clock = Some(clock.clone());
        let office = Self {
            house,
            clock,
            outside,
            inside,
        };
        office.write("");
        office
    }

    /// A configuration with these grants beside the registry.
    fn write(&self, grants: &str) {
        let text = self
            .house
            .text_without_grants()
            .replace(DOOR, &format!("{DOOR}proxies = [\"127.0.0.1\"]\n"));
        let text = text.replace("networks = [", "networks = [\"10.0.0.0/8\", ");
        self.house.write(&(text + REGISTRY + grants));
    }

    /// The desk as a command uses it: beside the gate.
    fn desk(&self) -> registrar::Registry {
        let config = self.house.config();
        let settings = config.registry.as_ref().unwrap();
        registrar::open(settings, registrar::House::of(&config)).unwrap().0
    }

    fn now(&self) -> Timestamp {
        self.house.now()
    }

    fn act(&self, id: CaseId, event: Event, actor: &Actor) -> Kept {
        let acted = self.desk().act(id, &event, actor, self.now());
        acted.unwrap_or_else(|why| panic!("{why}"))
    }

    fn get(&self, id: CaseId) -> Kept {
        self.desk().store().get(id).unwrap().unwrap()
    }

    fn state(&self, id: CaseId) -> State {
        self.get(id).case.state
    }

    /// An exception for the machine at this address, as far as people decide about it.
    fn approved(&self, address: &str) -> CaseId {
        let (now, form) = (self.now(), form(address));
        let mut desk = self.desk();
        let ann = Actor::human("ann@example.edu", Role::Requestor);
        let (kept, remarks) = desk.request("chemistry", &form, &ann, now).unwrap();
        assert_eq!(remarks, []);
        let id = kept.id;
        desk.submit(id, &ann, now).unwrap();
        let until = now.plus(DAY * 300);
        self.act(id, Event::Complete { until }, &admin());
        let signature = Signature {
            ticked: [true; 3],
            name: "Dean D. Dean".into(),
            words: TextVersion::current(),
            request: form.hash(),
        };
        self.act(
            id,
            Event::Acknowledge(signature),
            &Actor::human("dean@example.edu", Role::Head),
        );
        let decide = Event::Decide {
            risk: Risk::Low,
            controls: "its address and its sender are pinned".into(),
            until,
        };
        self.act(id, decide, &officer());
        id
    }

    /// A machine at this address that is set up, and shows a certificate.
    fn set_up_with_certificate(&self, address: &str) -> CaseId {
        let (now, mut desk) = (self.now(), self.desk());
        let form = Form {
            authentication: "certificate".to_owned(),
            tls: "1.3".to_owned(),
            exception: None,
            ..form(address)
        };
        let ann = Actor::human("ann@example.edu", Role::Requestor);
        let id = desk.request("chemistry", &form, &ann, now).unwrap().0.id;
        desk.submit(id, &ann, now).unwrap();
        let until = now.plus(DAY * 300);
        self.act(id, Event::Complete { until }, &admin());
        id
    }

    /// Its certificate is the one with this key; the one before it ends.
    fn shows(&self, id: CaseId, key: [u8; 32]) {
        let new = NewCredential {
            kind: CredentialKind::Certificate,
            label: "device".into(),
            proof: Proof::Key(key),
        };
        let known = self.desk().rotate(id, &new, Duration::ZERO, &admin(), self.now());
        known.unwrap();
    }

    /// Waits until the case stands so.
    async fn stands(&self, id: CaseId, state: State) {
        gateway_house::eventually(state.code(), || self.state(id) == state).await;
    }
}

/// Clients come to it through a proxy, which tells from where: no machine is registered at a loopback address.
const DOOR: &str = "[listeners.devices]\n";
const REGISTRY: &str = r#"[registry]
file = "registry.sqlite"
[registry.roles]
admin    = ["relay@example.edu"]
security = ["iso@example.edu"]
"#;

fn admin() -> Actor {
    Actor::human("relay@example.edu", Role::Admin)
}

fn officer() -> Actor {
    Actor::human("iso@example.edu", Role::Security)
}

fn form(address: &str) -> Form {
    let contact = |name: &str, email: &str| Contact {
        name: name.to_owned(),
        email: email.to_owned(),
    };
    Form {
        requestor: contact("Ann", "ann@example.edu"),
        technical: contact("Tom", "tom@example.edu"),
        owner: contact("Olga", "olga@example.edu"),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: address.to_owned(),
        host: "copier.example.edu".to_owned(),
        senders: vec!["scan@example.edu".to_owned()],
        recipients: vec!["any".to_owned()],
        volume: Volume {
            per_day: 40,
            per_hour: 10,
            octets: 20_000_000,
        },
        authentication: "none".to_owned(),
        tls: "none".to_owned(),
        purpose: "scans to mail".to_owned(),
        exception: Some(Addendum {
            head: contact("Dean", "dean@example.edu"),
            justification: "The only large-format scanner of the building; its successor is ordered.".to_owned(),
            hindrance: "no SMTP AUTH in any firmware".to_owned(),
            firmware_checked: true,
            replacement: "2027".to_owned(),
        }),
        ..Form::default()
    }
}

async fn greeted(running: &Running, address: &str) -> Client {
    let mut client = Client::connect(running.address("devices"), "127.0.0.1").await;
    client
        .ask(&format!("PROXY TCP4 {address} 10.0.0.1 40000 2525"), "220")
        .await;
    client.ask("EHLO copier", "250").await;
    client
}

/// Asks with MAIL until it is answered so: a change is live seconds later.
async fn is_answered<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, start: &str) {
    let asking = async {
        loop {
            client.say(b"MAIL FROM:<scan@example.edu>\r\n").await;
            let said = client.expect("").await;
            client.ask("RSET", "250").await;
            if said.starts_with(start) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .expect(start);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_approved_used_suspended_reinstated_and_ends_in_one_session() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;

    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    assert_eq!(office.state(id), State::Provisioned, "the checks are made by the gate");
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.stands(id, State::Active).await;
    office.outside.has(1).await;
    assert!(office.get(id).case.last_accepted.is_some());

    let abuse = Event::Abuse { alert: "phish".into() };
    office.act(id, abuse, &Actor::rule("abuse-phish"));
    is_answered(&mut copier, "554 5.7.1").await;
    assert_eq!(office.state(id), State::Suspended(Suspension::Abuse));
    let conditions = "the account was taken back".into();
    office.act(id, Event::Reinstate { conditions }, &officer());
    is_answered(&mut copier, "250").await;

    // It ends at its instant, without anybody who tells.
    let until = office.get(id).case.until.unwrap();
    office.clock.set_wall(until.0 - 600);
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.clock.set_wall(until.0 + 1);
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    office.stands(id, State::Expired).await;
    running.stop().await;
}

/// Whom a peer got letters for, with their subjects.
fn letters(peer: &Peer) -> Vec<(String, String)> {
    let told = peer.letters().into_iter().flat_map(|letter| {
        let text = letter.text();
        let subject = text
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "))
            .unwrap_or_default()
            .to_owned();
        letter.to.into_iter().map(move |to| (to, subject.clone()))
    });
    told.collect()
}

fn report(id: CaseId, verdict: SeenAs, score: Option<f64>, message: &str) -> Asked {
    Asked::Report(Seen {
        grant: id.to_string(),
        verdict,
        score: score.and_then(serde_json::Number::from_f64),
        message: Some(message.to_owned()),
        sample: Some("RnJvbTogbWUNCg0KZ2l2ZSBtZSB5b3VyIHBhc3N3b3Jk".to_owned()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spam_suspends_a_grant_in_an_open_session_holds_its_queue_and_tells_four_people() {
    let mut office = Office::new().await;
    // Nothing leaves: what is queued can be held.
    let away = Peer::answering(|line| (line == "connect").then_some("421 4.3.2 later")).await;
    office.house.outside = away.address;
    office.write("");
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;

    for (message, stops) in [("A", false), ("B", false), ("B", false), ("C", true)] {
        let answer = running
            .ask(report(id, SeenAs::Spam, Some(12.5), message))
            .await
            .unwrap();
        assert_eq!(answer.done["suspended"], stops, "{message}: {:?}", answer.done);
    }
    // Live when it is told, not a second later.
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    assert_eq!(office.state(id), State::Suspended(Suspension::Abuse));
    assert_eq!(running.gateway.view().counts().held, 1);
    let told = running.logs("grant.step", 8).await;
    let last = told.last().unwrap();
    assert_eq!(
        (last["grant"].as_str(), last["to"].as_str()),
        (Some("pc-1001"), Some("suspended(abuse)"))
    );
    assert_eq!(last["by"], "rule abuse-spam");
    assert!(last["reason"].as_str().unwrap().ends_with("A, B, C"), "{last}");
    let samples = std::fs::read_dir(office.house.dir.path().join("spool/samples")).unwrap();
    assert_eq!(samples.count(), 4);

    gateway_house::eventually("four people are told", || {
        let told = letters(&office.inside);
        let alarmed = |who: &str| {
            told.iter()
                .any(|(to, subject)| to == who && subject.contains("suspended"))
        };
        [
            "tom@example.edu",
            "ann@example.edu",
            "dean@example.edu",
            "iso@example.edu",
        ]
        .into_iter()
        .all(alarmed)
    })
    .await;
    let one = &office.inside.letters()[0];
    assert_eq!(one.from, "");
    assert!(
        one.text().contains("\r\nAuto-Submitted: auto-generated\r\n"),
        "{}",
        one.text()
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_has_already_is_left_out_alone_and_both_sources_stay_whatever_changes() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let (one, taken) = (office.approved("10.1.2.3"), office.approved("10.1.2.4"));
    let mut copier = greeted(&running, "10.1.2.3").await;
    is_answered(&mut copier, "250").await;
    office.stands(taken, State::Provisioned).await;
    let left_out = running.logs("grant.left_out", 1).await;
    assert_eq!(left_out[0]["grant"], taken.to_string());
    assert!(
        left_out[0]["why"]
            .as_str()
            .unwrap()
            .contains("scanner claims the same client"),
        "{left_out:?}"
    );
    let troubles = running.gateway.desk().troubles().await;
    assert!(
        troubles.iter().any(|what| what.contains("pc-1002 does not serve")),
        "{troubles:?}"
    );

    // The file changes, and the registry's grants stay; then the registry changes, and the file's stay.
    office.write("");
    assert_eq!(running.gateway.reload().await.unwrap(), "generation 2 serves");
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    copier.ask("RSET", "250").await;
    let mut second = greeted(&running, "10.1.2.4").await;
    second.ask("MAIL FROM:<scan@example.edu>", "250").await;
    second.ask("RSET", "250").await;
    assert_eq!(
        running.logs("grant.left_out", 2).await[1]["why"],
        serde_json::Value::Null
    );
    let reason = "moved".into();
    office.act(taken, Event::Revoke { reason }, &admin());
    is_answered(&mut second, "554").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    assert_eq!(running.gateway.admission().snapshot().generation().0, 2);
    assert!(office.state(one).admits_mail());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_of_the_file_is_stopped_from_the_registry_in_an_open_session_and_its_queue_is_held() {
    let mut office = Office::new().await;
    let away = Peer::answering(|line| (line == "connect").then_some("421 4.3.2 later")).await;
    office.house.outside = away.address;
    office.write(&(grant("scanner", "10.1.2.4") + &grant("second", "10.1.2.5")));
    let running = office.house.start_judged().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.deliver("bob@example.org", LETTER.as_bytes()).await;

    let now = office.now();
    let stopped = office.desk().suspend_pinned("scanner", "phish", &officer(), now);
    stopped.unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    gateway_house::eventually("its queue is held", || running.gateway.view().counts().held == 1).await;
    let told = running.logs("grant.step", 1).await;
    let said = |line: &serde_json::Value| {
        ["grant", "what", "to", "by", "reason"].map(|key| line[key].as_str().unwrap().to_owned())
    };
    let officer_said = "iso@example.edu (security officer)";
    assert_eq!(
        said(&told[0]),
        ["scanner", "suspend", "suspended(operator)", officer_said, "phish"]
    );

    // Whatever the file says meanwhile.
    office.write(&grant("scanner", "10.1.2.4"));
    running.gateway.reload().await.unwrap();
    scanner.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    let again = office.desk().reinstate_pinned("scanner", "mended", &admin(), now);
    again.unwrap();
    is_answered(&mut scanner, "250").await;
    let told = running.logs("grant.step", 2).await;
    assert_eq!(told[1]["to"], "active");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_stays_so_at_a_start_at_which_the_registry_cannot_be_read() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    let now = office.now();
    office
        .desk()
        .suspend_pinned("scanner", "phish", &officer(), now)
        .unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    running.stop().await;

    let text = std::fs::read_to_string(office.house.file()).unwrap();
    let elsewhere = text.replace("registry.sqlite", "gate.toml/registry.sqlite");
    office.house.write(&elsewhere);
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    running.stop().await;

    // What was let go on is not stopped by what was remembered.
    office.house.write(&text);
    office
        .desk()
        .reinstate_pinned("scanner", "mended", &officer(), now)
        .unwrap();
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "250").await;
    running.stop().await;
    office.house.write(&elsewhere);
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "250").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_cannot_be_read_changes_nothing_and_is_said() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    let until = office.get(id).case.until.unwrap();

    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office
        .house
        .write(&text.replace("registry.sqlite", "gate.toml/registry.sqlite"));
    running.gateway.reload().await.unwrap();
    let away = async {
        while !running
            .gateway
            .desk()
            .troubles()
            .await
            .iter()
            .any(|what| what.contains("registry:"))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), away).await.unwrap();
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    // An end needs no store.
    office.clock.set_wall(until.0 + 1);
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_comes_back_marks_its_reader_and_the_grant_is_somebodys_to_look_after() {
    let mut office = Office::new().await;
    office.inside = Peer::answering(|line| line.contains("tom@").then_some("550 5.1.1 no such user")).await;
    office.house.inside = office.inside.address;
    office.write("");
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    gateway_house::eventually("the contact is marked", || {
        let unreachable = office.desk().store().unreachable().unwrap();
        unreachable.iter().any(|(address, _)| &**address == "tom@example.edu")
    })
    .await;
    gateway_house::eventually("nobody answers for it", || office.get(id).case.orphan.is_some()).await;
    running.stop().await;
}

/// A mail server reports that it could not deliver a letter, after it had taken it.
fn came_back(message: &str, to: &str) -> String {
    format!(
        "From: <MAILER-DAEMON@mail.example.org>\r\nSubject: Undelivered\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\r\n\r\n\
         --B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --B\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message}\r\n\r\n--B--\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_comes_back_later_marks_its_reader_and_an_answer_is_noted_in_its_case() {
    let office = Office::new().await;
    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office
        .house
        .write(&text.replace("[registry]\n", "[registry]\npost = \"grants@example.edu\"\n"));
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    let to_tom = || {
        let letters = office.inside.letters();
        letters
            .into_iter()
            .find(|letter| letter.to.iter().any(|to| to.contains("tom@")))
    };
    gateway_house::eventually("the settings are there", || to_tom().is_some()).await;
    let letter = to_tom().unwrap();
    assert!(letter.from.contains("grants@example.edu"), "{}", letter.from);
    let text = letter.text();
    let message = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();

    let arrives = async |from: &str, octets: &str| {
        let mut server = Client::connect(running.address("mx"), "127.0.0.1").await;
        server.expect("220").await;
        server.ask("EHLO mail.example.org", "250").await;
        server.ask(&format!("MAIL FROM:<{from}>"), "250").await;
        server.ask("RCPT TO:<Grants@example.edu>", "250").await;
        server.ask("DATA", "354").await;
        server.say(octets.as_bytes()).await;
        server.ask(".", "250").await;
    };
    let unreachable = || -> Vec<String> {
        let all = office.desk().store().unreachable().unwrap();
        all.into_iter().map(|(address, _)| address.into()).collect()
    };
    let answer = |more: &str| {
        format!(
            "From: Tom <tom@example.org>\r\nSubject: Re: it works\r\nIn-Reply-To: {message}\r\n{more}\r\nThank you.\r\n"
        )
    };
    // A report about a letter that we never wrote, one about somebody who is no contact of the case, and a program's word.
    arrives("", &came_back("<letter-0@gate.example.edu>", "olga@example.edu")).await;
    arrives("", &came_back(message, "president@example.edu")).await;
    arrives("tom@example.org", &answer("Auto-Submitted: auto-replied\r\n")).await;
    arrives("", &came_back(message, "tom@example.edu")).await;
    arrives("tom@example.org", &answer("")).await;
    gateway_house::eventually("both are noted", || {
        office.clock.advance_wall(Duration::from_secs(1));
        let history = office.desk().store().history(id).unwrap();
        !unreachable().is_empty() && history.iter().any(|step| step.event == "answer")
    })
    .await;
    assert_eq!(unreachable(), ["tom@example.edu"]);
    let history = office.desk().store().history(id).unwrap();
    let answers: Vec<_> = history.iter().filter(|step| step.event == "answer").collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].said.as_deref(), Some("Tom <tom@example.org>: Re: it works"));
    // People read all of it: it goes on to their mailbox.
    let to_people = || {
        let letters = office.inside.letters();
        letters
            .iter()
            .filter(|letter| letter.to.iter().any(|to| to.contains("Grants@")))
            .count()
    };
    gateway_house::eventually("it arrives", || to_people() == 5).await;
    running.stop().await;
}

/// A certificate that nobody signed, with its key and what it is known by.
fn certificate(name: &str) -> (String, String, [u8; 32]) {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let made = made.self_signed(&key).unwrap();
    let sha256 = digest(&SHA256, &key.subject_public_key_info());
    (made.pem(), key.serialize_pem(), sha256.as_ref().try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_was_made_known_opens_and_one_that_took_its_place_closes_in_open_sessions() {
    let office = Office::new().await;
    let (chain, key, _) = certificate("gate.example.edu");
    std::fs::write(office.house.dir.path().join("gate.pem"), chain).unwrap();
    std::fs::write(office.house.dir.path().join("gate.key"), key).unwrap();
    office.write("[tls]\ncertificates = [{ chain = \"gate.pem\", key = \"gate.key\" }]\n");
    let running = office.house.start_judged().await;
    let [old, new] = ["old", "new"].map(certificate);
    let [old_client, new_client] = [&old, &new].map(|(chain, key, _)| {
        let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        TlsClient::new(Roots::none(), Some(identity), Arc::new(world::SystemClock::new()))
    });
    let id = office.set_up_with_certificate("10.1.2.3");
    office.stands(id, State::Provisioned).await;

    // Nobody's, until somebody says whose it is; and in clear it counts for nothing.
    let mut server = greeted(&running, "10.1.2.3").await.secured(&old_client).await;
    server.ask("EHLO server", "250").await;
    server.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    office.shows(id, old.2);
    is_answered(&mut server, "250").await;
    server.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.stands(id, State::Active).await;
    let mut clear = greeted(&running, "10.1.2.3").await;
    clear.ask("MAIL FROM:<scan@example.edu>", "5").await;
    let mut elsewhere = greeted(&running, "10.1.2.4").await.secured(&old_client).await;
    elsewhere.ask("EHLO server", "250").await;
    elsewhere.ask("MAIL FROM:<scan@example.edu>", "5").await;

    office.shows(id, new.2);
    is_answered(&mut server, "554 5.7.1").await;
    let mut server = greeted(&running, "10.1.2.3").await.secured(&new_client).await;
    server.ask("EHLO server", "250").await;
    server.deliver("bob@example.org", LETTER.as_bytes()).await;

    let reason = "audit".into();
    office.act(id, Event::Suspend { reason }, &admin());
    is_answered(&mut server, "554 5.7.1").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_through_a_grant_is_seen_and_another_machine_behind_its_address_shows_in_its_checks() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    let check = || {
        let (mut desk, kept) = (office.desk(), office.get(id));
        let findings = desk.findings(&kept, &registry::Names::default(), office.now()).unwrap();
        findings
            .into_iter()
            .find(|one| one.check == registry::Check::OneMachine)
    };
    assert_eq!(check().unwrap().colour, Colour::Unchecked);
    for (name, colour) in [("copier", Colour::Green), ("laptop", Colour::Yellow)] {
        let mut client = greeted(&running, "10.1.2.3").await;
        client.ask(&format!("EHLO {name}"), "250").await;
        is_answered(&mut client, "250").await;
        client.deliver("bob@example.org", LETTER.as_bytes()).await;
        // Use is written down every few seconds of the calendar.
        gateway_house::eventually(name, || {
            office.clock.advance_wall(Duration::from_secs(1));
            check().is_some_and(|one| one.colour == colour)
        })
        .await;
    }
    assert!(
        check()
            .unwrap()
            .said
            .contains("10.1.2.3 calls itself copier and laptop")
    );
    running.stop().await;
}

/// Decides everything again by the file as it is now.
fn decided_again(office: &Office) -> Report {
    let ledger = office.house.dir.path().join("ledger");
    replay::report(&office.house.config(), &ledger, Timestamp(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_is_decided_again_and_beside_by_what_the_registry_granted_then() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let (file, for_secs) = (office.house.file(), 86_400);
    let start = Asked::ShadowStart {
        file,
        for_secs,
        reason: None,
    };
    running.ask(start).await.unwrap();

    let mut copier = greeted(&running, "10.1.2.3").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.stands(id, State::Active).await;
    let reason = "audit".into();
    office.act(id, Event::Suspend { reason }, &admin());
    is_answered(&mut copier, "554 5.7.1").await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.deliver("bob@example.org", LETTER.as_bytes()).await;
    office
        .desk()
        .suspend_pinned("scanner", "audit", &admin(), office.now())
        .unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    let conditions = "audited".into();
    office.act(id, Event::Reinstate { conditions }, &officer());
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    running.is_done().await;

    let beside = running.ask(Asked::ShadowStop { reason: None }).await.unwrap().done;
    assert!(beside["counts"]["agree"].as_u64().unwrap() >= 6, "{beside:#}");
    let differ = beside["counts"]["differ"].as_object().unwrap();
    assert!(differ.values().all(|count| count == 0), "{beside:#}");
    running.stop().await;

    let again = decided_again(&office);
    assert!(again.decided >= 6 && again.same == again.decided, "{again}");
    // Without the registry, that mail would have been refused.
    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office.house.write(&text.replace(REGISTRY, ""));
    let without = decided_again(&office);
    let group = |group: &portcullis::replay::Group| (group.grant.clone(), group.was.to_string(), group.times);
    let groups: Vec<_> = without.groups().iter().map(group).collect();
    assert!(
        groups.contains(&(Some("pc-1001".to_owned()), "accepted".to_owned(), 2)),
        "{without}"
    );
}
