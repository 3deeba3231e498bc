//! Who lives here: the organisation, its grants, the world outside. Plain values, from which [`papers`](crate::papers) writes the
//! configuration and by which the checkers judge; the gateway's own rules have no part in them.

use std::net::{IpAddr, SocketAddr};

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

    pub(crate) const fn name(self) -> &'static str {
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

/// Midnight at the beginning of a day, counted from that of the beginning.
#[must_use]
pub fn midnight(days: i64) -> i64 {
    (world::sim::GENESIS.div_euclid(DAY) + days) * DAY
}
