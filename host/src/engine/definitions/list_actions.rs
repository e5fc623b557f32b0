//! Pages of actions: those of modules, and ad-hoc ones.

use std::{collections::HashSet, sync::Arc};

use uuid::Uuid;

use super::FoundAction;
use crate::{
    domain::{AdHocAction, Cell, ListRequest, Order, Page, Reach, Scope, SortKey},
    engine::{Engine, Error, lists::bad_marker, registry::PLACE},
    store::{self, Kept, List, Listing},
};

impl FoundAction {
    /// The text by which a page begins after it: the name of a module's action, the id of an ad-hoc one.
    #[must_use]
    pub fn marker(&self) -> String {
        match self {
            Self::Module(action) => action.spec.name.to_string(),
            Self::AdHoc(action) => action.id.to_string(),
        }
    }

    /// The same where several projects may have a module's action of that name.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Module(action) => action.place(),
            Self::AdHoc(action) => action.id.to_string(),
        }
    }
}

impl Engine {
    /// A page of actions. A marker is the id of an ad-hoc action, or the name of a module's, or its
    /// [place](FoundAction::place) where names are not unique.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub async fn actions(
        &self,
        request: &ListRequest<FoundAction>,
    ) -> Result<Page<FoundAction>, Error> {
        let of_modules = match &request.reach {
            Reach::SeenBy(project) => self.registry.seen_by(project),
            Reach::OwnedBy(project) => self.registry.owned_by(project),
            Reach::All => self.registry.all(),
        };
        let mut actions: Vec<_> = of_modules.into_iter().map(FoundAction::Module).collect();
        let ad_hoc = self.ad_hoc_actions(&request.reach).await?;
        actions.extend(ad_hoc.into_iter().map(FoundAction::AdHoc));
        let marker = request.marker.as_deref().unwrap_or_default();
        let is_id = Uuid::try_parse(marker).is_ok();
        let name = marker.split_once(PLACE).map_or(marker, |(name, _)| name);
        let is_marker = |action: &FoundAction| match action {
            FoundAction::Module(action) if marker.contains(PLACE) => action.place() == marker,
            FoundAction::Module(action) => action.spec.name.as_str() == marker,
            FoundAction::AdHoc(action) => is_id && action.id.to_string() == marker,
        };
        // One that was deleted meanwhile still has its place among names.
        let is_by_name = |key: &SortKey<FoundAction>| matches!(key.column.name, "name" | "id");
        let stand_in = !is_id && request.sort.iter().all(is_by_name);
        let stand_in = stand_in.then(|| vec![Cell::from(name); request.sort.len()]);
        request
            .page_of(actions, is_marker, stand_in.as_deref())
            .ok_or_else(|| bad_marker(request))
    }

    async fn ad_hoc_actions(&self, reach: &Reach) -> Result<Vec<Arc<AdHocAction>>, Error> {
        let public = Listing::with("scope", Scope::Public.as_str());
        let listings = match reach {
            Reach::SeenBy(project) => vec![Listing::of(project.clone()), public],
            Reach::OwnedBy(project) => vec![Listing::of(project.clone())],
            Reach::All => vec![Listing::ALL],
        };
        let mut known = HashSet::new();
        let mut actions = Vec::new();
        for listing in listings {
            let list = List {
                project: listing.project,
                index: listing.index,
                order: Order::Ascending,
                after: None,
                limit: usize::MAX,
                is_filtered: true,
            };
            let kept: Vec<Kept<AdHocAction>> = store::list(&*self.store, list, |_| true).await?;
            // The project's own public ones are in both.
            let new = kept.into_iter().filter(|kept| known.insert(kept.entity.id));
            actions.extend(new.map(|kept| Arc::new(kept.entity)));
        }
        Ok(actions)
    }
}
