//! Pages of typed lists: several listings walked as one, filtered, in any order.

use std::{collections::VecDeque, ops::RangeInclusive};

use uuid::Uuid;

use super::{Entity, Error, Listing, Query, Record, Store, entity};
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
/// By age it costs by the records that are looked at for the page; in any other order by all that the listings have.
///
/// # Errors
/// When the marker is wrong, the store does not answer, or a record cannot be read.
pub async fn page<E: Entity>(
    store: &dyn Store,
    request: &ListRequest<E>,
    listings: Vec<Listing>,
) -> Result<Page<E>, PageError> {
    let marker = request.marker.as_deref().map(Uuid::parse_str);
    let marker = marker.transpose().map_err(|_| PageError::BadMarker)?;
    let listings = narrowed(listings, request);
    let ids = ids(request);
    let items = match id_order(request) {
        Some(order) => by_id(store, request, listings, order, &ids, marker).await?,
        None => sorted(store, request, listings, &ids, marker).await?,
    };
    Ok(Page {
        is_full: items.len() == request.limit,
        items,
    })
}

/// The direction of ids, if they are what decides.
fn id_order<E>(request: &ListRequest<E>) -> Option<Order> {
    match request.sort.first() {
        None => Some(Order::Ascending),
        Some(key) => (key.column.walked == Walked::ById).then_some(key.order),
    }
}

/// The ids outside of which no object passes.
fn ids<E>(request: &ListRequest<E>) -> RangeInclusive<Uuid> {
    let bounds = request.filters.iter().filter_map(|filter| filter.ids());
    bounds.fold(Uuid::nil()..=Uuid::max(), |all, some| {
        *all.start().max(some.start())..=*all.end().min(some.end())
    })
}

/// `listings` with the first index key whose value the filters tell, where they have none.
fn narrowed<E>(listings: Vec<Listing>, request: &ListRequest<E>) -> Vec<Listing> {
    let exact = request.filters.iter().find_map(|filter| {
        let text = filter.exact()?;
        (filter.column.walked == Walked::ByIndex).then(|| (filter.column.name, text.to_owned()))
    });
    let narrow = |listing: Listing| Listing {
        index: listing.index.or_else(|| exact.clone()),
        ..listing
    };
    listings.into_iter().map(narrow).collect()
}

