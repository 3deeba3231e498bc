//! A tale as people read it.

use std::fmt;

use super::{Moment, Tale};

/// Recipients named in one line; the JSON has all of them.
const NAMED_MAX: usize = 3;

impl fmt::Display for Tale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(subject) = &self.subject {
            write!(f, "  \"{}\"", Printable(subject))?;
        }
        if let Some(octets) = self.octets {
            write!(f, "  {}", size(octets))?;
        }
        if let Some(from) = &self.from {
            write!(f, "  from {}", Printable(from))?;
        }
        if let Some(session) = &self.session {
            write!(f, "  session {session}")?;
        }
        writeln!(f)?;
        let width = self.moments.iter().map(|moment| moment.what.len());
        let width = width
            .chain(self.waiting.iter().map(|one| one.state.len()))
            .max()
            .unwrap_or(0);
        let mut day = "";
        for moment in &self.moments {
            let (date, time) = moment.at.split_once('T').unwrap_or(("", &moment.at));
            if date != day {
                writeln!(f, "  {date}, times in UTC")?;
                day = date;
            }
            let what = &moment.what;
            write!(f, "  {:<12}  {what:<width$}  ", time.trim_end_matches('Z'))?;
            line(f, moment)?;
        }
        for one in &self.waiting {
            let (to, text) = (Printable(&one.to), Printable(&one.text));
            writeln!(f, "  {:<12}  {:<width$}  {to}, {text}", "now", one.state)?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "  There may have been more: {kept}.")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, moment: &Moment) -> fmt::Result {
    let text = Printable(&moment.text);
    // Of a judgement the ground comes first; of everything else the person.
    let to = names(&moment.to);
    match (to.is_empty(), moment.what.as_str()) {
        (true, _) => write!(f, "{text}")?,
        (false, "judged") => write!(f, "{text}; to {}", Printable(&to))?,
        (false, _) => write!(f, "{} {text}", Printable(&to))?,
    }
    if let Some(ms) = moment.took_ms {
        write!(f, " ({ms} ms)")?;
    }
    writeln!(f)
}

fn names(to: &[String]) -> String {
    let mut text = to
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if to.len() > NAMED_MAX {
        text.push_str(&format!(" and {} more", to.len() - NAMED_MAX));
    }
    text
}

/// Octets in a unit that people read: `840 B`, `2.1 MB`.
#[must_use]
pub fn size(octets: u64) -> String {
    let mut value = octets as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 || unit == "GB" {
            return if unit == "B" {
                format!("{octets} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{octets} B")
}

/// Text of strangers on its way to a terminal: without what would move a cursor or turn the direction of writing.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        self.0
            .chars()
            .try_for_each(|c| f.write_char(if c.is_control() || turns(c) { ' ' } else { c }))
    }
}
