//! `portcullis config`: help with writing a configuration, and those that have served.

mod difference;
pub(super) mod found;
mod history;
mod rollback;

use std::process::ExitCode;

use anyhow::Context as _;
use registry::chosen;

use super::{password, say, say_aside};
use crate::config::{example, file};
use crate::identities;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print a commented example.
    Example,
    /// Print the JSON Schema of the configuration, for completion in editors.
    ///
    /// Editors that know TOML (taplo and its plug-ins among them) read it when the file begins with
    /// `#:schema ./portcullis.schema.json`.
    Schema,
    /// Print a fresh secret for a device or program, and the line to paste into its grant.
    ///
    /// The secret has 20 letters and digits without those that look alike (0 O 1 l I), which every copier can take. It
    /// is shown once and kept nowhere; the configuration holds its Argon2id hash, and what SCRAM checks it by.
    Secret {
        /// The login the grant is for.
        #[arg(value_name = "LOGIN", default_value = "LOGIN")]
        login: String,
        /// A password of one's own, asked for or read from standard input: at least 15 characters that nobody would
        /// expect.
        #[arg(long)]
        chosen: bool,
        /// Answer in JSON: login, secret, hash and scram.
        #[arg(long)]
        json: bool,
    },
    #[command(about = "Every configuration that ever served: number, time, how it came, who and why")]
    History(history::Args),
    #[command(about = "Print the text of a generation, as it served")]
    Show(history::ShowArgs),
    #[command(about = "What became possible and impossible between two generations, and which lines changed")]
    Diff(difference::Args),
    #[command(about = "Let the text of an earlier generation serve again")]
    Rollback(rollback::Args),
}

/// Prints what was asked for.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Example => Ok(say(example::EXAMPLE)),
        What::Schema => schema(),
        What::Secret {
            login,
            chosen: true,
            json,
        } => chosen_secret(&login, json),
        What::Secret { login, json, .. } => secret(&login, json),
        What::History(args) => history::run(&args),
        What::Show(args) => history::show(&args),
        What::Diff(args) => difference::run(&args),
        What::Rollback(args) => rollback::run(&args),
    }
}

/// Prints the JSON Schema of the configuration.
pub fn schema() -> anyhow::Result<ExitCode> {
    let schema = serde_json::to_value(schemars::schema_for!(file::File))?;
    Ok(say(&format!("{schema:#}\n")))
}

fn chosen_secret(login: &str, json: bool) -> anyhow::Result<ExitCode> {
    let password = password::typed().context("no password could be read")?;
    if let Err(why) = chosen::check(&password, &chosen::Context::of([login])) {
        say_aside(&format!("portcullis: {why}\n  {}\n", why.advice()));
        return Ok(ExitCode::from(1));
    }
    let hash = identities::hash_secret(&registry::Secret::chosen(&password), &world::SystemRng)?;
    let hash = hash.as_str();
    Ok(say(&if json {
        format!("{:#}\n", serde_json::json!({ "login": login, "hash": hash }))
    } else {
        format!("For the grant:\n\n    by = {{ password = {login:?}, hash = \"{hash}\" }}\n")
    }))
}

fn secret(login: &str, json: bool) -> anyhow::Result<ExitCode> {
    let secret = registry::Secret::fresh(&world::SystemRng);
    let sealed = identities::seal(&secret, None, &world::SystemRng)?;
    let scram = sealed.scram.map(|scram| scram.notation()).unwrap_or_default();
    let (secret, hash) = (&*secret, sealed.hash.as_str());
    if json {
        let answer = serde_json::json!({ "login": login, "secret": secret, "hash": hash, "scram": scram });
        return Ok(say(&format!("{answer:#}\n")));
    }
    let by = format!("by = {{ password = {login:?}, hash = \"{hash}\", scram = \"{scram}\" }}");
    Ok(say(&format!(
        "The secret, shown this once:\n\n    {secret}\n\nFor the grant:\n\n    {by}\n"
    )))
}
