//! The service catalog: service type and region → endpoint.

use serde::Deserialize;
use url::Url;

use super::service_type;

/// The most endpoints of a catalog; thirty services in forty regions have fewer.
const MOST_ENDPOINTS: usize = 4096;
/// The most bytes of a service type or a region, which every endpoint repeats.
const LONGEST_NAME: usize = 255;

/// One service as it stands in a catalog of v3 or v2.
#[derive(Deserialize)]
pub(super) struct WireService {
    #[serde(rename = "type")]
    service_type: String,
    endpoints: Vec<WireEndpoint>,
}

#[derive(Deserialize)]
struct WireEndpoint {
    region: Option<String>,
    region_id: Option<String>,
    interface: Option<String>,
    url: Option<String>,
    #[serde(rename = "publicURL")]
    public_url: Option<String>,
    #[serde(rename = "internalURL")]
    internal_url: Option<String>,
    #[serde(rename = "adminURL")]
    admin_url: Option<String>,
}

/// The endpoints of a cloud.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    service_type: String,
    region: Option<String>,
    interface: String,
    url: String,
}

/// What a request asks of the catalog.
pub(super) struct Wanted<'a> {
    /// The service type, or an alias of it.
    pub(super) service_type: &'a str,
    /// The only region that will do.
    pub(super) region: Option<&'a str>,
    /// The region to prefer where any will do.
    pub(super) preferred_region: Option<&'a str>,
    /// `public`, `internal` or `admin`.
    pub(super) interface: &'a str,
    /// What stands for placeholders left in URLs.
    pub(super) project_id: Option<&'a str>,
    /// Where identity is, when the catalog does not say.
    pub(super) auth_url: &'a Url,
}

/// Where requests for a service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) url: Url,
    pub(super) region: Option<String>,
}

impl Catalog {
    /// The endpoints of `services`; none when they are more, or have longer names, than any cloud has.
    pub(super) fn new(services: Vec<WireService>) -> Option<Self> {
        let mut endpoints = Vec::new();
        for service in services {
            if service.service_type.len() > LONGEST_NAME {
                return None;
            }
            for endpoint in service.endpoints {
                let region = endpoint.region.or(endpoint.region_id);
                if endpoints.len() >= MOST_ENDPOINTS
                    || region
                        .as_ref()
                        .is_some_and(|name| name.len() > LONGEST_NAME)
                {
                    return None;
                }
                let urls = [
                    (
                        endpoint.interface.as_deref().unwrap_or("public"),
                        endpoint.url,
                    ),
                    ("public", endpoint.public_url),
                    ("internal", endpoint.internal_url),
                    ("admin", endpoint.admin_url),
                ];
                for (interface, url) in urls {
                    if let Some(url) = url {
                        endpoints.push(Endpoint {
                            service_type: service.service_type.clone(),
                            region: region.clone(),
                            interface: interface.trim_end_matches("URL").to_owned(),
                            url,
                        });
                    }
                }
            }
        }
        Some(Self { endpoints })
    }

    /// The endpoint for requests.
    ///
    /// # Errors
    /// Mistral's text, which clients know, when there is none; another one when its URL cannot be used.
    pub(super) fn resolve(&self, wanted: &Wanted<'_>) -> Result<Resolved, String> {
        let names = service_type::names(wanted.service_type);
        let found = names.iter().find_map(|name| self.find(name, wanted));
        let Some(endpoint) = found else {
            if service_type::canonical(wanted.service_type) == "identity" {
                return Ok(Resolved {
                    url: wanted.auth_url.clone(),
                    region: wanted.region.map(str::to_owned),
                });
            }
            return Err(format!(
                "Unable to get service endpoint. Maybe endpoints are missing? \
                 (service_name={}, service_types=['{}'], region_name={})",
                wanted.service_type,
                names.join("', '"),
                wanted.region.unwrap_or("None"),
            ));
        };
        let url = substitute(&endpoint.url, wanted.project_id).and_then(|text| usable(&text));
        let Some(url) = url else {
            return Err(format!(
                "the catalog's URL for {} in region {} is not an http or https URL that can be used",
                endpoint.service_type,
                endpoint.region.as_deref().unwrap_or("None"),
            ));
        };
        Ok(Resolved {
            url,
            region: endpoint.region.clone(),
        })
    }

    fn find(&self, name: &str, wanted: &Wanted<'_>) -> Option<&Endpoint> {
        let fitting = || {
            self.endpoints.iter().filter(|endpoint| {
                endpoint.interface == wanted.interface
                    && endpoint.service_type.eq_ignore_ascii_case(name)
            })
        };
        let in_region =
            |region: &str| fitting().find(|endpoint| endpoint.region.as_deref() == Some(region));
        match wanted.region {
            Some(region) => in_region(region),
            None => wanted
                .preferred_region
                .and_then(in_region)
                .or_else(|| fitting().next()),
        }
    }

    /// Service types and regions with an endpoint.
    pub(super) fn services(&self, interface: &str) -> Vec<(String, String)> {
        let mut services: Vec<(String, String)> = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.interface == interface)
            .map(|endpoint| {
                (
                    endpoint.service_type.clone(),
                    endpoint.region.clone().unwrap_or_default(),
                )
            })
            .collect();
        services.sort();
        services.dedup();
        services
    }
}

