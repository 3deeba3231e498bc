//! `portcullis ledger index`: what makes questions to a long record quick.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use world::OsDisk;

use super::{Folder, say};

/// Arguments of `ledger index`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folder: Folder,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Writes what is missing, and says what there is.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = args.folder.path()?;
    let done =
        ledger::index(&OsDisk, &dir).with_context(|| format!("the ledger in {} cannot be indexed", dir.display()))?;
    let text = if args.json {
        let object = json!({ "built": done.built, "kept": done.kept, "removed": done.removed });
        format!("{object:#}\n")
    } else {
        format!(
            "{} built, {} were there already, {} of files that are gone removed.\n",
            done.built, done.kept, done.removed
        )
    };
    Ok(say(&text))
}
