//! `portcullis access request`: asks for a grant, answers a question about it, changes what is asked for.

mod form;

pub(super) use form::contact;

use registry::{Actor, CaseId, DeskError, Form, Kept, Person, Remark, Role, State, Weight};

use super::office::{Office, Refusal, remark, remarks};
use super::{Acting, Around, Common, Told, Trouble, show, told};

/// The form, to fill in.
const TEMPLATE: &str = include_str!("template.toml");

/// Arguments of `access request`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Ask for a grant. What is asked for stands in a form, TOML or JSON (--template prints one to fill in), in \
        flags, or in both; flags count more. Each remark on the form is told with its field.\n\nWithout --submit it is kept \
        as a draft, whatever is still wrong with it; with it nothing is kept of a form that has to be put right first. \
        --case changes what is asked for in a case that is there, or answers the question that was asked about it: what was \
        acknowledged or decided about the former text is void. Of a grant that serves, who operates it and who answers \
        for it changes when those who go and those who come have agreed (portcullis access confirm); anything else is a request for a grant that takes its place, and until then it serves on.\n\nWithout --as the requestor acts whom the form names.",
    after_help = "Examples:\n  portcullis access request --template > copier.toml\n  portcullis access request --form \
        copier.toml --submit\n  portcullis access request --case pc-1001 --host copier-3f.example.edu"
)]
pub(super) struct Args {
    /// Print a form to fill in, and do nothing else.
    #[arg(long)]
    template: bool,
    /// The form: a file in TOML or JSON.
    #[arg(long, value_name = "FILE")]
    form: Option<std::path::PathBuf>,
    /// Change what is asked for in this case.
    #[arg(long, value_name = "CASE", value_parser = show::id)]
    case: Option<CaseId>,
    /// Ask for it: what is a draft otherwise is looked at from now on.
    #[arg(long)]
    submit: bool,
    /// Only tell the remarks; nothing is kept.
    #[arg(long, conflicts_with = "submit")]
    dry_run: bool,
    /// Why those who go cannot be asked whether others answer for the grant: an administrator stands in for them.
    #[arg(long, value_name = "WHY", requires = "case")]
    former_gone: Option<String>,
    /// The department or customer whose case it is. Default: as [registry] says.
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    #[command(flatten)]
    fields: form::Fields,
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) fn run(args: &Args, around: &Around) -> Result<Told, Trouble> {
    if args.template {
        return Ok(Told::new(
            TEMPLATE.to_owned(),
            serde_json::json!({ "template": TEMPLATE }),
        ));
    }
    let mut office = Office::open(&args.common, around)?;
    let former = args.case.map(|id| office.kept(id)).transpose()?;
    let form = form::of(args.form.as_deref(), &args.fields, former.as_ref())?;
    let (_, remarks) = match &former {
        Some(kept) if kept.case.unreviewed => office.desk.read_imported(&form, office.now()),
        _ => office.desk.read_form(&form, office.now()),
    };
    if args.dry_run {
        return Ok(looked(&form, &remarks));
    }
    let who = who(args, former.as_ref(), &form, &office)?;
    let kept = match former {
        Some(former) if is_more(&former, &form) => instead(args, &former, form, &who, &mut office)?,
        Some(former) => changed(args, former, &form, &who, &mut office)?,
        None => begun(args, &form, &remarks, &who, &mut office)?,
    };
    let kept = if args.submit && kept.case.state == State::Draft {
        submitted(&kept, &who, &mut office)?
    } else {
        kept
    };
    Ok(done(&kept, &remarks, &office))
}

/// Who asks: who says so, else whom the form names; of what was imported, or in place of who has left, an administrator.
fn who(args: &Args, former: Option<&Kept>, form: &Form, office: &Office<'_>) -> Result<Person, Trouble> {
    let by_an_administrator = args.former_gone.is_some() || former.is_some_and(|kept| kept.case.unreviewed);
    if args.acting.who.is_some() || by_an_administrator {
        return office.who(&args.acting);
    }
    let named = former.map_or(form.requestor.email.as_str(), |kept| kept.case.requestor.address());
    if named.trim().is_empty() {
        return Err(Refusal::new("the form names no requestor".to_owned())
            .advise("fill in [requestor], or add --requestor \"Name <address>\"")
            .into());
    }
    office.person(named)
}

fn begun(args: &Args, form: &Form, remarks: &[Remark], who: &Person, office: &mut Office<'_>) -> Result<Kept, Trouble> {
    if args.submit && remarks.iter().any(|remark| remark.weight == Weight::Blocks) {
        return Err(office.refused(DeskError::Form(remarks.to_vec()), None));
    }
    let role = if *who == Person::new(&form.requestor.email) {
        Role::Requestor
    } else {
        office.people.roles(who).first().copied().unwrap_or(Role::Requestor)
    };
    let actor = Actor::Human { who: who.clone(), role };
    let scope = args.scope.as_deref().unwrap_or(&office.settings.scope);
    let made = office.desk.request(scope, form, &actor, office.around.now);
    made.map(|(kept, _)| kept).map_err(|why| office.refused(why, None))
}

