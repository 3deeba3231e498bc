//! Certificates that are made known, and known no more.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::PublicKeyData as _;
use registry::{Event, State};
use wire::{Identity, Roots, TlsClient};

use crate::gateway_house::LETTER;
use crate::office::{Office, admin, greeted, is_answered};

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
