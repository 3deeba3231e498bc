mod list;

use std::path::Path;

use argon2::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use hyper::StatusCode;
use mail::DomainPattern;
use registry::{
    Actor, Addendum, CaseId, Contact, Desk, Form, Names, Network, Purpose, Register, Role, Rules, Source, SqliteStore,
    State, Store, Volume,
};
use world::World;

use super::*;

const REGISTER: &str = "ip,mac,fqdn,type\n10.1.2.3,00:00:5e:00:53:01,copier.example.edu,static\n\
                        10.1.2.4,00:00:5e:00:53:02,copier.example.edu,static\n";

/// A registry in a folder, opened twice: by the pages, and by everybody else.
struct Office {
    answers: Answers,
    desk: Registry,
    world: World,
    _folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.sqlite");
        let world = World::real();
        let pages = registry_at(&file);
        let desk = registry_at(&file);
        Self {
            answers: Answers::new(
                pages,
                world.clock.clone(),
                world.rng.clone(),
                "Example <University>".to_owned(),
            ),
            desk,
            world,
            _folder: folder,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.world.clock.wall())
    }

    fn case(&mut self, form: &Form) -> CaseId {
        let now = self.now();
        let ann = Actor::human("ann@example.edu", Role::Requestor);
        let (kept, remarks) = self.desk.request("chemistry", form, &ann, now).unwrap();
        assert_eq!(remarks, []);
        self.desk.submit(kept.id, &ann, now).unwrap();
        let until = now.plus(std::time::Duration::from_secs(86_400 * 300));
        let admin = Actor::human("relay@example.edu", Role::Admin);
        self.desk.act(kept.id, &Event::Complete { until }, &admin, now).unwrap();
        kept.id
    }

    fn link(&mut self, id: CaseId, purpose: Purpose, to: &str) -> String {
        let (token, _) = self.desk.link(id, purpose, to, self.now(), &*self.world.rng).unwrap();
        token.as_str().to_owned()
    }

    fn state(&mut self, id: CaseId) -> State {
        self.desk.store().get(id).unwrap().unwrap().case.state
    }

    #[track_caller]
    fn take(&self, token: &str, body: &str) -> (StatusCode, String) {
        let whence = Whence {
            address: "192.0.2.7".to_owned(),
            agent: "a browser".to_owned(),
        };
        let page = self.answers.take(token, &Fields::read(body.as_bytes()), &whence);
        (page.status, page.render())
    }

    fn look(&self, token: &str) -> (StatusCode, String) {
        let page = self.answers.look(token);
        (page.status, page.render())
    }
}

fn registry_at(file: &Path) -> Registry {
    let store: Box<dyn Store> = Box::new(SqliteStore::open(file).unwrap());
    let rules = Rules {
        domains: vec![DomainPattern::parse("example.edu").unwrap()],
        network: Network {
            own: vec!["10.0.0.0/8".parse().unwrap()],
            register: Source::Known(Register::read(REGISTER).unwrap()),
            ..Network::default()
        },
        ..Rules::default()
    };
    Desk::new(store, rules)
}

fn form(authentication: &str) -> Form {
    let contact = |email: &str| Contact {
        name: "Ann & <b>Co</b>".to_owned(),
        email: email.to_owned(),
    };
    Form {
        requestor: contact("ann@example.edu"),
        technical: contact("tom@example.edu"),
        owner: contact("olga@example.edu"),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: "10.1.2.3".to_owned(),
        host: "copier.example.edu".to_owned(),
        senders: vec!["scan@example.edu".to_owned()],
        volume: Volume {
            per_day: 40,
            per_hour: 10,
            octets: 20_000_000,
        },
        authentication: authentication.to_owned(),
        tls: "1.2".to_owned(),
        purpose: "scans to mail".to_owned(),
        exception: (authentication == "none").then(|| Addendum {
            head: contact("dean@example.edu"),
            justification: "The only large-format scanner of the building; its successor is ordered.".to_owned(),
            hindrance: "no SMTP AUTH in any firmware".to_owned(),
            firmware_checked: true,
            replacement: "2027".to_owned(),
        }),
        ..Form::default()
    }
}

/// What a browser would send back: what is hidden in the page, and what a person fills in.
fn answer(page: &str, more: &str) -> String {
    let mut body = String::new();
    for piece in page.split("<input type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = piece.split_once("\" value=\"").unwrap();
        let (value, _) = rest.split_once('"').unwrap();
        body.push_str(&format!("{name}={value}&"));
    }
    body + more
}

