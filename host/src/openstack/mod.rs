//! Everything that speaks to OpenStack: Keystone, catalogs, and the proxy for actions' requests.

mod access;
mod address;
mod allow;
mod body;
pub(crate) mod cache;
mod catalog;
mod client;
mod clouds;
mod consent;
pub mod documents;
mod error;
mod headers;
pub mod keystone;
mod message;
mod outside;
mod path;
mod plan;
mod proxy;
mod reach;
mod run;
mod scrub;
mod service_type;
mod session;
mod settings;
mod threads;
mod tls;
mod token;
mod trace;
mod trustee;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub use allow::{Granted, granted};
pub use body::{BodyReader, BodyWriter};
pub use catalog::Catalog;
pub use clouds::{Clouds, SettingsError};
pub use consent::{Consent, MutatingBudget};
pub use error::{ConnectError, Error};
pub use message::{Body, CloudRequest, CloudResponse, Head, HttpRequest, TokenFacts};
pub use outside::BadAllowance;
pub use session::{RunScope, Session};
pub use settings::{HttpSettings, Settings};
pub use trustee::{Home, Trustee};
