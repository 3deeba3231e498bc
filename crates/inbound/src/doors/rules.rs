//! What clients may do at the doors: everybody, and some networks.

use std::net::IpAddr;

use ipnet::IpNet;
use policy::unmapped;

/// Of all places, one in so many is kept for clients we know.
const KEPT_FOR_KNOWN: u32 = 10;
/// The house is crowded from eight places in ten that are taken, until three in ten are free.
const CROWDED_TENTHS: u32 = 8;
const ROOMY_TENTHS: u32 = 7;
/// For so many places there is one aside: for a client that is told why it cannot come in, and for a look-up of a name.
/// Each holds a file open, and sessions leave one file in eight.
const PLACES_PER_ASIDE: u32 = 32;
const ASIDES_MIN: u32 = 8;
const ASIDES_MAX: u32 = 512;

/// What one client, or one IPv6 network of 64 bits, may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at once from one address.
    pub connections: u32,
    /// Connections at once from one IPv6 /64.
    pub connections_per_64: u32,
    /// New connections in any minute.
    pub connections_per_minute: u32,
    /// Messages in any minute from one address (IPv6: one /64), where no grant says otherwise.
    pub messages_per_minute: u32,
    /// The same from an address of which DNS says that it has no name that leads back to it.
    pub messages_per_minute_unknown: u32,
    /// Refused recipients in any hour, after which more wait.
    pub bad_recipients_per_hour: u32,
    /// Recipients of one message (RFC 5321 §4.5.3.1.8).
    pub recipients: u32,
    /// Errors in one session after which answers are delayed.
    pub errors_soft: u32,
    /// Errors in one session after which it is closed.
    pub errors_hard: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: 10,
            connections_per_64: 10,
            connections_per_minute: 120,
            messages_per_minute: 60,
            messages_per_minute_unknown: 20,
            bad_recipients_per_hour: 15,
            recipients: 100,
            errors_soft: 10,
            errors_hard: 20,
        }
    }
}

/// What all clients together, and each of them, may do.
#[derive(Clone, Debug)]
pub struct DoorsConfig {
    /// Sessions at once on all listeners.
    pub sessions: u32,
    /// For everybody.
    pub default: ClientLimits,
    /// For these networks instead, in any order; the narrowest around a client counts.
    pub overrides: Vec<(IpNet, ClientLimits)>,
}

impl Default for DoorsConfig {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            default: ClientLimits::default(),
            overrides: Vec::new(),
        }
    }
}

/// Who stands at the door, before a word was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A grant names its address, or an operator gave its network limits of its own.
    Known,
    /// Anybody else.
    Stranger,
}

impl DoorsConfig {
    /// What this client may do.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> ClientLimits {
        self.special(client).unwrap_or(self.default)
    }

    /// Whether an operator gave this client's network limits of its own.
    #[must_use]
    pub fn names(&self, client: IpAddr) -> bool {
        self.special(client).is_some()
    }

    fn special(&self, client: IpAddr) -> Option<ClientLimits> {
        let client = client.to_canonical();
        let networks = self.overrides.iter().map(|(network, own)| (unmapped(*network), own));
        networks
            .filter(|(network, _)| network.contains(&client))
            .max_by_key(|(network, _)| network.prefix_len())
            .map(|(_, own)| *own)
    }

    /// Sessions there may be when somebody of this standing comes: the last tenth is kept for clients we know.
    pub(super) fn places_for(&self, standing: Standing) -> u32 {
        match standing {
            Standing::Known => self.sessions,
            Standing::Stranger => self.sessions - self.sessions / KEPT_FOR_KNOWN,
        }
    }

    /// From so many sessions on the house is crowded.
    pub(super) fn crowded_from(&self) -> u32 {
        tenths(self.sessions, CROWDED_TENTHS)
    }

    /// With fewer sessions than this there is no crowd any more.
    pub(super) fn roomy_below(&self) -> u32 {
        tenths(self.sessions, ROOMY_TENTHS)
    }

    /// How many may be told at once why they cannot come in, and how many names may be looked up at once; others just
    /// find the door closed, or stay without a name.
    #[must_use]
    pub fn asides(&self) -> u32 {
        (self.sessions / PLACES_PER_ASIDE).clamp(ASIDES_MIN, ASIDES_MAX)
    }
}

/// So many tenths of all places, and never none.
fn tenths(places: u32, tenths: u32) -> u32 {
    (u64::from(places) * u64::from(tenths) / 10).max(1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_connections(connections: u32) -> ClientLimits {
        ClientLimits {
            connections,
            ..ClientLimits::default()
        }
    }

    #[test]
    fn the_narrowest_network_counts_wherever_it_stands() {
        let mut overrides = vec![
            ("10.0.0.0/8".parse().unwrap(), of_connections(1)),
            ("10.1.2.3/32".parse().unwrap(), of_connections(3)),
            // As wide as 10.1.0.0/16, though its prefix has 112 bits.
            ("::ffff:10.1.0.0/112".parse().unwrap(), of_connections(2)),
            ("2001:db8::/32".parse().unwrap(), of_connections(4)),
        ];
        for _ in 0..overrides.len() {
            overrides.rotate_left(1);
            let config = DoorsConfig {
                overrides: overrides.clone(),
                ..DoorsConfig::default()
            };
            let of = |client: &str| config.of(client.parse().unwrap()).connections;
            assert_eq!(
                [
                    of("10.9.9.9"),
                    of("10.1.9.9"),
                    of("10.1.2.3"),
                    of("::ffff:10.1.2.3"),
                    of("2001:db8::1")
                ],
                [1, 2, 3, 3, 4]
            );
            assert_eq!(of("192.0.2.1"), config.default.connections);
            assert!(config.names([10, 1, 2, 3].into()) && !config.names([192, 0, 2, 1].into()));
        }
    }

    #[test]
    fn what_stands_aside_fits_into_the_files_that_sessions_leave() {
        for files in [256_u32, 1024, 4096, 65_536] {
            let sessions = files - files / 8;
            let config = DoorsConfig {
                sessions,
                ..DoorsConfig::default()
            };
            assert!(2 * config.asides() <= files / 8 * 3 / 4, "{files}");
        }
    }
}
