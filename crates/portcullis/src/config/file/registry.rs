//! `[registry]`: where grants are asked for, approved and kept, and what they are measured by.

use std::net::SocketAddr;
use std::path::PathBuf;

use mail::Mailbox;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Count, Day, List, Maybe, Named, Text};

/// The registry of grants: who may relay beside what this file says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Registry {
    /// The file it is kept in. Default: `registry.sqlite` beside the spool.
    pub file: Maybe<PathBuf>,
    /// The PostgreSQL it is kept in instead, where several gates share it: `postgresql://user@host:port/database`. Over a
    /// network TLS is demanded and the server's certificate verified, unless it ends with `?sslmode=disable`.
    pub database: Maybe<Unshown>,
    /// The file with the password of that database. Where none is named, `PGPASSFILE` in the environment may name one in
    /// the form of PostgreSQL's own programs.
    pub password_file: Maybe<PathBuf>,
    /// The certificates (PEM) that vouch for that database. Default: those of the system.
    pub database_ca: Maybe<PathBuf>,
    /// The department or customer of a new case that names none. Default: default.
    pub scope: Maybe<String>,
    /// The register of addresses, as its keepers export it: CSV whose first line names its columns. `ip` and `type` (static,
    /// static-dhcp, dynamic) are needed; `mac`, `fqdn`, `zone`, `owner`, `department`, `registered_until` are read.
    pub register: Maybe<PathBuf>,
    /// Configurations of DHCP servers: dhcpd.conf of ISC, or Kea's JSON.
    pub dhcp: Vec<At<PathBuf>>,
    /// Which network lies in which zone: CSV of `prefix,zone`, or `prefix,zone,egress` with what its firewall lets out on
    /// port 25: `relay`, `internet` or `none`. Default: the zones of this file.
    pub zones: Maybe<PathBuf>,
    /// Which machine was seen at which address: CSV of `ip,mac,seen`, of a router's neighbours or of DHCP's leases.
    pub sightings: Maybe<PathBuf>,
    /// What a scan from outside could reach: CSV of `ip,port,state`.
    pub scan: Maybe<PathBuf>,
    /// Who is there, as the organisation's directory exports it: CSV of `email,role`, mailboxes that several people read
    /// among them. A head has `dean`, `head` or `director` in the role. A grant whose people have left is somebody's again,
    /// or suspended.
    pub people: Maybe<PathBuf>,
    /// The zone that devices which cannot log in have to stand in. Default: any.
    pub device_zone: Maybe<String>,
    /// How wide a grant may be. Default: one address.
    pub widest: WidestPrefix,
    /// Where the organisation's days begin, as in Europe/Berlin: for business days. Default: UTC.
    pub time_zone: Maybe<String>,
    /// Days on which nobody works, beside Saturdays and Sundays.
    pub holidays: Vec<At<Day>>,
    /// The address that letters are from, as in grants@example.edu. Mail for it has to come through this gate on its way to
    /// a mailbox that people read: answers are noted in their case, and whom a letter did not reach is remembered.
    /// Default: the postmaster, and an empty sender, so that what comes back later is not known.
    pub post: Maybe<Text<Mailbox>>,
    /// The folder with words of letters that are used in place of the built-in ones, and read again when they change.
    /// `portcullis access letters --write DIR` writes the built-in ones there to begin from.
    pub letters: Maybe<PathBuf>,
    /// The day of each year on which the head of each department gets one list of all its grants, month first, as in
    /// "11-01"; or "never". Default: 11-01.
    pub attestation: Maybe<String>,
    /// The head of each department, as in `Chemistry = "dean@example.edu"`; `"*"` is every department that is not named. One
    /// of another scope than `scope` is written with it, as in `"customer/Sales"` or `"customer/*"`. Default: the head on
    /// whom the exceptions of a department agree. What has no head is asked of the administrators.
    pub heads: Named<At<Text<Mailbox>>>,
    /// How long everything may take.
    pub terms: Terms,
    /// Who decides.
    pub roles: Roles,
    /// Where people answer by the links in their letters, without a login. Without it letters have no links.
    pub answers: Maybe<Answers>,
}

/// The pages behind the links in letters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// Addresses with ports: HTTPS with the certificates of `[tls]`, and at loopback plain HTTP for a web server in front.
    pub listen: List<SocketAddr>,
    /// How people reach them, as in `https://relay.example.edu:8443`.
    pub url: Maybe<String>,
}

/// Text with a secret in it, perhaps: it is not shown.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Unshown(pub String);

impl std::fmt::Debug for Unshown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unshown(..)")
    }
}

/// How wide a grant may be, as the shortest prefix.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WidestPrefix {
    /// Of IPv4. Default: 32.
    pub v4: Count,
    /// Of IPv6. Default: 128.
    pub v6: Count,
}

/// How long everything may take, in days unless it says otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// Until a draft that nobody touches is put away. Default: 30.
    pub draft: Count,
    /// Of a question that is not answered: until the reminder, until the end. Default: 7, 14.
    pub information: Option<At<Vec<At<u32>>>>,
    /// Of a head who does not answer, in business days: until the reminder, until the reminder that the requestor gets too,
    /// until the end. Default: 5, 10, 20.
    pub head_business: Option<At<Vec<At<u32>>>>,
    /// In which the network is to become ready. Default: 30.
    pub network: Count,
    /// Of a grant that was never used: until the first letter, the second, its suspension. Default: 14, 28, 90.
    pub unused: Option<At<Vec<At<u32>>>>,
    /// In a row without a message, until its people are asked. Default: 365.
    pub idle: Count,
    /// After that question: until the reminder, the second one, the head is told, the grant is suspended. Default: 7, 14,
    /// 21, 30.
    pub idle_answer: Option<At<Vec<At<u32>>>>,
    /// From that suspension to the end of the grant. Default: 30.
    pub idle_over: Count,
    /// Of the list of a department that its head does not answer: until the reminder, the second one, the administrators are
    /// told as well, it counts as unanswered. Default: 7, 14, 21, 30.
    pub attestation: Option<At<Vec<At<u32>>>>,
    /// Before the end of a grant, at which its people are told. Default: 60, 30, 14, 7, 1.
    pub end_nears: Option<At<Vec<At<u32>>>>,
    /// After its end, in which it may still be renewed. Default: 30.
    pub grace: Count,
    /// For which nobody need answer for it. Default: 30.
    pub orphan: Count,
    /// Hours in which an address has to become again what was registered. Default: 24.
    pub drift_hours: Count,
    /// For which a grant that was imported serves without a review. Default: 90.
    pub imported: Count,
    /// For which a grant holds at most. Default: 366.
    pub longest: Count,
    /// For which an exception holds at most, by the risk that security sees.
    pub longest_by_risk: ByRisk,
}

/// Days by risk.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ByRisk {
    /// Default: 366.
    pub low: Count,
    /// Default: 183.
    pub medium: Count,
    /// Default: 92.
    pub high: Count,
}

/// Who decides, by mail address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Who runs the relay: completeness, setting up, suspension.
    pub admin: List<Mailbox>,
    /// Information security: exceptions, abuse.
    pub security: List<Mailbox>,
    /// Who answers the telephone: edits requests, decides nothing.
    pub help_desk: List<Mailbox>,
    /// Who keeps addresses and zones.
    pub network: List<Mailbox>,
}
