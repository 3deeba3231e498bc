//! A campus: a gate with a registry, the network and the people around it, and a calendar that tests move.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "not every life needs everything"
)]

mod calendar;
mod client;
mod grants;
mod letters;
mod pages;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dns::testing::{TestDns, Zone};
use serde_json::Value;

use crate::peers::{self, Done, Gate, Outside, Plan, Sink, eventually};
use crate::postgres::Server;

use calendar::Calendar;
pub use calendar::{DAY, HOUR, MINUTE};
pub use client::{Client, note};
pub use grants::{DEAN, came_due};
pub use letters::Letter;
pub use pages::Page;

/// Who runs the relay.
pub const ADMIN: &str = "relay@example.edu";
/// Who decides about exceptions.
pub const SECURITY: &str = "iso@example.edu";
/// Who moves addresses and machines.
pub const NETWORK: &str = "netreg@example.edu";

/// What every campus says beside what every gate says. No machine is registered at a loopback address: clients come in
/// through a proxy, which tells from where.
const SETTINGS: &str = r#"
[zones.MOD]
networks = ["10.20.0.0/16"]

[dns]
servers = ["@DNS@"]

[registry]
@STORE@
register = "@FOLDER@/register.csv"
dhcp = ["@FOLDER@/dhcpd.conf"]
device_zone = "MOD"

[registry.roles]
admin = ["relay@example.edu"]
security = ["iso@example.edu"]
network = ["netreg@example.edu"]

[registry.answers]
listen = ["127.0.0.1:@ANSWERS@"]
url = "https://relay.example.edu"
"#;

/// Whom listeners believe where a client is.
const DOORS: &str = "proxies = [\"127.0.0.1\"]";

/// Two machines, one address each.
const REGISTER: &str = "ip,mac,fqdn,type,owner\n\
    10.20.3.14,00:00:5e:00:53:01,copier.example.edu,static,Chemistry\n\
    10.20.3.15,00:00:5e:00:53:02,plotter.example.edu,static,Chemistry\n";

/// What a campus is to be, where it is not the usual one.
#[derive(Default)]
pub struct Wishes {
    /// Keep the registry in PostgreSQL.
    pub postgresql: bool,
    /// More sections of the configuration.
    pub more: String,
}

/// A campus. Everything of it ends when it is dropped.
pub struct Campus {
    pub gate: Gate,
    pub calendar: Calendar,
    /// Where mail for us arrives, letters of the registry among it.
    pub inside: Sink,
    /// Where mail for everybody else arrives.
    pub internet: Sink,
    folder: tempfile::TempDir,
    _dns: TestDns,
    _outside: Outside,
    _database: Option<Server>,
}

impl Campus {
    /// The usual one: its registry is a file.
    pub fn new() -> Self {
        Self::with(Wishes::default()).unwrap()
    }

    /// `None` where what it needs is not installed.
    pub fn with(wishes: Wishes) -> Option<Self> {
        Self::beside(Outside::new(), wishes)
    }

    /// The same, where something is outside already.
    pub fn beside(outside: Outside, wishes: Wishes) -> Option<Self> {
        let database = match wishes.postgresql {
            true => Some(Server::start()?),
            false => None,
        };
        let folder = tempfile::Builder::new().prefix("portcullis-campus-").tempdir().unwrap();
        let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
        let dns = outside.dns(names());
        let calendar = Calendar::begin(&folder.path().join("calendar"));
        write_whole(&folder.path().join("register.csv"), REGISTER);
        write_whole(&folder.path().join("dhcpd.conf"), "# nothing is reserved\n");
        let here = folder.path().display().to_string();
        let store = match &database {
            Some(server) => format!("database = \"{}\"", server.url("postgres")),
            None => format!("file = \"{here}/registry.sqlite\""),
        };
        let settings = SETTINGS
            .replace("@DNS@", &dns.address().to_string())
            .replace("@STORE@", &store)
            .replace("@FOLDER@", &here);
        let gate = Gate::start(Plan {
            more: settings + &wishes.more,
            networks: vec!["10.0.0.0/8"],
            doors: DOORS,
            environment: vec![(portcullis::drill::VARIABLE, calendar.file().to_owned())],
            ..Plan::to(&inside, &internet)
        });
        Some(Self {
            gate,
            calendar,
            inside,
            internet,
            folder,
            _dns: dns,
            _outside: outside,
            _database: database,
        })
    }

    // ------------------------------------------------------------------------------------------------------ commands

    /// Runs `portcullis access ...` as a person types it.
    pub fn access(&self, words: &[&str]) -> Done {
        self.gate.command(&[&["access"], words].concat())
    }

    /// The same, done and told for programs.
    pub fn told(&self, words: &[&str]) -> Value {
        let said = self.access(&[words, &["--json"]].concat()).expect_ok(&words.join(" "));
        serde_json::from_str(&said).unwrap_or_else(|why| panic!("{words:?}: {why}\n{said}"))
    }

