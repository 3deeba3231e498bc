//! The certificate of a client that is asked about.

use mail::SubjectName;
use policy::CertificateId;

use crate::config::file::{Pin, Spelled as _};

/// What is known of it.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Shown {
    /// The certificate the client has proved, by the SHA-256 of its public key.
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    pub key: Option<[u8; 32]>,
    /// A name in it, as in dns:ups-7.example.edu, for which the authority vouches.
    #[arg(long, value_name = "NAME", value_parser = SubjectName::parse, requires = "authority")]
    pub subject: Option<SubjectName>,
    /// Who vouches for that name: one of [identities.authorities].
    #[arg(long, value_name = "AUTHORITY", requires = "subject")]
    pub authority: Option<String>,
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    Pin::spell(text.trim()).map(|pin| pin.0)
}

impl Shown {
    /// As judgement takes it.
    pub(super) fn ids(&self) -> Vec<CertificateId> {
        let subject = self.subject.clone().zip(self.authority.as_deref());
        let subject = subject.map(|(name, authority)| CertificateId::Subject {
            authority: authority.into(),
            name,
        });
        self.key.map(CertificateId::Key).into_iter().chain(subject).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use mail::Timestamp;

    use super::super::{Args, answer};
    use crate::config::{self, Machine};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    const HOUSE: &str = "version = 1\n[organisation]\nhostname = \"mail.example.edu\"\ndomains = [\"example.edu\"]\n\
        networks = [\"10.0.0.0/8\"]\n[listeners.relay]\nrole = \"relay\"\nlisten = [\"10.0.0.25:25\"]\n\
        [tls]\ncertificates = [{ chain = \"mail.pem\", key = \"mail.key\" }]\n\
        [routes.central]\ndomains = [\"example.edu\"]\nto = [\"10.1.1.1:25\"]\nrecipients = \"any\"\n\
        [identities.authorities.campus]\nca = \"mail.pem\"\n";

    fn grant(name: &str, by: &str) -> String {
        format!(
            "[grants.{name}]\nowner = \"IT\"\ncontact = \"it@example.edu\"\nreason = \"alarms\"\nuntil = 2026-06-30\n\
             class = \"device\"\nfrom = [\"{name}@example.edu\"]\nto = \"internal\"\nby = {{ {by} }}\n"
        )
    }

    #[test]
    fn a_certificate_is_asked_about_by_its_key_and_by_a_name_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::generate_simple_self_signed(vec!["mail.example.edu".to_owned()]).unwrap();
        std::fs::write(folder.path().join("mail.pem"), key.cert.pem()).unwrap();
        std::fs::write(folder.path().join("mail.key"), key.signing_key.serialize_pem()).unwrap();
        let pin = "07".repeat(32);
        let text = [
            HOUSE.to_owned(),
            grant("meter", &format!("certificate = \"{pin}\"")),
            grant("ups", "subject = \"dns:ups-7.example.edu\", authority = \"campus\""),
        ];
        let reading = config::read("t.toml", text.concat(), folder.path(), &Machine::default());
        let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
        let asked = |from: &str, shown: &str| {
            let words =
                format!("explain --listener relay --client 10.1.2.3 --tls --from {from} --to a@example.edu {shown}");
            let args = Line::parse_from(words.split_whitespace()).args;
            answer(&args, &config, "t.toml", Timestamp(1_770_000_000_000)).unwrap()
        };
        let told = asked("meter@example.edu", &format!("--key {pin}"));
        assert!(
            told.accepted && told.text.contains("by certificate 07070707"),
            "{}",
            told.text
        );
        let by_name = "--subject dns:UPS-7.example.edu --authority campus";
        let told = asked("ups@example.edu", by_name);
        assert!(
            told.accepted && told.text.contains("dns:ups-7.example.edu of campus"),
            "{}",
            told.text
        );
        assert!(!asked("meter@example.edu", by_name).accepted);
        assert!(!asked("ups@example.edu", "--subject dns:ups-7.example.edu --authority other").accepted);
        assert!(!asked("ups@example.edu", "").accepted);
    }
}
