//! Who lives here: the organisation, its grants, the world outside. Plain values, from which the configuration is
//! written and by which the checkers judge; the gateway's own rules have no part in them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

/// Ways in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// The front gate.
    Mx,
    /// For people and programs, STARTTLS.
    Submission,
    /// The same under TLS from the first octet.
    Submissions,
    /// For devices; nobody else.
    Devices,
    /// For devices, and for machines of ours that write to us.
    Campus,
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Mx,
        Self::Submission,
        Self::Submissions,
        Self::Devices,
        Self::Campus,
    ];

    /// Where it is.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::Mx => "192.0.2.25:25",
            Self::Submission => "192.0.2.26:587",
            Self::Submissions => "192.0.2.26:465",
            Self::Devices => "10.20.0.25:25",
            Self::Campus => "10.30.0.25:2525",
        }
    }

    /// Its role, as the configuration writes it.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Devices | Self::Campus => "relay",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Mx => "mx",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Devices => "devices",
            Self::Campus => "campus",
        }
    }
}

/// A server that takes mail.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its name in DNS.
    pub host: &'static str,
    /// Its address.
    pub ip: &'static str,
    /// The domains whose mail belongs there.
    pub domains: &'static [&'static str],
    /// Whether it is one of ours.
    pub inside: bool,
}

impl Place {
    /// Where it listens.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        let ip: IpAddr = self.ip.parse().context("an address of the town")?;
        Ok(SocketAddr::new(ip, 25))
    }
}

/// Every server.
pub const PLACES: &[Place] = &[
    Place {
        host: "central.example.edu",
        ip: "10.1.1.1",
        domains: &["example.edu"],
        inside: true,
    },
    Place {
        host: "mail.chem.example.edu",
        ip: "10.1.1.2",
        domains: &["chem.example.edu"],
        inside: true,
    },
    Place {
        host: "mx1.example.org",
        ip: "198.51.100.1",
        domains: &["example.org", "alumni.example.org"],
        inside: false,
    },
    Place {
        host: "mx2.example.org",
        ip: "198.51.100.2",
        domains: &["example.org"],
        inside: false,
    },
    Place {
        host: "mx.example.net",
        ip: "198.51.100.3",
        domains: &["example.net"],
        inside: false,
    },
    Place {
        host: "mx.partner.example",
        ip: "198.51.100.4",
        domains: &["partner.example"],
        inside: false,
    },
    Place {
        host: "old.moving.example",
        ip: "198.51.100.6",
        domains: &["moving.example"],
        inside: false,
    },
    Place {
        host: "new.moving.example",
        ip: "198.51.100.7",
        domains: &["moving.example"],
        inside: false,
    },
];

/// Domains of ours.
pub const OWN: &[&str] = &["example.edu", "chem.example.edu"];
/// Recipients the department has.
pub const CHEMISTS: &[&str] = &["head@chem.example.edu", "it@chem.example.edu"];
/// The secret of every login here.
pub const SECRET: &str = "correct horse battery staple";
/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;

/// Whether an address is one of ours.
#[must_use]
pub fn is_own(address: &str) -> bool {
    address
        .rsplit_once('@')
        .is_none_or(|(_, domain)| OWN.contains(&domain.to_ascii_lowercase().as_str()))
}

/// How a grant is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// By a login.
    Login(&'static str),
    /// By an address.
    Address(&'static str),
}

/// To whom a grant reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    Any,
    /// Ourselves.
    Internal,
    /// Ourselves and these domains.
    Domains(&'static [&'static str]),
}

/// A grant, plainly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub name: &'static str,
    /// How it is shown.
    pub shown: Shown,
    /// Its senders; `*@domain` for all of a domain.
    pub from: &'static [&'static str],
    /// Its recipients.
    pub reach: Reach,
    /// The first day, counted from the day of the beginning.
    pub first_day: i64,
    /// The last day, counted alike.
    pub last_day: i64,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Its class.
    pub class: &'static str,
    /// Messages an hour.
    pub hourly: u32,
}

/// A forward, plainly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The address of ours.
    pub from: &'static str,
    /// Where its mail goes.
    pub to: &'static str,
    /// The last day, counted from the day of the beginning.
    pub last_day: i64,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may relay.
    pub grants: Vec<Grant>,
    /// What goes on elsewhere.
    pub forwards: Vec<Forward>,
}