#[test]
fn a_head_takes_the_risk_by_three_ticks_and_a_name_and_the_link_works_once() {
    let mut office = Office::open();
    let id = office.case(&form("none"));
    assert_eq!(office.state(id), State::AwaitingHeadAck);
    let token = office.link(id, Purpose::Acknowledge, "dean@example.edu");

    let (status, page) = office.look(&token);
    assert_eq!(status, StatusCode::OK);
    for sentence in registry::ACKNOWLEDGEMENTS {
        assert!(page.contains(sentence), "{page}");
    }
    assert!(
        page.contains("large-format scanner") && page.contains("Ann &amp; &lt;b&gt;Co&lt;/b&gt;"),
        "{page}"
    );
    assert!(!page.contains("<script"));

    let two = "do=acknowledge&name=Dean+D.+Dean&accept1=yes&accept3=yes";
    let (status, again) = office.take(&token, &answer(&page, two));
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.contains("missing: 2"), "{again}");
    // What was filled in stays.
    assert_eq!(again.matches(" checked").count(), 2, "{again}");
    assert!(again.contains("value=\"Dean D. Dean\""), "{again}");
    assert_eq!(office.state(id), State::AwaitingHeadAck);

    let all = "do=acknowledge&name=Dean+D.+Dean&accept1=yes&accept2=yes&accept3=yes";
    let (status, thanks) = office.take(&token, &answer(&page, all));
    assert_eq!(status, StatusCode::OK, "{thanks}");
    assert_eq!(office.state(id), State::SecurityReview);
    let last = office.desk.store().history(id).unwrap().pop().unwrap();
    let evidence = last.evidence.unwrap();
    assert!(evidence.contains("192.0.2.7"), "{evidence}");
    assert!(
        evidence.contains("Dean D. Dean") && evidence.contains("dean@example.edu"),
        "{evidence}"
    );

    let (status, used) = office.look(&token);
    assert_eq!(status, StatusCode::GONE);
    assert!(used.contains("was used on"), "{used}");
    assert_eq!(office.take(&token, &answer(&page, all)).0, StatusCode::GONE);
}

#[test]
fn an_edit_voids_the_page_that_was_open_meanwhile() {
    let mut office = Office::open();
    let id = office.case(&form("none"));
    let token = office.link(id, Purpose::Acknowledge, "dean@example.edu");
    let (_, page) = office.look(&token);
    let edited = Form {
        purpose: "scans, and reports".to_owned(),
        ..form("none")
    };
    let ann = Actor::human("ann@example.edu", Role::Requestor);
    office.desk.amend(id, &edited, &ann, office.now()).unwrap();
    let all = "do=acknowledge&name=Dean+D.+Dean&accept1=yes&accept2=yes&accept3=yes";
    let (status, said) = office.take(&token, &answer(&page, all));
    assert_eq!(status, StatusCode::GONE);
    assert!(said.contains("was edited"), "{said}");
    assert_ne!(office.state(id), State::SecurityReview);
}

#[test]
fn a_secret_is_made_by_a_button_shown_once_and_kept_nowhere() {
    let mut office = Office::open();
    let id = office.case(&form("password"));
    let now = office.now();
    let (kept, _) = office.desk.check(id, &names(), now).unwrap();
    assert_eq!(kept.case.state, State::Provisioned);
    let token = office.link(id, Purpose::Secret, "tom@example.edu");
    // Programs that follow every link make none.
    let (_, page) = office.look(&token);
    assert!(!page.contains("class=\"secret\""));
    assert_eq!(office.desk.store().credentials(id).unwrap(), []);

    let (status, shown) = office.take(&token, "do=show");
    assert_eq!(status, StatusCode::OK, "{shown}");
    let (_, rest) = shown.split_once("class=\"secret\">").unwrap();
    let (secret, _) = rest.split_once('<').unwrap();
    assert_eq!(secret.len(), 20);
    let now = office.now();
    let credentials = office.desk.store().live_credentials(now).unwrap();
    let registry::Proof::Secret { argon2, .. } = &credentials[0].1.proof else {
        panic!("no secret");
    };
    let hash = PasswordHash::new(argon2).unwrap();
    argon2::Argon2::default()
        .verify_password(secret.as_bytes(), &hash)
        .unwrap();
    assert!(!office.look(&token).1.contains(secret));
    assert_eq!(office.take(&token, "do=show").0, StatusCode::GONE);
}

#[test]
fn what_is_no_link_of_ours_is_told_so_whatever_it_is() {
    let office = Office::open();
    for token in ["", "x", "../../etc/passwd", &"0".repeat(64), &"é".repeat(32)] {
        let (status, page) = office.look(token);
        assert_eq!(status, StatusCode::GONE, "{token}");
        assert!(page.contains("is not one of ours"), "{page}");
        assert_eq!(office.take(token, "do=show").0, StatusCode::GONE);
    }
}

#[test]
fn an_address_is_verified_and_an_idle_grant_removed_by_one_button() {
    let mut office = Office::open();
    let id = office.case(&form("password"));
    let now = office.now();
    office.desk.check(id, &names(), now).unwrap();
    let verify = office.link(id, Purpose::VerifyMail, "ann@example.edu");
    assert_eq!(office.take(&verify, "do=verify").0, StatusCode::OK);
    // What is not asked any more is said, and nothing happens.
    let early = office.link(id, Purpose::KeepOrRemove, "ann@example.edu");
    let (status, page) = office.take(&early, "do=keep&reason=exams");
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    let (status, page) = office.take(&early, "do=remove");
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(matches!(office.state(id), State::Revoked(_)));
}

fn names() -> Names {
    Names {
        forward: Source::Known(vec!["10.1.2.3".parse().unwrap()]),
        reverse: Source::Known(vec![mail::Domain::parse("copier.example.edu").unwrap()]),
    }
}
