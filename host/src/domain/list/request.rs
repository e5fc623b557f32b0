//! Which page of which list is asked for.

use std::{borrow::Borrow, cmp::Ordering};

use super::{Cell, Column, Filter, Order, Page};
use crate::domain::ProjectId;

/// Whose objects a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// What this project sees: its own, and what others let it see.
    SeenBy(ProjectId),
    /// What belongs to this project.
    OwnedBy(ProjectId),
    /// What there is, of all projects.
    All,
}

/// A column in the order of a list.
pub struct SortKey<T: 'static> {
    /// The column.
    pub column: &'static Column<T>,
    /// Its direction.
    pub order: Order,
}

/// Which page of a list of `T` is asked for.
pub struct ListRequest<T: 'static> {
    /// Whose.
    pub reach: Reach,
    /// By what it is sorted; by age when empty.
    pub sort: Vec<SortKey<T>>,
    /// An object is shown when it passes each.
    pub filters: Vec<Filter<T>>,
    /// An object is shown when each of these is null.
    pub nulls: Vec<&'static Column<T>>,
    /// The last object of the page before.
    pub marker: Option<String>,
    /// At most so many, at least 1.
    pub limit: usize,
}

impl<T: 'static> ListRequest<T> {
    /// The first `limit` objects of `reach`, oldest first.
    #[must_use]
    pub const fn first(reach: Reach, limit: usize) -> Self {
        Self {
            reach,
            sort: Vec::new(),
            filters: Vec::new(),
            nulls: Vec::new(),
            marker: None,
            limit,
        }
    }

    /// Whether the filters let `item` pass.
    #[must_use]
    pub fn passes(&self, item: &T) -> bool {
        self.filters.iter().all(|filter| filter.passes(item))
            && self
                .nulls
                .iter()
                .all(|column| column.cell(item) == Cell::Null)
    }

    /// Whether some objects may not pass.
    #[must_use]
    pub const fn is_filtered(&self) -> bool {
        !(self.filters.is_empty() && self.nulls.is_empty())
    }

    /// What `item` is sorted by.
    #[must_use]
    pub fn sort_cells<'a>(&self, item: &'a T) -> Vec<Cell<'a>> {
        self.sort.iter().map(|key| key.column.cell(item)).collect()
    }

    /// The order of two objects by their [cells](Self::sort_cells).
    #[must_use]
    pub fn compare(&self, a: &[Cell<'_>], b: &[Cell<'_>]) -> Ordering {
        let pairs = self.sort.iter().zip(a.iter().zip(b));
        pairs
            .map(|(key, (a, b))| key.order.of(a.cmp(b)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The page of `items` that are all in memory; objects that are equal in the sort stay in their order. It begins
    /// after the last one that `is_marker`; when that is gone, where one with the cells `stand_in` would stand. None when
    /// nobody knows where.
    pub fn page_of<I: Borrow<T>>(
        &self,
        mut items: Vec<I>,
        is_marker: impl Fn(&T) -> bool,
        stand_in: Option<&[Cell<'_>]>,
    ) -> Option<Page<I>> {
        items.retain(|item| self.passes(item.borrow()));
        items.sort_by(|a, b| {
            self.compare(&self.sort_cells(a.borrow()), &self.sort_cells(b.borrow()))
        });
        if self.marker.is_some() {
            let start = match items.iter().rposition(|item| is_marker(item.borrow())) {
                Some(at) => at + 1,
                None => {
                    let gone = stand_in?;
                    items.partition_point(|item| {
                        self.compare(&self.sort_cells(item.borrow()), gone).is_le()
                    })
                }
            };
            items.drain(..start);
        }
        items.truncate(self.limit);
        Some(Page {
            is_full: items.len() == self.limit,
            items,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NAME: Column<String> = Column::text("name", |it| it.as_str().into());

    fn page(marker: Option<&str>, order: Order, limit: usize) -> Option<Page<String>> {
        let request = ListRequest {
            sort: vec![SortKey {
                column: &NAME,
                order,
            }],
            marker: marker.map(str::to_owned),
            ..ListRequest::first(Reach::All, limit)
        };
        let items = ["b", "a", "d", "b"].map(str::to_owned).to_vec();
        let stand_in = marker.filter(|marker| *marker != "?").map(|it| [it.into()]);
        request.page_of(
            items,
            |item| Some(item.as_str()) == marker,
            stand_in.as_ref().map(<[_; 1]>::as_slice),
        )
    }

    #[test]
    fn a_page_in_memory_begins_after_its_marker_or_where_that_stood() {
        use Order::{Ascending, Descending};
        for (marker, order, limit, expected, is_full) in [
            (None, Ascending, 2, &["a", "b"][..], true),
            (Some("b"), Ascending, 2, &["d"], false),
            (Some("c"), Ascending, 9, &["d"], false),
            (Some("c"), Descending, 3, &["b", "b", "a"], true),
            (Some("e"), Ascending, 9, &[], false),
        ] {
            let page = page(marker, order, limit).unwrap();
            assert_eq!(page.items, expected, "{marker:?}");
            assert_eq!(page.is_full, is_full, "{marker:?}");
        }
        assert!(page(Some("?"), Ascending, 9).is_none());
    }
}