/// Whether more of a grant that was set up is to change than its contacts: that is decided anew.
fn is_more(former: &Kept, form: &Form) -> bool {
    let serves = former.case.state.is_live() && !former.case.unreviewed;
    serves && *form != former.form && !former.form.differs_by_contacts(form)
}

/// Asks for a grant that takes the place of the former.
fn instead(args: &Args, former: &Kept, form: Form, who: &Person, office: &mut Office<'_>) -> Result<Kept, Trouble> {
    if args.former_gone.is_some() {
        return Err(
            Refusal::new("more than its contacts changes, and that is decided anew".to_owned())
                .about(former.id)
                .advise("leave --former-gone out, or change its contacts alone")
                .into(),
        );
    }
    let roles = office.people.roles_in(who, former);
    if roles.is_empty() {
        return Err(
            Refusal::new(format!("{who} is nobody to {}, and has no role here", former.id))
                .about(former.id)
                .advise("say who you are with --as ADDRESS")
                .into(),
        );
    }
    let form = Form {
        replaces: former.id.to_string(),
        // The end that was asked for then may be past by now.
        until: args.fields.until(&form.until, &former.form.until),
        ..form
    };
    let (_, remarks) = office.desk.read_form(&form, office.now());
    begun(args, &form, &remarks, who, office)
}

fn changed(args: &Args, former: Kept, form: &Form, who: &Person, office: &mut Office<'_>) -> Result<Kept, Trouble> {
    // A question may be answered by saying that nothing has to change.
    let answers = former.case.state == State::NeedsInformation && (args.form.is_some() || args.submit);
    if *form == former.form && !answers {
        return Ok(former);
    }
    let roles = office.people.roles_in(who, &former);
    let usual = [
        Role::Requestor,
        Role::Owner,
        Role::Technical,
        Role::HelpDesk,
        Role::Admin,
    ];
    let (id, now) = (former.id, office.now());
    let hands_over = former.case.state.is_live() && !former.case.unreviewed;
    office.first_possible(&former, who, &roles, &usual, |desk, actor| match hands_over {
        true => desk.hand_over(id, form, args.former_gone.as_deref(), actor, now),
        false => desk.amend(id, form, actor, now),
    })
}

fn submitted(kept: &Kept, who: &Person, office: &mut Office<'_>) -> Result<Kept, Trouble> {
    let roles = office.people.roles_in(who, kept);
    let (id, now) = (kept.id, office.now());
    let usual = [Role::Requestor, Role::Owner];
    office.first_possible(kept, who, &roles, &usual, |desk, actor| desk.submit(id, actor, now))
}

fn looked(form: &Form, all: &[Remark]) -> Told {
    let blocked = all.iter().any(|remark| remark.weight == Weight::Blocks);
    let said = if all.is_empty() {
        "Nothing is to be said about it.\n".to_owned()
    } else {
        remarks(all)
    };
    let text = format!("{said}Nothing was kept.\n");
    let json = serde_json::json!({
        "remarks": all.iter().map(remark).collect::<Vec<_>>(),
        "form": form,
    });
    Told {
        status: u8::from(blocked),
        ..Told::new(text, json)
    }
}

fn done(kept: &Kept, all: &[Remark], office: &Office<'_>) -> Told {
    let due = office.next_due(kept);
    let mut text = told::outcome(kept, due);
    if !all.is_empty() {
        text.push_str(&format!("\nOn the form:\n{}", remarks(all)));
    }
    let mut json = told::case(kept, due);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("remarks".to_owned(), all.iter().map(remark).collect());
    }
    Told::new(text, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_to_fill_in_is_one_with_every_field() {
        let plain: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                // A commented key or section, not a sentence.
                Some(key)
                    if key.starts_with('[')
                        || key.split_once(" =").is_some_and(|(name, _)| !name.trim().contains(' ')) =>
                {
                    format!("{key}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        toml::from_str::<Form>(TEMPLATE).unwrap();
        // `until` stands before the sections once its # is taken away, as everything else does.
        let form: Form = toml::from_str(&plain).unwrap();
        assert!(form.exception.is_some() && form.application.is_some() && !form.until.is_empty());
        let all = serde_json::to_value(&form).unwrap();
        for key in all.as_object().unwrap().keys() {
            assert!(plain.contains(key.as_str()), "{key} is not in the form");
        }
    }
}