    /// The same, refused with status 1.
    pub fn refused(&self, words: &[&str]) -> Value {
        let done = self.access(&[words, &["--json"]].concat());
        assert_eq!(done.code, Some(1), "{words:?}: {}", done.out);
        serde_json::from_str(&done.out).unwrap_or_else(|why| panic!("{words:?}: {why}\n{}", done.out))
    }

    /// Somebody hands in a form of `tests/access/files`, with these flags beside it; its case.
    pub fn request(&self, form: &str, flags: &[&str]) -> String {
        let form = form_file(form);
        let words = [&["request", "--form", form.to_str().unwrap(), "--submit"], flags].concat();
        self.told(&words)["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the gate has told the ledger of every step of a case: what they changed is live, or will be in a moment.
    pub fn is_known(&self, id: &str) {
        let words = format!("\"event\":\"grant.step\",\"grant\":\"{id}\"");
        eventually(&format!("the gate to know of {id}"), || {
            let told = self.gate.log().lines().filter(|line| line.contains(&words)).count();
            (told >= self.history(id).len()).then_some(())
        });
    }

    /// The state of a case, as `access list` has it.
    pub fn state(&self, id: &str) -> String {
        self.listed(id)["state"].as_str().unwrap().to_owned()
    }

    /// A grant, as `access list` has it.
    pub fn listed(&self, id: &str) -> Value {
        let list = self.told(&["list"]);
        let mut grants = list["grants"].as_array().unwrap().iter();
        let found = grants.find(|grant| grant["id"] == id);
        found.unwrap_or_else(|| panic!("no {id} in {list}")).clone()
    }

    /// Waits until the case stands so.
    pub fn stands(&self, id: &str, state: &str) {
        eventually(&format!("{id} to be {state}"), || {
            (self.state(id) == state).then_some(())
        });
    }

    /// The steps that a case has taken.
    pub fn history(&self, id: &str) -> Vec<Value> {
        self.told(&["show", id])["history"].as_array().unwrap().clone()
    }

    // --------------------------------------------------------------------------------------------------- the network

    /// What the keepers of the network say from now on, in `register.csv` or `dhcpd.conf`.
    pub fn keepers_write(&self, name: &str, text: &str) {
        write_whole(&self.path(name), text);
        // A gate looks every three seconds by the calendar.
        self.calendar.pass(Duration::from_secs(4));
    }

    /// A file of the campus.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    // ---------------------------------------------------------------------------------------------------------- mail

    /// A client at this address, greeted, at the listener for devices known by their address.
    pub fn device(&self, address: &str) -> Client {
        Client::greeted(self.gate.ports.relay, address.parse().unwrap())
    }

    /// A client at this address that shows a certificate, under TLS, at the listener for devices.
    pub fn server(&self, address: &str, shown: &(String, String)) -> Client {
        let mut client = self.device(address);
        client.start_tls(&self.gate.ca(), Some(shown));
        client
    }

    /// A client at this address, under TLS, at the listener for whatever logs in.
    pub fn program(&self, address: &str) -> Client {
        let mut client = Client::greeted(self.gate.ports.submission, address.parse().unwrap());
        client.start_tls(&self.gate.ca(), None);
        client
    }

    /// The letters that arrived for somebody, in the order of their arrival.
    pub fn letters(&self, to: &str) -> Vec<Letter> {
        letters::to(&self.inside, to)
    }

    /// Waits for a letter to somebody whose subject has these words.
    pub fn letter(&self, to: &str, subject: &str) -> Letter {
        eventually(&format!("a letter to {to} about {subject:?}"), || {
            self.letters(to)
                .into_iter()
                .find(|letter| letter.subject.contains(subject))
        })
    }

    /// Waits for something that was written to somebody, in a letter of its own or among others.
    pub fn news(&self, to: &str, words: &str) -> Letter {
        eventually(&format!("news for {to} of {words:?}"), || {
            self.letters(to)
                .into_iter()
                .find(|letter| letter.text.contains(words) || letter.subject.contains(words))
        })
    }

    // --------------------------------------------------------------------------------------------------------- pages

    /// Looks at the page of a link.
    pub fn look(&self, link: &str) -> Page {
        pages::get(self.gate.ports.answers, link)
    }

    /// Presses a button there, with the fields filled in.
    pub fn press(&self, link: &str, fields: &[(&str, &str)]) -> Page {
        pages::post(self.gate.ports.answers, link, fields)
    }
}

/// A form that stories of `access` use too.
pub fn form_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/access/files")
        .join(name)
}

/// Nobody ever finds half of it: it is written beside, and put in its place whole.
fn write_whole(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

fn names() -> Zone {
    let machines = [
        ("copier.example.edu", [10, 20, 3, 14]),
        ("plotter.example.edu", [10, 20, 3, 15]),
    ];
    machines.into_iter().fold(Zone::new(), |zone, (name, address)| {
        let address = IpAddr::from(address);
        zone.address(name, address).ptr(address, name)
    })
}
