//! A copier that cannot log in: its head takes the risk sentence by sentence, security decides, the network is not ready
//! and becomes so, and the gate goes on by itself.

use serde_json::Value;

use crate::house::{Campus, MINUTE, NETWORK, Page, SECURITY};
use crate::peers::{eventually, have};

const DEAN: &str = "dean@example.edu";
const ANN: &str = "ann@example.edu";
const AT: &str = "10.20.3.15";
const AS: &str = "plotter@example.edu";

/// What the keepers of the network say about it.
fn row(kind: &str, zone: &str) -> String {
    format!("ip,mac,fqdn,type,zone\n{AT},00:00:5e:00:53:02,plotter.example.edu,{kind},{zone}\n")
}

const RESERVED: &str = "host plotter { hardware ethernet 00:00:5e:00:53:02; fixed-address 10.20.3.15; }\n";

/// The head's answer on the page of a link.
fn signs(campus: &Campus, link: &str, accepted: &[&str]) -> Page {
    let page = campus.look(link);
    assert_eq!(page.status, 200, "{}", page.html);
    for statement in ["legacy and insecure", "may be interrupted", "discontinued at any time"] {
        assert!(page.html.contains(statement), "{statement}: {}", page.html);
    }
    let mut fields = vec![
        ("do", "acknowledge"),
        ("name", "Dora Dean"),
        ("words", page.hidden("words")),
        ("request", page.hidden("request")),
    ];
    fields.extend(accepted.iter().map(|name| (*name, "yes")));
    campus.press(link, &fields)
}

fn cannot_be_decided(campus: &Campus, id: &str) {
    campus.refused(&["approve", id, "--risk", "low", "--control", "pinned", "--as", SECURITY]);
    assert_eq!(campus.state(id), "awaiting_head_ack");
}

/// Nothing but all three sentences, and those of exactly this request, brings it to security.
fn head_takes_the_risk(campus: &Campus, id: &str) {
    let first = campus
        .letter(DEAN, "your acknowledgement is needed for the copier")
        .link();
    let answer = signs(campus, &first, &["accept1", "accept3"]);
    assert_eq!(answer.status, 422);
    assert!(answer.html.contains("missing: 2"), "{}", answer.html);
    let words = [
        "ack",
        id,
        "--accept",
        "1",
        "--accept",
        "3",
        "--name",
        "Dora Dean",
        "--as",
        DEAN,
    ];
    let refused = campus.refused(&words);
    assert!(refused["error"].as_str().unwrap().contains("missing: [2]"), "{refused}");
    cannot_be_decided(campus, id);

    assert_eq!(signs(campus, &first, &["accept1", "accept2", "accept3"]).status, 200);
    assert_eq!(campus.state(id), "security_review");
    assert_eq!(campus.look(&first).status, 410, "a link works once");

    // An edit voids what was said of something else.
    campus.told(&[
        "request",
        "--case",
        id,
        "--purpose",
        "reports its paper and its ink",
        "--as",
        ANN,
    ]);
    cannot_be_decided(campus, id);
    let second = eventually("another letter to the head", || {
        let letters = campus.letters(DEAN);
        letters
            .iter()
            .map(crate::house::Letter::link)
            .find(|link| *link != first)
    });
    assert!(campus.look(&second).html.contains("its paper and its ink"));
    assert_eq!(signs(campus, &second, &["accept1", "accept2", "accept3"]).status, 200);
    assert_eq!(campus.state(id), "security_review");
}

/// What was kept of the acknowledgement that counts.
fn evidence(campus: &Campus, id: &str) -> Value {
    let steps = campus.history(id);
    let signed = steps.iter().rev().find(|step| step["event"] == "acknowledge").unwrap();
    assert_eq!(signed["actor"], "dean@example.edu (head)");
    signed["evidence"].clone()
}

/// Waits until the checks of the case were made again, with these red.
fn is_checked(campus: &Campus, id: &str, red: &str) {
    eventually(&format!("the checks of {id} to find {red}"), || {
        let steps = campus.history(id);
        let last = steps.iter().rev().find(|step| step["event"] == "checked")?;
        (last["evidence"].to_string().contains(red)).then_some(())
    });
}

#[test]
fn an_exception_is_set_up_by_itself_when_the_network_has_become_ready() {
    if !have("curl") {
        return;
    }
    let campus = Campus::new();
    campus.keepers_write("register.csv", &row("dynamic", "LAB"));
    let id = campus.request("plotter.toml", &["--device", "copier"]);
    campus.told(&["approve", &id]);
    assert_eq!(campus.state(&id), "awaiting_head_ack");
    head_takes_the_risk(&campus, &id);
    let kept = evidence(&campus, &id);
    for (name, value) in [("name", "Dora Dean"), ("by_link_to", DEAN), ("from", "127.0.0.1")] {
        assert_eq!(kept[name], value, "{kept}");
    }
    assert_eq!(kept["words"].as_array().unwrap().len(), 3);
    assert_eq!(kept["version"].as_str().unwrap().len(), 64, "{kept}");

    let decide = [
        "approve",
        &id,
        "--risk",
        "medium",
        "--control",
        "address and From are pinned",
    ];
    campus.refused(&[&decide[..], &["--as", DEAN]].concat());
    campus.told(&[&decide[..], &["--as", SECURITY]].concat());
    campus.stands(&id, "waiting_network");
    let mut copier = campus.device(AT);
    let refused = copier.say(&format!("MAIL FROM:<{AS}>"));
    assert!(
        refused.starts_with("554 5.7.1 10.20.3.15 may not send through here; it has no relay grant"),
        "{refused}"
    );
    campus.calendar.pass(11 * MINUTE);
    let ticket = campus.letter(NETWORK, "waits for the network");
    assert!(ticket.text.contains("is registered as dynamic"), "{}", ticket.text);

    // Half of it is not enough, and neither is the register's word for what DHCP does not do.
    campus.keepers_write("register.csv", &row("static-dhcp", "LAB"));
    is_checked(&campus, &id, "in the zone LAB");
    campus.keepers_write("register.csv", &row("static-dhcp", "MOD"));
    is_checked(&campus, &id, "DHCP keeps no reservation");
    assert_eq!(campus.state(&id), "waiting_network");
    campus.keepers_write("dhcpd.conf", RESERVED);
    copier.is_answered(AS, "250");
    assert_eq!(campus.state(&id), "provisioned");
    let recipe = campus.letter("tom@example.edu", "how to set up the copier");
    assert!(
        recipe.text.contains("Known by       its address, 10.20.3.15"),
        "{}",
        recipe.text
    );

    copier.delivers(AS, "ann@example.edu", "paper is low");
    campus.stands(&id, "active");
    campus.inside.receive("paper is low");
    let by: Vec<_> = campus
        .history(&id)
        .iter()
        .rev()
        .take(2)
        .map(|step| step["actor"].clone())
        .collect();
    assert_eq!(by, ["rule gate", "rule checks"]);

    // What was registered is taken back: tomorrow another machine may be there, and this one is stopped at once.
    campus.keepers_write("register.csv", &row("dynamic", "MOD"));
    let refused = copier.is_answered(AS, "554 5.7.1");
    assert!(refused.contains("This relay grant is suspended"), "{refused}");
    assert_eq!(campus.state(&id), "suspended(drift)");
    campus.letter(NETWORK, "its address is no longer its own");
}
