//! The conditions of judgement in words: what was looked at, and what a grant would have needed.

use ipnet::IpNet;
use policy::{By, Check, Grant, GrantState, Scope, SenderPattern};

/// What was looked at.
pub(super) const fn words(check: Check) -> &'static str {
    match check {
        Check::ClientInZone => "the client is in the listener's zone",
        Check::Login => "which login the client has proved",
        Check::Certificate => "which certificate the client has proved",
        Check::AddressException => "which exception there is for the client's address",
        Check::Encrypted => "the session is encrypted",
        Check::GrantActive => "the grant is not suspended",
        Check::GrantBegun => "the grant has begun",
        Check::GrantNotEnded => "the grant has not ended",
        Check::GrantHere => "the grant holds on this listener",
        Check::GrantZone => "the client is in the grant's zone",
        Check::GrantNetwork => "the client is in the grant's networks",
        Check::SenderGranted => "the grant has this sender",
        Check::RecipientForm => "the recipient is a plain address",
        Check::RecipientInScope => "the grant may send to this recipient",
        Check::Size => "the message is small enough",
        Check::FromGranted => "the grant has this From header",
        Check::Usage => "the grant is within its limits",
        Check::MaskedSource => "no several clients hide behind the address",
        Check::RoleAddress => "whether the recipient is postmaster or abuse",
        Check::OwnDomain => "whether the recipient's domain is ours",
        Check::Route => "which route takes the recipient's domain",
        Check::RecipientExists => "the recipient exists",
        Check::Forward => "which forward takes the recipient",
        Check::ForwardNotEnded => "the forward has not ended",
        Check::SenderNotOurs => "nobody from outside sends as one of us",
        Check::SenderIsOurs => "the sender is one of us",
        Check::ClientIsOurs => "the client is a machine of ours",
        Check::Hops => "the message does not go in circles",
        Check::Content => "the content is in order",
    }
}

/// Whether the condition is a question rather than a demand: any answer to it is fine.
pub(super) const fn is_lookup(check: Check) -> bool {
    matches!(
        check,
        Check::Login
            | Check::Certificate
            | Check::AddressException
            | Check::RoleAddress
            | Check::OwnDomain
            | Check::Route
            | Check::Forward
    )
}

/// The condition's stable name, as in `sender-granted`.
pub(super) fn code(check: Check) -> String {
    let name = format!("{check:?}");
    let mut code = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            code.push('-');
        }
        code.push(letter.to_ascii_lowercase());
    }
    code
}

/// How a client shows the grant.
pub(super) fn shown_by(grant: &Grant) -> String {
    match &grant.by {
        By::Login(login) => format!("by login {login}"),
        By::Certificate(ids) => format!("by certificate {}", list(ids.iter().map(ToString::to_string))),
        By::Address(networks) => format!("by address {}", list(networks.iter().map(address))),
    }
}

/// What a grant would have needed for this condition to hold.
pub(super) fn remedy(check: Check, grant: &Grant) -> String {
    match check {
        Check::Encrypted => "under TLS".to_owned(),
        Check::GrantActive => match &grant.state {
            GrantState::Suspended(why) => format!("once it is no longer suspended ({why})"),
            GrantState::Active => "while it is in force".to_owned(),
        },
        Check::GrantBegun => format!("from {} on", grant.from_time.to_date()),
        Check::GrantNotEnded => format!("if it were renewed; it ended on {}", grant.until.to_date()),
        Check::GrantHere => format!(
            "on its listeners: {}",
            list(grant.listeners.iter().map(ToString::to_string))
        ),
        Check::GrantZone => format!("from inside zone {}", grant.zone.as_deref().unwrap_or("?")),
        Check::GrantNetwork => format!("from its networks: {}", list(grant.networks.iter().map(address))),
        Check::SenderGranted => format!(
            "as one of its senders: {}",
            list(grant.senders.iter().map(SenderPattern::to_string))
        ),
        Check::RecipientForm => "to a plain address".to_owned(),
        Check::RecipientInScope => widen(&grant.scope).to_owned(),
        Check::Size => format!("with at most {} octets", grant.limits.octets_per_message),
        Check::FromGranted => format!(
            "with one of its From headers: {}",
            list(grant.from_patterns().iter().map(SenderPattern::to_string))
        ),
        other => format!("if {}", words(other)),
    }
}

const fn widen(scope: &Scope) -> &'static str {
    match scope {
        Scope::Internal | Scope::Any => "with `to = \"any\"` (that widens the grant and needs a security review)",
        Scope::Domains(_) => {
            "with the recipient's domain in its `to` (that widens the grant and needs a security review)"
        }
    }
}

/// A network as people write it: a single address without its length.
pub(super) fn address(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

/// The first few of a list.
fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.take(5).collect();
    if items.len() > 4 {
        items.truncate(4);
        items.push("...".to_owned());
    }
    items.join(", ")
}
