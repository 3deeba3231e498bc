//! A server that shows a certificate: known by its key at first, then by the name in whatever certificate an authority of
//! ours gives it. The former one serves beside the new one until its end, in sessions that are open too.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PublicKeyData,
};

use crate::house::{Campus, DAY, Wishes};

const AT: &str = "10.20.3.14";
const AS: &str = "scan@example.edu";

/// Its own certificate in PEM, and what it signs.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Servers");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// A certificate for a client of this name, and its key; and the SHA-256 of that.
fn certificate(issuer: &Issuer<'static, KeyPair>, name: &str) -> ((String, String), String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, issuer).unwrap().pem();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
    let sha256 = sha256.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    ((chain, key.serialize_pem()), sha256)
}

#[test]
fn a_server_goes_on_under_its_former_certificate_while_another_takes_its_place() {
    let (ca, issuer) = authority();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("servers.pem"), ca).unwrap();
    let more = format!(
        "[identities.authorities.servers]\nca = \"{}/servers.pem\"\n",
        folder.path().display()
    );
    let wishes = Wishes {
        more,
        ..Wishes::default()
    };
    let campus = Campus::with(wishes).unwrap();
    let id = campus.request("copier.toml", &["--authentication", "certificate"]);
    campus.told(&["approve", &id]);
    campus.stands(&id, "provisioned");
    let recipe = campus.letter("tom@example.edu", "how to set up the copier").text;
    let port = format!("{} (encryption: STARTTLS)", campus.gate.ports.relay);
    assert!(
        recipe.contains(&port) && recipe.contains("the device's certificate"),
        "{recipe}"
    );

    let (first, key) = certificate(&issuer, "copier.example.edu");
    campus.told(&["rotate", &id, "--key", &key]);
    let mut session = campus.server(AT, &first);
    session.is_answered(AS, "250");
    session.delivers(AS, "olga@example.edu", "by key");
    campus.stands(&id, "active");

    // Another key, under the same name: only who vouches for that can tell whose it is.
    let (second, _) = certificate(&issuer, "copier.example.edu");
    campus.server(AT, &second).is_answered(AS, "554 5.7.1");
    let made = campus.told(&[
        "rotate",
        &id,
        "--subject",
        "dns:copier.example.edu",
        "--authority",
        "servers",
    ]);
    assert_eq!(made["credential"]["ending"][0]["number"], 1, "{made}");
    assert_eq!(campus.listed(&id)["credentials"].as_array().unwrap().len(), 2);
    let mut named = campus.server(AT, &second);
    named.is_answered(AS, "250");
    named.delivers(AS, "olga@example.edu", "by name");
    session.delivers(AS, "olga@example.edu", "by the former key");
    let (other, _) = certificate(&issuer, "plotter.example.edu");
    campus.server(AT, &other).is_answered(AS, "554 5.7.1");

    // The first certificate had that name as well, so it is the key of a stranger's that ends.
    campus.calendar.pass(15 * DAY);
    let (stranger, key) = certificate(&authority().1, "copier.example.edu");
    campus.server(AT, &stranger).is_answered(AS, "554 5.7.1");
    let again = campus.told(&["rotate", &id, "--key", &key]);
    assert_eq!(again["credential"]["ending"][0]["number"], 2, "{again}");
    let mut strange = campus.server(AT, &stranger);
    strange.is_answered(AS, "250");
    named.is_answered(AS, "250");
    campus.calendar.pass(15 * DAY);
    named.is_answered(AS, "554 5.7.1");
    strange.delivers(AS, "olga@example.edu", "by key again");
    let at_once = [
        "--subject",
        "dns:copier.example.edu",
        "--authority",
        "servers",
        "--at-once",
    ];
    campus.told(&[&["rotate", &id], &at_once[..]].concat());
    strange.is_answered(AS, "554 5.7.1");
    named.is_answered(AS, "250");
}
