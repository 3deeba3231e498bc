//! Everything that is to be said about one configuration file, for people and for scripts.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use policy::Place;

use super::{Problem, Severity};

/// A text with the places of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    /// A text under the name messages call it by.
    #[must_use]
    pub fn new(name: &str, text: String) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends).collect();
        Self {
            name: name.to_owned(),
            text,
            line_starts,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of an octet, from 1.
    #[must_use]
    pub fn place(&self, at: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at);
        Place {
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    /// Characters before the octet on its line, plus 1.
    fn column(&self, at: usize) -> usize {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        self.text.get(start..at).map_or(1, |before| before.chars().count() + 1)
    }

    /// A span that never leaves the text nor runs over its first line: a whole section underlined says nothing.
    fn inside(&self, span: &Range<usize>) -> Range<usize> {
        let length = self.text.len();
        let start = span.start.min(length);
        let rest = self.text.get(start..span.end.clamp(start, length)).unwrap_or_default();
        let first_line = rest.find('\n').unwrap_or(rest.len());
        start..start + first_line
    }

    /// The whole of a line without the blanks around it, lines from 1.
    #[must_use]
    pub fn line(&self, number: usize) -> Option<Range<usize>> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        let line = self.text.get(start..)?.lines().next().unwrap_or_default();
        let begin = start + (line.len() - line.trim_start().len());
        Some(begin..(begin + line.trim().len()).max(begin))
    }

    /// A digest of the text: FNV-1a, 64 bits, the same on every machine and in every release.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// What is to be said about one file in the order of its lines, and then about files that it names.
#[derive(Debug)]
pub struct Report {
    source: Source,
    problems: Vec<Problem>,
}

impl Report {
    /// Puts the problems in order.
    #[must_use]
    pub fn new(source: Source, mut problems: Vec<Problem>) -> Self {
        let start = |problem: &Problem| problem.at.as_ref().map_or(0, |at| at.start);
        let file = |problem: &Problem| problem.within.as_ref().map(|source| source.name().to_owned());
        problems.sort_by_key(|problem| (file(problem), start(problem)));
        Self { source, problems }
    }

    /// The problems, in the order of the file, then those of other files.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The text they are about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How many are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many are warnings.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }

    /// `2 errors, 1 warning`
    #[must_use]
    pub fn counts(&self) -> String {
        let named = |count: usize, name: &str| match count {
            0 => None,
            1 => Some(format!("1 {name}")),
            _ => Some(format!("{count} {name}s")),
        };
        let parts: Vec<String> = [named(self.errors(), "error"), named(self.warnings(), "warning")]
            .into_iter()
            .flatten()
            .collect();
        if parts.is_empty() {
            "No problems".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// For people: each problem with its lines and carets. No colours.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_with(&Renderer::plain())
    }

    /// For people at a terminal.
    #[must_use]
    pub fn render_styled(&self) -> String {
        self.render_with(&Renderer::styled())
    }

    fn render_with(&self, renderer: &Renderer) -> String {
        self.problems
            .iter()
            .map(|problem| self.render_one(renderer, problem) + "\n\n")
            .collect()
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(&*problem.message).elements(self.snippet(problem));
        if let Some(why) = &problem.why {
            group = group.element(Level::NOTE.with_name("why").message(&**why));
        }
        if let Some(advice) = &problem.do_next {
            group = group.element(Level::HELP.with_name("do").message(&**advice));
        }
        renderer.render(&[group])
    }

    fn snippet<'a>(&'a self, problem: &'a Problem) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let source = self.source_of(problem);
        let at = source.inside(problem.at.as_ref()?);
        let primary = AnnotationKind::Primary.span(at).label(problem.label.as_deref());
        let others = problem
            .also
            .iter()
            .map(|(span, label)| AnnotationKind::Context.span(source.inside(span)).label(&**label));
        let snippet = Snippet::source(source.text()).path(source.name()).line_start(1);
        Some(snippet.annotation(primary).annotations(others))
    }

    /// The text a problem is in.
    fn source_of<'a>(&'a self, problem: &'a Problem) -> &'a Source {
        problem.within.as_deref().unwrap_or(&self.source)
    }

    /// For scripts: the same facts as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.source.name,
            "errors": self.errors(),
            "warnings": self.warnings(),
            "problems": self.problems.iter().map(|problem| self.problem_json(problem)).collect::<Vec<_>>(),
        })
    }

    fn problem_json(&self, problem: &Problem) -> serde_json::Value {
        let source = self.source_of(problem);
        let place = |at: &Range<usize>| (source.place(at.start).line, source.column(at.start));
        let also: Vec<_> = problem
            .also
            .iter()
            .map(|(at, label)| serde_json::json!({ "line": place(at).0, "column": place(at).1, "label": label }))
            .collect();
        serde_json::json!({
            "severity": problem.severity,
            "message": problem.message,
            "file": source.name,
            "line": problem.at.as_ref().map(|at| place(at).0),
            "column": problem.at.as_ref().map(|at| place(at).1),
            "label": problem.label,
            "also": also,
            "why": problem.why,
            "do": problem.do_next,
        })
    }
}
