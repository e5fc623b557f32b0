//! The operator's policy file: YAML (and so JSON) of names and checks.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

use super::{
    Rules,
    check::Check,
    parse,
    rules::{self, Refused, Written},
};

/// The longest policy file.
const MOST_BYTES: u64 = 1 << 20;

/// Why a policy file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("the policy file {path} cannot be read; see [policy] file")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no file, or a very long one.
    #[error("the policy file {0} is no file of at most {MOST_BYTES} bytes; see [policy] file")]
    NotAFile(PathBuf),
    /// It says nothing that can be understood.
    #[error("the policy file {path} cannot be used: {}", faults.join("; "))]
    Faults {
        /// Which file.
        path: PathBuf,
        /// Every fault, with its line and its rule.
        faults: Vec<String>,
    },
}

impl Error {
    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads the policy file.
///
/// # Errors
/// When it cannot be read, or with every fault in it.
pub(super) fn read(path: &Path) -> Result<Rules, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    let faults = |faults| Error::Faults {
        path: path.to_owned(),
        faults,
    };
    // Asked of the name, since opening a pipe waits.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::NotAFile(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| faults(vec!["it is not UTF-8".to_owned()]))?;
    parse(&text).map_err(faults)
}

/// Reads the text of a policy file; every fault has its line and its rule.
pub(super) fn parse(text: &str) -> Result<Rules, Vec<String>> {
    let stated: Option<Stated> = serde_saphyr::from_str(text).map_err(|error| {
        let line = error
            .location()
            .map(|at| format!("line {}: ", at.line()))
            .unwrap_or_default();
        // Without the lines around it, which the parser would show.
        let words = error.without_snippet().to_string();
        vec![format!(
            "{line}{}",
            words.lines().next().unwrap_or_default()
        )]
    })?;
    let mut written = Vec::new();
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    for (name, said) in stated.map(|stated| stated.0).unwrap_or_default() {
        let (name, line) = (name.value, name.referenced.line());
        match check(text, &said) {
            Ok((check, text)) => {
                lines.push((name.clone(), line));
                written.push(Written { name, text, check });
            }
            Err(reason) => faults.push(format!("line {line}: {name}: {reason}")),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Rules::new(written).map_err(|Refused { rule, fault }| {
        let of = match &fault {
            rules::Fault::Circle(names) => names.clone(),
            rules::Fault::TooDeep | rules::Fault::TooLong => vec![rule.clone()],
        };
        let line = lines.iter().find(|(name, _)| of.contains(name));
        let line = line.map(|(_, line)| format!("line {line}: "));
        vec![format!("{}{rule}: {fault}", line.unwrap_or_default())]
    })
}

/// The check that `file` has for a name, and its text for people.
fn check(file: &str, said: &Spanned<Said>) -> Result<(Check, String), String> {
    const QUOTES: &str =
        "nothing is said: write \"\" to let everybody pass, \"!\" with its quotes to let nobody";
    match &said.value {
        // A bare `!`, a tag of nothing, reads as an empty text too, and would open what it was to close.
        Said::Text(text) if text.is_empty() && !is_quoted(file, said) => Err(QUOTES.to_owned()),
        Said::Text(text) => {
            let check = parse::text(text).map_err(|fault| fault.to_string())?;
            Ok((check, text.clone()))
        }
        Said::List(outer) => {
            let check = parse::list(outer).map_err(|fault| fault.to_string())?;
            let text = check.to_string();
            Ok((check, text))
        }
        Said::Nothing => Err(QUOTES.to_owned()),
        Said::Other => Err("a check is a text in quotes, or a list of lists of such".to_owned()),
    }
}

/// Whether what was said begins with a quote in the file.
fn is_quoted(file: &str, said: &Spanned<Said>) -> bool {
    let start = said.defined.span().byte_offset();
    let start = start.and_then(|start| usize::try_from(start).ok());
    start
        .and_then(|start| file.get(start..))
        .is_some_and(|rest| rest.starts_with(['"', '\'']))
}

/// The rules of a file in their order, with their places.
struct Stated(Vec<(Spanned<String>, Spanned<Said>)>);

/// What a file says for one name.
enum Said {
    Text(String),
    List(Vec<Vec<String>>),
    Nothing,
    Other,
}

impl<'de> Deserialize<'de> for Stated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Stated;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of rules' names to checks")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stated, A::Error> {
                let mut rules = Vec::new();
                while let Some(rule) = map.next_entry()? {
                    rules.push(rule);
                }
                Ok(Stated(rules))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check: a text in quotes, or a list of lists of such")
            }

            fn visit_str<E>(self, text: &str) -> Result<Said, E> {
                Ok(Said::Text(text.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Said, E> {
                Ok(Said::Nothing)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Said, E> {
                Ok(Said::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Said, E> {
                Ok(Said::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Said, E> {
                Ok(Said::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Said, E> {
                Ok(Said::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut outer: A) -> Result<Said, A::Error> {
                let mut any = Vec::new();
                while let Some(Inner(all)) = outer.next_element()? {
                    any.push(all);
                }
                Ok(Said::List(any))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What a list holds: several checks, or one by itself. oslo.policy skips one that is empty.
struct Inner(Vec<String>);

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Inner;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check in quotes, or a list of such")
            }

            fn visit_str<E>(self, text: &str) -> Result<Inner, E> {
                let is_said = !text.is_empty();
                Ok(Inner(
                    is_said.then(|| text.to_owned()).into_iter().collect(),
                ))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Inner, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = texts.next_element()? {
                    all.push(text);
                }
                Ok(Inner(all))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}
