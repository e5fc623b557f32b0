//! Pages of what the store keeps.

use super::{Engine, Error};
use crate::{
    domain::{ListRequest, Page, ProjectId, Reach},
    store::{self, Entity, Listing, PageError},
};

impl Engine {
    /// The page that `request` asks for. What a project sees of this kind besides its own is in the listings that
    /// `besides` tells.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub(super) async fn list<E: Entity>(
        &self,
        request: &ListRequest<E>,
        besides: impl FnOnce(&ProjectId) -> Vec<Listing>,
    ) -> Result<Page<E>, Error> {
        let listings = match &request.reach {
            Reach::SeenBy(project) => {
                let mut seen = besides(project);
                seen.push(Listing::of(project.clone()));
                seen
            }
            Reach::OwnedBy(project) => vec![Listing::of(project.clone())],
            Reach::All => vec![Listing::ALL],
        };
        let page = store::page(&*self.store, request, listings).await;
        page.map_err(|error| match error {
            PageError::BadMarker => bad_marker(request),
            PageError::Store(error) => error.into(),
        })
    }
}

/// A marker that is not in the list that `request` asks for.
pub(super) fn bad_marker<T>(request: &ListRequest<T>) -> Error {
    Error::BadInput(format!(
        "Invalid input for field/attribute marker. Value: '{}'. It is not an object of this list.",
        request.marker.as_deref().unwrap_or_default()
    ))
}
