//! Pages of a list.

use uuid::Uuid;

/// The order of a list by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items, at least 1.
    pub limit: usize,
    /// Begins after this item.
    pub marker: Option<Uuid>,
    /// By age.
    pub order: Order,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// Whether the page is as long as its limit, so that there may be another (Mistral's rule for `next`).
    pub is_full: bool,
}
