//! Reads checks as oslo.policy does: the same words, the same precedence, the same reductions.
//!
//! What oslo.policy logs and then takes for "nobody" is a fault here.

use super::{
    check::{Attribute, Check, Meaning, Subject},
    template::Template,
};

/// How many parentheses and `not` may be open at one time.
const MOST_NESTED: usize = 32;

/// What is wrong with a check, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It is blank, but not empty.
    #[error("the check is blank: write \"\" to let everybody pass, \"!\" to let nobody")]
    Blank,
    /// A word is none.
    #[error(
        "`{0}` is no check: write role:NAME, rule:NAME, ATTRIBUTE:TEXT, @ (everybody) or ! (nobody)"
    )]
    NotACheck(String),
    /// It asks another server.
    #[error(
        "`{0}` asks another server, and no request waits for one to be decided: say it with roles and attributes"
    )]
    Remote(String),
    /// What stands before the colon.
    #[error(
        "`{0}` before the colon is neither an attribute such as project_id nor a literal such as 'text', True or 7"
    )]
    Subject(String),
    /// What stands behind the colon.
    #[error(
        "`{0}` behind the colon is no text: what the call is about is written %(project_id)s or %(user_id)s, and % itself %%"
    )]
    Template(String),
    /// The words do not fit together.
    #[error(
        "the checks do not fit together: join them by `and`, `or` and `not`, and close every parenthesis"
    )]
    Grammar,
    /// It nests too deeply.
    #[error(
        "more than {MOST_NESTED} parentheses and `not` are open at once: make rules of its parts"
    )]
    TooNested,
}

/// What stands on the stack while a check is read.
enum Symbol {
    Open,
    Close,
    And,
    Or,
    Not,
    Quoted,
    Check(Check),
    All(Vec<Check>),
    Any(Vec<Check>),
}

/// Reads a check.
///
/// # Errors
/// With what is wrong with it.
pub(super) fn text(text: &str) -> Result<Check, Fault> {
    if text.is_empty() {
        return Ok(Check::Always);
    }
    if text.trim().is_empty() {
        return Err(Fault::Blank);
    }
    let mut stack = Stack::default();
    for word in text.split_whitespace() {
        let opened = word.trim_start_matches('(');
        for _ in opened.len()..word.len() {
            stack.shift(Symbol::Open)?;
        }
        let bare = opened.trim_end_matches(')');
        if !bare.is_empty() {
            stack.shift(symbol(bare, opened)?)?;
        }
        for _ in bare.len()..opened.len() {
            stack.shift(Symbol::Close)?;
        }
    }
    stack.finish()
}

/// Reads the list of lists that older policies have: one of the outer, all of an inner.
///
/// # Errors
/// With what is wrong with one of them.
pub(super) fn list(outer: &[Vec<String>]) -> Result<Check, Fault> {
    if outer.is_empty() {
        return Ok(Check::Always);
    }
    let mut any = Vec::new();
    for inner in outer.iter().filter(|inner| !inner.is_empty()) {
        let all: Vec<Check> = inner
            .iter()
            .map(|word| check(word))
            .collect::<Result<_, _>>()?;
        any.push(one_or(all, Check::All));
    }
    Ok(match any.len() {
        0 => Check::Never,
        _ => one_or(any, Check::Any),
    })
}

fn one_or(mut checks: Vec<Check>, join: impl FnOnce(Vec<Check>) -> Check) -> Check {
    match (checks.pop(), checks.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            checks.extend(last);
            join(checks)
        }
    }
}

/// `bare` is without parentheses, `opened` still with those that close.
fn symbol(bare: &str, opened: &str) -> Result<Symbol, Fault> {
    let is = |word: &str| bare.eq_ignore_ascii_case(word);
    let is_quoted =
        |quote: char| opened.len() >= 2 && opened.starts_with(quote) && opened.ends_with(quote);
    Ok(if is("and") {
        Symbol::And
    } else if is("or") {
        Symbol::Or
    } else if is("not") {
        Symbol::Not
    } else if is_quoted('"') || is_quoted('\'') {
        Symbol::Quoted
    } else {
        Symbol::Check(check(bare)?)
    })
}

/// Reads one check, without `and`, `or` and `not`.
fn check(word: &str) -> Result<Check, Fault> {
    match word {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => {}
    }
    let (kind, text) = word
        .split_once(':')
        .ok_or_else(|| Fault::NotACheck(word.to_owned()))?;
    let template = || Template::parse(text).ok_or_else(|| Fault::Template(text.to_owned()));
    Ok(match kind {
        "rule" => Check::Rule(text.to_owned()),
        "role" => Check::Role(template()?),
        "http" | "https" => return Err(Fault::Remote(word.to_owned())),
        _ => {
            let meaning = meaning(kind).ok_or_else(|| Fault::Subject(kind.to_owned()))?;
            let subject = Subject {
                written: kind.to_owned(),
                meaning,
            };
            Check::Equals(subject, template()?)
        }
    })
}

