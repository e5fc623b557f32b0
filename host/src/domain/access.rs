//! One kind of cloud request that an action may make.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule in the grammar of Keystone's application-credential access rules.
///
/// `path` is relative to the service's catalog endpoint: `*` and `{name}` stand for one segment, `**` for any rest.
/// `service_type` and `method` may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// The service type, as in the catalog: `compute`.
    pub service_type: String,
    /// The HTTP method in capitals: `GET`.
    pub method: String,
    /// The path pattern: `/servers/{id}`.
    pub path: String,
}

impl fmt::Display for AccessRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service_type, self.method, self.path)
    }
}
