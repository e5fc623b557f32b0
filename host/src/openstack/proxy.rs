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
    body::Parts,
    catalog::{Resolved, Wanted},
    consent,
    headers::{self, Destination},
    keystone,
    path::{self, Placed, RelativePath},
    plan,
    reach::{self, From},
    run::Run,
    scrub::Scrubber,
    service_type, token,
    trace::Trace,
};

/// The most redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;

/// A request's body that comes in chunks, and can be sent once.
pub(super) struct Upload {
    pub(super) body: Parts,
    pub(super) length: Option<u64>,
}

/// What goes out as a request's body.
enum Payload {
    /// All of it, which can be sent again.
    Whole(Option<Bytes>),
    /// A stream; none once it is sent.
    Stream(Option<Parts>),
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
        self.scope.consent.charge(&passed.method)?;
        if self.scope.consent.is_planned(&passed.method) {
            trace.planned();
            return self.plan(passed, &path.to_string()).await;
        }
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
        let mut headers = headers::outgoing(&request.headers, Destination::Cloud)?;
        let from = From {
            endpoint: &endpoint,
            service_type: &request.service_type,
            project_id,
        };
        self.allow(&from, &method, &placed, &headers, &request.query, trace)?;

        let mut url = placed.url;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
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

    /// Holds a request, and all that it reaches by headers and query, against the rules of both sides.
    fn allow(
        &self,
        from: &From<'_>,
        method: &Method,
        placed: &Placed,
        headers: &HeaderMap,
        query: &[(String, String)],
        trace: &Trace,
    ) -> Result<(), Error> {
        let check = |via: Option<&str>, method: &str, placed: &Placed, is_below: bool| {
            let asked = Asked {
                service_type: from.service_type,
                region: from.endpoint.region.as_deref(),
                method,
                placed,
                is_below,
            };
            consent::check(&self.scope, &asked, via, from.project_id, trace, |text| {
                self.clean(text)
            })
        };
        check(None, method.as_str(), placed, false)?;
        let reaches = reach::reaches(from, placed, headers, query)
            .inspect_err(|refusal| trace.warn(&refusal.to_string()))?;
        reaches.iter().try_for_each(|reach| {
            check(
                Some(&reach.via),
                reach.method,
                &reach.placed,
                reach.is_below,
            )
        })
    }

    /// Keeps a request in the run's plan, and answers for the service.
    async fn plan(&self, passed: Passed, path: &str) -> Result<Answer, Error> {
        let request = plan::Request {
            service_type: &passed.service_type,
            region: passed.endpoint.region.as_deref(),
            method: &passed.method,
            path,
            query: passed.url.query(),
        };
        let planned = match passed.payload {
            Payload::Whole(body) => request.with_body(body.as_deref()),
            Payload::Stream(parts) => request.with_length(match parts {
                Some(parts) => parts.count().await?,
                None => 0,
            }),
        };
        self.scope.journal.plan(planned);
        let response = plan::answer();
        let needles = self.needles();
        Ok(Answer {
            head: Head {
                status: response.status().as_u16(),
                headers: headers::incoming(response.headers(), &needles),
            },
            response,
            scrubber: Scrubber::new(needles),
        })
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
            Payload::Stream(body) => *request.body_mut() = body.take().map(Parts::into_body),
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
        let from = From {
            endpoint: &passed.endpoint,
            service_type: &passed.service_type,
            project_id: self.project_id(access),
        };
        let query = reach::parameters(target.query());
        self.allow(&from, &method, &placed, &passed.headers, &query, trace)?;
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
