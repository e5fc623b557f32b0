//! Pages of typed lists: several listings walked as one, filtered, in any order.

use std::{cmp::Ordering, collections::VecDeque, ops::RangeInclusive};

use uuid::Uuid;

use super::{Entity, Error, Listing, Position, Query, Record, Sort, Store, entity};
use crate::domain::{Cell, ListRequest, Order, Page, Walked};

/// How many records are read at once: what is held in memory beside the page, and looked at between two awaits.
const BATCH: usize = 200;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The marker is not the id of an object that the list may show.
    #[error("the marker is not in the list")]
    BadMarker,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The page of `listings` that `request` asks for; an object that several listings have is there once. Its reach is
/// the listings', not the request's.
///
/// By age, and by an index key where the listings are not by one themselves, it costs by the records that are looked at
/// for the page; in any other order by all that the listings have. Memory is bounded by the page.
///
/// # Errors
/// When the marker is wrong, the store does not answer, or a record cannot be read.
pub async fn page<E: Entity>(
    store: &dyn Store,
    request: &ListRequest<E>,
    listings: Vec<Listing>,
) -> Result<Page<E>, PageError> {
    let marker = request.marker.as_deref().map(Uuid::parse_str);
    let pages = Pages {
        store,
        request,
        marker: marker.transpose().map_err(|_| PageError::BadMarker)?,
        ages: ages(store, request).await?,
        listings: &listings,
    };
    let items = match Plan::of(request, &listings) {
        Plan::Ages(order) => pages.by_age(order).await,
        Plan::Index(sort, ids) => pages.by_index(sort, ids).await,
        Plan::Everything => pages.by_all().await,
    }?;
    Ok(Page {
        is_full: items.len() == request.limit,
        items,
    })
}

/// How a page is found.
enum Plan {
    /// Along ages in this direction.
    Ages(Order),
    /// Along an index key, and ages within equal values in this direction.
    Index(Sort, Order),
    /// By a look at everything.
    Everything,
}

impl Plan {
    fn of<E>(request: &ListRequest<E>, listings: &[Listing]) -> Self {
        let Some(first) = request.sort.first() else {
            return Self::Ages(Order::Ascending);
        };
        let is_by_index = listings.iter().any(|listing| listing.index.is_some());
        let second = request.sort.get(1);
        match (first.column.walked, second) {
            (Walked::ById, _) => Self::Ages(first.order),
            (Walked::ByIndex, Some(second))
                if second.column.walked == Walked::ById && !is_by_index =>
            {
                let sort = Sort {
                    name: first.column.name,
                    order: first.order,
                };
                Self::Index(sort, second.order)
            }
            (Walked::ByIndex | Walked::ByKey(_) | Walked::Not, _) => Self::Everything,
        }
    }
}

/// The ages outside of which no object passes.
async fn ages<E: Entity>(
    store: &dyn Store,
    request: &ListRequest<E>,
) -> Result<RangeInclusive<Uuid>, Error> {
    let mut all = Uuid::nil()..=Uuid::max();
    for some in request.filters.iter().filter_map(|filter| filter.ids()) {
        let (mut first, mut last) = some.into_inner();
        if first == last && is_chosen::<E>(first) {
            let record = store.find(E::KIND, first).await?;
            first = record.map_or(first, |record| record.age);
            last = first;
        }
        all = *all.start().max(&first)..=*all.end().min(&last);
    }
    Ok(all)
}

/// Whether `id` is one that tells nothing of its object's age.
fn is_chosen<E: Entity>(id: Uuid) -> bool {
    E::KIND.has_chosen_ids() && id.get_version_num() != 7
}

/// What every way to find a page works with.
struct Pages<'a, E: Entity + 'static> {
    store: &'a dyn Store,
    request: &'a ListRequest<E>,
    marker: Option<Uuid>,
    /// Outside of which nothing passes.
    ages: RangeInclusive<Uuid>,
    /// What the list may show.
    listings: &'a [Listing],
}

