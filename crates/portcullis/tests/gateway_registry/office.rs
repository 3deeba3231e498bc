//! A gate with a registry, the people of one case, and what they do.

use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use portcullis::registrar;
use registry::{
    Actor, Addendum, CaseId, Contact, CredentialKind, Event, Form, Kept, NewCredential, Proof, Risk, Role, Signature,
    State, TextVersion, Volume,
};
use tokio::io::{AsyncRead, AsyncWrite};
use world::sim::SimClock;

use crate::gateway_house::{self, Client, House, Peer, Running};

const GENESIS: i64 = world::sim::GENESIS;
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A gate with a registry, at a time that is moved by the test.
pub(crate) struct Office {
    pub(crate) house: House,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) outside: Peer,
    pub(crate) inside: Peer,
}

impl Office {
    pub(crate) async fn new() -> Self {
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
    pub(crate) fn write(&self, grants: &str) {
        let text = self
            .house
            .text_without_grants()
            .replace(DOOR, &format!("{DOOR}proxies = [\"127.0.0.1\"]\n"));
        let text = text.replace("networks = [", "networks = [\"10.0.0.0/8\", ");
        self.house.write(&(text + REGISTRY + grants));
    }

    /// The desk as a command uses it: beside the gate.
    pub(crate) fn desk(&self) -> registrar::Registry {
        let config = self.house.config();
        let settings = config.registry.as_ref().unwrap();
        registrar::open(settings, registrar::House::of(&config)).unwrap().0
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.house.now()
    }

    pub(crate) fn act(&self, id: CaseId, event: Event, actor: &Actor) -> Kept {
        let acted = self.desk().act(id, &event, actor, self.now());
        acted.unwrap_or_else(|why| panic!("{why}"))
    }

    pub(crate) fn get(&self, id: CaseId) -> Kept {
        self.desk().store().get(id).unwrap().unwrap()
    }

    pub(crate) fn state(&self, id: CaseId) -> State {
        self.get(id).case.state
    }

    /// An exception for the machine at this address, as far as people decide about it.
    pub(crate) fn approved(&self, address: &str) -> CaseId {
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
    pub(crate) fn set_up_with_certificate(&self, address: &str) -> CaseId {
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
    pub(crate) fn shows(&self, id: CaseId, key: [u8; 32]) {
        let new = NewCredential {
            kind: CredentialKind::Certificate,
            label: "device".into(),
            proof: Proof::Key(key),
        };
        let known = self.desk().rotate(id, &new, Duration::ZERO, &admin(), self.now());
        known.unwrap();
    }

    /// Waits until the case stands so.
    pub(crate) async fn stands(&self, id: CaseId, state: State) {
        gateway_house::eventually(state.code(), || self.state(id) == state).await;
    }
}

/// Clients come to it through a proxy, which tells from where: no machine is registered at a loopback address.
const DOOR: &str = "[listeners.devices]\n";
pub(crate) const REGISTRY: &str = r#"[registry]
file = "registry.sqlite"
[registry.roles]
admin    = ["relay@example.edu"]
security = ["iso@example.edu"]
"#;

pub(crate) fn admin() -> Actor {
    Actor::human("relay@example.edu", Role::Admin)
}

pub(crate) fn officer() -> Actor {
    Actor::human("iso@example.edu", Role::Security)
}

pub(crate) fn form(address: &str) -> Form {
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

pub(crate) async fn greeted(running: &Running, address: &str) -> Client {
    let mut client = Client::connect(running.address("devices"), "127.0.0.1").await;
    client
        .ask(&format!("PROXY TCP4 {address} 10.0.0.1 40000 2525"), "220")
        .await;
    client.ask("EHLO copier", "250").await;
    client
}

/// Asks with MAIL until it is answered so: a change is live seconds later.
pub(crate) async fn is_answered<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, start: &str) {
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