fn meaning(kind: &str) -> Option<Meaning> {
    if let Some(literal) = literal(kind) {
        return Some(Meaning::Literal(literal));
    }
    if let Some((_, attribute)) = Attribute::NAMES.iter().find(|(name, _)| *name == kind) {
        return Some(Meaning::Attribute(*attribute));
    }
    kind.split('.').all(is_name).then_some(Meaning::Unknown)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What Python's `str(ast.literal_eval(kind))` would be, for plain literals.
fn literal(kind: &str) -> Option<String> {
    if matches!(kind, "True" | "False" | "None") {
        return Some(kind.to_owned());
    }
    for quote in ['\'', '"'] {
        let inner = kind
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            let is_plain = !inner.contains([quote, '\\']);
            return is_plain.then(|| inner.to_owned());
        }
    }
    number(kind)
}

fn number(kind: &str) -> Option<String> {
    let (sign, digits) = match kind.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", kind.strip_prefix('+').unwrap_or(kind)),
    };
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if digits == "0" {
        return Some("0".to_owned());
    }
    if is_digits(digits) && !digits.starts_with('0') {
        return Some(format!("{sign}{digits}"));
    }
    let (whole, part) = digits.split_once('.')?;
    // Within these bounds Python and Rust print a number alike.
    let value: f64 = digits.parse().ok()?;
    (is_digits(whole) && is_digits(part) && digits.len() <= 16 && (value == 0.0 || value >= 1e-4))
        .then(|| format!("{sign}{value:?}"))
}

/// oslo.policy's machine: after every word, what stands on top is joined as far as it goes.
#[derive(Default)]
struct Stack {
    symbols: Vec<Symbol>,
    nested: usize,
}

impl Stack {
    fn shift(&mut self, symbol: Symbol) -> Result<(), Fault> {
        if matches!(symbol, Symbol::Open | Symbol::Not) {
            self.nested += 1;
            if self.nested > MOST_NESTED {
                return Err(Fault::TooNested);
            }
        }
        self.symbols.push(symbol);
        while self.reduce() {}
        Ok(())
    }

    fn finish(mut self) -> Result<Check, Fault> {
        let last = self.symbols.pop();
        match (last, self.symbols.is_empty()) {
            (Some(Symbol::Check(check)), true) => Ok(check),
            (Some(Symbol::All(checks)), true) => Ok(Check::All(checks)),
            (Some(Symbol::Any(checks)), true) => Ok(Check::Any(checks)),
            _ => Err(Fault::Grammar),
        }
    }

    /// Joins what stands on top, if it can be joined.
    fn reduce(&mut self) -> bool {
        use Symbol::{All, And, Any, Check as One, Close, Not, Open, Or};
        let (third, second) = (self.symbols.pop(), self.symbols.pop());
        let joined = match (self.symbols.pop(), second, third) {
            (Some(Open), Some(One(check)), Some(Close)) => {
                self.nested -= 1;
                One(check)
            }
            (Some(Open), Some(All(checks)), Some(Close)) => {
                self.nested -= 1;
                One(Check::All(checks))
            }
            (Some(Open), Some(Any(checks)), Some(Close)) => {
                self.nested -= 1;
                One(Check::Any(checks))
            }
            (Some(One(left)), Some(And), Some(One(right))) => All(vec![left, right]),
            (Some(All(mut left)), Some(And), Some(One(right))) => {
                left.push(right);
                All(left)
            }
            // `and` binds closer than the `or` before it.
            (Some(Any(mut left)), Some(And), Some(One(right))) => {
                let all = match left.pop() {
                    Some(Check::All(mut all)) => {
                        all.push(right);
                        all
                    }
                    last => last.into_iter().chain([right]).collect(),
                };
                left.push(Check::All(all));
                Any(left)
            }
            (Some(One(left)), Some(Or), Some(One(right))) => Any(vec![left, right]),
            (Some(All(left)), Some(Or), Some(One(right))) => Any(vec![Check::All(left), right]),
            (Some(Any(mut left)), Some(Or), Some(One(right))) => {
                left.push(right);
                Any(left)
            }
            (first, Some(Not), Some(One(check))) => {
                self.symbols.extend(first);
                self.nested -= 1;
                One(Check::Not(Box::new(check)))
            }
            (first, second, third) => {
                self.symbols
                    .extend([first, second, third].into_iter().flatten());
                return false;
            }
        };
        self.symbols.push(joined);
        true
    }
}
