//! The text of an earlier generation, as it may serve again.
//!
//! What was declared goes back; what happened since does not. A grant that is suspended now stays suspended, for the
//! reason it has now; a login whose secret is another one now keeps that one, because the former may have leaked; and
//! the change is that of the rollback. Everything else, comments among it, is as it was.

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, TomlError, Value, value};

use crate::config::Change;

/// What was carried over from the configuration that serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Grants that stay suspended.
    pub suspended: Vec<String>,
    /// Grants whose login keeps the secret it has now.
    pub secrets: Vec<String>,
}

/// Why no text can be made. Both served once, so one of them was changed since.
#[derive(Debug, thiserror::Error)]
#[error("the text of {which} is no TOML: {why}")]
pub struct ComposeError {
    which: &'static str,
    why: TomlError,
}

/// The text of `earlier`, as it may follow on `serving`.
///
/// # Errors
/// One of them is no TOML.
pub fn compose(earlier: &str, serving: &str, change: &Change) -> Result<(String, Carried), ComposeError> {
    let read = |which, text: &str| text.parse::<DocumentMut>().map_err(|why| ComposeError { which, why });
    let mut document = read("the earlier generation", earlier)?;
    let serving = read("the generation that serves", serving)?;
    let mut carried = Carried::default();
    let now: Vec<(&str, &dyn TableLike)> = tables(serving.get("grants")).collect();
    if let Some(grants) = document.get_mut("grants").and_then(Item::as_table_like_mut) {
        for (name, grant) in grants.iter_mut() {
            let Some(grant) = grant.as_table_like_mut() else {
                continue;
            };
            if keep_suspended(name.get(), grant, &now) {
                carried.suspended.push(name.get().to_owned());
            }
            if keep_secret(grant, &now) {
                carried.secrets.push(name.get().to_owned());
            }
        }
    }
    say_who(&mut document, change);
    Ok((document.to_string(), carried))
}

fn tables(of: Option<&Item>) -> impl Iterator<Item = (&str, &dyn TableLike)> {
    let named = of.and_then(Item::as_table_like).into_iter().flat_map(TableLike::iter);
    named.filter_map(|(name, item)| Some((name, item.as_table_like()?)))
}

/// A suspension is of a client, whatever its grant was called.
fn keep_suspended(name: &str, grant: &mut dyn TableLike, now: &[(&str, &dyn TableLike)]) -> bool {
    let clients = clients(grant);
    let same = |other: &&(&str, &dyn TableLike)| {
        other.0 == name || self::clients(other.1).iter().any(|client| clients.contains(client))
    };
    let mut reasons = now
        .iter()
        .filter(same)
        .filter_map(|(_, now)| now.get("suspended")?.as_str());
    let Some(why) = reasons.next() else {
        return false;
    };
    if grant.get("suspended").and_then(Item::as_str) == Some(why) {
        return false;
    }
    grant.insert("suspended", value(why));
    true
}

/// What names a client in a grant; whoever vouches for several names none of them.
const CLIENTS: [&str; 6] = ["password", "token", "directory", "certificate", "subject", "address"];

/// By what a grant knows its clients: each login, certificate and address, as written.
fn clients(grant: &dyn TableLike) -> Vec<String> {
    let by = grant.get("by").and_then(Item::as_table_like);
    let shown = by
        .into_iter()
        .flat_map(TableLike::iter)
        .filter(|(key, _)| CLIENTS.contains(key));
    let mut all = Vec::new();
    for (key, item) in shown {
        let listed = item.as_array().into_iter().flatten().filter_map(Value::as_str);
        all.extend(
            listed
                .chain(item.as_str())
                .map(|text| format!("{key} {}", text.to_lowercase())),
        );
    }
    all
}

/// What a secret is checked by, and what of the former one still holds: one without the others would let in whoever has
/// the one that was exchanged.
const SECRETS: [&str; 3] = ["hash", "scram", "former"];

/// Of the same login, whatever its grant was called.
fn keep_secret(grant: &mut dyn TableLike, now: &[(&str, &dyn TableLike)]) -> bool {
    let Some(by) = grant.get_mut("by").and_then(Item::as_table_like_mut) else {
        return false;
    };
    let login = |of: &dyn TableLike| of.get("password").and_then(Item::as_str).map(str::to_ascii_lowercase);
    let Some(own) = login(by) else {
        return false;
    };
    let mut all = now.iter().filter_map(|(_, now)| now.get("by")?.as_table_like());
    let Some(held) = all.find(|now| login(*now).as_ref() == Some(&own) && now.contains_key("hash")) else {
        return false;
    };
    let written = |of: &dyn TableLike, key: &str| of.get(key).map(|item| item.to_string().trim().to_owned());
    if SECRETS.iter().all(|key| written(by, key) == written(held, key)) {
        return false;
    }
    for key in SECRETS {
        match held.get(key) {
            Some(item) => by.insert(key, item.clone()),
            None => by.remove(key),
        };
    }
    true
}

