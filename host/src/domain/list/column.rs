//! A column of a list: its name, its type, how an object fills it, and how the store can walk by it.

use super::{Cell, Filter};

/// How the store can walk a list in the order of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// Not at all: every object that the list may show is looked at.
    Not,
    /// By age: in the order of ids, which are UUID v7 but for those that callers chose.
    ById,
    /// By the index key of the column's name, whose values are the cells' [index texts](Cell::index_text).
    ByIndex,
    /// Not in its order, but those with one value are found by this index key.
    ByKey(&'static str),
}

/// What a column's cells are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Json,
    Flag,
    Number,
    Time,
}

/// A column of the lists of `T`: what they can be filtered and sorted by.
pub struct Column<T> {
    /// Its name on the wire.
    pub name: &'static str,
    /// How the store can walk by it.
    pub walked: Walked,
    pub(super) kind: Type,
    cell: fn(&T) -> Cell<'_>,
}

impl<T> Column<T> {
    const fn new(name: &'static str, kind: Type, cell: fn(&T) -> Cell<'_>) -> Self {
        Self {
            name,
            walked: Walked::Not,
            kind,
            cell,
        }
    }

    /// A column of texts.
    #[must_use]
    pub const fn text(name: &'static str, cell: fn(&T) -> Cell<'_>) -> Self {
        Self::new(name, Type::Text, cell)
    }

    /// A column of texts that hold JSON: equal when the values are.
    #[must_use]
    pub const fn json(name: &'static str, cell: fn(&T) -> Cell<'_>) -> Self {
        Self::new(name, Type::Json, cell)
    }

    /// A column of flags.
    #[must_use]
    pub const fn flag(name: &'static str, cell: fn(&T) -> Cell<'_>) -> Self {
        Self::new(name, Type::Flag, cell)
    }

    /// A column of whole numbers.
    #[must_use]
    pub const fn number(name: &'static str, cell: fn(&T) -> Cell<'_>) -> Self {
        Self::new(name, Type::Number, cell)
    }

    /// A column of times.
    #[must_use]
    pub const fn time(name: &'static str, cell: fn(&T) -> Cell<'_>) -> Self {
        Self::new(name, Type::Time, cell)
    }

    /// A column that Mistral has and that is always null here.
    #[must_use]
    pub const fn null(name: &'static str) -> Self {
        Self::text(name, |_| Cell::Null)
    }

    /// The id, or the time of creation, in whose order ids are.
    #[must_use]
    pub const fn by_id(mut self) -> Self {
        self.walked = Walked::ById;
        self
    }

    /// The store keeps an index key of its name for every object.
    #[must_use]
    pub const fn indexed(mut self) -> Self {
        self.walked = Walked::ByIndex;
        self
    }

    /// The store keeps the index key `name` for every object that has a value in it.
    #[must_use]
    pub const fn found_by(mut self, name: &'static str) -> Self {
        self.walked = Walked::ByKey(name);
        self
    }

    /// What `item` shows in it.
    #[must_use]
    pub fn cell<'a>(&self, item: &'a T) -> Cell<'a> {
        (self.cell)(item)
    }
}

impl<T: 'static> Column<T> {
    /// The filter that `text` asks of it, `VALUE` or `OP:VALUE`.
    ///
    /// # Errors
    /// When the value is not of the column's type.
    pub fn filter(&'static self, text: &str) -> Result<Filter<T>, super::BadFilter> {
        Filter::parse(self, text)
    }
}
