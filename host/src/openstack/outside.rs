//! Requests outside the cloud, where the operator's `[http] allow` says so.

use http::{HeaderMap, Method, header};
use tokio::time::timeout;
use url::{Host, Url};

use super::{
    Body, CloudResponse, Clouds, Error, Head, HttpRequest, RunScope, body,
    client::{Client, Failure},
    headers::{self, Destination},
    keystone,
    path::RelativePath,
    plan,
    proxy::{complete, location, method, redirected},
    scrub::Needles,
    tls::Tls,
    trace::Trace,
};

/// The most redirects that are followed for one request.
const MOST_REDIRECTS: usize = 5;

/// An entry of the allow list that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no http or https URL prefix, no host, no `*.domain` and no `*`")]
pub struct BadAllowance(String);

/// Where actions may send requests outside their cloud.
#[derive(Debug, Clone, Default)]
pub(super) struct AllowList(Vec<Allowance>);

#[derive(Debug, Clone)]
struct Allowance {
    scheme: Option<String>,
    host: HostPattern,
    port: Option<u16>,
    path: Vec<String>,
}

#[derive(Debug, Clone)]
enum HostPattern {
    Any,
    Below(String),
    Exactly(String),
}

impl AllowList {
    pub(super) fn parse(entries: &[String]) -> Result<Self, BadAllowance> {
        entries
            .iter()
            .map(|entry| Allowance::parse(entry).ok_or_else(|| BadAllowance(entry.clone())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn allows(&self, url: &Url) -> bool {
        self.0.iter().any(|allowance| allowance.allows(url))
    }
}

impl Allowance {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        let (scheme, host) = if entry == "*" {
            return Some(Self {
                scheme: None,
                host: HostPattern::Any,
                port: None,
                path: Vec::new(),
            });
        } else if let Some((scheme, rest)) = entry.split_once("://") {
            let scheme = scheme.to_ascii_lowercase();
            if scheme != "http" && scheme != "https" {
                return None;
            }
            (Some(scheme), rest)
        } else if entry.contains('/') {
            return None;
        } else {
            (None, entry)
        };
        let (wildcard, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        let url = Url::parse(&format!("{}://{host}", scheme.as_deref().unwrap_or("http"))).ok()?;
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let name = url.host_str().filter(|name| is_plain && !name.is_empty())?;
        let path = RelativePath::parse(url.path()).ok()?;
        Some(Self {
            host: if wildcard {
                HostPattern::Below(format!(".{name}"))
            } else {
                HostPattern::Exactly(name.to_owned())
            },
            port: match scheme {
                Some(_) => url.port_or_known_default(),
                None => url.port(),
            },
            scheme,
            path: path.into_segments(),
        })
    }

    fn allows(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let fits = match &self.host {
            HostPattern::Any => true,
            HostPattern::Below(suffix) => {
                matches!(url.host(), Some(Host::Domain(_))) && host.ends_with(suffix.as_str())
            }
            HostPattern::Exactly(name) => host == name,
        };
        fits && self.scheme.as_deref().is_none_or(|s| s == url.scheme())
            && self
                .port
                .is_none_or(|port| Some(port) == url.port_or_known_default())
            && self.allows_path(url)
    }

    /// Where only a part of a host is allowed, paths that could be read in two ways are not.
    fn allows_path(&self, url: &Url) -> bool {
        self.path.is_empty()
            || RelativePath::parse(url.path())
                .is_ok_and(|path| path.into_segments().starts_with(&self.path))
    }
}

/// Checks and sends `request`, follows redirects to where requests are allowed.
pub(super) async fn send(
    clouds: &Clouds,
    scope: &RunScope,
    request: HttpRequest,
) -> Result<CloudResponse, Error> {
    let shown = request.url.split(['?', '#']).next().unwrap_or_default();
    // A URL with a password in it is refused, and must not be kept either.
    let shown = if shown.contains('@') { "" } else { shown };
    let mut trace = Trace::begin(
        scope.journal.clone(),
        clouds.clock.clone(),
        &request.method,
        "http",
        shown,
    )?;
    let client = clouds
        .clients
        .get(&scope.project_id, Tls::default(), clouds.clock.now());
    let limit = clouds.settings.request_timeout();
    let patience = request.timeout.map_or(limit, |wished| wished.min(limit));
    let exchange = exchange(clouds, scope, &client, request, &mut trace);
    let answer = timeout(patience, exchange)
        .await
        .unwrap_or(Err(Error::TimedOut));
    trace.end(answer.as_ref().err().map(ToString::to_string));
    answer
}

async fn exchange(
    clouds: &Clouds,
    scope: &RunScope,
    client: &Client,
    request: HttpRequest,
    trace: &mut Trace,
) -> Result<CloudResponse, Error> {
    let mut method = method(&request.method)?;
    let mut url = Url::parse(&request.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| {
            Error::InvalidRequest("the URL is no absolute http or https URL".to_owned())
        })?;
    url.set_fragment(None);
    allow(clouds, &url, &method, trace)?;
    let mut headers = headers::outgoing(&request.headers, Destination::Elsewhere)?;
    complete(&mut headers, request.body.as_ref());
    keystone::insert_ids(&mut headers, &scope.request);
    let mut body = request.body.map(Body::into_bytes);
    scope.consent.charge(&method)?;
    if scope.consent.is_planned(&method) {
        trace.planned();
        let (query, mut place) = (url.query().map(str::to_owned), url);
        place.set_query(None);
        let planned = plan::Request {
            service_type: "http",
            region: None,
            method: &method,
            path: place.as_str(),
            query: query.as_deref(),
        };
        scope.journal.plan(planned.with_body(body.as_deref()));
        return read(clouds, plan::answer()).await;
    }
    for _ in 0..=MOST_REDIRECTS {
        let mut outgoing = reqwest::Request::new(method.clone(), url.clone());
        *outgoing.headers_mut() = headers.clone();
        *outgoing.body_mut() = body.clone().map(Into::into);
        let response = client.execute(outgoing).await.map_err(unreachable)?;
        let status = response.status();
        trace.answered(status.as_u16(), None);
        let Some(location) = location(&response) else {
            return read(clouds, response).await;
        };
        let target = url
            .join(&location)
            .map_err(|_| Error::InvalidRequest("the server redirects to no URL".to_owned()))?;
        let next = redirected(status, &method);
        allow(clouds, &target, &next, trace)?;
        if next != method {
            body = None;
            headers.remove(header::CONTENT_TYPE);
        }
        if target.origin() != url.origin() {
            drop_credentials(&mut headers);
        }
        (url, method) = (target, next);
        url.set_fragment(None);
    }
    Err(Error::InvalidRequest(format!(
        "the server redirects more than {MOST_REDIRECTS} times"
    )))
}

fn allow(clouds: &Clouds, url: &Url, method: &Method, trace: &Trace) -> Result<(), Error> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::InvalidRequest(
            "the URL has a user name or password in it; send an Authorization header".to_owned(),
        ));
    }
    if clouds.allow.allows(url) {
        return Ok(());
    }
    let place = format!("{}://{}", url.scheme(), keystone::server(url));
    let denial = format!(
        "{method} {place}{} is outside the operator's `[http] allow`; an entry that allows it: {place}/",
        url.path()
    );
    trace.warn(&denial);
    Err(Error::Denied(denial))
}

