//! `portcullis access ack`: somebody takes the risk of an exception, sentence by sentence.

use registry::{ACKNOWLEDGEMENTS, CaseId, Event, Kept, Signature, TextVersion};
use serde_json::json;

use super::office::Office;
use super::{Acting, Around, Common, Told, Trouble, show, told};
use crate::story::Printable;

/// Arguments of `access ack`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Take the risk of an exception, as the head that it names: a dean, department head or director.\n\nWithout \
        --accept it shows what is asked for, and the three sentences with the version of their words. Each of them is \
        accepted by itself: --accept 1 --accept 2 --accept 3, with the full name that is recorded. An edit of the request \
        voids the acknowledgement. --decline refuses the risk, and with it the request."
)]
pub(super) struct Args {
    /// The case, as in pc-1042.
    #[arg(value_name = "CASE", value_parser = show::id)]
    case: CaseId,
    /// Accepts one of the sentences.
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    accept: Vec<u8>,
    /// The full name of whoever accepts.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// The version of the words that were shown; refused where they have changed since.
    #[arg(long, value_name = "HASH")]
    words: Option<String>,
    /// Does not take the risk: why.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["accept", "name"])]
    decline: Option<String>,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    let mut office = Office::open(&args.common, around)?;
    let kept = office.kept(args.case)?;
    let event = match (&args.decline, args.accept.is_empty()) {
        (Some(reason), _) => Event::Decline {
            reason: reason.as_str().into(),
        },
        (None, true) => return Ok(shown(&kept)),
        (None, false) => Event::Acknowledge(signature(args, &kept)),
    };
    let who = office.who(&args.acting)?;
    let kept = office.act(args.case, &event, &who)?;
    let due = office.next_due(&kept);
    let text = match event {
        Event::Acknowledge(_) => format!("Acknowledged:\n{}\n{}", sentences(), told::outcome(&kept, due)),
        _ => told::outcome(&kept, due),
    };
    Ok(Told::new(text, told::case(&kept, due)))
}

/// What was accepted, of the words and the request of this moment.
fn signature(args: &Args, kept: &Kept) -> Signature {
    let current = TextVersion::current();
    let shown = args.words.as_ref().is_none_or(|shown| {
        let shown = shown.trim().to_ascii_lowercase();
        shown.len() >= 8 && current.to_string().starts_with(&shown)
    });
    Signature {
        ticked: [1, 2, 3].map(|number| args.accept.contains(&number)),
        name: args.name.trim().into(),
        words: if shown { current } else { TextVersion([0; 32]) },
        request: kept.case.request,
    }
}

/// The sentences, with their numbers.
fn sentences() -> String {
    let numbered = ACKNOWLEDGEMENTS.iter().zip(1..);
    let lines: String = numbered
        .map(|(sentence, number)| format!("  {number}  {sentence}\n"))
        .collect();
    format!("{lines}  The version of these words: {}\n", TextVersion::current())
}

fn shown(kept: &Kept) -> Told {
    let id = kept.id;
    let head = kept.case.head.as_ref().map_or("ADDRESS", |head| head.address());
    let addendum = kept.form.exception.clone().unwrap_or_default();
    let mut text = format!(
        "{id} is an exception: {} ({}) sends without a login.\n",
        told::what(kept),
        Printable(&kept.form.department)
    );
    for (name, value) in [
        ("because", &addendum.justification),
        ("hindrance", &addendum.hindrance),
        ("replaced", &addendum.replacement),
    ] {
        if !value.trim().is_empty() {
            text.push_str(&format!("  {name:<10} {}\n", Printable(value)));
        }
    }
    text.push_str(&format!(
        "\nWhoever takes the risk accepts each of these:\n{}\n",
        sentences()
    ));
    text.push_str(&format!(
        "To accept: portcullis access ack {id} --accept 1 --accept 2 --accept 3 --name \"Full Name\" --as {head}\nTo \
         decline: portcullis access ack {id} --decline \"why\" --as {head}\n"
    ));
    let json = json!({
        "id": id.to_string(),
        "state": kept.case.state.code(),
        "head": kept.case.head.as_ref().map(|head| head.address().to_owned()),
        "sentences": ACKNOWLEDGEMENTS,
        "version": TextVersion::current().to_string(),
    });
    Told::new(text, json)
}
