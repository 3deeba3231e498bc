//! Who is there: an export of the organisation's directory.

use std::collections::BTreeMap;

use super::table::{TableError, rows, value};

/// Roles in which somebody may take a risk, as directories write them.
const HEADS: [&str; 3] = ["dean", "head", "director"];

/// Everybody the organisation knows, and every mailbox that several people read, with their roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<String, String>);

impl Directory {
    /// Reads CSV of `email,role`; a role may be empty. Whole or not at all.
    pub fn read(text: &str) -> Result<Self, TableError> {
        let mut people = BTreeMap::new();
        for (line, [email, role]) in rows(text, ["email", "role"])? {
            let mailbox = value(line, &email, "mail address", |text| mail::Mailbox::parse(text).ok())?;
            people.insert(mailbox.to_string().to_ascii_lowercase(), role.to_ascii_lowercase());
        }
        Ok(Self(people))
    }

    /// Whether somebody of this address is there.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        self.0.contains_key(&address.trim().to_ascii_lowercase())
    }

    /// Whether they are a dean, a head or a director.
    #[must_use]
    pub fn is_head(&self, address: &str) -> bool {
        let role = self.0.get(&address.trim().to_ascii_lowercase());
        role.is_some_and(|role| {
            let mut words = role.split(|letter: char| !letter.is_alphabetic());
            words.any(|word| HEADS.contains(&word))
        })
    }
}
