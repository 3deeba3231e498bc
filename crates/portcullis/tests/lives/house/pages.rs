//! The pages behind links, as a browser (curl) finds them; the web server in front of them is played by the test.

use std::process::Command;

use crate::peers::run;

/// How links in letters begin.
pub(super) const SITE: &str = "https://relay.example.edu/";

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub html: String,
}

impl Page {
    /// The secret that is shown on it.
    pub fn secret(&self) -> &str {
        self.between("<code class=\"secret\">", "</code>")
    }

    /// What a field that nobody sees has in it.
    pub fn hidden(&self, name: &str) -> &str {
        self.between(&format!("name=\"{name}\" value=\""), "\"")
    }

    fn between(&self, begin: &str, end: &str) -> &str {
        let found = self.html.split_once(begin).and_then(|(_, rest)| rest.split_once(end));
        found.unwrap_or_else(|| panic!("no {begin} in:\n{}", self.html)).0
    }
}

pub(super) fn get(port: u16, link: &str) -> Page {
    ask(port, link, &[])
}

pub(super) fn post(port: u16, link: &str, fields: &[(&str, &str)]) -> Page {
    let fields = fields
        .iter()
        .flat_map(|(name, value)| ["--data-urlencode".to_owned(), format!("{name}={value}")]);
    ask(port, link, &fields.collect::<Vec<_>>())
}

fn ask(port: u16, link: &str, more: &[String]) -> Page {
    let here = link.replace(SITE, &format!("http://127.0.0.1:{port}/"));
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--write-out",
        "\n%{http_code}",
    ]);
    let said = run(curl.args(more).arg(here)).expect_ok("curl");
    let (html, status) = said.rsplit_once('\n').unwrap();
    Page {
        status: status.parse().unwrap(),
        html: html.to_owned(),
    }
}
