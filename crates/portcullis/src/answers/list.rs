//! The page of a department's list: its head marks what is no longer needed, and everything else is kept.

use std::collections::BTreeSet;

use hyper::StatusCode;
use maud::{Markup, html};
use registry::{Attestation, CaseId, DeskError, Entry, Link, Outcome, Whence};

use super::page::{Page, capital};
use super::reply::Fields;
use super::{Answers, parsed};

/// Characters of a reason.
const REASON_MAX: usize = 2000;

impl Answers {
    /// The page of a list, where the link is about one. Changes nothing.
    pub(super) fn look_at_list(&self, token: &str) -> Result<Option<Page>, DeskError> {
        let followed = self.registry().followed_to_list(&parsed(token)?, self.now())?;
        Ok(followed.map(|(link, list)| page(&link, &list, None, &Fields::default())))
    }

    /// Takes an answer to a list, where the link is about one.
    pub(super) fn take_for_list(
        &self,
        token: &str,
        fields: &Fields,
        whence: &Whence,
    ) -> Result<Option<Page>, DeskError> {
        let token = parsed(token)?;
        let Some((link, list)) = self.registry().followed_to_list(&token, self.now())? else {
            return Ok(None);
        };
        let remove = match read(fields, &list) {
            Ok(remove) => remove,
            Err(wrong) => return Ok(Some(page(&link, &list, Some(wrong), fields))),
        };
        let reason = fields.text("reason", REASON_MAX);
        let taken = self
            .registry()
            .attest_by_link(&token, &remove, &reason, whence, self.now());
        Ok(Some(match taken {
            Ok(list) => thanks(&list),
            // The link still works: what hinders is said above the question.
            Err(why @ (DeskError::List(_) | DeskError::NoStep { .. })) => {
                page(&link, &list, Some(capital(&why.to_string()) + "."), fields)
            }
            Err(why) => return Err(why),
        }))
    }
}

/// What is to be removed; what is missing, in words, where that cannot be told.
fn read(fields: &Fields, list: &Attestation) -> Result<BTreeSet<CaseId>, String> {
    let marked: BTreeSet<CaseId> = list
        .waiting()
        .map(|entry| entry.case)
        .filter(|case| fields.has(&case.to_string()))
        .collect();
    match fields.get("do") {
        "keep-all" if marked.is_empty() => Ok(marked),
        "keep-all" => Err("You have marked some. Take the marks out to keep all, or use the other button.".to_owned()),
        "remove" if marked.is_empty() => {
            Err("Nothing is marked. Mark what is no longer needed, or keep all.".to_owned())
        }
        "remove" => Ok(marked),
        _ => Err("Please use one of the buttons.".to_owned()),
    }
}

fn page(link: &Link, list: &Attestation, wrong: Option<String>, filled: &Fields) -> Page {
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let body = html! {
        @if let Some(wrong) = &wrong { p class="warn" role="alert" { (wrong) } }
        p { "All of this may send mail through the relay in the name of " strong { (list.whose()) } ", as of "
            (list.made.to_date()) ". Which of it is still needed?" }
        form method="post" {
            @for entry in list.waiting() { (line(entry, filled)) }
            label class="field" { "Why it is no longer needed, if you like" textarea name="reason" { (filled.get("reason")) } }
            button name="do" value="keep-all" { "All of it is still needed" }
            button class="quiet" name="do" value="remove" { "Remove what is marked, keep everything else" }
        }
        p { "What is removed can no longer send, at once. What is kept goes on to its own end. What you asked for yourself \
             an administrator looks at." }
        p { "This page can be used until " (link.ends.to_date()) ", once, by " strong { (link.address) } "." }
    };
    Page::new(status, "What does your department still need?", body)
}

fn line(entry: &Entry, filled: &Fields) -> Markup {
    let id = entry.case.to_string();
    let shown = &entry.shown;
    let facts = [
        ("What it may", &shown.may),
        ("Stands", &shown.stands),
        ("Until", &shown.until),
        ("Last message", &shown.last),
        ("Was to send", &shown.volume),
        ("Answers for it", &shown.owner),
        ("Operates it", &shown.technical),
        ("Asked for it", &shown.requestor),
    ];
    html! {
        h2 { (id) ": " (shown.what) }
        dl { @for (name, said) in facts {
            dt { (name) } dd { @if said.is_empty() { "-" } @else { (said) } }
        } }
        label { input type="checkbox" name=(id) value="remove" checked[filled.has(&id)]; span { "Remove " (id) } }
    }
}

/// That the answer was taken, and what it did.
fn thanks(list: &Attestation) -> Page {
    let of = |outcome: Option<Outcome>| -> Vec<String> {
        let those = list.entries.iter().filter(|entry| entry.outcome == outcome);
        those.map(|entry| entry.case.to_string()).collect()
    };
    let told = [
        ("Kept", of(Some(Outcome::Kept))),
        ("Removed", of(Some(Outcome::Removed))),
        ("Had ended by itself", of(Some(Outcome::Ended))),
        (
            "Suspended for abuse: information security ends it",
            of(Some(Outcome::LeftToSecurity)),
        ),
        ("Asked for by you: an administrator looks at it", of(None)),
    ];
    let body = html! {
        p class="good" { "Your answer was kept, and holds from now on. The people of what was removed are told." }
        dl { @for (name, ids) in told.iter().filter(|(_, ids)| !ids.is_empty()) {
            dt { (name) } dd { (ids.join(", ")) }
        } }
        p { "The list is " strong { (list.id) } ". You can close this page." }
    };
    Page::new(StatusCode::OK, "Thank you", body)
}
