//! `portcullis access letters`: the words of letters, to be read and to begin others from.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use registry::{Notice, PLACEHOLDERS, own_words};
use serde_json::json;

use super::{Told, Trouble};

/// Arguments of `access letters`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Show which letters there are and what their words may speak of; with --write, write the built-in words \
        into a folder, a file each, to begin others from. A file that is there already is left as it is.\n\nWhat stands in \
        the folder that `letters` of [registry] names is used in place of the built-in words: M20.txt has a first line \
        `Subject: ...` and then plain text; M20.html, where it is there, its HTML, and without one HTML is made of the text. \
        foot.txt stands below every letter, digest.txt gathers several, layout.html is the page around their HTML. A file \
        that is not there leaves the built-in words in place. `portcullis check` tries them; a running gate reads them again \
        when they change, and goes on with the former ones while they are wrong."
)]
pub(super) struct Args {
    /// Write the built-in words into this folder.
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &Args) -> Result<Told, Trouble> {
    match &args.write {
        Some(folder) => Ok(write(folder)?),
        None => Ok(list()),
    }
}

fn list() -> Told {
    let subject = |text: &str| {
        text.lines()
            .next()
            .and_then(|line| line.strip_prefix("Subject:"))
            .map(str::trim)
            .map(str::to_owned)
    };
    let mut text = String::new();
    let mut files = Vec::new();
    for (file, words) in own_words() {
        let says = subject(words).unwrap_or_else(|| what_it_is(&file).to_owned());
        // Writing into a text does not fail.
        let _ = writeln!(text, "{file:<12} {says}");
        files.push(json!({ "file": file, "says": says, "urgent": is_urgent(&file) }));
    }
    text.push_str("\nTheir words may speak of these:\n");
    for (name, what) in PLACEHOLDERS {
        let _ = writeln!(text, "  {:<20} {what}", format!("{{{{ {name} }}}}"));
    }
    let names: Vec<_> = PLACEHOLDERS
        .iter()
        .map(|(name, what)| json!({ "name": name, "is": what }))
        .collect();
    Told::new(text, json!({ "files": files, "placeholders": names }))
}

fn what_it_is(file: &str) -> &'static str {
    match file {
        "foot.txt" => "what stands below every letter",
        "digest.html" => "several letters as one, as HTML",
        "layout.html" => "the page around the HTML of each",
        _ => "",
    }
}

fn is_urgent(file: &str) -> bool {
    file.strip_suffix(".txt")
        .and_then(Notice::of)
        .is_some_and(Notice::is_urgent)
}

fn write(folder: &Path) -> anyhow::Result<Told> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (file, words) in own_words() {
        let path = folder.join(&file);
        match std::fs::File::create_new(&path).and_then(|mut out| out.write_all(words.as_bytes())) {
            Ok(()) => written.push(file),
            Err(why) if why.kind() == ErrorKind::AlreadyExists => kept.push(file),
            Err(why) => return Err(why).with_context(|| format!("{} cannot be written", path.display())),
        }
    }
    let mut text = format!("{} files were written into {}.\n", written.len(), folder.display());
    if !kept.is_empty() {
        text.push_str(&format!("Left as they are: {}.\n", kept.join(", ")));
    }
    text.push_str("Take out what you do not change: it follows the built-in words then. In the configuration:\n\n");
    text.push_str(&format!(
        "    [registry]\n    letters = {:?}\n",
        folder.display().to_string()
    ));
    Ok(Told::new(text, json!({ "written": written, "kept": kept })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_out_can_be_used_and_what_was_changed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let letters = folder.path().join("letters");
        std::fs::create_dir(&letters).unwrap();
        std::fs::write(letters.join("M13.txt"), "Subject: Er druckt\n").unwrap();
        let told = write(&letters).unwrap();
        let count = registry::own_words().count() - 1;
        assert!(
            told.text.contains(&format!("{count} files were written into"))
                && told.text.contains("Left as they are: M13.txt."),
            "{}",
            told.text
        );
        let words = crate::config::letters::read(&letters).unwrap();
        let about = registry::About::default();
        assert_eq!(words.write(Notice::Works, &about).unwrap().subject, "Er druckt");
        let ours = registry::Letters::ours().unwrap();
        assert_eq!(
            words.write(Notice::Rejected, &about).unwrap(),
            ours.write(Notice::Rejected, &about).unwrap()
        );
    }

    #[test]
    fn every_letter_is_shown_with_its_subject_and_every_placeholder_with_what_it_is() {
        let shown = list().text;
        assert!(
            shown.contains("M20.txt      {{ id }}: is {{ what }} still needed?\n"),
            "{shown}"
        );
        assert!(
            shown.contains("layout.html  the page around the HTML of each\n"),
            "{shown}"
        );
        assert!(
            shown.contains("  {{ until }}          the last day of the grant\n"),
            "{shown}"
        );
    }
}