/// `text` with the project in place of what Keystone should have replaced; none when the project is not known.
fn substitute(text: &str, project_id: Option<&str>) -> Option<String> {
    let mut text = text.to_owned();
    for name in ["project_id", "tenant_id"] {
        for (open, close) in [("%(", ")s"), ("$(", ")s")] {
            let placeholder = format!("{open}{name}{close}");
            if text.contains(&placeholder) {
                text = text.replace(&placeholder, project_id?);
            }
        }
    }
    Some(text)
}

fn usable(text: &str) -> Option<Url> {
    let text = text.trim();
    // The parser would drop tabs and newlines and take a backslash for a slash, which is not what everybody reads.
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none();
    url.set_fragment(None);
    is_plain.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let services = serde_json::json!([
            {"type": "compute", "name": "nova", "endpoints": [
                {"region": "One", "interface": "public", "url": "http://one/v2.1"},
                {"region": "Two", "interface": "public", "url": "http://two/v2.1"},
                {"region_id": "Two", "interface": "internal", "url": "http://inside/v2.1"}]},
            {"type": "volumev3", "endpoints": [
                {"region": "One", "interface": "public", "url": "http://c/v3/$(project_id)s"}]},
            {"type": "orchestration", "endpoints": [
                {"region": "One", "interface": "public", "url": "http://h/v1/%(tenant_id)s"}]},
            {"type": "image", "endpoints": [
                {"region": "One", "interface": "public", "url": "file:///etc/passwd"}]},
            {"type": "dns", "endpoints": [
                {"region": "One", "interface": "public", "url": "http://user:pass@d/"}]},
        ]);
        Catalog::new(serde_json::from_value(services).unwrap()).unwrap()
    }

    #[test]
    fn a_catalog_that_no_cloud_has_is_refused() {
        let of =
            |services: serde_json::Value| Catalog::new(serde_json::from_value(services).unwrap());
        let endpoint = serde_json::json!({"url": "http://a/"});
        let many = |count: usize| serde_json::json!([{"type": "compute", "endpoints": vec![endpoint.clone(); count]}]);
        assert!(of(many(MOST_ENDPOINTS)).is_some());
        assert!(of(many(MOST_ENDPOINTS + 1)).is_none());
        let long = "x".repeat(LONGEST_NAME + 1);
        assert!(of(serde_json::json!([{"type": long, "endpoints": [endpoint]}])).is_none());
        let endpoint = serde_json::json!({"url": "http://a/", "region": long});
        assert!(of(serde_json::json!([{"type": "compute", "endpoints": [endpoint]}])).is_none());
    }

    fn resolve(
        service_type: &str,
        region: Option<&str>,
        preferred_region: Option<&str>,
    ) -> Result<String, String> {
        let wanted = Wanted {
            service_type,
            region,
            preferred_region,
            interface: "public",
            project_id: Some("p1"),
            auth_url: &Url::parse("http://k/v3").unwrap(),
        };
        catalog()
            .resolve(&wanted)
            .map(|found| found.url.to_string())
    }

    #[test]
    fn a_region_that_is_named_is_the_only_one_that_will_do() {
        assert_eq!(
            resolve("compute", Some("Two"), None).unwrap(),
            "http://two/v2.1"
        );
        assert_eq!(
            resolve("compute", None, Some("Two")).unwrap(),
            "http://two/v2.1"
        );
        assert_eq!(
            resolve("compute", None, Some("None")).unwrap(),
            "http://one/v2.1"
        );
        assert_eq!(resolve("compute", None, None).unwrap(), "http://one/v2.1");
        assert_eq!(
            resolve("compute", Some("Three"), Some("One")).unwrap_err(),
            "Unable to get service endpoint. Maybe endpoints are missing? \
             (service_name=compute, service_types=['compute'], region_name=Three)"
        );
    }

    #[test]
    fn aliases_and_placeholders_are_resolved() {
        assert_eq!(
            resolve("block-storage", None, None).unwrap(),
            "http://c/v3/p1"
        );
        assert_eq!(resolve("volume", None, None).unwrap(), "http://c/v3/p1");
        assert_eq!(
            resolve("orchestration", None, None).unwrap(),
            "http://h/v1/p1"
        );
    }

    #[test]
    fn identity_is_at_the_auth_url_when_the_catalog_does_not_say() {
        assert_eq!(resolve("identity", None, None).unwrap(), "http://k/v3");
    }

    #[test]
    fn urls_that_cannot_be_used_are_not() {
        for url in [
            "file:///etc/passwd",
            "ftp://a/",
            "gopher://a:70/_GET",
            "unix:///run/docker.sock",
            "http://user:pass@a/",
            "http://user@a/",
            "http://a/?x=1",
            "http://a/\r\nHost: b/",
            "http://a\n.evil/",
            "ht\ttp://a/",
            "http:\\\\a\\b",
            "http://a b/",
            "//a/",
            "/v2.1",
            "http://",
            "a",
            "",
        ] {
            assert_eq!(usable(url), None, "{url:?}");
        }
        assert_eq!(
            usable(" https://a:8774/v2.1#x ").unwrap().as_str(),
            "https://a:8774/v2.1"
        );
        for service in ["image", "dns"] {
            assert!(
                resolve(service, None, None)
                    .unwrap_err()
                    .contains("not an http")
            );
        }
    }
}
