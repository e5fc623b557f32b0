//! Paths of guests: normalised once, joined to an endpoint, and nothing in them that two readers could read differently.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::domain::api_version as version;

/// Everything but RFC 3986's unreserved characters and the sub-delimiters that a segment may have.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Why a path cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPath {
    #[error("a path begins with `/` and is relative to the service's endpoint")]
    NotRelative,
    #[error("a path has no `?` and no `#`; parameters go into the query")]
    Query,
    #[error("a path has no empty segment (`//`)")]
    Empty,
    #[error("a path has no `.` or `..` segment, in no encoding")]
    Dots,
    #[error("a path has no encoded slash and no backslash, in no encoding")]
    Slash,
    #[error("a path has no control characters")]
    Control,
    #[error("a path's version is written plainly: `/v2`")]
    Version,
    #[error("a path is UTF-8 with `%` and two hexadecimal digits for anything else")]
    Encoding,
}

/// A path below an endpoint, decoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RelativePath {
    segments: Vec<String>,
    trailing_slash: bool,
}

impl RelativePath {
    /// The path that `text` means to every reader.
    pub(super) fn parse(text: &str) -> Result<Self, BadPath> {
        let Some(rest) = text.strip_prefix('/') else {
            return if text.is_empty() {
                Ok(Self {
                    segments: Vec::new(),
                    trailing_slash: false,
                })
            } else {
                Err(BadPath::NotRelative)
            };
        };
        if rest.contains(['?', '#']) {
            return Err(BadPath::Query);
        }
        let (rest, trailing_slash) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, rest.is_empty()),
        };
        if rest.is_empty() {
            return if trailing_slash && text.len() > 1 {
                Err(BadPath::Empty)
            } else {
                Ok(Self {
                    segments: Vec::new(),
                    trailing_slash: true,
                })
            };
        }
        let segments = rest.split('/').map(decode).collect::<Result<_, _>>()?;
        Ok(Self {
            segments,
            trailing_slash,
        })
    }

    /// The decoded segments.
    pub(super) fn into_segments(self) -> Vec<String> {
        self.segments
    }

    /// The major version that it begins with.
    fn version(&self) -> Option<u32> {
        self.segments.first().and_then(|segment| version(segment))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            write!(f, "/{}", encode(segment))?;
        }
        if self.trailing_slash {
            f.write_str("/")?;
        }
        Ok(())
    }
}

fn encode(segment: &str) -> impl fmt::Display {
    utf8_percent_encode(segment, SEGMENT)
}

fn decode(raw: &str) -> Result<String, BadPath> {
    if raw.is_empty() {
        return Err(BadPath::Empty);
    }
    if has_broken_escape(raw) {
        return Err(BadPath::Encoding);
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| BadPath::Encoding)?
        .into_owned();
    // A service behind another proxy may decode again: what it would then see must be harmless, too.
    let mut reading = decoded.clone();
    loop {
        check(&reading)?;
        if version(bare(&reading).trim()) != version(&decoded) {
            return Err(BadPath::Version);
        }
        let next = percent_decode_str(&reading)
            .decode_utf8_lossy()
            .into_owned();
        if next == reading {
            return Ok(decoded);
        }
        reading = next;
    }
}

fn check(segment: &str) -> Result<(), BadPath> {
    if segment.contains(['/', '\\']) {
        return Err(BadPath::Slash);
    }
    if segment.chars().any(char::is_control) {
        return Err(BadPath::Control);
    }
    let bare = bare(segment);
    if bare == "." || bare == ".." || (bare.is_empty() && segment.starts_with(';')) {
        return Err(BadPath::Dots);
    }
    Ok(())
}

/// `segment` for servers that cut path parameters off first: `..;x` is `..` to them.
fn bare(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

fn has_broken_escape(raw: &str) -> bool {
    raw.split('%').skip(1).any(|after| {
        let mut digits = after.bytes().take(2);
        !(digits.next().is_some_and(|b| b.is_ascii_hexdigit())
            && digits.next().is_some_and(|b| b.is_ascii_hexdigit()))
    })
}

/// Where a request goes, and what its access rules are matched against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// The whole URL, without a query.
    pub(super) url: Url,
    /// The major version, of the path or else of the endpoint.
    pub(super) version: Option<u32>,
    /// The decoded segments after the version.
    pub(super) rest: Vec<String>,
}

/// Joins `path` to `endpoint`.
///
/// A version that both have is written once; where they differ, the path's wins. Below an object store's account no
/// segment is taken for a version, because containers may be named anything.
pub(super) fn join(endpoint: &Url, path: &RelativePath, project_id: Option<&str>) -> Placed {
    let mut base = endpoint_segments(endpoint);
    let mut rest = path.segments.clone();
    let place = version_place(&base, project_id);
    let mut major = place.and_then(|at| base.get(at)).and_then(|s| version(s));
    let is_account = base.last().is_some_and(|s| s.starts_with("AUTH_"));
    let mut shown_version = None;

    if let Some(asked) = path.version().filter(|_| !is_account) {
        let segment = rest.remove(0);
        match place {
            Some(at) => {
                if major != Some(asked)
                    && let Some(slot) = base.get_mut(at)
                {
                    *slot = segment;
                }
                let project = base.get(at + 1);
                if project.is_some() && project == rest.first() {
                    rest.remove(0);
                }
            }
            None => shown_version = Some(segment),
        }
        major = Some(asked);
    }

    let mut text = String::new();
    for segment in &base {
        text.push('/');
        text.push_str(segment);
    }
    for segment in shown_version.iter().chain(&rest) {
        text.push_str(&format!("/{}", encode(segment)));
    }
    if path.trailing_slash || text.is_empty() {
        text.push('/');
    }
    let mut url = endpoint.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&text);
    Placed {
        url,
        version: major,
        rest,
    }
}

/// The path below `endpoint` that leads to `location`, for a redirect to be checked like any request.
pub(super) fn below(endpoint: &Url, location: &Url, project_id: Option<&str>) -> Option<Placed> {
    let base = endpoint_segments(endpoint);
    let at = version_place(&base, project_id);
    let candidates = [Some(base.len()), at];
    let wanted: Vec<&str> = location.path().split('/').skip(1).collect();
    for shared in candidates.into_iter().flatten() {
        let prefix = base.get(..shared)?;
        let Some(rest) = wanted
            .get(..shared)
            .filter(|start| *start == prefix)
            .and_then(|_| wanted.get(shared..))
        else {
            continue;
        };
        let Ok(path) = RelativePath::parse(&format!("/{}", rest.join("/"))) else {
            continue;
        };
        let path = if rest.is_empty() {
            RelativePath {
                trailing_slash: false,
                ..path
            }
        } else {
            path
        };
        let placed = join(endpoint, &path, project_id);
        if placed.url.path() == location.path() {
            return Some(placed);
        }
    }
    None
}

fn endpoint_segments(endpoint: &Url) -> Vec<String> {
    endpoint
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Where an endpoint's path has its version: last, or before the project.
fn version_place(base: &[String], project_id: Option<&str>) -> Option<usize> {
    match base {
        [.., last] if version(last).is_some() => Some(base.len() - 1),
        [.., before, last] if version(before).is_some() && is_project(last, project_id) => {
            Some(base.len() - 2)
        }
        _ => None,
    }
}

fn is_project(segment: &str, project_id: Option<&str>) -> bool {
    Some(segment) == project_id
        || segment.starts_with("AUTH_")
        || segment.bytes().filter(u8::is_ascii_hexdigit).count() == 32
            && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests;