/// In the order of ids: from the marker on, until the page is full.
async fn by_id<E: Entity>(
    store: &dyn Store,
    request: &ListRequest<E>,
    listings: Vec<Listing>,
    order: Order,
    ids: &RangeInclusive<Uuid>,
    marker: Option<Uuid>,
) -> Result<Vec<E>, PageError> {
    let missing = if request.is_filtered() {
        BATCH
    } else {
        request.limit.min(BATCH)
    };
    let mut walk = Merged::new(
        store,
        E::KIND,
        listings,
        order,
        start(order, ids, marker),
        missing,
    );
    let mut items = Vec::new();
    while items.len() < request.limit {
        let Some(record) = walk.next().await? else {
            break;
        };
        if !ids.contains(&record.id) {
            break;
        }
        let item = entity::decode::<E>(&record)?.entity;
        if request.passes(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

/// After which id a walk begins that shows `ids` from `marker` on.
fn start(order: Order, ids: &RangeInclusive<Uuid>, marker: Option<Uuid>) -> Option<Uuid> {
    let edge = match order {
        Order::Ascending => ids.start().as_u128().checked_sub(1),
        Order::Descending => ids.end().as_u128().checked_add(1),
    };
    match (edge.map(Uuid::from_u128), marker) {
        (Some(edge), Some(marker)) => Some(match order {
            Order::Ascending => edge.max(marker),
            Order::Descending => edge.min(marker),
        }),
        (edge, marker) => edge.or(marker),
    }
}

/// In any order: looks at everything and keeps the page's worth that comes first after the marker.
async fn sorted<E: Entity>(
    store: &dyn Store,
    request: &ListRequest<E>,
    listings: Vec<Listing>,
    ids: &RangeInclusive<Uuid>,
    marker: Option<Uuid>,
) -> Result<Vec<E>, PageError> {
    type Row<E> = (Vec<Cell<'static>>, E);
    let compare = |a: &Row<E>, b: &Row<E>| {
        let ordering = request.compare(&a.0, &b.0);
        ordering.then_with(|| a.1.id().cmp(&b.1.id()))
    };
    let row = |record: &Record| -> Result<Row<E>, Error> {
        let item = entity::decode::<E>(record)?.entity;
        let cells = request.sort_cells(&item).into_iter().map(Cell::into_owned);
        Ok((cells.collect(), item))
    };
    let after = match marker {
        Some(id) => Some(row(&marked(store, E::KIND, &listings, id).await?)?),
        None => None,
    };
    let order = Order::Ascending;
    let mut walk = Merged::new(
        store,
        E::KIND,
        listings,
        order,
        start(order, ids, None),
        BATCH,
    );
    let mut first: Vec<Row<E>> = Vec::new();
    // What comes after this one cannot be in the page.
    let mut is_full = false;
    while let Some(record) = walk.next().await? {
        if !ids.contains(&record.id) {
            break;
        }
        let row = row(&record)?;
        let is_before = after
            .as_ref()
            .is_some_and(|after| compare(&row, after).is_le());
        if is_before || !request.passes(&row.1) {
            continue;
        }
        let is_beyond = |last: &Row<E>| compare(&row, last).is_gt();
        if is_full && first.get(request.limit - 1).is_some_and(is_beyond) {
            continue;
        }
        first.push(row);
        if first.len() >= request.limit.saturating_mul(2) {
            first.sort_by(compare);
            first.truncate(request.limit);
            is_full = true;
        }
    }
    first.sort_by(compare);
    first.truncate(request.limit);
    Ok(first.into_iter().map(|(_, item)| item).collect())
}

/// The marker's record, if the list may show it: a foreign one would tell where it stands.
async fn marked(
    store: &dyn Store,
    kind: super::Kind,
    listings: &[Listing],
    id: Uuid,
) -> Result<Record, PageError> {
    let record = store.find(kind, id).await?;
    record
        .filter(|record| listings.iter().any(|listing| listing.shows(record)))
        .ok_or(PageError::BadMarker)
}

/// Several listings walked as one, each record once.
struct Merged<'a> {
    store: &'a dyn Store,
    order: Order,
    walks: Vec<Walk>,
}

struct Walk {
    query: Query,
    waiting: VecDeque<Record>,
    is_over: bool,
}

impl<'a> Merged<'a> {
    fn new(
        store: &'a dyn Store,
        kind: super::Kind,
        listings: Vec<Listing>,
        order: Order,
        after: Option<Uuid>,
        batch: usize,
    ) -> Self {
        let walks = listings.into_iter().map(|listing| Walk {
            query: Query {
                kind,
                project: listing.project,
                index: listing.index,
                order,
                after,
                limit: batch,
            },
            waiting: VecDeque::new(),
            is_over: false,
        });
        Self {
            store,
            order,
            walks: walks.collect(),
        }
    }

    async fn next(&mut self) -> Result<Option<Record>, Error> {
        for walk in &mut self.walks {
            if walk.waiting.is_empty() && !walk.is_over {
                let records = self.store.list(walk.query.clone()).await?;
                walk.is_over = records.len() < walk.query.limit;
                walk.query.after = records.last().map(|record| record.id);
                walk.waiting = records.into();
            }
        }
        let heads = self.walks.iter().filter_map(|walk| walk.waiting.front());
        let first = heads
            .min_by(|a, b| self.order.of(a.id.cmp(&b.id)))
            .map(|record| record.id);
        let mut found = None;
        for walk in &mut self.walks {
            if walk.waiting.front().map(|record| record.id) == first {
                found = walk.waiting.pop_front().or(found);
            }
        }
        Ok(found)
    }
}
