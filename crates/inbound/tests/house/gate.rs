//! Listeners as the binary sets them up, and logins that follow a script.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use inbound::ListenerConfig;
use ipnet::IpNet;
use mail::{Domain, Mechanism, Mechanisms};
use policy::{AuthContext, AuthExchange, AuthRefusal, AuthStep, Authenticator, BoxFuture, Principal, Role};
use smtp::server::{AuthOffer, Dialect, ServerConfig, Transport};
use wire::{Identity, TlsServer};

use super::SECRET;

pub const MX: &str = "192.0.2.25:25";
pub const SUBMISSION: &str = "192.0.2.26:587";
pub const SUBMISSIONS: &str = "192.0.2.26:465";
pub const DEVICES: &str = "10.0.0.25:25";
pub const PLANT: &str = "10.0.0.26:25";

pub fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A listener, still to be finished.
pub struct Listen {
    pub name: &'static str,
    pub role: Role,
    pub addresses: Vec<SocketAddr>,
    pub smtp: ServerConfig,
    pub proxies: Vec<IpNet>,
}

pub fn usual() -> Vec<Listen> {
    vec![
        Listen::new("mx", Role::Mx, &[MX, "[2001:db8:1:25::1]:25"]),
        Listen::new("submission", Role::Submission, &[SUBMISSION]),
        Listen::new("submissions", Role::Submissions, &[SUBMISSIONS]),
        Listen::new("devices", Role::Relay, &[DEVICES]),
        Listen::new("plant", Role::Relay, &[PLANT]),
    ]
}

impl Listen {
    fn new(name: &'static str, role: Role, addresses: &[&str]) -> Self {
        let mut smtp = ServerConfig::new(Domain::parse("gate.own.test").unwrap());
        smtp.offer.starttls = role != Role::Submissions;
        smtp.auth_required = matches!(role, Role::Submission | Role::Submissions);
        if role != Role::Mx {
            smtp.dialect = Dialect::Lenient;
            smtp.offer.auth = AuthOffer::UnderTls([Mechanism::Plain, Mechanism::Login].into());
        }
        Self {
            name,
            role,
            addresses: addresses.iter().map(|one| at(one)).collect(),
            smtp,
            proxies: Vec::new(),
        }
    }

    pub fn finished(&self, tls: &Arc<TlsServer>) -> ListenerConfig {
        let implicit = self.role == Role::Submissions;
        ListenerConfig {
            name: self.name.into(),
            role: self.role,
            addresses: self.addresses.clone(),
            smtp: Arc::new(self.smtp.clone()),
            tls: Some(tls.clone()),
            transport: if implicit {
                Transport::ImplicitTls
            } else {
                Transport::Clear
            },
            proxies: self.proxies.clone(),
        }
    }
}

/// A certificate of its own making.
pub fn certificate(name: &str) -> Identity {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let chain = params.self_signed(&key).unwrap().pem();
    Identity::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap()
}

/// Knows `app`, `old` and `idle` (which no grant is bound to), all with one secret; `away` cannot be asked about.
pub struct Logins;

const KNOWN: [&str; 3] = ["app", "old", "idle"];

impl Authenticator for Logins {
    fn mechanisms(&self, _: IpAddr) -> Mechanisms {
        [Mechanism::Plain, Mechanism::Login].into()
    }

    fn begin(&self, mechanism: Mechanism, _: AuthContext) -> Box<dyn AuthExchange> {
        Box::new(Exchange {
            mechanism,
            user: None,
            claimed: None,
        })
    }
}

struct Exchange {
    mechanism: Mechanism,
    user: Option<String>,
    claimed: Option<String>,
}

/// How long [`Logins`] holds a wrong secret back.
pub const HELD_BACK: Duration = Duration::from_secs(2);

impl AuthExchange for Exchange {
    fn step(&mut self, response: Option<Vec<u8>>) -> BoxFuture<'_, AuthStep> {
        Box::pin(async move {
            let step = self.next(response);
            if let AuthStep::Refused(AuthRefusal::UnknownLogin | AuthRefusal::WrongSecret) = step {
                tokio::time::sleep(HELD_BACK).await;
            }
            step
        })
    }

    fn claimed(&self) -> Option<&str> {
        self.claimed.as_deref()
    }

    fn turned_down(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(HELD_BACK))
    }
}

impl Exchange {
    fn next(&mut self, response: Option<Vec<u8>>) -> AuthStep {
        let text = response.map(|octets| String::from_utf8(octets).unwrap());
        match (self.mechanism, text, self.user.take()) {
            (Mechanism::Plain, None, _) => AuthStep::Challenge(Vec::new()),
            (Mechanism::Plain, Some(text), _) => match text.split('\0').collect::<Vec<_>>()[..] {
                [_, user, secret] => self.prove(user, secret),
                _ => AuthStep::Refused(AuthRefusal::Malformed),
            },
            (Mechanism::Login, Some(user), None) => {
                self.user = Some(user);
                AuthStep::Challenge(b"Password:".to_vec())
            }
            (Mechanism::Login, Some(secret), Some(user)) => self.prove(&user, &secret),
            _ => AuthStep::Challenge(b"Username:".to_vec()),
        }
    }

    fn prove(&mut self, user: &str, secret: &str) -> AuthStep {
        self.claimed = Some(user.to_owned());
        if user == "away" {
            AuthStep::Refused(AuthRefusal::Unavailable)
        } else if !KNOWN.contains(&user) {
            AuthStep::Refused(AuthRefusal::UnknownLogin)
        } else if secret != SECRET {
            AuthStep::Refused(AuthRefusal::WrongSecret)
        } else {
            AuthStep::Proved(Principal(user.into()))
        }
    }
}
