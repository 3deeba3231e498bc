use super::files::texts;
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

fn own<const N: usize>(files: [(&str, &str); N]) -> Result<Letters, Vec<WordsError>> {
    let files = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    Letters::new(&BTreeMap::from(files))
}

fn failed(file: &str, text: &str) -> String {
    let wrong: Vec<String> = own([(file, text)])
        .unwrap_err()
        .iter()
        .map(WordsError::to_string)
        .collect();
    wrong.join("; ")
}

#[test]
fn every_notice_has_words_that_say_what_happens_next() {
    let letters = Letters::ours().unwrap();
    let mut codes: Vec<&str> = texts().map(|(code, _)| code).collect();
    for notice in Notice::ALL {
        let written = letters.write(notice, &about()).unwrap();
        assert!(written.subject.starts_with("pc-1042: "), "{written:?}");
        assert!(written.text.contains("What happens next: "), "{written:?}");
        assert!(written.text.contains("Help: help@example.edu; please name pc-1042."));
        assert!(written.text.contains("https://gate.example.edu/case/pc-1042"));
        assert!(!written.text.contains("{{") && !written.text.contains("{%"));
        codes.retain(|code| *code != notice.code());
    }
    assert_eq!(codes, ["foot", "digest"], "words for no notice");
}

#[test]
fn letters_that_ask_carry_the_link_that_answers() {
    let letters = Letters::ours().unwrap();
    for notice in [Notice::HeadAsked, Notice::StillNeeded, Notice::EndNears] {
        let written = letters.write(notice, &about()).unwrap();
        let link = "<a href=\"https://gate.example.edu/answer/abc?x=1&amp;y=2\">";
        assert!(written.html.contains(link), "{}", written.html);
    }
}

#[test]
fn no_letter_speaks_of_a_link_that_is_not_in_it() {
    let letters = Letters::ours().unwrap();
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
    let letters = Letters::ours().unwrap();
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
    let letters = own([("M20.txt", "Subject: {{ id }}?\r\nStill there?\r\n")]).unwrap();
    let written = letters.write(Notice::StillNeeded, &about()).unwrap();
    assert_eq!(written.subject, "pc-1042?");
    assert!(written.text.starts_with("Still there?\n\n-- \n"));
    assert!(failed("M20.txt", "Hello").contains("first line is to be `Subject: …`"));
    assert!(failed("M20.txt", "Subject: {{ id").starts_with("M20.txt, line 1"));
    assert!(failed("M20.txt", "Subject: x\n\n{{ id").starts_with("M20.txt, line 3"));
    assert!(failed("M99.txt", "Subject: x").contains("no such letter"));
    let endless = "Subject: x\n{% for a in range(9000) %}{% for b in range(9000) %}x{% endfor %}{% endfor %}";
    assert!(
        failed("M20.txt", endless).contains("fuel"),
        "{}",
        failed("M20.txt", endless)
    );
}

#[test]
fn words_that_speak_of_nothing_are_found_where_they_stand_and_all_at_once() {
    let hidden = "Subject: x\nUntil untill {% if false %}{{ untill }}{% endif %}\n";
    let wrong = own([("M20.txt", hidden), ("foot.txt", "{{ hlp }}")]).unwrap_err();
    let places: Vec<_> = wrong.iter().map(|why| (&*why.file, why.line, why.at.clone())).collect();
    assert_eq!(
        places,
        [("M20.txt", Some(2), Some(41..47)), ("foot.txt", Some(1), Some(3..6))]
    );
    assert_eq!(&hidden[41..47], "untill");
    assert!(
        wrong[0].advice.as_ref().unwrap().contains("by, until, since"),
        "{wrong:?}"
    );
    // A digest speaks of other things than a letter does.
    assert!(failed("digest.txt", "Subject: {{ id }}\n").contains("nothing is called `id` here"));
    assert!(failed("layout.html", "<p></p>").contains("the letter does not stand in it"));
    // What only a case that is known shows is tried as well.
    assert!(failed("M20.txt", "Subject: x\n{% if id %}{{ id.number }}{% endif %}").starts_with("M20.txt, line 2"));
}

#[test]
fn an_operator_s_html_stands_in_the_page_and_what_somebody_wrote_is_no_markup_in_it() {
    let letters = own([
        ("M09.html", "<h1>No</h1>{{ said | paragraphs }}<i>{{ said }}</i>"),
        (
            "layout.html",
            "<html><body class=\"university\">{{ body }}</body></html>",
        ),
        ("foot.txt", "{{ organisation }}"),
    ])
    .unwrap();
    let one = letters.write(Notice::Rejected, &about()).unwrap();
    assert!(
        one.html
            .starts_with("<html><body class=\"university\"><h1>No</h1><p>two<br>\nlines &lt;b&gt;</p>"),
        "{}",
        one.html
    );
    assert!(
        one.html.contains("<i>two\nlines &lt;b&gt;</i>") && one.html.contains("Example University"),
        "{}",
        one.html
    );
    assert!(
        one.text.contains("was not approved") || one.text.contains("The reason:"),
        "{}",
        one.text
    );
    let other = letters.write(Notice::Works, &about()).unwrap();
    let both = letters.digest(&[one, other], "Example University").unwrap();
    assert_eq!(both.subject, "Example University: 2 matters about the mail relay");
    assert!(
        both.html.contains("<h1>No</h1>") && both.html.matches("class=\"university\"").count() == 1,
        "{}",
        both.html
    );
    // Whose text is another has no HTML of ours.
    let other = own([(
        "digest.txt",
        "Subject: Sammelbrief\nAlles auf einmal.\n{% for letter in letters %}{{ letter.text }}{% endfor %}",
    )])
    .unwrap();
    let letter = other.write(Notice::Works, &about()).unwrap();
    let digest = other.digest(&[letter], "").unwrap();
    assert!(
        digest.html.contains("Alles auf einmal.") && !digest.html.contains("matters"),
        "{}",
        digest.html
    );
}

#[test]
fn what_is_written_out_to_begin_from_says_the_same_as_before() {
    let written_out: BTreeMap<String, String> = own_words().map(|(file, text)| (file, text.to_owned())).collect();
    assert_eq!(written_out.len(), Notice::ALL.len() + 4);
    let (again, ours) = (Letters::new(&written_out).unwrap(), Letters::ours().unwrap());
    for notice in Notice::ALL {
        assert_eq!(
            again.write(notice, &about()).unwrap(),
            ours.write(notice, &about()).unwrap()
        );
    }
    let said = serde_json::to_value(About::default()).unwrap();
    let mut names: Vec<&String> = said.as_object().unwrap().keys().collect();
    let mut told = PLACEHOLDERS.map(|(name, _)| name);
    names.sort();
    told.sort_unstable();
    assert_eq!(names, told);
}

#[test]
fn whoever_heads_every_department_gets_all_of_their_lists_in_one_letter() {
    let letters = Letters::ours().unwrap();
    let long = About {
        list: "pc-1042: a copier\n".repeat(1_800),
        ..about()
    };
    let one = letters.write(Notice::ListAsked, &long).unwrap();
    let all = letters.digest(&vec![one; 40], "Example University").unwrap();
    assert_eq!(all.text.matches("pc-1042: a copier").count(), 40 * 1_800);
    // What stands in a single letter is bounded all the same.
    let endless = About {
        list: "pc-1042: a copier\n".repeat(18_000),
        ..about()
    };
    assert!(letters.write(Notice::ListAsked, &endless).is_err());
}