/// `change` is written as it was, or below `version`.
fn say_who(document: &mut DocumentMut, change: &Change) {
    if let Some(said) = document.get_mut("change").and_then(Item::as_table_like_mut) {
        said.insert("author", value(&change.author));
        said.insert("reason", value(&change.reason));
        return;
    }
    let mut said = InlineTable::new();
    said.insert("author", Value::from(&change.author));
    said.insert("reason", Value::from(&change.reason));
    document.insert("change", value(said));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Change {
        Change {
            author: "ann".to_owned(),
            reason: "back, CHG-7".to_owned(),
        }
    }

    const EARLIER: &str = "# Ours.\nversion = 1\n\n[organisation]\nname = \"Own\"  # as people say it\n\n\
        [grants.erp]\nowner = \"Finance\"\nby = { password = \"erp\", hash = \"old\" }\n\n\
        [grants.copier]\nowner = \"Chemistry\"\nby = { address = [\"10.1.2.3\"] }\n";

    #[test]
    fn what_was_written_comes_back_and_only_the_change_is_another() {
        let (text, carried) = compose(EARLIER, "version = 1\n", &change()).unwrap();
        assert_eq!(carried, Carried::default());
        let expected = EARLIER.replace(
            "version = 1\n",
            "version = 1\nchange = { author = \"ann\", reason = \"back, CHG-7\" }\n",
        );
        assert_eq!(text, expected);
        let (again, _) = compose(&text, &text, &change()).unwrap();
        assert_eq!(again, text);
    }

    #[test]
    fn what_is_suspended_now_stays_suspended() {
        let serving = EARLIER.replace("[grants.copier]\n", "[grants.copier]\nsuspended = \"sends spam\"\n");
        let (text, carried) = compose(EARLIER, &serving, &change()).unwrap();
        assert_eq!(carried.suspended, ["copier"]);
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["grants"]["copier"]["suspended"].as_str(), Some("sends spam"));
        assert!(table["grants"]["erp"].get("suspended").is_none());
        // Also where grants are written on one line.
        let inline = "version = 1\ngrants = { copier = { owner = \"Chemistry\" } }\n";
        let (text, _) = compose(inline, &serving, &change()).unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["grants"]["copier"]["suspended"].as_str(), Some("sends spam"));
    }

    #[test]
    fn another_name_lifts_no_suspension() {
        let serving = EARLIER
            .replace("[grants.copier]\n", "[grants.scanner]\nsuspended = \"sends spam\"\n")
            .replace("\"erp\"", "\"ERP\"")
            .replace("[grants.erp]\n", "[grants.finance]\nsuspended = \"lost\"\n");
        let (_, carried) = compose(EARLIER, &serving, &change()).unwrap();
        assert_eq!(carried.suspended, ["erp", "copier"]);
    }

    #[test]
    fn a_suspension_holds_for_no_other_client_of_the_same_authority_or_issuer() {
        let earlier = "version = 1\n\
            [grants.ups]\nby = { subject = \"dns:ups\", authority = \"campus\" }\n\
            [grants.door]\nby = { subject = \"dns:door\", authority = \"campus\" }\n\
            [grants.scan]\nby = { token = \"scan\", issuer = \"campus\" }\n\
            [grants.print]\nby = { token = \"print\", issuer = \"campus\" }\n";
        let serving = earlier
            .replace("[grants.ups]\n", "[grants.alarm]\nsuspended = \"lost\"\n")
            .replace("[grants.scan]\n", "[grants.scan]\nsuspended = \"spam\"\n");
        let (_, carried) = compose(earlier, &serving, &change()).unwrap();
        assert_eq!(carried.suspended, ["ups", "scan"]);
    }

    #[test]
    fn a_suspension_of_then_is_not_lifted_by_what_is_free_now() {
        let earlier = EARLIER.replace("[grants.copier]\n", "[grants.copier]\nsuspended = \"lost\"\n");
        let (text, carried) = compose(&earlier, EARLIER, &change()).unwrap();
        assert_eq!(carried.suspended, Vec::<String>::new());
        assert!(text.contains("suspended = \"lost\""), "{text}");
    }

    #[test]
    fn a_secret_that_was_exchanged_does_not_come_back() {
        let serving = EARLIER.replace("\"old\"", "\"new\"");
        let (text, carried) = compose(EARLIER, &serving, &change()).unwrap();
        assert_eq!(carried.secrets, ["erp"]);
        assert!(text.contains("by = { password = \"erp\", hash = \"new\" }"), "{text}");
        // By whatever mechanism it was shown.
        let before = EARLIER.replace("hash = \"old\"", "hash = \"old\", scram = \"old\"");
        for now in ["hash = \"new\", scram = \"new\"", "hash = \"new\""] {
            let (text, _) = compose(&before, &EARLIER.replace("hash = \"old\"", now), &change()).unwrap();
            assert!(text.contains(now) && !text.contains("old"), "{text}");
        }
        let of_another = serving.replace("password = \"erp\"", "password = \"other\"");
        let (text, carried) = compose(EARLIER, &of_another, &change()).unwrap();
        assert!(carried.secrets.is_empty() && text.contains("hash = \"old\""), "{text}");
    }
}