/// Who hears of the troubles of a device.
pub const CONTACT: &str = "desk@example.edu";

impl Rules {
    /// As it is at the beginning.
    #[must_use]
    pub fn first() -> Self {
        let plain = Grant {
            name: "billing",
            shown: Shown::Login("billing"),
            from: &["billing@example.edu"],
            reach: Reach::Any,
            first_day: -100,
            last_day: 200,
            suspended: false,
            class: "application",
            hourly: 3000,
        };
        let grants = vec![
            plain.clone(),
            Grant {
                name: "crm",
                shown: Shown::Login("crm"),
                from: &["*@example.edu"],
                reach: Reach::Domains(&["partner.example", "moving.example"]),
                ..plain.clone()
            },
            Grant {
                name: "person",
                shown: Shown::Login("anna"),
                from: &["anna@example.edu"],
                class: "user",
                hourly: 2,
                ..plain.clone()
            },
            Grant {
                name: "copier",
                shown: Shown::Address("10.20.3.14"),
                from: &["scan@example.edu"],
                class: "device",
                ..plain.clone()
            },
            Grant {
                name: "fax",
                shown: Shown::Address("10.20.3.15"),
                from: &["fax@example.edu"],
                reach: Reach::Internal,
                class: "device",
                ..plain.clone()
            },
            Grant {
                name: "ups",
                shown: Shown::Address("10.20.3.16"),
                from: &["ups@example.edu"],
                class: "device",
                hourly: 4,
                ..plain.clone()
            },
            Grant {
                name: "ending",
                shown: Shown::Address("10.20.3.17"),
                from: &["scan@example.edu"],
                class: "legacy",
                last_day: 0,
                ..plain.clone()
            },
            Grant {
                name: "coming",
                shown: Shown::Address("10.20.3.18"),
                from: &["scan@example.edu"],
                class: "device",
                first_day: 1,
                ..plain.clone()
            },
            Grant {
                name: "erp",
                shown: Shown::Login("erp"),
                from: &["erp@example.edu"],
                suspended: true,
                ..plain
            },
        ];
        let forwards = vec![
            Forward {
                from: "alumni@example.edu",
                to: "office@alumni.example.org",
                last_day: 300,
            },
            Forward {
                from: "guests@example.edu",
                to: "guests@example.net",
                last_day: 0,
            },
        ];
        Self { grants, forwards }
    }

    /// The grant of this name.
    pub fn grant_mut(&mut self, name: &str) -> Option<&mut Grant> {
        self.grants.iter_mut().find(|grant| grant.name == name)
    }
}

/// Certificates and a password's hash, made once for all runs of a process.
///
/// The key is of a kind whose signatures and certificates always have the same length, so that a connection cut behind
/// so many octets is cut at the same place in every run.
pub struct Papers {
    chain: rustls_pki_types::CertificateDer<'static>,
    chain_pem: String,
    key: Vec<u8>,
    key_pem: String,
    hash: String,
}

impl Papers {
    /// Makes them.
    pub fn new() -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let mut params = rcgen::CertificateParams::new(vec!["gate.example.edu".to_owned()])?;
        params.serial_number = Some(rcgen::SerialNumber::from(1));
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            chain: certificate.der().clone(),
            chain_pem: certificate.pem(),
            key: key.serialize_der(),
            key_pem: key.serialize_pem(),
            hash: cheap_hash()?,
        })
    }

    /// The certificate.
    #[must_use]
    pub fn chain(&self) -> &rustls_pki_types::CertificateDer<'static> {
        &self.chain
    }

    /// Its key, PKCS #8.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// How clients speak TLS: they trust the certificate and nothing else.
    pub fn client(&self) -> anyhow::Result<Arc<rustls::ClientConfig>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.chain.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// Lays everything a gateway reads into the folder of a run. The text is the same in every folder, for its digest is
    /// part of each testimony.
    pub fn lay_out(&self, run: &Path, rules: &Rules) -> anyhow::Result<PathBuf> {
        std::fs::write(run.join("gate.pem"), &self.chain_pem)?;
        std::fs::write(run.join("gate.key"), &self.key_pem)?;
        let file = run.join("gate.toml");
        std::fs::write(&file, self.configuration(rules)?)?;
        Ok(file)
    }

    /// The configuration of these rules.
    pub fn configuration(&self, rules: &Rules) -> anyhow::Result<String> {
        let mut text = String::from(HOUSE);
        for door in Door::ALL {
            writeln!(text, "[listeners.{}]", door.name())?;
            writeln!(text, "role = {:?}\nlisten = [{:?}]", door.role(), door.address())?;
            if door == Door::Campus {
                writeln!(text, "ungranted = \"internal-only\"")?;
            }
        }
        for grant in &rules.grants {
            write_grant(&mut text, grant, &self.hash)?;
        }
        for (number, forward) in rules.forwards.iter().enumerate() {
            let Forward { from, to, last_day } = forward;
            writeln!(text, "[forwards.f{number}]\nfrom = {from:?}\nto = {to:?}")?;
            writeln!(
                text,
                "owner = \"Alumni\"\nreason = \"their own mail\"\nuntil = {}",
                date(*last_day)
            )?;
        }
        Ok(text)
    }
}

