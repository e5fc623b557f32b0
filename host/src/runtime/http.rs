//! A guest's requests outside the cloud, on their way to the operator's allow list.

use std::{sync::Arc, time::Duration};

use super::{
    bindings::zonda::action::{cloud, http},
    cloud::{answer, off_fiber},
    guest::Guest,
};
use crate::openstack::{Error, HttpRequest};

impl http::Host for Guest {
    async fn send(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
        if let Err(err) = self.charge_request() {
            return Ok(Err(err.into()));
        }
        let Some(run) = &self.run else {
            let why = "a module makes no requests while it describes itself".to_owned();
            return Ok(Err(Error::Denied(why).into()));
        };
        let request = HttpRequest {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body.map(Into::into),
            timeout: request
                .timeout_ms
                .map(|ms| Duration::from_millis(ms.into())),
        };
        let (clouds, scope) = (Arc::clone(&self.shared.clouds), run.scope.clone());
        let sending = move || async move { clouds.send_http(&scope, request).await };
        answer(off_fiber(sending).await)
    }
}
