//! One kind of cloud request that an action may make.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes of a rule's service type, method or path.
pub const RULE_PART_BYTES: usize = 512;

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY", "*",
];

/// A rule in the grammar of Keystone's application-credential access rules.
///
/// `path` is relative to the service's catalog endpoint: `*` and `{name}` stand for one segment, `**` for any rest.
/// `service_type` and `method` may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessRule {
    /// The service type, as in the catalog: `compute`.
    pub service_type: String,
    /// The HTTP method in capitals: `GET`.
    pub method: String,
    /// The path pattern: `/servers/{id}`.
    pub path: String,
}

impl AccessRule {
    /// What is wrong with it by the grammar, in words for its author; none when it is well formed.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let parts = [&self.service_type, &self.method, &self.path];
        if parts.iter().any(|part| part.len() > RULE_PART_BYTES) {
            return Some("its parts have at most 512 bytes each");
        }
        if self.service_type != "*" && !is_service_type(&self.service_type) {
            return Some("the service type is a name as in the catalog, such as `compute`, or `*`");
        }
        if !is_method(&self.method) {
            return Some("the method is an HTTP method in capitals, or `*`");
        }
        if self.path.is_empty() {
            return None;
        }
        let Some(rest) = self.path.strip_prefix('/') else {
            return Some("the path begins with `/`");
        };
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            if segment.is_empty() && !is_last {
                return Some("the path has an empty segment");
            }
            if segment == "**" && !is_last {
                return Some("`**` stands for the rest of a path, so it comes last");
            }
            if !is_pattern(segment) {
                return Some(
                    "a segment is `*`, `**`, `{name}`, or text without `*`, `{`, `}`, `?`, `#`, `..` and spaces",
                );
            }
        }
        None
    }

    /// Whether it allows all that `other` allows. Both name services by the same alias.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.compare(other, |own, its| {
            let (mut own, mut its) = (own.iter(), its.iter());
            loop {
                match (own.next(), its.next()) {
                    (None, None) | (Some(&"**"), _) => return true,
                    (None, Some(_)) | (Some(_), None | Some(&"**")) => return false,
                    (Some(own), Some(its)) if is_wildcard(own) || own == its => {}
                    (Some(_), Some(_)) => return false,
                }
            }
        }) && (self.method == "*" || self.method == other.method)
            && (self.service_type == "*" || self.service_type == other.service_type)
            && (self.version().is_none() || self.version() == other.version())
    }

    /// Whether there is a request that both allow. Both name services by the same alias.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let agree = |own: &str, its: &str| own == "*" || its == "*" || own == its;
        self.compare(other, |own, its| {
            let (mut own, mut its) = (own.iter(), its.iter());
            loop {
                match (own.next(), its.next()) {
                    (None, None) | (Some(&"**"), _) | (_, Some(&"**")) => return true,
                    (None, Some(_)) | (Some(_), None) => return false,
                    (Some(own), Some(its))
                        if is_wildcard(own) || is_wildcard(its) || own == its => {}
                    (Some(_), Some(_)) => return false,
                }
            }
        }) && agree(&self.method, &other.method)
            && agree(&self.service_type, &other.service_type)
            && (self.version().is_none()
                || other.version().is_none()
                || self.version() == other.version())
    }

    /// The major API version that the path begins with.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        segments(&self.path).next().and_then(api_version)
    }

    /// The path's segments after the version.
    #[must_use]
    pub fn pattern(&self) -> Vec<&str> {
        let skipped = usize::from(self.version().is_some());
        segments(&self.path).skip(skipped).collect()
    }

    fn compare(&self, other: &Self, by: impl Fn(&[&str], &[&str]) -> bool) -> bool {
        by(&self.pattern(), &other.pattern())
    }
}

/// Whether `segment` of a pattern stands for any one segment.
#[must_use]
pub fn is_wildcard(segment: &str) -> bool {
    segment == "*" || (segment.starts_with('{') && segment.ends_with('}'))
}

/// The major number of `v2`, `v2.1`, `v3`; none of anything else.
#[must_use]
pub fn api_version(segment: &str) -> Option<u32> {
    let digits = segment.strip_prefix(['v', 'V'])?;
    let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| {
        !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !is_number(major) || !is_number(minor) {
        return None;
    }
    major.parse().ok()
}

/// Whether a rule can name `text` as a service type.
#[must_use]
pub fn is_service_type(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= RULE_PART_BYTES && text.bytes().all(is_part)
}

/// Whether a rule can name `text` as a method.
#[must_use]
pub fn is_method(text: &str) -> bool {
    METHODS.contains(&text)
}

/// Whether a rule can have `text` as a segment that stands for itself.
#[must_use]
pub fn is_literal(text: &str) -> bool {
    text != "."
        && text != ".."
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"*{}?#\\/".contains(&byte))
}

fn is_pattern(segment: &str) -> bool {
    if segment == "*" || segment == "**" {
        return true;
    }
    if let Some(name) = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        return !name.is_empty() && name.bytes().all(is_word);
    }
    is_literal(segment)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service_type, self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AccessRule {
        let mut words = text.split(' ').map(str::to_owned);
        AccessRule {
            service_type: words.next().unwrap(),
            method: words.next().unwrap(),
            path: words.next().unwrap(),
        }
    }

    #[test]
    fn rules_are_compared_by_what_they_allow() {
        for (one, other, covers, overlaps) in [
            ("compute GET /servers", "compute GET /servers/", true, true),
            (
                "compute GET /servers/*",
                "compute GET /servers/1",
                true,
                true,
            ),
            (
                "compute GET /servers/1",
                "compute GET /servers/{id}",
                false,
                true,
            ),
            (
                "compute GET /servers/**",
                "compute GET /servers",
                true,
                true,
            ),
            (
                "compute GET /servers",
                "compute GET /servers/**",
                false,
                true,
            ),
            (
                "compute GET /servers/{id}",
                "compute GET /servers/**",
                false,
                true,
            ),
            (
                "compute GET /servers/*/ips",
                "compute GET /servers/1/x",
                false,
                false,
            ),
            ("* * /**", "compute GET /v2.1/servers", true, true),
            (
                "compute GET /servers",
                "compute POST /servers",
                false,
                false,
            ),
            ("compute GET /servers", "image GET /servers", false, false),
            (
                "compute GET /servers",
                "compute GET /v2.1/servers",
                true,
                true,
            ),
            (
                "compute GET /v2/servers",
                "compute GET /servers",
                false,
                true,
            ),
            (
                "compute GET /v2/servers",
                "compute GET /v3/servers",
                false,
                false,
            ),
        ] {
            assert_eq!(rule(one).covers(&rule(other)), covers, "{one} / {other}");
            assert_eq!(
                rule(one).overlaps(&rule(other)),
                overlaps,
                "{one} / {other}"
            );
            assert_eq!(
                rule(other).overlaps(&rule(one)),
                overlaps,
                "{other} / {one}"
            );
        }
    }
}
