//! A value of a definition with the expressions in it parsed.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{Error, Scope, jinja, python, yaql};

/// The deepest nesting of lists and objects.
const DEEPEST: u32 = 128;

/// A value in which any text may have expressions. A text that is one expression has its value, of any type; in a longer
/// text, expressions are replaced by their values' text. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Parsed>);

struct Parsed {
    source: Value,
    root: Node,
    /// About how many bytes a copy of the source takes.
    bytes: usize,
}

/// What is in a part of the source that has its place.
enum Node {
    /// No expression.
    Plain,
    /// One YAQL expression.
    Yaql(yaql::Expression),
    /// YAQL expressions within a text.
    Pieces(Vec<Piece>),
    /// A text in Jinja.
    Jinja(jinja::Text),
    List(Vec<Self>),
    Object(Vec<Self>),
}

/// An expression in a text.
struct Piece {
    /// What stands between it and the one before.
    before: String,
    expression: yaql::Expression,
    /// What stands behind it, if it is the last.
    after: String,
}

impl Template {
    /// `value` with the expressions in its texts parsed, in lists and in members of objects too.
    ///
    /// # Errors
    /// When an expression is not written in its language, or a text mixes both languages.
    pub fn parse(value: Value) -> Result<Self, Error> {
        let root = Node::parse(&value, 0)?;
        Ok(Self(Arc::new(Parsed {
            bytes: weigh(&value),
            source: value,
            root,
        })))
    }

    /// What it was parsed from.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// Whether there is no expression in it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self.0.root, Node::Plain)
    }

    /// Its value over `scope`.
    ///
    /// # Errors
    /// When an expression has none, or takes more than the scope's budget.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        scope.budget().take_bytes(self.0.bytes)?;
        self.0.root.evaluate(&self.0.source, scope)
    }

    /// Whether Python takes its value for true, as Mistral's conditions ask: empty texts, lists and objects, zero and
    /// null are false.
    ///
    /// # Errors
    /// Those of [`Self::evaluate`].
    pub fn is_true(&self, scope: &dyn Scope) -> Result<bool, Error> {
        if self.is_plain() {
            return Ok(python::is_true(self.source()));
        }
        Ok(python::is_true(&self.evaluate(scope)?))
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(self.source()).finish()
    }
}

