//! What is wrong with a document, and where.

use std::fmt;

use super::spot::Spot;

/// The most faults that are told of one document.
const MOST_FAULTS: usize = 50;

/// One fault of a document: where it is, what is wrong there, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1; 0 when it is the whole document's.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// Where it is in the document: `tasks.task1.on-success[0]`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// A place in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The line, from 1.
    pub(super) line: u32,
    /// The column, from 1.
    pub(super) column: u32,
    /// The bytes before it.
    pub(super) byte: usize,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds one of what stands at `spot`.
    pub(super) fn add(&mut self, spot: Spot<'_>, message: impl Into<String>) {
        self.add_at(spot.place(), || spot.path(), message);
    }

    /// Adds one of the name under which `spot` stands.
    pub(super) fn add_name(&mut self, spot: Spot<'_>, message: impl Into<String>) {
        self.add_at(spot.name_place(), || spot.path(), message);
    }

    /// Adds one at `place`.
    pub(super) fn add_at(
        &mut self,
        place: Place,
        path: impl FnOnce() -> String,
        message: impl Into<String>,
    ) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(Fault {
                line: place.line,
                column: place.column,
                path: path(),
                message: message.into(),
            });
        }
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `made`, unless there is a fault; faults in the order of the document.
    pub(super) fn or<T>(mut self, made: Option<T>) -> Result<T, Vec<Fault>> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => {
                self.0.sort_by_key(|fault| (fault.line, fault.column));
                Err(self.0)
            }
        }
    }
}
