//! The one path that every request of an action to its cloud takes.
//!
//! Invariant: nothing is sent that was not resolved, normalised and matched against the access rules in this file,
//! redirects included; nothing comes back that was not bounded and scrubbed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::Response;
use url::Url;

use super::{
    Body, CloudRequest, Error, Head,
    access::Access,
    allow::Asked,
    catalog::{Resolved, Wanted},
    headers::{self, Destination},
    keystone,
    path::{self, Placed, RelativePath},
    scrub::Scrubber,
    service_type,
    session::Run,
    token,
    trace::Trace,
};

/// The most redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;

/// A request's body that comes in chunks, and can be sent once.
pub(super) struct Upload {
    pub(super) body: reqwest::Body,
    pub(super) length: Option<u64>,
}

/// What goes out as a request's body.
enum Payload {
    /// All of it, which can be sent again.
    Whole(Option<Bytes>),
    /// A stream; none once it is sent.
    Stream(Option<reqwest::Body>),
}

/// The head of an answer, and what reads and cleans its body.
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) response: Response,
    pub(super) scrubber: Scrubber,
}

/// A request that has passed every check.
struct Passed {
    service_type: String,
    method: Method,
    url: Url,
    headers: HeaderMap,
    payload: Payload,
    endpoint: Resolved,
}

impl Run {
    /// Checks and sends `request`, renews the token once, follows redirects within the endpoint.
    pub(super) async fn exchange(
        &self,
        request: CloudRequest,
        upload: Option<Upload>,
        trace: &mut Trace,
    ) -> Result<Answer, Error> {
        let method = method(&request.method)?;
        let path = RelativePath::parse(&request.path)
            .map_err(|bad| Error::InvalidRequest(bad.to_string()))?;
        // Boxed: what asks Keystone is large, rare, and done before the wait for the service begins.
        let mut access = Box::pin(self.access()).await?;
        let mut passed = self.pass(&access, method, &path, request, upload, trace)?;
        let (mut redirects, mut may_renew) = (0, true);
        loop {
            let response = self.transmit(&access, &mut passed).await?;
            let status = response.status();
            trace.answered(status.as_u16(), self.service_request_id(&response));
            if status == StatusCode::UNAUTHORIZED && may_renew && passed.is_replayable() {
                may_renew = false;
                if let Some(renewed) = Box::pin(self.renew(&access)).await? {
                    access = renewed;
                    continue;
                }
            }
            match location(&response) {
                Some(location) => {
                    redirects += 1;
                    if redirects > MOST_REDIRECTS {
                        return Err(Error::InvalidRequest(format!(
                            "the service redirects more than {MOST_REDIRECTS} times"
                        )));
                    }
                    self.redirect(&access, &mut passed, status, &location, trace)?;
                }
                None => {
                    passed.check_coding(&response)?;
                    let needles = self.needles();
                    let head = Head {
                        status: status.as_u16(),
                        headers: headers::incoming(response.headers(), &needles),
                    };
                    return Ok(Answer {
                        head,
                        response,
                        scrubber: Scrubber::new(needles),
                    });
                }
            }
        }
    }

    fn pass(
        &self,
        access: &Access,
        method: Method,
        path: &RelativePath,
        request: CloudRequest,
        upload: Option<Upload>,
        trace: &mut Trace,
    ) -> Result<Passed, Error> {
        let project_id = self.project_id(access);
        let settings = &self.clouds.settings;
        let wanted = Wanted {
            service_type: &request.service_type,
            region: request.region.as_deref().or(self.target.region.as_deref()),
            preferred_region: settings.default_region.as_deref(),
            interface: &settings.interface,
            project_id,
            auth_url: self.keystone.url(),
        };
        let endpoint = self
            .catalog(access)
            .resolve(&wanted)
            .map_err(Error::NoEndpoint)?;
        let placed = path::join(&endpoint.url, path, project_id);
        trace.went_to(endpoint.region.as_deref(), &path.to_string());
        self.allow(&request.service_type, &method, &placed, trace)?;

        let mut url = placed.url;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut headers = headers::outgoing(&request.headers, Destination::Cloud)?;
        complete(&mut headers, request.body.as_ref());
        if let Some(length) = upload.as_ref().and_then(|upload| upload.length) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        keystone::insert_ids(&mut headers, &self.scope.request);
        Ok(Passed {
            service_type: request.service_type,
            method,
            url,
            headers,
            payload: match upload {
                Some(upload) => Payload::Stream(Some(upload.body)),
                None => Payload::Whole(request.body.map(Body::into_bytes)),
            },
            endpoint,
        })
    }

