//! Python's regular expressions on another engine.

use std::cell::OnceCell;

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::super::{
    evaluator::Evaluator,
    fault::{Fault, Outcome},
};

/// The most steps back of one search.
const BACKTRACKS: usize = 50_000;
/// The most bytes of a compiled expression.
const COMPILED_BYTES: usize = 1 << 20;
/// The longest expression.
const LONGEST: usize = 4096;

/// A compiled regular expression. Two are equal when they are written alike.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: String,
    flags: &'static str,
    regex: Regex,
    /// The same for texts that end with a line break, before which `$` matches too; only when there is a `$`.
    before_break: OnceCell<Option<Regex>>,
    /// Whether a search may go back again and again.
    is_costly: bool,
    /// How many times longer a search takes than that of a short expression, at most.
    weight: usize,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.flags == other.flags
    }
}

impl Eq for Pattern {}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

impl Pattern {
    /// Compiles `source`, as Python writes it, with flags: `i`, `m` and `s` in this order.
    ///
    /// # Errors
    /// When it is none, or too long.
    pub(super) fn compile(
        evaluator: &Evaluator<'_>,
        source: &str,
        flags: &'static str,
    ) -> Outcome<Self> {
        if source.len() > LONGEST {
            return Err(Fault::told(format!(
                "a regular expression has at most {LONGEST} bytes"
            )));
        }
        evaluator.steps(64 + source.len())?;
        evaluator.bytes(1024 + source.len() * 16)?;
        let translated = Translated::from(source, flags, r"\z")?;
        // What is compiled has as many states as the counted repeats ask for.
        evaluator.steps(translated.weight * 16)?;
        evaluator.bytes(translated.weight.saturating_mul(256).min(COMPILED_BYTES))?;
        Ok(Self {
            regex: build(&translated.text)?,
            source: source.to_owned(),
            flags,
            before_break: OnceCell::new(),
            is_costly: translated.is_costly,
            weight: translated.weight,
        })
    }

    /// The first match in `text` at the byte `from` or behind.
    ///
    /// # Errors
    /// When it takes too long to search.
    pub(super) fn find<'t>(
        &self,
        evaluator: &Evaluator<'_>,
        text: &'t str,
        from: usize,
    ) -> Outcome<Option<Captures<'t, str>>> {
        let rest = text.len().saturating_sub(from);
        let blocks = rest / 1024;
        evaluator.steps(if self.is_costly {
            // Looking around may go through the rest at each place.
            500 + rest / 64 + blocks.saturating_mul(blocks)
        } else {
            1 + blocks.saturating_mul(self.weight)
        })?;
        let regex = self.of(text)?;
        regex.captures_from_pos(text, from).map_err(|error| {
            Fault::told(format!(
                "the regular expression cannot be searched for: {error}"
            ))
        })
    }

    fn of(&self, text: &str) -> Outcome<&Regex> {
        if !text.ends_with('\n') || !self.source.contains('$') || self.flags.contains('m') {
            return Ok(&self.regex);
        }
        let compiled = self.before_break.get_or_init(|| {
            let translated = Translated::from(&self.source, self.flags, r"(?=\n?\z)").ok()?;
            build(&translated.text).ok()
        });
        Ok(compiled.as_ref().unwrap_or(&self.regex))
    }

    /// The names of its groups, by number.
    pub(super) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.regex.capture_names()
    }
}

fn build(text: &str) -> Outcome<Regex> {
    RegexBuilder::new(text)
        .backtrack_limit(BACKTRACKS)
        .delegate_size_limit(COMPILED_BYTES)
        .build()
        .map_err(|error| Fault::told(format!("it is no regular expression: {error}")))
}

/// The letters that Python knows behind a backslash.
const KNOWN: &str = "AbBdDsSwWZafnrtvxuUN";

/// How many times more states the counted repeats of an expression make of it, at most, and its own length.
fn weight(source: &str) -> usize {
    let mut weight = 1 + source.len() / 64;
    for repeat in source.split('{').skip(1) {
        let counts = repeat.split('}').next().unwrap_or_default().split(',');
        let count = counts.filter_map(|count| count.parse::<usize>().ok()).max();
        weight = weight.saturating_mul(count.unwrap_or(1).clamp(1, 1000));
    }
    weight.min(100_000)
}

/// An expression as the engine writes it.
struct Translated {
    text: String,
    is_costly: bool,
    weight: usize,
}

impl Translated {
    fn from(source: &str, flags: &str, end: &str) -> Outcome<Self> {
        // The engine knows them, Python does not.
        if ["(?&", "(?R", "(?P>"]
            .iter()
            .any(|sign| source.contains(sign))
        {
            return Err(Fault::told("unknown extension in the regular expression"));
        }
        let mut text = String::with_capacity(source.len() + 16);
        if !flags.is_empty() {
            text.push_str(&format!("(?{flags})"));
        }
        // What looks around, refers back or does not go back.
        let costly = [
            "(?=", "(?!", "(?<", "(?>", "(?P=", "(?(", "++", "*+", "?+", "}+",
        ];
        let mut is_costly = costly.iter().any(|sign| source.contains(sign));
        let mut rest = source.chars().peekable();
        let mut is_in_class = false;
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some('Z') => text.push_str(r"\z"),
                    // The engine has other meanings for these.
                    Some(
                        c @ ('<' | '>' | '_' | '\'' | '"' | '=' | ',' | ':' | ';' | '!' | '@' | '%'
                        | '`' | '/' | ' '),
                    ) => {
                        text.push(c);
                    }
                    Some(c) if c.is_ascii_alphabetic() && !KNOWN.contains(c) => {
                        return Err(Fault::told(format!("bad escape \\{c}")));
                    }
                    Some(c) => {
                        is_costly |= c.is_ascii_digit() && c != '0' && !is_in_class;
                        text.extend(['\\', c]);
                    }
                    None => text.push('\\'),
                },
                '[' if !is_in_class => {
                    is_in_class = true;
                    text.push('[');
                    if rest.peek() == Some(&'^') {
                        rest.next();
                        text.push('^');
                    }
                    if rest.peek() == Some(&']') {
                        rest.next();
                        text.push_str(r"\]");
                    }
                }
                ']' if is_in_class => {
                    is_in_class = false;
                    text.push(']');
                }
                '[' | '&' | '~' if is_in_class => text.extend(['\\', c]),
                '$' if !is_in_class && !flags.contains('m') => text.push_str(end),
                '{' if !is_in_class && rest.peek() == Some(&',') => text.push_str("{0"),
                c => text.push(c),
            }
        }
        Ok(Self {
            text,
            is_costly,
            weight: weight(source),
        })
    }
}
