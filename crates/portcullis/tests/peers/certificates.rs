//! A client that shows a name in its certificate, for which an authority of the configuration vouches; and every
//! certificate that opens nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::house::{Done, Gate, Outside, Plan, eventually, have, letter, run, until, write_private};

const FROM: &str = "ups@example.edu";

/// An authority of the organisation's own.
struct Campus(Issuer<'static, KeyPair>);

impl Campus {
    /// Its certificate is written there.
    fn new(file: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("{}", file.display()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// Writes `NAME.pem` and `NAME.key` of a client whose name is `ups-7.example.edu`.
    fn issue(&self, folder: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let mut params = CertificateParams::new(vec!["ups-7.example.edu".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        write_private(&folder.join(format!("{name}.key")), &key.serialize_pem());
    }

    /// Writes what it revoked.
    fn revoke(&self, file: &Path, serials: &[u64]) {
        let (this_update, next_update) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2100, 1, 1));
        let revoked = |serial: &u64| rcgen::RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: this_update,
            reason_code: None,
            invalidity_date: None,
        };
        let params = rcgen::CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        // The gate never sees half of it.
        let new = file.with_extension("new");
        fs::write(&new, params.signed_by(&self.0).unwrap().pem().unwrap()).unwrap();
        fs::rename(new, file).unwrap();
    }
}

fn send(gate: &Gate, folder: &Path, certificate: &str, subject: &str) -> (Done, String) {
    let sent = letter(FROM, "bob@elsewhere.example", subject);
    write_private(&gate.path("letter"), &sent);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--verbose", "--ssl-reqd", "--url"]);
    curl.arg(format!("smtp://127.0.0.1:{}/ups-7.example.edu", gate.ports.relay));
    curl.arg("--cacert").arg(gate.ca());
    curl.arg("--cert").arg(folder.join(format!("{certificate}.pem")));
    curl.arg("--key").arg(folder.join(format!("{certificate}.key")));
    curl.args(["--mail-from", FROM, "--mail-rcpt", "bob@elsewhere.example"]);
    (run(curl.arg("--upload-file").arg(gate.path("letter"))), sent)
}

#[test]
fn curl_relays_with_a_name_that_the_authority_vouches_for_and_the_log_says_why_it_does_not_for_others() {
    if !have("curl") {
        return;
    }
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (campus, other) = (
        Campus::new(&folder.join("campus.pem")),
        Campus::new(&folder.join("other.pem")),
    );
    campus.revoke(&folder.join("campus.crl"), &[7]);
    campus.issue(folder, "ups", |params| params.serial_number = Some(42u64.into()));
    campus.issue(folder, "ended", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1)
    });
    campus.issue(folder, "early", |params| {
        params.not_before = rcgen::date_time_ymd(2100, 1, 1)
    });
    campus.issue(folder, "server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    campus.issue(folder, "revoked", |params| params.serial_number = Some(7u64.into()));
    campus.issue(folder, "namesake", |params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, "ups-7.example.edu");
    });
    campus.issue(folder, "everybody", |params| {
        let any = rcgen::SanType::DnsName("*.example.edu".try_into().unwrap());
        params.subject_alt_names = vec![any];
    });
    other.issue(folder, "foreign", |_| {});

    let gate = Gate::start(Plan {
        more: format!(
            "[identities.authorities.campus]\nca = \"{0}/campus.pem\"\ncrl = \"{0}/campus.crl\"\n\
             [grants.ups]\nowner = \"Facilities\"\ncontact = \"it@example.edu\"\nreason = \"alarms\"\n\
             until = {1}\nby = {{ subject = \"dns:ups-7.example.edu\", authority = \"campus\" }}\n\
             from = [\"{FROM}\"]\nto = \"any\"\nclass = \"device\"\n",
            folder.display(),
            until()
        ),
        ..Plan::to(&inside, &internet)
    });
    let (done, sent) = send(&gate, folder, "ups", "by-name");
    done.expect_ok("curl");
    crate::house::arrived_whole(&internet.receive("by-name").1, &sent);

    for (certificate, why) in [
        ("ended", Some("campus: it has expired")),
        ("early", Some("campus: it is not valid yet")),
        ("server", Some("campus: it was not issued for this use")),
        ("revoked", Some("campus: it was revoked")),
        ("foreign", Some("campus: no trusted authority issued it")),
        ("namesake", None),
        ("everybody", None),
    ] {
        let (done, _) = send(&gate, folder, certificate, certificate);
        done.expect_refused("[no-grant");
        if let Some(why) = why {
            let line = format!("nobody vouches for the client's certificate: {why}");
            gate.logged(&[&line]);
        }
    }
    let said = gate.command(&["why", "ups@example.edu"]).expect_ok("why");
    for words in [
        "certificate dns:ups-7.example.edu of campus",
        "nobody vouches for (campus: it was revoked)",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!((internet.messages().len(), inside.messages().len()), (1, 0));
    // A list that is another is read with the configuration.
    campus.revoke(&folder.join("campus.crl"), &[7, 42]);
    gate.signal("HUP");
    let refused = || Some(send(&gate, folder, "ups", "revoked").0).filter(|done| !done.ok);
    eventually("what was revoked meanwhile to be refused", refused).expect_refused("[no-grant");
}
