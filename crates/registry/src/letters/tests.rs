use super::*;

fn about() -> About {
    About {
        id: "pc-1042".to_owned(),
        what: "the copier 10.1.2.3".to_owned(),
        said: "two\nlines <b>".to_owned(),
        by: "2026-12-01".to_owned(),
        action: "https://gate.example.edu/answer/abc?x=1&y=2".to_owned(),
        link: "https://gate.example.edu/case/pc-1042".to_owned(),
        help: "help@example.edu".to_owned(),
        organisation: "Example University".to_owned(),
        ..About::default()
    }
}

fn own(code: &str, text: &str) -> Result<Letters, WordsError> {
    Letters::new(&BTreeMap::from([(code.to_owned(), text.to_owned())]))
}

#[test]
fn every_notice_has_words_that_say_what_happens_next() {
    let letters = Letters::new(&BTreeMap::new()).unwrap();
    let mut codes: Vec<&str> = sections(WORDS).map(|(code, _)| code).collect();
    for notice in Notice::ALL {
        let written = letters.write(notice, &about()).unwrap();
        assert!(written.subject.starts_with("pc-1042: "), "{written:?}");
        assert!(written.text.contains("What happens next: "), "{written:?}");
        assert!(written.text.contains("Help: help@example.edu; please name pc-1042."));
        assert!(written.text.contains("https://gate.example.edu/case/pc-1042"));
        assert!(!written.text.contains("{{") && !written.text.contains("{%"));
        codes.retain(|code| *code != notice.code());
    }
    assert_eq!(codes, [""; 0], "words for no notice");
}

#[test]
fn letters_that_ask_carry_the_link_that_answers() {
    let letters = Letters::new(&BTreeMap::new()).unwrap();
    for notice in [Notice::HeadAsked, Notice::StillNeeded, Notice::EndNears] {
        let written = letters.write(notice, &about()).unwrap();
        let link = "<a href=\"https://gate.example.edu/answer/abc?x=1&amp;y=2\">";
        assert!(written.html.contains(link), "{}", written.html);
    }
}

#[test]
fn no_letter_speaks_of_a_link_that_is_not_in_it() {
    let letters = Letters::new(&BTreeMap::new()).unwrap();
    let without = About {
        action: String::new(),
        ..about()
    };
    for notice in Notice::ALL {
        let text = letters.write(notice, &without).unwrap().text;
        assert!(
            !text.contains("the link") && !text.contains("No login is needed"),
            "{notice:?}: {text}"
        );
    }
}

#[test]
fn what_somebody_wrote_is_text_and_no_markup_and_no_header() {
    let letters = Letters::new(&BTreeMap::new()).unwrap();
    let written = letters.write(Notice::SuspendedAbuse, &about()).unwrap();
    assert_eq!(
        written.subject,
        "pc-1042: the copier 10.1.2.3 is suspended: two lines <b>"
    );
    let written = letters.write(Notice::Rejected, &about()).unwrap();
    assert!(written.text.contains("two\nlines <b>"));
    assert!(written.html.contains("two<br>\nlines &lt;b&gt;") && !written.html.contains("<b>"));
    let spoiled = About {
        said: "{{ 7 * 7 }}".to_owned(),
        ..about()
    };
    assert!(
        letters
            .write(Notice::Rejected, &spoiled)
            .unwrap()
            .text
            .contains("{{ 7 * 7 }}")
    );
}

#[test]
fn an_operator_s_words_are_tried_before_they_are_used() {
    let letters = own("M20", "Subject: {{ id }}?\nStill there?\n").unwrap();
    let written = letters.write(Notice::StillNeeded, &about()).unwrap();
    assert_eq!(written.subject, "pc-1042?");
    assert!(written.text.starts_with("Still there?\n\n-- \n"));
    let failed = |code, text| own(code, text).unwrap_err().to_string();
    assert!(failed("M20", "Hello").contains("first line is to be `Subject: …`"));
    assert!(failed("M20", "Subject: x\n\n{{ nobody }}").starts_with("M20, line 3: "));
    assert!(failed("M20", "Subject: {{ id").starts_with("M20"));
    assert!(failed("M99", "Subject: x").contains("no such letter"));
    let endless = "Subject: x\n{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}";
    assert!(failed("M20", endless).contains("fuel"), "{}", failed("M20", endless));
}
