//! SCRAM: two rounds, and a third in which the client hears that we know its secret too.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Mechanism;
use policy::{AuthContext, AuthExchange, AuthRefusal, AuthStep, BoxFuture, Principal};

use super::{Client, Inner, readable};
use crate::identities::scram::{Channel, ClientFirst, Expecting, Fault};

/// Octets of our part of a nonce.
const NONCE_OCTETS: usize = 18;

pub(super) fn begin(inner: Arc<Inner>, mechanism: Mechanism, context: AuthContext) -> Box<dyn AuthExchange> {
    let channel = match (mechanism, context.channel_binding) {
        (Mechanism::ScramSha256Plus, Some(octets)) => Channel::Bound(octets),
        // Who was offered this one was offered -PLUS too wherever the session has something to bind to.
        (_, octets) => Channel::Unbound {
            plus_offered: octets.is_some(),
        },
    };
    Box::new(Exchange {
        inner,
        client: Client::at(context.client),
        state: State::First(channel),
    })
}

struct Exchange {
    inner: Arc<Inner>,
    client: Client,
    state: State,
}

/// What the next response is.
enum State {
    /// The client's first message.
    First(Channel),
    /// Its proof, for this login.
    Proof(String, Box<Expecting>),
    /// Nothing more than that it goes on: it has heard our own proof (RFC 4954 §4 has no place for it beside 235).
    Heard(Principal),
    /// Nothing: the exchange is over.
    Over,
}

impl AuthExchange for Exchange {
    fn step(&mut self, response: Option<Vec<u8>>) -> BoxFuture<'_, AuthStep> {
        Box::pin(async move {
            let Some(response) = response else {
                return AuthStep::Challenge(Vec::new());
            };
            let step = match std::mem::replace(&mut self.state, State::Over) {
                State::First(channel) => self.first(&response, channel).await,
                State::Proof(login, expecting) => self.proof(&login, &expecting, &response).await,
                State::Heard(principal) if response.is_empty() => Ok(AuthStep::Proved(principal)),
                State::Heard(_) | State::Over => Err(AuthRefusal::Malformed),
            };
            step.unwrap_or_else(AuthStep::Refused)
        })
    }

    fn claimed(&self) -> Option<&str> {
        self.client.claimed()
    }

    fn turned_down(&mut self) -> BoxFuture<'_, ()> {
        self.client.turned_down(&self.inner)
    }
}

impl Exchange {
    async fn first(&mut self, message: &[u8], channel: Channel) -> Result<AuthStep, AuthRefusal> {
        let first = ClientFirst::read(message).ok_or(AuthRefusal::Malformed)?;
        first.fits(&channel).map_err(refusal)?;
        // Nobody acts for somebody else here.
        let acts_for_itself = first.authzid.as_ref().is_none_or(|authzid| *authzid == first.login);
        let login = readable(first.login.as_bytes()).filter(|_| acts_for_itself);
        let login = login.ok_or(AuthRefusal::Malformed)?.to_ascii_lowercase();
        self.client.claims(&login, self.inner.clock.monotonic());
        let salted = self.inner.salted(&login, self.client.address).await?;
        let (expecting, challenge) = first.challenge(salted, channel, &self.nonce());
        self.state = State::Proof(login, Box::new(expecting));
        Ok(AuthStep::Challenge(challenge.into_bytes()))
    }

    async fn proof(&mut self, login: &str, expecting: &Expecting, message: &[u8]) -> Result<AuthStep, AuthRefusal> {
        let checked = match expecting.check(message) {
            Err(Fault::WrongProof) => None,
            checked => Some(checked.map_err(refusal)?),
        };
        self.client.claims(login, self.inner.clock.monotonic());
        let principal = self
            .inner
            .settle_scram(login, self.client.address, checked.is_some())
            .await?;
        self.state = State::Heard(principal);
        Ok(AuthStep::Challenge(checked.unwrap_or_default().into_bytes()))
    }

    fn nonce(&self) -> String {
        let mut octets = [0; NONCE_OCTETS];
        self.inner.rng.fill(&mut octets);
        STANDARD.encode(octets)
    }
}

/// A proof bound to another session is one that somebody passed on: it is refused as a wrong one.
fn refusal(fault: Fault) -> AuthRefusal {
    match fault {
        Fault::Malformed => AuthRefusal::Malformed,
        Fault::Downgraded | Fault::WrongChannel | Fault::WrongProof => AuthRefusal::WrongSecret,
    }
}