    fn allow(
        &self,
        service_type: &str,
        method: &Method,
        placed: &Placed,
        trace: &Trace,
    ) -> Result<(), Error> {
        let asked = Asked {
            service_type,
            method: method.as_str(),
            placed,
        };
        if asked.is_allowed(&self.scope.spec.access) {
            return Ok(());
        }
        // A redirect's path is the cloud's own words.
        let denial = self.clean(asked.denial());
        trace.warn(&denial);
        Err(Error::Denied(denial))
    }

    async fn transmit(&self, access: &Access, passed: &mut Passed) -> Result<Response, Error> {
        let mut request = reqwest::Request::new(passed.method.clone(), passed.url.clone());
        *request.headers_mut() = passed.headers.clone();
        let token = token::header(&access.token).ok_or_else(|| {
            Error::Unreachable("the token has characters that no header can carry".to_owned())
        })?;
        request.headers_mut().insert("x-auth-token", token);
        match &mut passed.payload {
            Payload::Whole(bytes) => *request.body_mut() = bytes.clone().map(Into::into),
            Payload::Stream(body) => *request.body_mut() = body.take(),
        }
        let sent = self.client.execute(request).await;
        sent.map_err(|failure| failure.into_error(&format!("{} service", passed.service_type)))
    }

    fn service_request_id(&self, response: &Response) -> Option<String> {
        let id = [
            "x-openstack-request-id",
            "x-compute-request-id",
            "x-trans-id",
        ]
        .iter()
        .find_map(|name| response.headers().get(*name))?;
        Some(self.clean(id.to_str().ok()?.to_owned()))
    }

    /// Turns `passed` to `location`, which must be below the same endpoint and allowed like any request.
    fn redirect(
        &self,
        access: &Access,
        passed: &mut Passed,
        status: StatusCode,
        location: &str,
        trace: &Trace,
    ) -> Result<(), Error> {
        let elsewhere = || {
            let message = format!(
                "{} {} redirects to another origin or out of its endpoint, which the host does not follow",
                passed.method, passed.service_type
            );
            trace.warn(&message);
            Error::Denied(message)
        };
        let target = passed.url.join(location).map_err(|_| elsewhere())?;
        let is_plain = target.username().is_empty() && target.password().is_none();
        if target.origin() != passed.url.origin() || !is_plain {
            return Err(elsewhere());
        }
        let placed = path::below(&passed.endpoint.url, &target, self.project_id(access))
            .ok_or_else(elsewhere)?;
        let method = redirected(status, &passed.method);
        self.allow(&passed.service_type, &method, &placed, trace)?;
        if method == passed.method {
            if !passed.is_replayable() {
                return Err(Error::InvalidRequest(
                    "the service redirects an upload, which cannot be sent twice".to_owned(),
                ));
            }
        } else {
            passed.payload = Payload::Whole(None);
            passed.headers.remove(header::CONTENT_TYPE);
            passed.headers.remove(header::CONTENT_LENGTH);
        }
        passed.method = method;
        passed.url = placed.url;
        passed.url.set_query(target.query());
        Ok(())
    }
}

impl Passed {
    /// Refuses an answer whose body the scrubber could not read.
    fn check_coding(&self, response: &Response) -> Result<(), Error> {
        let is_object = service_type::canonical(&self.service_type) == "object-store"
            && response.status().is_success();
        if headers::is_coded(response.headers(), is_object) {
            return Err(Error::Unreachable(format!(
                "the {} service answers in a coding such as gzip, which the host has not asked for",
                self.service_type
            )));
        }
        Ok(())
    }

    const fn is_replayable(&self) -> bool {
        matches!(self.payload, Payload::Whole(_))
    }
}

/// The method that a guest named.
pub(super) fn method(text: &str) -> Result<Method, Error> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes())
        .map_err(|_| Error::InvalidRequest("the method is no HTTP method".to_owned()))?;
    if matches!(method, Method::CONNECT | Method::TRACE) {
        return Err(Error::InvalidRequest(format!(
            "the method {method} is not sent"
        )));
    }
    Ok(method)
}

/// Adds what most requests want and few write: JSON in both directions.
pub(super) fn complete(headers: &mut HeaderMap, body: Option<&Body>) {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    headers.entry(header::ACCEPT).or_insert(JSON);
    if matches!(body, Some(Body::Text(_))) {
        headers.entry(header::CONTENT_TYPE).or_insert(JSON);
    }
}

/// Where an answer redirects to.
pub(super) fn location(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?;
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

/// The method after a redirect: only a POST turns into a GET by custom, and anything by 303.
pub(super) fn redirected(status: StatusCode, method: &Method) -> Method {
    match (status.as_u16(), method) {
        (_, &Method::HEAD) => Method::HEAD,
        (303, _) | (301 | 302, &Method::POST) => Method::GET,
        (_, method) => method.clone(),
    }
}
