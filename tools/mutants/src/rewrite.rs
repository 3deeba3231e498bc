//! Writes every mutant into the source at once, each behind a question that is answered by its number.
//!
//! `a == b` becomes `(if crate::mutant(17) { a != b } else { a == b })`: one build serves for all of them, and a run of
//! the tests with a number is a run against one mutant. The product's own source has no such questions.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, BinOp, Block, Expr, ImplItemFn, Item, ItemFn, Lit, Pat, ReturnType, Signature, Stmt, parse_quote};

/// One mutant.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What it is asked for by; from 1.
    pub number: usize,
    /// `file function: what → what it becomes`; the same as long as that code is.
    pub name: String,
}

/// Rewrites a file; appends its mutants.
///
/// # Errors
/// The source is not Rust.
pub fn rewrite(name: &str, source: &str, mutants: &mut Vec<Mutant>) -> syn::Result<String> {
    let mut file = syn::parse_file(source)?;
    let mut writer = Writer {
        file: name,
        function: String::new(),
        mutants,
    };
    writer.visit_file_mut(&mut file);
    Ok(file.into_token_stream().to_string())
}

/// The question, for the end of `lib.rs`.
#[must_use]
pub fn question() -> String {
    let asked = quote! {
        pub(crate) fn mutant(number: u32) -> bool {
            static ASKED: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
                std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
            });
            *ASKED == number
        }
    };
    asked.to_string()
}

struct Writer<'w> {
    file: &'w str,
    function: String,
    mutants: &'w mut Vec<Mutant>,
}

