//! The front gate's settings, from what the configuration resolved to.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use inbound::{ClientLimits, DoorsConfig, ListenerConfig};
use mail::{Mechanism, Mechanisms};
use policy::{By, Name, Role};
use rustix::process::{Resource, getrlimit};
use smtp::server::{AuthOffer, Dialect, ServerConfig, Transport};
use wire::{Asking, Authorities, Identity, TlsServer};
use world::Clock;

use crate::config::{CertificateFiles, Config, LimitSettings, ListenerSettings};

/// The TLS side of each listener that has certificates, by its name; kept over reloads so that certificates can be
/// replaced while sessions run.
pub(super) type Certificates = BTreeMap<Name, Arc<TlsServer>>;

/// Reads every certificate the configuration names.
pub(super) fn certificates(
    config: &Config,
    authorities: &Authorities,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Certificates> {
    let asking = asking(config);
    let mut all = Certificates::new();
    for listener in config
        .listeners
        .iter()
        .filter(|listener| !listener.certificates.is_empty())
    {
        let identities = identities(&listener.certificates)?;
        let mut server = TlsServer::new(identities, asking, clock.clone())?;
        // Elsewhere no certificate opens anything.
        if listener.role == Role::Relay {
            server = server.asking(authorities.clone());
        }
        all.insert(listener.name.clone(), Arc::new(server));
    }
    Ok(all)
}

/// Clients are asked for a certificate only where a grant could be shown by one; what the registry grants is not known
/// before it does.
fn asking(config: &Config) -> Asking {
    let by_certificate = config
        .rulebook
        .grants
        .iter()
        .any(|grant| matches!(grant.by, By::Certificate(_)));
    if by_certificate || config.registry.is_some() {
        Asking::Optional
    } else {
        Asking::No
    }
}

/// Certificates with their keys.
pub(super) fn identities(files: &[CertificateFiles]) -> anyhow::Result<Vec<Identity>> {
    files
        .iter()
        .map(|files| {
            Identity::load(&files.chain, &files.key)
                .with_context(|| format!("the certificate {} cannot be used", files.chain.display()))
        })
        .collect()
}

/// Every listener, finished.
#[must_use]
pub(super) fn listeners(config: &Config, certificates: &Certificates) -> Vec<ListenerConfig> {
    config
        .listeners
        .iter()
        .map(|listener| finished(listener, config, certificates))
        .collect()
}

fn finished(listener: &ListenerSettings, config: &Config, certificates: &Certificates) -> ListenerConfig {
    let tls = certificates.get(&listener.name).cloned();
    let transport = match listener.role {
        Role::Submissions => Transport::ImplicitTls,
        Role::Mx | Role::Submission | Role::Relay => Transport::Clear,
    };
    ListenerConfig {
        name: listener.name.clone(),
        role: listener.role,
        addresses: listener.addresses.clone(),
        smtp: Arc::new(dialogue(listener, config, tls.is_some())),
        tls,
        transport,
        proxies: listener.proxies.clone(),
    }
}

fn dialogue(listener: &ListenerSettings, config: &Config, has_tls: bool) -> ServerConfig {
    let mut smtp = ServerConfig::new(listener.hostname.clone());
    smtp.dialect = match listener.role {
        Role::Mx => Dialect::Strict,
        Role::Submission | Role::Submissions | Role::Relay => Dialect::Lenient,
    };
    smtp.offer.starttls = listener.starttls && has_tls;
    smtp.offer.size_max = listener.size_max;
    smtp.offer.auth = match listener.role {
        Role::Mx => AuthOffer::Never,
        Role::Submission | Role::Submissions | Role::Relay => {
            // Which of them are of use to a client, whoever proves identities says at its greeting.
            let all = Mechanisms::from(Mechanism::ALL);
            AuthOffer::UnderTls(match listener.scram {
                true => all,
                false => all.without(Mechanism::ScramSha256).without(Mechanism::ScramSha256Plus),
            })
        }
    };
    smtp.auth_required = matches!(listener.role, Role::Submission | Role::Submissions);
    smtp.greet_delay = listener.greet_delay;
    smtp.limits.recipients = config.limits.client.recipients;
    smtp.limits.errors_soft = config.limits.client.errors_soft;
    smtp.limits.errors_hard = config.limits.client.errors_hard;
    smtp.limits.auth_failures = config.limits.auth_failures_per_session;
    smtp.limits.messages = config.limits.messages_per_session;
    smtp.limits.text_line_octets = config.limits.text_line_octets;
    smtp.limits.swallow_octets = config.limits.swallow_octets;
    smtp.timeouts = config.timeouts.clone();
    smtp
}

/// Of the files this process may have open, one in so many is kept from sessions: deliveries, drafts, the queue's own
/// files, the control socket and health go on when the house is full.
const FILES_KEPT_FROM_SESSIONS: u64 = 8;

/// Sessions there may be, with so many files that may be open.
fn sessions_within(asked: u32, files: Option<u64>) -> u32 {
    let most = files.map_or(u64::MAX, |files| files - files / FILES_KEPT_FROM_SESSIONS);
    let sessions = asked.min(u32::try_from(most).unwrap_or(u32::MAX));
    if sessions < asked {
        tracing::warn!(
            event = "gate.few_sessions",
            asked,
            sessions,
            "fewer sessions than limits.sessions: raise the limit of open files"
        );
    }
    sessions
}

/// Who may stand at the doors.
#[must_use]
pub(super) fn doors(limits: &LimitSettings) -> DoorsConfig {
    let files = getrlimit(Resource::Nofile).current;
    DoorsConfig {
        sessions: sessions_within(limits.sessions, files),
        default: client(&limits.client),
        overrides: limits
            .overrides
            .iter()
            .map(|(network, limits)| (*network, client(limits)))
            .collect(),
    }
}

fn client(limits: &crate::config::ClientLimits) -> ClientLimits {
    ClientLimits {
        connections: limits.sessions_per_address,
        connections_per_64: limits.sessions_per_v6_64,
        connections_per_minute: limits.sessions_per_minute,
        messages_per_minute: limits.messages_per_minute,
        messages_per_minute_unknown: limits.messages_per_minute_unknown,
        bad_recipients_per_hour: limits.bad_recipients_per_hour,
        recipients: limits.recipients,
        errors_soft: limits.errors_soft,
        errors_hard: limits.errors_hard,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::config::{self, Machine};

    const HOUSE: &str = "version = 1\n[organisation]\nhostname = \"mail.example.edu\"\ndomains = [\"example.edu\"]\n\
        networks = [\"10.0.0.0/8\"]\n[listeners.mx]\nrole = \"mx\"\nlisten = [\"192.0.2.25:25\"]\n\
        [routes.central]\ndomains = [\"example.edu\"]\nto = [\"10.1.1.1:25\"]\nrecipients = \"any\"\n";

    #[test]
    fn sessions_leave_files_for_everything_else() {
        assert_eq!(sessions_within(10_000, Some(1024)), 896);
        assert_eq!(sessions_within(10_000, Some(1 << 20)), 10_000);
        assert_eq!(sessions_within(10_000, None), 10_000);
    }

    fn config_of(more: &str) -> Config {
        let reading = config::read("t.toml", format!("{HOUSE}{more}"), Path::new("/"), &Machine::default());
        reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()))
    }

    #[test]
    fn a_wide_network_hides_no_narrower_one_from_the_doors_or_from_logins() {
        let limits = config_of(
            "[limits]\nmessages_per_minute = 15\n\
             [[limits.for]]\nnetworks = [\"10.0.0.0/8\"]\nmessages_per_minute = 500\nauth_failures = 50\n\
             [[limits.for]]\nnetworks = [\"10.1.2.3\"]\nmessages_per_minute = 900\nauth_failures = 90\n",
        )
        .limits;
        let doors = doors(&limits);
        for (client, messages, unknown, failures) in [
            ([10, 1, 2, 3], 900, 900, 90),
            ([10, 1, 2, 4], 500, 500, 50),
            ([192, 0, 2, 1], 15, 15, 20),
        ] {
            let own = doors.of(client.into());
            assert_eq!(
                (own.messages_per_minute, own.messages_per_minute_unknown),
                (messages, unknown)
            );
            assert_eq!(limits.of(client.into()).auth_failures, failures);
        }
    }

    fn dialogue_of(more: &str) -> ServerConfig {
        let config = config_of(more);
        let listeners = listeners(&config, &Certificates::new());
        ServerConfig::clone(&listeners[0].smtp)
    }

    #[test]
    fn what_was_written_of_times_and_sessions_reaches_the_dialogue() {
        let smtp = dialogue_of(
            "[timeouts]\ncommand = \"6m\"\nbody_block = \"4m\"\nbody_total = \"3h\"\nminimum_rate = \"5 KB/1m\"\n\
             session_total = \"1h\"\nhandshake = \"90s\"\nerror_delay = \"2s\"\n\
             [limits]\nauth_failures_per_session = 5\nmessages_per_session = 50\ntext_line = 2000\nswallow = \"1 MB\"\n\
             recipients = 200\nerrors_soft = 7\nerrors_hard = 9\n",
        );
        let times = &smtp.timeouts;
        let secs = [
            times.command,
            times.body_block,
            times.body_total,
            times.rate_window,
            times.session_total,
            times.handshake,
            times.error_delay,
        ];
        assert_eq!(secs.map(|time| time.as_secs()), [360, 240, 10_800, 60, 3600, 90, 2]);
        assert_eq!(times.rate_window_octets, 5000);
        let limits = &smtp.limits;
        assert_eq!((limits.auth_failures, limits.messages), (5, Some(50)));
        assert_eq!((limits.text_line_octets, limits.swallow_octets), (2000, 1_000_000));
        assert_eq!((limits.recipients, limits.errors_soft, limits.errors_hard), (200, 7, 9));
    }

    #[test]
    fn what_was_not_written_is_as_the_dialogue_has_it() {
        let (smtp, usual) = (
            dialogue_of(""),
            ServerConfig::new(mail::Domain::parse("mail.example.edu").unwrap()),
        );
        assert_eq!(format!("{:?}", smtp.timeouts), format!("{:?}", usual.timeouts));
        assert_eq!(format!("{:?}", smtp.limits), format!("{:?}", usual.limits));
        let never = dialogue_of("[timeouts]\nerror_delay = \"0s\"\nminimum_rate = \"0 B/5m\"\n").timeouts;
        assert_eq!((never.error_delay, never.rate_window_octets), (Duration::ZERO, 0));
    }
}
