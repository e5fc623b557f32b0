//! The settings of `[openstack]` and `[http]`.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// `[openstack]`: how the host reaches clouds.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// PEM files of certificate authorities that hold for every cloud, besides the system's; default none.
    pub ca_files: Vec<PathBuf>,
    /// Networks (CIDR) that may be connected to although they are loopback or otherwise special; default none.
    /// Link-local, metadata and multicast addresses and the host's own listeners stay refused.
    #[serde(deserialize_with = "networks", serialize_with = "as_texts")]
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<IpNet>,
    /// Whether private addresses (RFC 1918, RFC 6598, RFC 4193) may be connected to; default true.
    pub allow_private: bool,
    /// The region to prefer where neither request nor target names one; default none, the catalog's first.
    pub default_region: Option<String>,
    /// The endpoints' interface: `public`, `internal` or `admin`; default `public`.
    pub interface: String,
    /// The most seconds that connecting may take, TLS included; default 10.
    pub connect_timeout_secs: u64,
    /// The most seconds that one request may take, or one chunk of a streamed body; default 60.
    pub request_timeout_secs: u64,
    /// The most bytes of an answer that an action takes as a whole; default 16 MiB.
    pub response_bytes: u64,
    /// The most bytes of a body that an action streams, in either direction; default 4 GiB.
    pub stream_bytes: u64,
    /// The most idle connections kept for each project, TLS identity and server; default 8.
    pub idle_connections: usize,
    /// Seconds after which an idle connection is closed; default 90.
    pub idle_timeout_secs: u64,
    /// The most clients kept, one for each project and TLS identity; default 256.
    pub max_clients: usize,
    /// The most tokens with their catalogs kept until they expire; default 1024.
    pub max_tokens: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ca_files: Vec::new(),
            allow: Vec::new(),
            allow_private: true,
            default_region: None,
            interface: "public".to_owned(),
            connect_timeout_secs: 10,
            request_timeout_secs: 60,
            response_bytes: 16 * 1024 * 1024,
            stream_bytes: 4 * 1024 * 1024 * 1024,
            idle_connections: 8,
            idle_timeout_secs: 90,
            max_clients: 256,
            max_tokens: 1024,
        }
    }
}

impl Settings {
    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_secs)
    }
}

/// `[http]`: what actions may reach outside their cloud.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// URL prefixes (`https://api.example.com/v1/`) or hosts (`api.example.com`, `*.example.com`, `host:8443`); `*` is
    /// every host; default none. The address policy of `[openstack]` holds for them too.
    pub allow: Vec<String>,
}

/// Networks as CIDR, or single addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            text.parse()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| D::Error::custom(format!("`{text}` is no network like `10.0.0.0/8`")))
        })
        .collect()
}

fn as_texts<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_unknown_settings_are_not() {
        let read = |text: &str| toml::from_str::<Settings>(text);
        let settings = read("allow = ['127.0.0.0/8', '::1']").unwrap();
        assert_eq!(settings.allow.len(), 2);
        assert_eq!(settings.interface, "public");
        assert!(read("allow = ['localhost']").is_err());
        assert!(read("alow = []").is_err());
    }
}
