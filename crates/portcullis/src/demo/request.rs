//! A request becomes a working credential: asked for, found complete, checked, set up, and used for a first message.
//!
//! Its people do it by the commands that they would use against any gate.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use dns::Literal;
use mail::Timestamp;
use world::World;

use super::house::{House, SCANNER};
use super::ways::{Credential, Entry, GLANCE, PATIENCE, Plan, Way, follow, letter};
use crate::commands::access::{self, Answer, Around};
use crate::gateway::Gateway;
use crate::registrar;

/// How often the state of the case is asked for: each time a command opens the registry.
const LOOK: Duration = Duration::from_millis(100);

/// What came of it.
pub(super) struct Tale {
    /// The case, and the login.
    pub case: String,
    /// What was typed, and what it said.
    pub commands: Vec<(String, String)>,
    /// Its first message.
    pub way: Way,
    /// Where the case stands behind it.
    pub state: String,
}

impl Tale {
    /// Whether the credential works and the registry knows it.
    pub(super) fn is_right(&self) -> bool {
        self.way.intact() && self.state == "active"
    }
}

/// A command line of `access`.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: access::Args,
}

/// Whoever types commands, in the demo's world.
struct Terminal<'a> {
    house: &'a House,
    world: &'a World,
    names: Arc<Literal>,
    typed: Vec<(String, String)>,
}

/// Lets a scanner be asked for, approved and set up, and sends its first message.
pub(super) async fn grant(
    house: &House,
    gateway: &Gateway,
    names: Arc<Literal>,
    world: &World,
) -> anyhow::Result<Tale> {
    let mut terminal = Terminal {
        house,
        world,
        names,
        typed: Vec::new(),
    };
    let form = house.form.display().to_string();
    let asked = terminal.types(&["request", "--form", &form, "--submit"]).await?;
    let case = asked.split_whitespace().next().unwrap_or_default().to_owned();
    terminal.types(&["approve", &case, "--as", "relay@example.edu"]).await?;
    let set_up = terminal.types(&["provision", &case, "--as", "tom@example.edu"]).await?;
    let credential = Credential {
        secret: secret(&set_up).context("no secret was shown")?,
        login: case.clone(),
    };
    until_granted(gateway, &case).await?;
    let way = follow(first_message(house, credential), house, gateway, world).await?;
    let state = terminal.until_noted(&case).await?;
    terminal.types(&["list"]).await?;
    Ok(Tale {
        case,
        commands: terminal.typed,
        way,
        state,
    })
}

impl Terminal<'_> {
    /// Runs a command, and remembers what it said.
    async fn types(&mut self, words: &[&str]) -> anyhow::Result<String> {
        let Answer { text, aside, status } = self.run(words).await?;
        let line = format!("portcullis access {}", words.join(" "));
        anyhow::ensure!(status == 0, "{line}: {aside}");
        self.typed.push((line, text.clone()));
        Ok(text)
    }

    async fn run(&self, words: &[&str]) -> anyhow::Result<Answer> {
        let mut line = vec!["portcullis access".to_owned()];
        line.extend(words.iter().map(|word| (*word).to_owned()));
        line.extend(["--config".to_owned(), self.house.config.display().to_string()]);
        let args = Line::try_parse_from(line)?.args;
        let (world, names) = (self.world.clone(), self.names.clone());
        let now = Timestamp(world.clock.wall());
        let done = tokio::task::spawn_blocking(move || {
            let around = Around {
                typed: Box::new(|| Err(std::io::Error::other("nobody sits here"))),
                now,
                rng: world.rng.clone(),
                names: Box::new(move |_, host, address| {
                    tokio::runtime::Handle::current().block_on(registrar::names(&*names, host, address))
                }),
            };
            access::answer(args, &around)
        });
        done.await?
    }

    /// Waits until the gate has noted the first message, and says where the case stands.
    async fn until_noted(&self, case: &str) -> anyhow::Result<String> {
        let started = Instant::now();
        loop {
            let shown = self.run(&["show", case, "--json"]).await?;
            let shown: serde_json::Value = serde_json::from_str(&shown.text)?;
            let state = shown.get("state").and_then(|state| state.as_str()).unwrap_or_default();
            if state != "provisioned" || started.elapsed() > PATIENCE {
                return Ok(state.to_owned());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Waits until the gate grants it: it asks the registry each second.
async fn until_granted(gateway: &Gateway, case: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    let granted = || {
        let snapshot = gateway.admission().snapshot();
        snapshot.rulebook().grants.iter().any(|grant| &*grant.name == case)
    };
    while !granted() {
        anyhow::ensure!(started.elapsed() < PATIENCE, "the gate did not hear of {case}");
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

/// The one word on a line of its own.
fn secret(said: &str) -> Option<String> {
    let (_, behind) = said.split_once("shown this once:")?;
    behind.split_whitespace().next().map(str::to_owned)
}

fn first_message(house: &House, credential: Credential) -> Plan {
    let text = "The minutes of the last meeting are attached.\r\n";
    Plan {
        title: "Its first message, with that login, through a load balancer",
        from_address: Ipv4Addr::LOCALHOST,
        port: house.ports.balanced,
        entry: Entry::Balanced(SCANNER, credential),
        sender: "scanner@example.edu",
        recipient: "archive@example.com",
        message: letter("scanner@example.edu", "archive@example.com", "Scan-1", text),
        intact: text.to_owned(),
        arrives_in: house.outside_dir.clone(),
    }
}