/// The hash of [`SECRET`] at the least that Argon2id can cost: a run logs in very often, and nobody attacks it.
fn cheap_hash() -> anyhow::Result<String> {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let wrong = |error: &dyn std::fmt::Display| anyhow::anyhow!("hashing a secret: {error}");
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).map_err(|error| wrong(&error))?;
    let hash: argon2::PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(SECRET.as_bytes(), b"not so much salt")
        .map_err(|error| wrong(&error))?;
    Ok(hash.to_string())
}

fn write_grant(text: &mut String, grant: &Grant, hash: &str) -> anyhow::Result<()> {
    let by = match grant.shown {
        Shown::Login(login) => format!("password = {login:?}, hash = {hash:?}"),
        Shown::Address(address) => format!("address = [{address:?}]"),
    };
    let to = match grant.reach {
        Reach::Any => "\"any\"".to_owned(),
        Reach::Internal => "\"internal\"".to_owned(),
        Reach::Domains(domains) => format!("{domains:?}"),
    };
    let (first, last) = (date(grant.first_day), date(grant.last_day));
    let Grant {
        name,
        from,
        class,
        hourly,
        ..
    } = grant;
    writeln!(
        text,
        "[grants.{name}]\nowner = \"Somebody\"\ncontact = {CONTACT:?}\nreason = \"a simulation\""
    )?;
    writeln!(
        text,
        "starts = {first}\nuntil = {last}\nby = {{ {by} }}\nfrom = {from:?}\nto = {to}\nclass = {class:?}"
    )?;
    writeln!(text, "limits = {{ messages_per_hour = {hourly} }}")?;
    if matches!(*class, "device" | "legacy") {
        writeln!(text, "tolerate = [\"bare-lf\", \"missing-from\"]")?;
    }
    if grant.suspended {
        writeln!(text, "suspended = \"abuse\"")?;
    }
    Ok(())
}

/// A day, counted from that of the beginning.
fn date(days: i64) -> String {
    let at = mail::Timestamp(world::sim::GENESIS + days * DAY);
    at.to_rfc3339().chars().take(10).collect()
}

/// Midnight at the beginning of a day, counted from that of the beginning.
#[must_use]
pub fn midnight(days: i64) -> i64 {
    (world::sim::GENESIS.div_euclid(DAY) + days) * DAY
}

const HOUSE: &str = r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu", "chem.example.edu"]
networks = ["10.0.0.0/8"]
help     = "https://help.example.edu/why"
[tls]
certificates = [{ chain = "gate.pem", key = "gate.key" }]
[routes.central]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.chemistry]
domains    = ["chem.example.edu"]
to         = ["mail.chem.example.edu:25"]
recipients = ["head@chem.example.edu", "it@chem.example.edu"]
[routes.partner]
domains = ["partner.example"]
to      = "mx"
tls     = "require"
[routes.internet]
to  = "mx"
[delivery]
schedule   = ["1m", "5m", "15m", "1h", "2h"]
life_time  = "2d"
warn_after = ["4h"]
[spool]
dir          = "/spool"
segment_size = "1 MiB"
keep_free    = "64 KiB"
[ledger]
dir = "/ledger"
"#;
