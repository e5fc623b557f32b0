//! Mistral's own functions, which both languages have.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::{
    Serializer, Value,
    ser::{Formatter, PrettyFormatter},
};

use super::{Budget, Call, Error, yaml};

/// A function of Mistral's.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// The names of what it takes, in their order.
    pub(super) parameters: &'static [&'static str],
    /// How many of those have to be given.
    pub(super) required: usize,
    answer: fn(Arguments<'_>) -> Result<Answer, Fault>,
}

/// What a function gives.
pub(super) enum Answer {
    /// Who evaluates is to say.
    Ask(Call),
    /// This.
    Value(Value),
}

/// Why a function gives nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// In words for the author of the definition.
    #[error("{0}")]
    Told(String),
    /// It would take more than an evaluation may.
    #[error(transparent)]
    Bound(#[from] Error),
}

/// Every one, by name.
pub(super) static FUNCTIONS: [Function; 11] = [
    Function {
        name: "env",
        parameters: &[],
        required: 0,
        answer: |_| Ok(Answer::Ask(Call::Env)),
    },
    Function {
        name: "execution",
        parameters: &[],
        required: 0,
        answer: |_| Ok(Answer::Ask(Call::Execution)),
    },
    Function {
        name: "executions",
        parameters: &["id", "root_execution_id", "state", "from_time", "to_time"],
        required: 0,
        answer: |mut given| {
            Ok(Answer::Ask(Call::Executions {
                id: given.text()?,
                root_execution_id: given.text()?,
                state: given.text()?,
                from_time: given.text()?,
                to_time: given.text()?,
            }))
        },
    },
    Function {
        name: "global",
        parameters: &["var_name"],
        required: 1,
        answer: |mut given| {
            let name = given.text()?;
            Ok(name.map_or(Answer::Value(Value::Null), |name| {
                Answer::Ask(Call::Global(name))
            }))
        },
    },
    Function {
        name: "json_dump",
        parameters: &["data"],
        required: 1,
        answer: |mut given| {
            let value = given.value();
            given
                .budget
                .take_bytes(super::template::weigh(&value).saturating_mul(2))?;
            Ok(Answer::Value(json_text(&value, Some(4)).into()))
        },
    },
    Function {
        name: "json_parse",
        parameters: &["data"],
        required: 1,
        answer: |mut given| {
            let text = given.document()?;
            let value = serde_json::from_str(&text);
            Ok(Answer::Value(value.map_err(Fault::told)?))
        },
    },
    Function {
        name: "task",
        parameters: &["task_name"],
        required: 0,
        answer: |mut given| {
            let name = given.text()?.filter(|name| !name.is_empty());
            Ok(Answer::Ask(Call::Task(name)))
        },
    },
    Function {
        name: "tasks",
        parameters: &["workflow_execution_id", "recursive", "state", "flat"],
        required: 0,
        answer: |mut given| {
            Ok(Answer::Ask(Call::Tasks {
                execution_id: given.text()?.filter(|id| !id.is_empty()),
                recursive: given.is_true(),
                state: given.text()?.filter(|state| !state.is_empty()),
                flat: given.is_true(),
            }))
        },
    },
    Function {
        name: "uuid",
        parameters: &[],
        required: 0,
        answer: |_| Ok(Answer::Ask(Call::Uuid)),
    },
    Function {
        name: "yaml_dump",
        parameters: &["data"],
        required: 1,
        answer: |mut given| {
            let value = given.value();
            given
                .budget
                .take_bytes(super::template::weigh(&value).saturating_mul(2))?;
            Ok(Answer::Value(yaml::dump(&value).into()))
        },
    },
    Function {
        name: "yaml_parse",
        parameters: &["data"],
        required: 1,
        answer: |mut given| {
            let text = given.document()?;
            Ok(Answer::Value(yaml::parse(&text).map_err(Fault::told)?))
        },
    },
];

impl Function {
    /// What it gives for `arguments`, each in its parameter's place; what is left out is none.
    pub(super) fn answer(
        &'static self,
        arguments: Vec<Option<Value>>,
        budget: &Budget,
    ) -> Result<Answer, Fault> {
        (self.answer)(Arguments {
            function: self,
            values: arguments.into_iter(),
            budget,
        })
    }
}

impl Fault {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "that is what the errors of results are mapped with"
    )]
    fn told(error: impl ToString) -> Self {
        Self::Told(error.to_string())
    }
}

/// Arguments, taken one by one.
struct Arguments<'b> {
    function: &'static Function,
    values: std::vec::IntoIter<Option<Value>>,
    budget: &'b Budget,
}

impl Arguments<'_> {
    fn value(&mut self) -> Value {
        self.values.next().flatten().unwrap_or(Value::Null)
    }

    fn is_true(&mut self) -> bool {
        super::python::is_true(&self.value())
    }

    /// Text, or nothing.
    fn text(&mut self) -> Result<Option<String>, Fault> {
        match self.value() {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(Fault::Told(format!("{}() takes text", self.function.name)))
            }
        }
    }

    /// Text that is about to be parsed: what that may take is charged.
    fn document(&mut self) -> Result<String, Fault> {
        // A value takes 32 bytes and its text two or more.
        const MOST: usize = 16;
        let text = self
            .text()?
            .ok_or_else(|| Fault::Told(format!("{}() takes text, not null", self.function.name)))?;
        self.budget.take_bytes(text.len().saturating_mul(MOST))?;
        Ok(text)
    }
}

/// `value` as Python's `json.dumps` writes it.
pub(super) fn json_text(value: &Value, indent: Option<usize>) -> String {
    let indent = indent.map(|indent| " ".repeat(indent));
    let mut out = Vec::new();
    let written = match &indent {
        Some(indent) => {
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut out, formatter))
        }
        None => value.serialize(&mut Serializer::with_formatter(&mut out, Spaced)),
    };
    written.expect("a JSON value has text keys, and memory takes all that is written to it");
    ascii(&out)
}

/// One line, with a space behind each comma and colon.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        out.write_all(if is_first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        out.write_all(if is_first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// JSON in ASCII, as Python writes it.
fn ascii(json: &[u8]) -> String {
    let json = String::from_utf8_lossy(json);
    if json.is_ascii() {
        return json.into_owned();
    }
    let mut out = String::with_capacity(json.len() * 2);
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}
