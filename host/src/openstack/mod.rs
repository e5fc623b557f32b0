//! Everything that speaks to OpenStack: Keystone, catalogs, and the proxy for actions' requests.

mod session;

pub use session::{
    Body, BodyReader, BodyWriter, CloudRequest, CloudResponse, Clouds, ConnectError, Error, Head,
    HttpRequest, RunScope, Session, TokenFacts,
};
