//! Others come to operate a grant: they and those they follow are asked by a letter each, and until all have agreed
//! nothing changes. Nobody hears of it in time, somebody says no, somebody has left.

use serde_json::Value;

use crate::house::{ADMIN, Campus, DAY, MINUTE};

const ANN: &str = "ann@example.edu";
const TOM: &str = "tom@example.edu";
const TINA: &str = "tina@example.edu";
const OLGA: &str = "olga@example.edu";
const QUESTION: &str = "shall others answer for";

/// Somebody proposes Tina in place of Tom.
fn proposes(campus: &Campus, id: &str, flags: &[&str]) -> Value {
    campus.told(
        &[
            &["request", "--case", id, "--technical", "Tina <tina@example.edu>"],
            flags,
        ]
        .concat(),
    )
}

fn waits_for(campus: &Campus, id: &str) -> Vec<String> {
    let listed = campus.listed(id);
    let all = listed["contacts"]["waits_for"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Who is written to about what happens to it.
fn operates(campus: &Campus, id: &str, who: &str, nobody: &str) {
    assert_eq!(campus.listed(id)["technical"], who);
    let reason = format!("asked who operates it, {}", campus.steps(id, "suspend").len());
    campus.told(&["suspend", id, "--reason", &reason]);
    campus.told(&["reinstate", id, "--reason", "just asked"]);
    campus.day_ends(&[who], &reason);
    assert!(
        campus
            .letters(nobody)
            .iter()
            .all(|letter| !letter.text.contains(&reason))
    );
}

fn agrees(campus: &Campus, link: &str, words: &str) {
    let page = campus.press(link, &[("do", "agree")]);
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains(words), "{}", page.html);
    assert_eq!(campus.look(link).status, 410, "a link works once");
}

#[test]
fn others_operate_a_grant_when_those_who_go_and_those_who_come_have_followed_their_links() {
    let campus = Campus::new();
    let (id, _) = campus.copier(&[]);
    let proposed = proposes(&campus, &id, &["--as", ANN]);
    assert_eq!(
        proposed["contacts"]["technical"],
        serde_json::json!({ "from": TOM, "to": TINA })
    );
    assert_eq!(waits_for(&campus, &id), [TOM, TINA]);
    let tina = campus.letter(TINA, QUESTION);
    assert!(
        tina.text.contains("tina@example.edu in place of tom@example.edu"),
        "{}",
        tina.text
    );
    let page = campus.look(&tina.link());
    assert!(page.html.contains("in place of Tom"), "{}", page.html);

    agrees(&campus, &tina.link(), "when all who were asked have");
    assert_eq!(waits_for(&campus, &id), [TOM]);
    let due = campus.told(&["due", "--days", "15"]);
    let rules: Vec<&Value> = due["due"].as_array().unwrap().iter().map(|one| &one["by"]).collect();
    assert!(rules.contains(&&"contacts-unconfirmed".into()), "{due}");
    operates(&campus, &id, TOM, TINA);

    agrees(&campus, &campus.letter(TOM, QUESTION).link(), "it is so from now on");
    assert_eq!(campus.listed(&id)["contacts"], Value::Null);
    campus.day_ends(&[TINA, OLGA], "have changed");
    operates(&campus, &id, TINA, TOM);
    assert_eq!(campus.steps(&id, "contacts-confirmed").len(), 2);
}

#[test]
fn what_not_everybody_agrees_to_in_time_lapses_and_a_no_ends_it_at_once() {
    let campus = Campus::new();
    let (id, _) = campus.copier(&[]);
    proposes(&campus, &id, &["--as", ANN]);
    agrees(
        &campus,
        &campus.letter(TINA, QUESTION).link(),
        "when all who were asked have",
    );
    campus.calendar.pass(13 * DAY);
    campus.gate_looks();
    assert_eq!(waits_for(&campus, &id), [TOM]);
    campus.calendar.pass(DAY);
    campus.step(&id, "contacts-unconfirmed", 1);
    assert_eq!(campus.listed(&id)["technical"], TOM);
    campus.day_ends(&[ANN, TOM], "not everybody who was asked agreed");
    let late = campus.letter(TOM, QUESTION).link();
    assert_eq!(
        campus.press(&late, &[("do", "agree")]).status,
        422,
        "nothing is proposed any more"
    );

    proposes(&campus, &id, &["--as", ANN]);
    campus.letter(TINA, QUESTION);
    let asked: Vec<_> = campus
        .letters(TOM)
        .into_iter()
        .filter(|one| one.subject.contains(QUESTION))
        .collect();
    assert_eq!(asked.len(), 1, "the second letter comes in a moment");
    let again = crate::peers::eventually("Tom to be asked again", || {
        let mut asked = campus
            .letters(TOM)
            .into_iter()
            .filter(|one| one.subject.contains(QUESTION));
        asked.nth(1)
    });
    let no = [("do", "dissent"), ("reason", "I am here")];
    let page = campus.press(&again.link(), &no);
    assert!(page.html.contains("It stays as it is"), "{}", page.html);
    assert_eq!(
        (waits_for(&campus, &id).len(), &campus.listed(&id)["technical"]),
        (0, &TOM.into())
    );
}

#[test]
fn for_who_has_left_an_administrator_stands_in_and_who_comes_shows_that_mail_is_read() {
    let campus = Campus::new();
    let (id, _) = campus.copier(&[]);
    let not_hers = campus.refused(&[
        "request",
        "--case",
        &id,
        "--technical",
        "Tina <tina@example.edu>",
        "--former-gone",
        "retired",
        "--as",
        ANN,
    ]);
    assert!(
        not_hers["error"].as_str().unwrap().contains("relay administrator"),
        "{not_hers}"
    );
    proposes(&campus, &id, &["--as", ANN]);
    let unsaid = campus.refused(&["confirm", &id, "--former-gone"]);
    assert!(unsaid["do"].as_str().unwrap().contains("--former-gone WHY"), "{unsaid}");
    campus.told(&["confirm", &id, "--former-gone", "retired in June"]);
    assert_eq!(waits_for(&campus, &id), [TINA]);
    let by_word = campus.refused(&["confirm", &id, "--as", TINA]);
    assert!(by_word["error"].as_str().unwrap().contains("reads mail"), "{by_word}");
    agrees(&campus, &campus.letter(TINA, QUESTION).link(), "it is so from now on");
    assert_eq!(campus.listed(&id)["technical"], TINA);
    let steps = campus.history(&id);
    let stood_in = steps.iter().find(|step| step["event"] == "contacts-stood-in").unwrap();
    assert!(stood_in["actor"].as_str().unwrap().contains(ADMIN), "{stood_in}");
    assert_eq!(stood_in["said"], "tom@example.edu cannot be asked: retired in June");
    let confirmed = steps.iter().find(|step| step["event"] == "contacts-confirmed").unwrap();
    assert_eq!(confirmed["evidence"]["by_link_to"], TINA, "{confirmed}");
    campus.calendar.pass(MINUTE);
}
