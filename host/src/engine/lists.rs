//! Pages of what the store keeps.

use super::{Engine, Error};
use crate::{
    domain::{ListRequest, Page},
    store::{self, Entity, Listing, PageError},
};

impl Engine {
    /// The page of `listings` that `request` asks for: the listings are what its reach means for this kind.
    ///
    /// # Errors
    /// When the marker is wrong or the store does not answer.
    pub(super) async fn list<E: Entity>(
        &self,
        request: &ListRequest<E>,
        listings: Vec<Listing>,
    ) -> Result<Page<E>, Error> {
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
