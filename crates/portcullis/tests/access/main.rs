//! What `portcullis access` says: each `stories/NAME.txt` is run from its top to its end, over a registry of its own; and
//! so is `docs/registry.md`.
//!
//! A line `$ portcullis access ...` is a command; below it stands what it says: to standard output, then behind `! ` to
//! standard error, then the status where it is not 0. `+ 14 days` lets time go by, and does what it does; `mail pc-1001`
//! is a message that was accepted; `types ...` is what somebody types when asked for a password; `> FILE` writes the lines below it, up to an empty one, into a file; `# ` is for the
//! reader. On the page these stand in comments, which nobody sees. All of them begin on Saturday, 21 November 2026, in a
//! folder with the files of `files`. To see the words again after a change, run the test with `PORTCULLIS_REWRITE=1` and
//! read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod house;
mod json;

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Lines;

use house::{House, Shown};

const COMMAND: &str = "$ portcullis access ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn stories() -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join("tests/access/stories")).unwrap();
    let mut stories: Vec<PathBuf> = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    stories.sort();
    stories
}

/// Whether a line belongs to the story, and is not something that a command said.
fn leads_on(line: &str) -> bool {
    ["$ ", "+ ", "mail ", "types ", "> ", "# ", "```", "<!-- "]
        .iter()
        .any(|begin| line.starts_with(begin))
}

/// Does what a line says beside commands.
fn happens(line: &str, lines: &mut Peekable<Lines<'_>>, house: &mut House) -> String {
    let mut content = String::new();
    if let Some(days) = line.strip_prefix("+ ").and_then(|rest| rest.strip_suffix(" days")) {
        house.wait(days.parse().unwrap());
    } else if let Some(id) = line.strip_prefix("mail ") {
        house.mail(id);
    } else if let Some(password) = line.strip_prefix("types ") {
        house.types(password);
    } else if let Some(file) = line.strip_prefix("> ") {
        while let Some(line) = lines.next_if(|line| !line.is_empty() && *line != "-->") {
            content.push_str(&format!("{line}\n"));
        }
        house.write(file, &content);
    }
    content
}

/// Runs a story; the story as it goes now.
fn run(text: &str, shown: Shown) -> String {
    let mut house = House::new();
    let mut told = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        told.push_str(&format!("{line}\n"));
        if let Some(command) = line.strip_prefix(COMMAND) {
            told.push_str(&house.says(&house::words(command), shown));
            // What it said when this was written.
            while lines.next_if(|line| !leads_on(line)).is_some() {}
            if lines.peek().is_some_and(|next| !next.starts_with("```")) {
                told.push('\n');
            }
            continue;
        }
        let hidden = line
            .strip_prefix("<!-- ")
            .map(|rest| rest.strip_suffix(" -->").unwrap_or(rest));
        let happening = match shown {
            Shown::All => Some(line),
            Shown::AsOnScreen => hidden,
        };
        if let Some(line) = happening {
            told.push_str(&happens(line, &mut lines, &mut house));
        }
    }
    told
}

fn goes_as_written(file: &Path, shown: Shown) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let told = run(&text, shown);
    if std::env::var_os("PORTCULLIS_REWRITE").is_some() {
        std::fs::write(file, &told).unwrap();
    } else if told != text {
        return Err(format!("---- {}\n{told}", file.display()));
    }
    Ok(())
}

#[test]
fn every_story_goes_as_it_is_written() {
    let stories = stories();
    assert!(stories.len() > 5, "the stories are there");
    let wrong: Vec<String> = stories
        .iter()
        .filter_map(|story| goes_as_written(story, Shown::All).err())
        .collect();
    assert!(wrong.is_empty(), "these go otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn the_page_for_administrators_says_what_is() {
    let page = root().join("../../docs/registry.md");
    if let Err(otherwise) = goes_as_written(&page, Shown::AsOnScreen) {
        panic!("it goes otherwise:\n{otherwise}");
    }
}
