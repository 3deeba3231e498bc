//! An account as people read it.

use std::fmt;

use super::{Account, Decision};
use crate::story::Printable;

/// Recipients named in one line; the JSON has all of them.
const NAMED_MAX: usize = 3;

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.decisions.len() {
            1 => "one decision".to_owned(),
            many => format!("the last {many} decisions, newest first"),
        };
        writeln!(f, "{}: {count}; times in UTC", Printable(&self.about))?;
        self.decisions
            .iter()
            .try_for_each(|decision| write!(f, "\n{decision}"))?;
        if !self.grants.is_empty() {
            writeln!(f)?;
        }
        for grant in &self.grants {
            writeln!(f, "Now: {}.", Printable(grant))?;
        }
        match &self.kept {
            Some(kept) => writeln!(f, "\nThere may have been more: {kept}."),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.trim_end_matches('Z').replacen('T', " ", 1);
        write!(f, "  {at}  {}", self.what)?;
        if let Some(from) = &self.from {
            write!(f, "  from {}", Printable(from))?;
        }
        if !self.to.is_empty() {
            write!(f, "  to {}", Printable(&self.names()))?;
        }
        writeln!(f)?;
        if let Some(source) = self.came_from() {
            writeln!(f, "    source   {}", Printable(&source))?;
        }
        write!(f, "    because  {}", Printable(&self.because))?;
        match (&self.rule, &self.id) {
            (Some(rule), Some(id)) => writeln!(f, "  [{rule} {id}]")?,
            (None, Some(id)) => writeln!(f, "  [{id}]")?,
            (_, None) => writeln!(f)?,
        }
        if let Some(reply) = &self.reply {
            writeln!(f, "    reply    {}", Printable(reply))?;
        }
        if let Some(more) = &self.more {
            writeln!(f, "    often    {}", Printable(more))?;
        }
        writeln!(f, "    next     {}", Printable(&self.next))?;
        if let Some(now) = &self.now {
            writeln!(f, "    now      {}", Printable(now))?;
        }
        Ok(())
    }
}

impl Decision {
    fn names(&self) -> String {
        let named: Vec<&str> = self.to.iter().take(NAMED_MAX).map(String::as_str).collect();
        match self.to.len().checked_sub(NAMED_MAX) {
            Some(more) if more > 0 => format!("{} and {more} more", named.join(", ")),
            _ => named.join(", "),
        }
    }

    fn came_from(&self) -> Option<String> {
        let mut text = format!(
            "{} on {}",
            self.source.as_ref()?,
            self.listener.as_deref().unwrap_or("?")
        );
        if let Some(login) = &self.login {
            text.push_str(&format!(", login {login}"));
        }
        if let Some(certificate) = &self.certificate {
            text.push_str(&format!(", {certificate}"));
        }
        if let Some(grant) = &self.grant {
            text.push_str(&format!(", grant {grant}"));
        }
        Some(text)
    }
}
