//! One judgement among many grants, in process: the one thing that is measured without a network.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use anyhow::Context;
use ipnet::IpNet;
use mail::{DomainPattern, ForwardPath, ReversePath, Timestamp, Tolerances};
use policy::{
    By, CertificateId, Class, ContentClass, Fact, Facts, FromHeader, Generation, Grant, GrantState, Listener, Live,
    Organisation, Place, Role, Rulebook, Scope, SenderPattern, Snapshot, Ungranted, Usage, Verdict, decide,
};

use crate::stats::quantile;

const NOW: Timestamp = Timestamp(1_000_000);
/// Messages of different senders, so that no answer is still warm from the one before.
const MESSAGES: u32 = 4096;
const BATCHES: usize = 400;
const PER_BATCH: usize = 1000;

/// Microseconds per judgement: the median of many batches.
pub fn measure(grants: u32) -> anyhow::Result<f64> {
    let snapshot = snapshot(grants)?;
    let messages = messages(grants)?;
    let facts: Vec<Facts<'_>> = messages.iter().map(Message::facts).collect();
    for facts in &facts {
        let decision = decide(&snapshot, &mut Live::new(facts));
        anyhow::ensure!(
            decision.verdict == Verdict::Accept,
            "a granted message was not accepted: {decision:?}"
        );
    }
    let mut turn = facts.iter().cycle();
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let began = Instant::now();
            for facts in turn.by_ref().take(PER_BATCH) {
                black_box(decide(black_box(&snapshot), &mut Live::new(black_box(facts))));
            }
            began.elapsed().as_secs_f64() * 1e6 / PER_BATCH as f64
        })
        .collect();
    batches.sort_unstable_by(f64::total_cmp);
    quantile(&batches, 0.5).context("nothing was measured")
}

struct Message {
    sender: ReversePath,
    recipient: ForwardPath,
    from: Vec<mail::Mailbox>,
    client: IpAddr,
    login: Option<String>,
    certificate: Vec<CertificateId>,
}

impl Message {
    fn facts(&self) -> Facts<'_> {
        Facts {
            listener: 0,
            client: Fact::Known(self.client),
            encrypted: Fact::Known(true),
            login: Fact::Known(self.login.as_deref()),
            certificate: Fact::Known(&self.certificate),
            now: NOW,
            sender: Fact::Known(&self.sender),
            recipient: Fact::Known(&self.recipient),
            exists: Fact::Known(true),
            from: Fact::Known(FromHeader::Mailboxes(&self.from)),
            octets: Fact::Known(2048),
            hops: Fact::Known(1),
            usage: Fact::Known(Usage::Within),
            masked: Fact::Known(false),
            content: Fact::Known(ContentClass::Below),
        }
    }
}

/// Messages of grants all over the rulebook: a third of each kind.
fn messages(grants: u32) -> anyhow::Result<Vec<Message>> {
    (0..MESSAGES)
        .map(|message| {
            // A stride without a common factor visits every grant.
            let number = message.wrapping_mul(7919) % grants;
            let sender: mail::Mailbox = sender(number).parse()?;
            let (mut client, mut login, mut certificate) = (IpAddr::from([10, 255, 0, 1]), None, Vec::new());
            match by(number)? {
                By::Login(name) => login = Some(name.to_string()),
                By::Certificate(ids) => certificate = ids,
                By::Address(networks) => client = networks.first().context("no network")?.addr(),
            }
            Ok(Message {
                from: vec![sender.clone()],
                sender: ReversePath::Mailbox(sender),
                recipient: ForwardPath::Mailbox(format!("reader{message}@far.example").parse()?),
                client,
                login,
                certificate,
            })
        })
        .collect()
}

fn sender(number: u32) -> String {
    format!("scan{number}@own.example")
}

pub(crate) fn by(number: u32) -> anyhow::Result<By> {
    let [_, b, c, d] = number.to_be_bytes();
    Ok(match number % 3 {
        0 => By::Login(format!("login{number}").as_str().into()),
        1 => {
            let mut digest = [0; 32];
            digest
                .iter_mut()
                .zip(number.to_be_bytes())
                .for_each(|(octet, value)| *octet = value);
            By::Certificate(vec![CertificateId::Key(digest)])
        }
        _ => By::Address(vec![IpNet::new(IpAddr::from([10, b, c, d]), 32)?]),
    })
}

fn snapshot(grants: u32) -> anyhow::Result<Snapshot> {
    let own = DomainPattern::parse("own.example").map_err(|why| anyhow::anyhow!("{why}"))?;
    let rulebook = Rulebook {
        organisation: Organisation {
            name: "Own".to_owned(),
            domains: vec![own],
            networks: vec![IpNet::new(IpAddr::from([10, 0, 0, 0]), 8)?],
            ..Organisation::default()
        },
        listeners: vec![Listener {
            name: "devices".into(),
            role: Role::Relay,
            zone: None,
            ungranted: Ungranted::Deny,
            place: Place { line: 1 },
        }],
        grants: (0..grants).map(grant).collect::<anyhow::Result<_>>()?,
        ..Rulebook::default()
    };
    Snapshot::build(rulebook, Generation(1), 1).map_err(|conflicts| anyhow::anyhow!("{conflicts:?}"))
}

fn grant(number: u32) -> anyhow::Result<Grant> {
    let senders = SenderPattern::parse(&sender(number)).map_err(|why| anyhow::anyhow!("{why}"))?;
    Ok(Grant {
        name: format!("grant{number}").as_str().into(),
        owner: "Facilities".to_owned(),
        contact: "it@own.example".parse()?,
        reason: "scans".to_owned(),
        from_time: Timestamp(0),
        until: Timestamp(NOW.0 * 2),
        by: by(number)?,
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![senders],
        header_from: Vec::new(),
        scope: Scope::Any,
        class: Class::Application,
        limits: Class::Application.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line: 2 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_is_measured_is_one_that_is_accepted() {
        assert!(measure(100).unwrap() > 0.0);
    }
}
