//! Requests that reach further than their path says: copies, links, manifests and bulk operations of object stores.
//!
//! Each is held against the rules as the request that it really makes.

use http::{HeaderMap, HeaderName};

use super::{
    Error,
    catalog::Resolved,
    path::{Placed, RelativePath},
};

/// Headers that name one object, which is then read or written; and the header that names its account.
const ONE_OBJECT: [(&str, &str, &str); 3] = [
    ("x-copy-from", "x-copy-from-account", "GET"),
    ("destination", "destination-account", "PUT"),
    ("x-symlink-target", "x-symlink-target-account", "GET"),
];

/// Headers that name a container, or the beginning of names in one.
const MANY_OBJECTS: [(&str, &str); 3] = [
    ("x-object-manifest", "GET"),
    ("x-versions-location", "PUT"),
    ("x-history-location", "PUT"),
];

/// Headers with which a service fetches any URL: no rule can allow that.
const ANY_URL: [&str; 3] = [
    "x-image-meta-location",
    "x-image-meta-copy-from",
    "x-glance-api-copy-from",
];

/// A request that another one makes besides itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// The header or the parameter that asks for it.
    pub(super) via: String,
    pub(super) method: &'static str,
    pub(super) placed: Placed,
    /// Whether it is all that is below the path.
    pub(super) is_below: bool,
}

/// Where a request goes: the same for all that it reaches.
pub(super) struct From<'a> {
    pub(super) endpoint: &'a Resolved,
    pub(super) service_type: &'a str,
    pub(super) project_id: Option<&'a str>,
}

/// All that a request to `placed` reaches by `headers` and `query` besides its path.
pub(super) fn reaches(
    from: &From<'_>,
    placed: &Placed,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<Vec<Reach>, Error> {
    if let Some(name) = ANY_URL.iter().find(|name| headers.contains_key(**name)) {
        return Err(Error::Denied(format!(
            "the header {name} makes a service fetch a URL, which no access rule can allow"
        )));
    }
    let reach = |via: String, method: &'static str, rest: Vec<String>, is_below: bool| Reach {
        via,
        method,
        placed: Placed {
            rest,
            ..placed.clone()
        },
        is_below,
    };
    let mut reaches = Vec::new();
    for (name, account, method) in ONE_OBJECT {
        if let Some(path) = path_in(headers, name)? {
            check_account(from, headers, account)?;
            reaches.push(reach(name.to_owned(), method, path.into_segments(), false));
        }
    }
    for (name, method) in MANY_OBJECTS {
        if let Some(path) = path_in(headers, name)? {
            let is_folder = path.to_string().ends_with('/');
            let mut segments = path.into_segments();
            // The last segment after the container is the beginning of a name.
            if segments.len() > 1 && !is_folder {
                segments.pop();
            }
            reaches.push(reach(name.to_owned(), method, segments, true));
        }
    }
    for (name, value) in query {
        let (method, rest) = match (name.as_str(), value.to_ascii_lowercase().as_str()) {
            ("multipart-manifest", "put") => ("GET", Vec::new()),
            ("multipart-manifest", "delete") | ("bulk-delete", _) => ("DELETE", Vec::new()),
            ("extract-archive", _) => ("PUT", placed.rest.clone()),
            _ => continue,
        };
        reaches.push(reach(format!("?{name}"), method, rest, true));
    }
    Ok(reaches)
}

/// Rules are relative to the endpoint, so that none allows another account.
fn check_account(from: &From<'_>, headers: &HeaderMap, name: &str) -> Result<(), Error> {
    let Some(account) = path_in(headers, name)? else {
        return Ok(());
    };
    let own = from
        .endpoint
        .url
        .path()
        .trim_end_matches('/')
        .rsplit('/')
        .next();
    if let [account] = account.into_segments().as_slice()
        && (Some(account.as_str()) == own
            || Some(account.strip_prefix("AUTH_").unwrap_or(account)) == from.project_id)
    {
        return Ok(());
    }
    Err(Error::Denied(format!(
        "the header {name} leads to another account, which no access rule can allow"
    )))
}

/// The parameters of a query as a service may read them, which may part them at `;` too.
pub(super) fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    let parts = query.unwrap_or_default().split(['&', ';']);
    parts
        .flat_map(|part| url::form_urlencoded::parse(part.as_bytes()).into_owned())
        .collect()
}

/// The path that the header `name` holds, encoded as in a URL, with or without a slash before it.
fn path_in(headers: &HeaderMap, name: &str) -> Result<Option<RelativePath>, Error> {
    let invalid = |why: &str| Error::InvalidRequest(format!("the header {name}: {why}"));
    let name: HeaderName = name.parse().map_err(|_| invalid("has no such name"))?;
    let mut values = headers.get_all(&name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid("is there more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| invalid("is not UTF-8"))?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    let path = RelativePath::parse(&format!("{slash}{text}"));
    path.map(Some).map_err(|bad| invalid(&bad.to_string()))
}
