//! What a link asks, as a page with buttons.

use hyper::StatusCode;
use mail::Timestamp;
use maud::{Markup, html};
use registry::{ACKNOWLEDGEMENTS, Contact, Kept, Link, Person, Purpose, TextVersion};

use super::page::{Page, capital};
use super::reply::Fields;

/// The page of a link that works. `wrong` is what was missing in an answer, `filled` what else was in it.
pub(super) fn page(link: &Link, kept: &Kept, longest: Timestamp, wrong: Option<String>, filled: &Fields) -> Page {
    let (title, body) = match link.purpose {
        Purpose::Acknowledge => (
            "An exception needs somebody who takes its risk",
            acknowledge(link, kept, filled),
        ),
        Purpose::KeepOrRemove => ("Is it still needed?", keep_or_remove(kept, filled)),
        Purpose::Renew => ("Shall it go on?", renew(kept, longest)),
        Purpose::Secret => ("Your secret is ready to be made", secret(kept)),
        Purpose::Contacts => ("Shall others answer for it?", contacts(link, kept, filled)),
        Purpose::VerifyMail => ("Is this your address?", verify(link)),
        // Its page is another: it is about many cases (`list.rs`).
        Purpose::Attest => ("What does your department still need?", html! {}),
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let body = html! {
        @if let Some(wrong) = &wrong { p class="warn" role="alert" { (wrong) } }
        (body)
        p { "This page can be used until " (link.ends.to_date()) ", once, by " strong { (link.address) } "." }
    };
    Page::new(status, title, body)
}

fn acknowledge(link: &Link, kept: &Kept, filled: &Fields) -> Markup {
    html! {
        p { "Such mail can be forged by whoever takes over that address. You are asked as the one who answers for the department." }
        (facts(kept))
        form method="post" {
            input type="hidden" name="words" value=(TextVersion::current());
            input type="hidden" name="request" value=(hex(&link.request));
            h2 { "Please read and accept each statement" }
            @for (number, sentence) in (1..).zip(ACKNOWLEDGEMENTS) {
                @let name = format!("accept{number}");
                label { input type="checkbox" name=(name) value="yes" checked[filled.has(&name)]; span { (sentence) } }
            }
            label class="field" { "Your full name" input type="text" name="name" autocomplete="name" value=(filled.get("name")); }
            button name="do" value="acknowledge" { "I take this risk" }
        }
        form method="post" {
            h2 { "Or decline" }
            label class="field" { "Why" textarea name="reason" { (filled.get("reason")) } }
            button class="quiet" name="do" value="decline" { "Decline" }
        }
    }
}

fn keep_or_remove(kept: &Kept, filled: &Fields) -> Markup {
    let since = kept.case.last_accepted.or(kept.case.provisioned);
    html! {
        p { "It has not sent anything" @if let Some(since) = since { " since " (since.to_date()) } "." }
        (facts(kept))
        form method="post" {
            label class="field" { "It is still needed for" textarea name="reason" { (filled.get("reason")) } }
            button name="do" value="keep" { "Keep it" }
        }
        form method="post" {
            button class="quiet" name="do" value="remove" { "It is no longer needed: remove it" }
        }
    }
}

fn renew(kept: &Kept, longest: Timestamp) -> Markup {
    html! {
        @if let Some(until) = kept.case.until { p { "It ends on " strong { (until.to_date()) } "." } }
        (facts(kept))
        (people_and_volume(kept))
        form method="post" {
            button name="do" value="renew" { "All of this holds, and it is still needed: let it go on until " (longest.to_date()) }
        }
        p { "If it is not, there is nothing to do. If something has changed, write to the help desk instead." }
    }
}

/// What whoever renews a grant says to be so still, beside what it is.
fn people_and_volume(kept: &Kept) -> Markup {
    let form = &kept.form;
    let person = |contact: &Contact| [&*contact.name, &*contact.email].join(" ");
    let owner = match form.owner.email.trim() {
        "" => &form.requestor,
        _ => &form.owner,
    };
    let last = kept
        .case
        .last_accepted
        .map_or_else(|| "none".to_owned(), Timestamp::to_date);
    html! {
        p { "You confirm that these people are right, and that it sends about as much:" }
        dl {
            dt { "Answers for it" } dd { (person(owner).trim()) }
            dt { "Operates it" } dd { (person(&form.technical).trim()) }
            dt { "Sends" } dd { "up to " (form.volume.per_day) " messages a day" }
            dt { "Last message" } dd { (last) }
        }
    }
}

fn secret(kept: &Kept) -> Markup {
    html! {
        p { "When you press the button, a secret is made and shown once, on the next page. Be ready to type it into the device." }
        (facts(kept))
        form method="post" { button name="do" value="show" { "Make the secret and show it" } }
    }
}

/// Who goes and who comes; whoever has agreed, or is stood in for, may still say no.
fn contacts(link: &Link, kept: &Kept, filled: &Fields) -> Markup {
    let proposed = kept
        .case
        .handover
        .as_ref()
        .filter(|proposed| proposed.request == link.request);
    let who = Person::new(&link.address);
    let is_waited_for = proposed.is_some_and(|proposed| proposed.waits_for().contains(&who));
    html! {
        @match proposed {
            Some(proposed) => {
                dl { @for (role, change) in proposed.changes() {
                    dt { (capital(role.name())) }
                    dd { (contact(&change.to)) ", in place of " (contact(&change.from)) }
                } }
                p { "Until all who are asked agree, everything stays as it is." }
            }
            None => p { "Something else is proposed by now, or nothing any more: there is a later letter, or nothing to do." }
        }
        (facts(kept))
        @if is_waited_for {
            form method="post" { button name="do" value="agree" { "I agree" } }
        } @else {
            p { "Your word is not needed for it. You may say no all the same." }
        }
        form method="post" {
            h2 { "Or say no" }
            label class="field" { "Why" textarea name="reason" { (filled.get("reason")) } }
            button class="quiet" name="do" value="dissent" { "It shall stay as it is" }
        }
    }
}

fn contact(contact: &Contact) -> String {
    [contact.name.trim(), contact.email.trim()].join(" ").trim().to_owned()
}

fn verify(link: &Link) -> Markup {
    html! {
        p { "Somebody has given " strong { (link.address) } " as their address in a request to the mail relay." }
        form method="post" { button name="do" value="verify" { "It is mine" } }
        p { "If it was not you, close this page." }
    }
}

/// What it is about: what was filled in, and nothing of it twice.
fn facts(kept: &Kept) -> Markup {
    let form = &kept.form;
    let recipients = match form.recipients.is_empty() {
        true => "our own domains".to_owned(),
        false => form.recipients.join(", "),
    };
    let (address, host) = (form.address.trim(), form.host.trim());
    let mut facts = vec![
        ("Case", kept.id.to_string()),
        ("Department", form.department.clone()),
        ("Device", [&*form.device, &*form.model, &*form.location].join(" ")),
        ("Address", [address, host].join(" ")),
        ("Sends as", form.senders.join(", ")),
        ("Sends to", recipients),
        ("What for", form.purpose.clone()),
        ("Asked by", [&*form.requestor.name, &*form.requestor.email].join(" ")),
    ];
    if let Some(exception) = &form.exception {
        facts.push(("Why it cannot log in", exception.hindrance.clone()));
        facts.push(("Reason", exception.justification.clone()));
        facts.push(("Replaced by", exception.replacement.clone()));
    }
    facts.retain(|(_, said)| !said.trim().is_empty());
    html! {
        dl { @for (name, said) in &facts { dt { (name) } dd { (said.trim()) } } }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
