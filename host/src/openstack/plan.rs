//! A dry run's requests: kept in the plan, and answered in place of the service.

use http::Method;
use reqwest::Response;
use serde_json::value::RawValue;

use crate::domain::PlannedRequest;

use super::trace::cut;

/// The header that tells an answer of the host's own from a service's.
const DRY_RUN: &str = "x-zonda-dry-run";
/// The longest JSON body that is looked at.
const BODY_BYTES: usize = 64 << 10;

/// A request that is not sent, without its body.
pub(super) struct Request<'a> {
    pub(super) service_type: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

impl Request<'_> {
    /// With the body, if it is JSON and short; else with its length.
    pub(super) fn with_body(self, body: Option<&[u8]>) -> PlannedRequest {
        let Some(bytes) = body else {
            return self.planned(None);
        };
        if bytes.len() > BODY_BYTES {
            return self.planned(Some((bytes.len() as u64, "it is longer than 64 KiB")));
        }
        let json = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| RawValue::from_string(text.to_owned()).ok());
        match json {
            Some(json) => PlannedRequest {
                body: Some(json),
                ..self.planned(None)
            },
            None => self.planned(Some((bytes.len() as u64, "it is not JSON"))),
        }
    }

    /// With the length of a streamed body.
    pub(super) fn with_length(self, bytes: u64) -> PlannedRequest {
        self.planned(Some((bytes, "it is streamed")))
    }

    fn planned(self, left_out: Option<(u64, &'static str)>) -> PlannedRequest {
        PlannedRequest {
            service_type: cut(self.service_type),
            region: self.region.map(cut),
            method: cut(self.method.as_str()),
            path: cut(self.path),
            query: self.query.filter(|query| !query.is_empty()).map(cut),
            body: None,
            body_bytes: left_out.map(|(bytes, _)| bytes),
            body_left_out: left_out.map(|(_, why)| why.into()),
        }
    }
}

/// What a request that is not sent is answered with.
pub(super) fn answer() -> Response {
    let mut response = http::Response::new("{}");
    *response.status_mut() = http::StatusCode::ACCEPTED;
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    headers.insert(DRY_RUN, http::HeaderValue::from_static("true"));
    response.into()
}