impl Writer<'_> {
    /// Notes a mutant; the question whether it is the one.
    fn note(&mut self, from: &impl ToTokens, to: &impl ToTokens) -> Expr {
        let written = |tokens: TokenStream| {
            let text: String = tokens.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            match text.char_indices().nth(90) {
                Some((end, _)) => format!("{}...", &text[..end]),
                None => text,
            }
        };
        let (from, to) = (written(from.to_token_stream()), written(to.to_token_stream()));
        let plain = format!("{} {}: {from} -> {to}", self.file, self.function);
        let same = |mutant: &&Mutant| mutant.name == plain || mutant.name.starts_with(&format!("{plain} #"));
        let name = match self.mutants.iter().filter(same).count() {
            0 => plain,
            before => format!("{plain} #{}", before + 1),
        };
        let number = self.mutants.len() + 1;
        self.mutants.push(Mutant { number, name });
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        parse_quote!(crate::mutant(#number))
    }

    /// Has `old` be `new` for a mutant.
    fn or(&mut self, old: &Expr, from: &impl ToTokens, new: &Expr) -> Expr {
        let asked = self.note(from, new);
        parse_quote!((if #asked { #new } else { #old }))
    }

    /// The function whose body this is, for a mutant that answers at once.
    fn answer_at_once(&mut self, signature: &Signature, body: &mut Block) {
        let ReturnType::Type(_, kind) = &signature.output else {
            return;
        };
        let kind = kind.to_token_stream().to_string();
        let answers: Vec<Expr> = match kind.as_str() {
            "bool" => vec![parse_quote!(true), parse_quote!(false)],
            "Finding" => vec![parse_quote!(Finding::Pass)],
            "Fact < bool >" => vec![
                parse_quote!(Fact::Known(true)),
                parse_quote!(Fact::Known(false)),
                parse_quote!(Fact::Unknown),
            ],
            kind if kind.starts_with("Option <") => vec![parse_quote!(None)],
            kind if kind.starts_with("Fact < Option <") => vec![parse_quote!(Fact::Known(None))],
            _ => return,
        };
        for answer in answers.into_iter().rev() {
            let asked = self.note(&quote!(the whole), &answer);
            body.stmts.insert(0, parse_quote!(if #asked { return #answer; }));
        }
    }

    fn in_function(&mut self, signature: &Signature, body: &mut Block) {
        // What is computed by the compiler asks no questions.
        if signature.constness.is_some() {
            return;
        }
        let outer = std::mem::replace(&mut self.function, signature.ident.to_string());
        self.visit_block_mut(body);
        self.answer_at_once(signature, body);
        self.function = outer;
    }

    /// A condition that always or never holds.
    fn decided(&mut self, condition: &Expr) -> Expr {
        let (holds, fails): (Expr, Expr) = (parse_quote!(true), parse_quote!(false));
        let always = self.note(condition, &holds);
        let never = self.note(condition, &fails);
        parse_quote!(#always || (!#never && (#condition)))
    }
}

/// Whether a condition binds names, and so cannot be moved into parentheses.
fn binds(expression: &Expr) -> bool {
    struct Found(bool);
    impl Visit<'_> for Found {
        fn visit_expr_let(&mut self, _: &syn::ExprLet) {
            self.0 = true;
        }
    }
    let mut found = Found(false);
    found.visit_expr(expression);
    found.0
}

/// Whether a pattern gives names to parts.
fn names(pattern: &Pat) -> bool {
    struct Found(bool);
    impl Visit<'_> for Found {
        fn visit_pat_ident(&mut self, pattern: &syn::PatIdent) {
            self.0 |= pattern.ident.to_string().starts_with(char::is_lowercase);
        }
    }
    let mut found = Found(false);
    found.visit_pat(pattern);
    found.0
}

/// The operator that is nearest to this one, and wrong.
fn other_operator(operator: &BinOp) -> Option<BinOp> {
    Some(match operator {
        BinOp::Eq(_) => parse_quote!(!=),
        BinOp::Ne(_) => parse_quote!(==),
        BinOp::Lt(_) => parse_quote!(<=),
        BinOp::Le(_) => parse_quote!(<),
        BinOp::Gt(_) => parse_quote!(>=),
        BinOp::Ge(_) => parse_quote!(>),
        BinOp::And(_) => parse_quote!(||),
        BinOp::Or(_) => parse_quote!(&&),
        BinOp::Add(_) => parse_quote!(-),
        BinOp::Sub(_) => parse_quote!(+),
        _ => return None,
    })
}

/// The method that is easily taken for this one.
fn other_method(name: &str) -> Option<&'static str> {
    Some(match name {
        "any" => "all",
        "all" => "any",
        "is_some" => "is_none",
        "is_none" => "is_some",
        "is_some_and" => "is_none_or",
        "is_none_or" => "is_some_and",
        "min" => "max",
        "max" => "min",
        _ => return None,
    })
}

/// Another reason, or another verdict, than this path names.
fn other_path(path: &str) -> Option<Expr> {
    Some(match path {
        "Reason :: NoGrant" => parse_quote!(Reason::AuthorityUnknown),
        path if path.starts_with("Reason :: ") => parse_quote!(Reason::NoGrant),
        "Verdict :: Refuse" => parse_quote!(Verdict::Defer),
        "Verdict :: Defer" => parse_quote!(Verdict::Refuse),
        "Verdict :: Hold" => parse_quote!(Verdict::Quarantine),
        "Verdict :: Quarantine" => parse_quote!(Verdict::Hold),
        "Finding :: NotYet" => parse_quote!(Finding::Pass),
        "Fact :: NotYet" => parse_quote!(Fact::Unknown),
        _ => return None,
    })
}

impl VisitMut for Writer<'_> {
    fn visit_item_mut(&mut self, item: &mut Item) {
        let (attributes, is_words) = match item {
            Item::Mod(module) => (&module.attrs, false),
            Item::Impl(block) => {
                // How something is shown judges nothing.
                let shown = |path: &syn::Path| path.segments.last().is_some_and(|last| last.ident == "Display");
                let is_words = block.trait_.as_ref().is_some_and(|(_, path, _)| shown(path));
                (&block.attrs, is_words)
            }
            Item::Const(_) | Item::Static(_) | Item::Macro(_) => return,
            Item::Fn(function) => (&function.attrs, false),
            _ => return visit_mut::visit_item_mut(self, item),
        };
        let tests = attributes
            .iter()
            .any(|attribute| attribute.to_token_stream().to_string().contains("cfg (test)"));
        if !tests && !is_words {
            visit_mut::visit_item_mut(self, item);
        }
    }

    fn visit_item_fn_mut(&mut self, function: &mut ItemFn) {
        self.in_function(&function.sig, &mut function.block);
    }

    fn visit_impl_item_fn_mut(&mut self, function: &mut ImplItemFn) {
        self.in_function(&function.sig, &mut function.block);
    }

    /// A step that is left out: what it would have refused, set or counted is not.
    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        visit_mut::visit_stmt_mut(self, statement);
        let Stmt::Expr(expression, Some(_)) = &*statement else {
            return;
        };
        if matches!(expression, Expr::Try(_) | Expr::Assign(_) | Expr::MethodCall(_)) {
            let whole = expression.clone();
            let asked = self.note(&whole, &quote!(nothing));
            *statement = parse_quote!(if !#asked { #whole; });
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        visit_mut::visit_arm_mut(self, arm);
        if let Some((_, guard)) = &mut arm.guard
            && !binds(guard)
        {
            **guard = self.decided(guard);
        }
    }

    fn visit_pat_mut(&mut self, _: &mut Pat) {}

    fn visit_type_mut(&mut self, _: &mut syn::Type) {}

    fn visit_macro_mut(&mut self, _: &mut syn::Macro) {}

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        let before = expression.clone();
        visit_mut::visit_expr_mut(self, expression);
        match expression {
            Expr::Binary(binary) if !binds(&before) => {
                let Some(operator) = other_operator(&binary.op) else {
                    return;
                };
                let mut other = binary.clone();
                other.op = operator;
                if matches!(other.op, BinOp::Le(_) | BinOp::Ge(_) | BinOp::Lt(_) | BinOp::Gt(_)) {
                    // The same comparison the other way round is a mutant of its own.
                    let mut turned = binary.clone();
                    turned.op = match turned.op {
                        BinOp::Lt(_) | BinOp::Le(_) => parse_quote!(>),
                        _ => parse_quote!(<),
                    };
                    let turned = Expr::Binary(turned);
                    let asked = self.note(&before, &quote!(the other way round));
                    *expression = parse_quote!((if #asked { #turned } else { #expression }));
                }
                let shown = with_operator(&before, &other.op);
                let asked = self.note(&before, &shown);
                let other = Expr::Binary(other);
                *expression = parse_quote!((if #asked { #other } else { #expression }));
            }
            Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Not(_)) => {
                let inner = (*unary.expr).clone();
                let asked = self.note(&before, &quote!(the same without its not));
                *expression = parse_quote!((if #asked { #inner } else { #expression }));
            }
            Expr::If(condition) if !binds(&condition.cond) => {
                let Expr::If(plain) = &before else { return };
                let (holds, fails): (Expr, Expr) = (parse_quote!(true), parse_quote!(false));
                let always = self.note(&plain.cond, &holds);
                let never = self.note(&plain.cond, &fails);
                let written = &condition.cond;
                *condition.cond = parse_quote!((#always || (!#never && (#written))));
            }
            Expr::MethodCall(call) => {
                let Some(name) = other_method(&call.method.to_string()) else {
                    return;
                };
                let mut other = call.clone();
                other.method = syn::Ident::new(name, call.method.span());
                let asked = self.note(&before, &quote!(#name instead));
                let other = Expr::MethodCall(other);
                *expression = parse_quote!((if #asked { #other } else { #expression }));
            }
            Expr::Match(choice) => self.swap_neighbours(choice),
            Expr::Path(path) => {
                if let Some(other) = other_path(&path.to_token_stream().to_string()) {
                    let old = expression.clone();
                    *expression = self.or(&old, &before, &other);
                }
            }
            Expr::Lit(literal) => {
                let other: Expr = match &literal.lit {
                    Lit::Bool(lit) if lit.value => parse_quote!(false),
                    Lit::Bool(_) => parse_quote!(true),
                    Lit::Char(_) => parse_quote!('\u{1}'),
                    Lit::Int(lit)
                        if lit.suffix().is_empty() && lit.base10_parse::<u64>().is_ok_and(|value| value < 1000) =>
                    {
                        let value = lit.base10_parse::<u64>().unwrap_or(0) + 1;
                        let next = syn::LitInt::new(&value.to_string(), lit.span());
                        parse_quote!(#next)
                    }
                    _ => return,
                };
                let old = expression.clone();
                *expression = self.or(&old, &before, &other);
            }
            _ => {}
        }
    }

    fn visit_expr_range_mut(&mut self, _: &mut syn::ExprRange) {}
}

impl Writer<'_> {
    /// Each arm does what the next one does, where neither gives names to what it found.
    fn swap_neighbours(&mut self, choice: &mut syn::ExprMatch) {
        let bodies: Vec<Option<Expr>> = choice
            .arms
            .iter()
            .map(|arm| (!names(&arm.pat)).then(|| (*arm.body).clone()))
            .collect();
        for (at, arm) in choice.arms.iter_mut().enumerate() {
            let (Some(Some(own)), Some(Some(next))) = (bodies.get(at), bodies.get(at + 1)) else {
                continue;
            };
            if own.to_token_stream().to_string() == next.to_token_stream().to_string() {
                continue;
            }
            let asked = self.note(&arm.pat, &quote!(what the next one does));
            *arm.body = parse_quote!((if #asked { #next } else { #own }));
        }
    }
}

/// The same with another operator, as it is shown.
fn with_operator(binary: &Expr, operator: &BinOp) -> Expr {
    let mut other = binary.clone();
    if let Expr::Binary(binary) = &mut other {
        binary.op = *operator;
    }
    other
}
