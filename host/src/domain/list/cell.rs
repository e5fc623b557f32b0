//! What an object shows in one column of a list: compared by its type, null first.

use std::{borrow::Cow, fmt};

use crate::domain::Timestamp;

/// One value of one object in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell<'a> {
    /// None.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A moment.
    Time(Timestamp),
    /// A text, in the order of its bytes.
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    /// The cell without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Null => Cell::Null,
            Self::Flag(flag) => Cell::Flag(flag),
            Self::Number(number) => Cell::Number(number),
            Self::Time(time) => Cell::Time(time),
            Self::Text(text) => Cell::Text(text.into_owned().into()),
        }
    }

    /// The text that stands for it in an index: texts of one column sort as its cells do. Null is the empty text.
    #[must_use]
    pub fn index_text(&self) -> String {
        // The flipped sign bit sorts negative numbers first.
        let sortable = |number: i64| format!("{:016x}", number ^ i64::MIN);
        match self {
            Self::Null => String::new(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => sortable(*number),
            Self::Time(time) => sortable(time.unix_ms()),
            Self::Text(text) => text.clone().into_owned(),
        }
    }
}

/// As it is shown on the wire; null is the empty text.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn index_texts_sort_as_their_cells(a: Option<i64>, b: Option<i64>) {
            for cell in [Cell::from, |it: Option<i64>| it.map(Timestamp::from_unix_ms).into()] {
                let (a, b) = (cell(a), cell(b));
                prop_assert_eq!(a.index_text().cmp(&b.index_text()), a.cmp(&b));
            }
        }
    }
}
