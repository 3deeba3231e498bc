//! How pages look: one column, large letters, no script, nothing from elsewhere.

use hyper::StatusCode;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use registry::{DeskError, Event, Kept, StoreError};

/// Works on a telephone and on paper, in the dark and in large print.
const STYLE: &str = include_str!("style.css");

/// A page, and how it is answered.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    title: String,
    body: Markup,
    organisation: String,
}

impl Page {
    pub(super) fn new(status: StatusCode, title: &str, body: Markup) -> Self {
        Self {
            status,
            title: title.to_owned(),
            body,
            organisation: String::new(),
        }
    }

    pub(super) fn signed(mut self, organisation: &str) -> Self {
        organisation.clone_into(&mut self.organisation);
        self
    }

    pub(super) fn render(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (self.title) }
                        (self.body)
                    }
                    footer { (self.organisation) ", mail relay" }
                }
            }
        };
        page.into_string()
    }
}

/// That an answer was taken.
pub(super) fn taken(kept: &Kept, event: &Event) -> Page {
    let said = match event {
        Event::Acknowledge(_) => "You have taken the risk of this exception. Information security decides next.",
        Event::Decline { .. } => "You have declined. Nothing is set up.",
        Event::Keep { .. } => "It is kept. We ask again when it has been silent for another year.",
        Event::Remove { .. } => "It is removed: it can no longer send. Please switch off mail on the device as well.",
        Event::Confirm { .. } if kept.case.handover.is_some() => {
            "You have agreed. It becomes so when all who were asked have."
        }
        Event::Confirm { .. } => "You have agreed, and so have all who were asked: it is so from now on.",
        Event::Dissent { .. } => "It stays as it is. Its people are told.",
        _ => "It goes on, or goes on its way to be approved again where it is an exception. You will get a letter.",
    };
    let body = html! {
        p class="good" { (said) }
        p { "The case is " strong { (kept.id) } ". You can close this page." }
    };
    Page::new(StatusCode::OK, "Thank you", body)
}

/// That an address is somebody's.
pub(super) fn verified(address: &str) -> Page {
    let body = html! {
        p class="good" { "We know now that mail to " strong { (address) } " reaches you." }
        p { "You can close this page." }
    };
    Page::new(StatusCode::OK, "Thank you", body)
}

/// The secret, once.
pub(super) fn secret(kept: &Kept, address: &str, secret: &str) -> Page {
    let body = html! {
        p class="warn" { "This page is shown once. Whoever sees the secret can send as this device." }
        dl {
            dt { "User name" } dd { code { (kept.id) } }
            dt { "Password" } dd { code class="secret" { (secret) } }
        }
        p { "Its settings stand in the letter to " (address) ". If the secret is lost, ask for another one." }
    };
    Page::new(StatusCode::OK, &format!("The secret of {}", kept.id), body)
}

/// Why there is nothing to be answered.
pub(super) fn failed(why: &DeskError) -> Page {
    let (status, said) = match why {
        DeskError::Store(StoreError::Link(why)) => (StatusCode::GONE, why.to_string()),
        DeskError::NoStep { .. } | DeskError::List(_) => (
            StatusCode::CONFLICT,
            "This case has gone on since the letter was written; nothing is left to be answered.".to_owned(),
        ),
        // What the database says is for the log of its owner.
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The registry cannot be asked just now. Nothing was changed; please try again in some minutes.".to_owned(),
        ),
    };
    let body = html! {
        p class="warn" { (capital(&said)) "." }
    };
    Page::new(status, "This link does not work", body)
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let first = chars.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}
