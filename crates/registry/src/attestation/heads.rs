//! Who is the head of a department.

use std::collections::BTreeMap;

use crate::actor::Person;

/// Stands for every department of a scope that is not named.
const REST: &str = "*";

/// A department as it is compared: people spell one in several ways.
#[must_use]
pub(crate) fn department(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The heads that the configuration names: of a department of the usual scope by its name, of one of another scope by
/// `scope/department`. `*` in place of a department is whichever is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    usual: Box<str>,
    named: BTreeMap<String, Person>,
}

impl Heads {
    /// These, where `usual` is the scope of a case that names none.
    #[must_use]
    pub fn new(usual: &str, named: impl IntoIterator<Item = (String, Person)>) -> Self {
        Self {
            usual: usual.into(),
            named: named.into_iter().map(|(key, head)| (department(&key), head)).collect(),
        }
    }

    /// Whether two names are one department's, however they are spelt.
    #[must_use]
    pub fn is_same(one: &str, other: &str) -> bool {
        department(one) == department(other)
    }

    /// The head of a department, where one is named.
    #[must_use]
    pub fn of(&self, scope: &str, of: &str) -> Option<&Person> {
        let find = |name: &str| {
            let in_scope = self.named.get(&department(&format!("{scope}/{name}")));
            // Another customer's department of the same name is another one.
            in_scope.or_else(|| self.named.get(name).filter(|_| scope == &*self.usual))
        };
        let of = department(of);
        let named = if of.is_empty() { None } else { find(&of) };
        named.or_else(|| find(REST))
    }
}