impl Node {
    fn parse(value: &Value, depth: u32) -> Result<Self, Error> {
        if depth > DEEPEST {
            return Err(Error::Syntax {
                message: format!("lists and objects are nested more than {DEEPEST} deep"),
                at: 0,
            });
        }
        let within = |item| Self::parse(item, depth + 1);
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Self::Plain),
            Value::String(text) => Self::parse_text(text),
            Value::Array(items) => {
                let nodes: Vec<_> = items.iter().map(within).collect::<Result<_, _>>()?;
                Ok(if nodes.iter().all(Self::is_plain) {
                    Self::Plain
                } else {
                    Self::List(nodes)
                })
            }
            Value::Object(members) => {
                let nodes: Vec<_> = members.values().map(within).collect::<Result<_, _>>()?;
                Ok(if nodes.iter().all(Self::is_plain) {
                    Self::Plain
                } else {
                    Self::Object(nodes)
                })
            }
        }
    }

    fn parse_text(text: &str) -> Result<Self, Error> {
        let is_jinja = Found::next(text, 0, "{{", "}}").is_some()
            || Found::next(text, 0, "{%", "%}").is_some();
        let first = Found::next(text, 0, "<%", "%>");
        match first {
            Some(first) if is_jinja => Err(Error::Syntax {
                message: "a text is either YAQL, `<% … %>`, or Jinja, `{{ … }}` and `{% … %}`, and this has both: \
                          write it in one of them"
                    .to_owned(),
                at: characters(text, first.start),
            }),
            Some(first) => Self::parse_yaql(text, first),
            None if is_jinja => Ok(Self::Jinja(jinja::Text::parse(text)?)),
            None => Ok(Self::Plain),
        }
    }

    fn parse_yaql(text: &str, first: Found<'_>) -> Result<Self, Error> {
        let expression = |found: &Found<'_>| {
            // As Mistral takes it out: any of these signs, from both ends.
            let inner = found.whole.trim_matches(['<', '%', '>']);
            yaql::Expression::parse(inner)
                .map_err(|error| error.behind(text, found.start + 2, inner))
        };
        if first.whole.len() == text.len() {
            return Ok(Self::Yaql(expression(&first)?));
        }
        let mut pieces = Vec::new();
        let (mut from, mut next) = (0, Some(first));
        while let Some(found) = next {
            pieces.push(Piece {
                before: text.get(from..found.start).unwrap_or_default().to_owned(),
                expression: expression(&found)?,
                after: String::new(),
            });
            from = found.start + found.whole.len();
            next = Found::next(text, from, "<%", "%>");
        }
        if let Some(last) = pieces.last_mut() {
            text.get(from..)
                .unwrap_or_default()
                .clone_into(&mut last.after);
        }
        Ok(Self::Pieces(pieces))
    }

    const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    fn evaluate(&self, source: &Value, scope: &dyn Scope) -> Result<Value, Error> {
        scope.budget().take_steps(1)?;
        match (self, source) {
            (Self::Yaql(expression), _) => expression.evaluate(scope),
            (Self::Jinja(text), _) => text.evaluate(scope),
            (Self::Pieces(pieces), _) => {
                let mut text = String::new();
                for piece in pieces {
                    text.push_str(&piece.before);
                    let before = text.len();
                    python::write_str(&mut text, &piece.expression.evaluate(scope)?);
                    scope.budget().take_bytes(text.len() - before)?;
                    text.push_str(&piece.after);
                }
                Ok(Value::String(text))
            }
            (Self::List(nodes), Value::Array(items)) => {
                let values = nodes.iter().zip(items);
                let values = values.map(|(node, item)| node.evaluate(item, scope));
                values.collect::<Result<_, _>>().map(Value::Array)
            }
            (Self::Object(nodes), Value::Object(members)) => {
                let values = nodes.iter().zip(members);
                let values = values
                    .map(|(node, (name, value))| Ok((name.clone(), node.evaluate(value, scope)?)));
                values.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            (Self::Plain | Self::List(_) | Self::Object(_), plain) => Ok(plain.clone()),
        }
    }
}

/// What is found between delimiters; it ends in the line in which it begins.
struct Found<'t> {
    /// With the delimiters.
    whole: &'t str,
    /// Where it begins, in bytes.
    start: usize,
}

impl<'t> Found<'t> {
    /// The first at `from` or behind.
    fn next(text: &'t str, mut from: usize, open: &str, close: &str) -> Option<Self> {
        loop {
            let start = from + text.get(from..)?.find(open)?;
            let inner = text.get(start + open.len()..)?;
            let line = inner.split('\n').next().unwrap_or_default();
            if let Some(end) = line.find(close) {
                let whole = text.get(start..start + open.len() + end + close.len())?;
                return Some(Self { whole, start });
            }
            from = start + 1;
        }
    }
}

impl Error {
    /// The same, but told where in `text`, of which `inner` begins at the byte `start` or a little behind.
    fn behind(self, text: &str, start: usize, inner: &str) -> Self {
        match self {
            Self::Syntax { message, at } => {
                let start = start + text.get(start..).and_then(|it| it.find(inner)).unwrap_or(0);
                let blank = inner.len() - inner.trim_start().len();
                Self::Syntax {
                    message,
                    at: characters(text, start + blank) + at,
                }
            }
            other @ (Self::Evaluation { .. } | Self::Bound(..)) => other,
        }
    }
}

/// How many characters the first `bytes` of `text` are.
pub(super) fn characters(text: &str, bytes: usize) -> usize {
    text.char_indices()
        .take_while(|(at, _)| *at < bytes)
        .count()
}

/// About how many bytes a copy of `value` takes.
pub(super) fn weigh(value: &Value) -> usize {
    let own = size_of::<Value>();
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => own,
        Value::String(text) => own + text.len(),
        Value::Array(items) => own + items.iter().map(weigh).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter();
            own + members
                .map(|(name, value)| 48 + name.len() + weigh(value))
                .sum::<usize>()
        }
    }
}