/// An object and what it is sorted by.
type Row<E> = (Vec<Cell<'static>>, E);

impl<'a, E: Entity + 'static> Pages<'a, E> {
    async fn by_age(&self, order: Order) -> Result<Vec<E>, PageError> {
        let marker = match self.marker {
            Some(id) if is_chosen::<E>(id) => Some(self.marked(id).await?.age),
            other => other,
        };
        let after = start(order, &self.ages, marker).map(Position::from);
        let walk = self.walk(self.narrowed(), None, order, after, self.batch());
        let is_within = |record: &Record| self.ages.contains(&record.age);
        self.first_of(walk, is_within).await
    }

    async fn by_index(&self, sort: Sort, ids: Order) -> Result<Vec<E>, PageError> {
        let after = match self.marker {
            Some(id) => {
                let record = self.marked(id).await?;
                let value = record.index_value(sort.name).unwrap_or_default();
                Some(Position {
                    value: value.to_owned(),
                    age: record.age,
                })
            }
            None => None,
        };
        let listings = self.listings.to_vec();
        let walk = self.walk(listings, Some(sort), ids, after, self.batch());
        self.first_of(walk, |_| true).await
    }

    /// What passes of `walk` until the page is full or the walk is not within what can pass any more.
    async fn first_of(
        &self,
        mut walk: Merged<'a>,
        is_within: impl Fn(&Record) -> bool,
    ) -> Result<Vec<E>, PageError> {
        let mut items = Vec::new();
        while items.len() < self.request.limit {
            let Some(record) = walk.next().await?.filter(&is_within) else {
                break;
            };
            let item = entity::decode::<E>(&record)?.entity;
            if self.request.passes(&item) {
                items.push(item);
            }
        }
        Ok(items)
    }

    /// Looks at everything and keeps the page's worth that comes first after the marker.
    async fn by_all(&self) -> Result<Vec<E>, PageError> {
        let limit = self.request.limit;
        let after = match self.marker {
            Some(id) => Some(self.row(&self.marked(id).await?)?),
            None => None,
        };
        let order = Order::Ascending;
        let start = start(order, &self.ages, None).map(Position::from);
        let mut walk = self.walk(self.narrowed(), None, order, start, BATCH);
        let compare = |a: &Row<E>, b: &Row<E>| self.compare(a, b);
        let mut first: Vec<Row<E>> = Vec::new();
        let mut is_cut = false;
        while let Some(record) = walk.next().await? {
            if !self.ages.contains(&record.age) {
                break;
            }
            let row = self.row(&record)?;
            let is_before = after
                .as_ref()
                .is_some_and(|after| compare(&row, after).is_le());
            // Once it was cut, the first `limit` rows are sorted, and what comes after them is in no page.
            let last = first.get(limit - 1).filter(|_| is_cut);
            let is_beyond = last.is_some_and(|last| compare(&row, last).is_gt());
            if is_before || is_beyond || !self.request.passes(&row.1) {
                continue;
            }
            first.push(row);
            if first.len() >= limit.saturating_mul(2) {
                first.sort_by(compare);
                first.truncate(limit);
                is_cut = true;
            }
        }
        first.sort_by(compare);
        first.truncate(limit);
        Ok(first.into_iter().map(|(_, item)| item).collect())
    }

    fn row(&self, record: &Record) -> Result<Row<E>, Error> {
        let item = entity::decode::<E>(record)?.entity;
        let cells = self.request.sort_cells(&item).into_iter();
        Ok((cells.map(Cell::into_owned).collect(), item))
    }

    fn compare(&self, a: &Row<E>, b: &Row<E>) -> Ordering {
        let ordering = self.request.compare(&a.0, &b.0);
        ordering.then_with(|| a.1.id().cmp(&b.1.id()))
    }

    /// The marker's record, if the list may show it: a foreign one would tell where it stands.
    async fn marked(&self, id: Uuid) -> Result<Record, PageError> {
        let is_shown = |record: &Record| self.listings.iter().any(|listing| listing.shows(record));
        let record = self.store.find(E::KIND, id).await?;
        record.filter(is_shown).ok_or(PageError::BadMarker)
    }

    /// The listings with the first index key whose value the filters tell, where they have none.
    fn narrowed(&self) -> Vec<Listing> {
        let exact = self.request.filters.iter().find_map(|filter| {
            let text = filter.exact()?;
            let key = match filter.column.walked {
                Walked::ByIndex => filter.column.name,
                Walked::ByKey(key) => key,
                Walked::ById | Walked::Not => return None,
            };
            Some((key, text.to_owned()))
        });
        let narrow = |listing: &Listing| Listing {
            project: listing.project.clone(),
            index: listing.index.clone().or_else(|| exact.clone()),
        };
        self.listings.iter().map(narrow).collect()
    }

    /// How many records are read at once where not all need to be looked at.
    fn batch(&self) -> usize {
        if self.request.is_filtered() {
            BATCH
        } else {
            self.request.limit.min(BATCH)
        }
    }

    fn walk(
        &self,
        listings: Vec<Listing>,
        sort: Option<Sort>,
        order: Order,
        after: Option<Position>,
        batch: usize,
    ) -> Merged<'a> {
        let walks = listings.into_iter().map(|listing| Walk {
            query: Query {
                kind: E::KIND,
                project: listing.project,
                index: listing.index,
                sort,
                order,
                after: after.clone(),
                limit: batch,
            },
            waiting: VecDeque::new(),
            is_over: false,
        });
        Merged {
            store: self.store,
            walks: walks.collect(),
        }
    }
}

/// After which age a walk begins that shows `ages` from `marker` on.
fn start(order: Order, ages: &RangeInclusive<Uuid>, marker: Option<Uuid>) -> Option<Uuid> {
    let edge = match order {
        Order::Ascending => ages.start().as_u128().checked_sub(1),
        Order::Descending => ages.end().as_u128().checked_add(1),
    };
    match (edge.map(Uuid::from_u128), marker) {
        (Some(edge), Some(marker)) => Some(match order {
            Order::Ascending => edge.max(marker),
            Order::Descending => edge.min(marker),
        }),
        (edge, marker) => edge.or(marker),
    }
}

/// Several listings walked as one, each record once.
struct Merged<'a> {
    store: &'a dyn Store,
    walks: Vec<Walk>,
}

struct Walk {
    query: Query,
    waiting: VecDeque<Record>,
    is_over: bool,
}

impl Merged<'_> {
    async fn next(&mut self) -> Result<Option<Record>, Error> {
        for walk in &mut self.walks {
            if walk.waiting.is_empty() && !walk.is_over {
                let records = self.store.list(walk.query.clone()).await?;
                walk.is_over = records.len() < walk.query.limit;
                if let Some(last) = records.last() {
                    walk.query.after = Some(walk.query.position(last));
                }
                walk.waiting = records.into();
            }
        }
        let heads = self.walks.iter().filter_map(Walk::head);
        let first = heads.min_by(|(a, query), (b, _)| query.compare(a, b));
        let first = first.map(|(position, _)| position.age);
        let mut found = None;
        for walk in &mut self.walks {
            if walk.waiting.front().map(|record| record.age) == first {
                found = walk.waiting.pop_front().or(found);
            }
        }
        Ok(found)
    }
}

impl Walk {
    fn head(&self) -> Option<(Position, &Query)> {
        let record = self.waiting.front()?;
        Some((self.query.position(record), &self.query))
    }
}