fn drop_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, header::COOKIE] {
        headers.remove(name);
    }
    let tokens: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().ends_with("-token") || name.as_str().ends_with("-key"))
        .cloned()
        .collect();
    for name in tokens {
        headers.remove(name);
    }
}

async fn read(clouds: &Clouds, response: reqwest::Response) -> Result<CloudResponse, Error> {
    let cap = clouds.settings.response_bytes;
    let nothing = Needles::default();
    let head = Head {
        status: response.status().as_u16(),
        headers: headers::incoming(response.headers(), &nothing),
    };
    match body::read(response, cap).await.map_err(unreachable)? {
        Some(bytes) => Ok(CloudResponse {
            head,
            body: Body::from_bytes(bytes),
        }),
        None => Err(Error::TooLarge(cap)),
    }
}

fn unreachable(failure: Failure) -> Error {
    failure.into_error("server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_places_are_allowed() {
        let list = |entry: &str| AllowList::parse(&[entry.to_owned()]).unwrap();
        for (entry, url, expected) in [
            ("api.example.com", "https://api.example.com/x", true),
            ("api.example.com", "http://API.example.com:8080/x", true),
            (
                "api.example.com",
                "https://api.example.com.evil.org/",
                false,
            ),
            (
                "api.example.com",
                "https://evil.org/?api.example.com",
                false,
            ),
            ("api.example.com:8443", "https://api.example.com/", false),
            ("*.example.com", "https://a.b.example.com/", true),
            ("*.example.com", "https://example.com/", false),
            ("*.example.com", "https://evilexample.com/", false),
            ("https://h/v1/", "https://h/v1/x", true),
            ("https://h/v1", "https://h/v1", true),
            ("https://h/v1", "https://h/v10", false),
            ("https://h/v1", "https://h/v1/%2e%2e%2fadmin", false),
            ("https://h/v1", "https://h/v1/../admin", false),
            ("https://h/v1", "http://h/v1", false),
            ("https://h/v1", "https://h:8443/v1", false),
            ("*", "http://anything/at/all", true),
            ("127.0.0.1:9", "http://127.0.0.1:9/", true),
            ("[::1]:9", "http://[::1]:9/", true),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(list(entry).allows(&url), expected, "{entry} for {url}");
        }
        assert!(!AllowList::default().allows(&Url::parse("http://h/").unwrap()));
    }

    #[test]
    fn entries_that_name_no_place_are_refused() {
        for entry in [
            "",
            "ftp://h/",
            "host/path",
            "http://",
            "http://u:p@h/",
            "http://h/?q",
        ] {
            assert!(AllowList::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
