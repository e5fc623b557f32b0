//! Pages of a list, and in which direction they go on.

use std::cmp::Ordering;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest, smallest or first in the alphabet first.
    #[default]
    Ascending,
    /// The other way round.
    Descending,
}

impl Order {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// What an ascending `ordering` is in this direction.
    #[must_use]
    pub const fn of(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Ascending => ordering,
            Self::Descending => ordering.reverse(),
        }
    }
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// Whether the page is as long as its limit, so that there may be another (Mistral's rule for `next`).
    pub is_full: bool,
}
