//! What authorities say of the certificates that clients show: each reason there is for vouching for nobody, and that a
//! client is served all the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints};
use smtp::server::Transport;
use support::{Authority, House};
use wire::{Asking, Authorities, Connection, Dial, Distrust, Identity, TlsClient, TlsServer, Vouched};

/// A house whose gate asks the authority `campus`.
struct Gate {
    house: House,
    /// Who vouches for the gate.
    own: Authority,
    authorities: Authorities,
}

impl Gate {
    async fn open() -> Self {
        let (mut house, own, authorities) = (House::new(), Authority::new(), Authorities::default());
        let identities = vec![own.issue(&["mx.example.org"])];
        let tls = TlsServer::new(identities, Asking::Optional, house.world.clock.clone()).unwrap();
        house.tls = Some(tls.asking(authorities.clone()).into());
        house.dialogue.offer.starttls = true;
        house.open(Transport::Clear).await;
        Self {
            house,
            own,
            authorities,
        }
    }

    fn trusts(&self, campus: &Authority, revoked: Option<&str>) {
        self.trusts_pem(campus.pem(), revoked);
    }

    fn trusts_pem(&self, pem: &str, revoked: Option<&str>) {
        let campus = wire::Authority::new("campus".into(), pem.as_bytes(), revoked.map(str::as_bytes));
        self.authorities.replace(vec![campus.unwrap()]);
    }

    /// What is said of a client that shows this and is served.
    async fn said_of(&self, shown: (String, String)) -> Result<Vec<String>, Distrust> {
        let (chain, key) = shown;
        let shown = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let tls = TlsClient::new(self.own.roots(), Some(shown), self.house.world.clock.clone());
        let dial = Dial {
            tls: Some(tls),
            ..self.house.dial(Transport::Clear)
        };
        let net = &*self.house.world.net;
        let connection = Connection::open(net, self.house.world.clock.clone(), &dial)
            .await
            .unwrap();
        connection.quit().await;
        self.house.settle().await;
        let notes = self.house.notes.lock().unwrap();
        let said = notes.tls.last().unwrap().peer.as_ref().unwrap().vouched.clone();
        let [Vouched { authority, names }] = said.try_into().unwrap();
        assert_eq!(&*authority, "campus");
        names.map(|names| names.iter().map(ToString::to_string).collect())
    }
}

/// A certificate for a client.
fn client(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    authority.pem_pair(&["ups-7.example.edu"], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(42u64.into());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(params);
    })
}

fn own_name() -> Result<Vec<String>, Distrust> {
    Ok(vec!["dns:ups-7.example.edu".to_owned()])
}

#[tokio::test(start_paused = true)]
async fn an_authority_vouches_for_the_names_in_the_certificates_it_issued() {
    let (gate, campus) = (Gate::open().await, Authority::new());
    gate.trusts(&campus, None);
    assert_eq!(gate.said_of(client(&campus, |_| {})).await, own_name());
}

#[tokio::test(start_paused = true)]
async fn each_thing_that_is_wrong_with_a_certificate_is_told_and_its_client_served_without_a_name() {
    let (gate, campus, other) = (Gate::open().await, Authority::new(), Authority::new());
    gate.trusts(&campus, None);
    let ended = client(&campus, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert_eq!(gate.said_of(ended).await, Err(Distrust::Expired));
    let early = client(&campus, |params| params.not_before = rcgen::date_time_ymd(2100, 1, 1));
    assert_eq!(gate.said_of(early).await, Err(Distrust::NotYetValid));
    for usages in [vec![ExtendedKeyUsagePurpose::ServerAuth], Vec::new()] {
        let server = client(&campus, |params| params.extended_key_usages = usages);
        assert_eq!(gate.said_of(server).await, Err(Distrust::WrongPurpose));
    }
    let foreign = client(&other, |_| {});
    assert_eq!(gate.said_of(foreign).await, Err(Distrust::UnknownIssuer));
}

#[tokio::test(start_paused = true)]
async fn what_was_revoked_counts_no_more_and_where_no_list_is_in_force_nothing_counts() {
    let (gate, campus) = (Gate::open().await, Authority::new());
    gate.trusts(&campus, Some(&campus.revoked(&[7], (2020, 2100))));
    assert_eq!(gate.said_of(client(&campus, |_| {})).await, own_name());
    // A running gate is told otherwise.
    gate.trusts(&campus, Some(&campus.revoked(&[42], (2020, 2100))));
    assert_eq!(gate.said_of(client(&campus, |_| {})).await, Err(Distrust::Revoked));
    gate.trusts(&campus, Some(&campus.revoked(&[], (2020, 2021))));
    assert_eq!(
        gate.said_of(client(&campus, |_| {})).await,
        Err(Distrust::RevocationUnknown)
    );
    let elsewhere = Authority::new();
    gate.trusts(&campus, Some(&elsewhere.revoked(&[], (2020, 2100))));
    assert_eq!(
        gate.said_of(client(&campus, |_| {})).await,
        Err(Distrust::RevocationUnknown)
    );
}

#[tokio::test(start_paused = true)]
async fn one_between_counts_within_its_constraints_and_with_a_list_of_its_own() {
    let (gate, campus) = (Gate::open().await, Authority::new());
    let constrained = |domain: &str| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName(domain.to_owned())];
        campus.under(|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees,
                excluded_subtrees: Vec::new(),
            });
        })
    };
    let through = |between: &Authority| {
        let (own, key) = client(between, |_| {});
        (own + between.pem(), key)
    };
    let (inside, outside) = (constrained("example.edu"), constrained("example.com"));
    gate.trusts(&campus, None);
    assert_eq!(gate.said_of(through(&inside)).await, own_name());
    assert!(matches!(gate.said_of(through(&outside)).await, Err(Distrust::Other(_))));
    let of_campus = campus.revoked(&[], (2020, 2100));
    gate.trusts(&campus, Some(&of_campus));
    assert_eq!(gate.said_of(through(&inside)).await, Err(Distrust::RevocationUnknown));
    gate.trusts(&campus, Some(&(of_campus + &inside.revoked(&[], (2020, 2100)))));
    assert_eq!(gate.said_of(through(&inside)).await, own_name());
}

#[tokio::test(start_paused = true)]
async fn a_long_chain_is_not_looked_at_and_an_authority_that_cannot_be_read_vouches_for_nobody() {
    let (gate, campus) = (Gate::open().await, Authority::new());
    gate.trusts(&campus, None);
    let (own, key) = client(&campus, |_| {});
    let long = own.repeat(9);
    let too_long = Err(Distrust::Other("its chain is too long".into()));
    assert_eq!(gate.said_of((long, key)).await, too_long);
    gate.authorities.replace(vec![wire::Authority::silent("campus".into())]);
    assert!(matches!(
        gate.said_of(client(&campus, |_| {})).await,
        Err(Distrust::Other(_))
    ));
}

#[test]
fn files_that_say_nothing_are_no_authority() {
    let campus = Authority::new();
    let of = |pem: &str, revoked: Option<&str>| {
        wire::Authority::new("campus".into(), pem.as_bytes(), revoked.map(str::as_bytes)).is_ok()
    };
    let revoked = campus.revoked(&[42], (2020, 2100));
    assert!(of(campus.pem(), None) && of(campus.pem(), Some(&revoked)));
    for (pem, revoked) in [
        ("", None),
        ("x", None),
        (campus.pem(), Some("")),
        (campus.pem(), Some("0\u{3}abc")),
        (campus.pem(), Some(campus.pem())),
    ] {
        assert!(!of(pem, revoked), "{pem:?} {revoked:?}");
    }
}
