//! Resolves names for connections, and lets only addresses through that pass the policy.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::{AddressPolicy, PORT};

/// The most lookups of one client that are under way: a name server that is slow on purpose holds up no one else.
const MOST_OF_A_CLIENT: usize = 8;
/// The most lookups of all: each blocks a thread, of which other parts of the host need some, too.
const MOST: usize = 128;

/// Asks for the addresses of a name.
pub(in crate::openstack) type Lookup =
    Arc<dyn Fn(&str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's resolver.
pub(super) fn system() -> Lookup {
    let free = Arc::new(Semaphore::new(MOST));
    Arc::new(move |name| {
        let (free, name) = (free.clone(), name.to_owned());
        Box::pin(async move {
            let permit = free.acquire_owned().await.map_err(io::Error::other)?;
            let lookup = move || {
                // Held until the thread is free, also when nobody waits any longer.
                let _permit = permit;
                Ok((name.as_str(), 0).to_socket_addrs()?.collect())
            };
            tokio::task::spawn_blocking(lookup).await?
        })
    })
}

/// One client's resolver.
pub(in crate::openstack) struct CheckedResolver {
    policy: Arc<AddressPolicy>,
    free: Arc<Semaphore>,
}

impl CheckedResolver {
    /// A resolver whose answers have passed `policy`.
    pub(in crate::openstack) fn new(policy: Arc<AddressPolicy>) -> Self {
        Self {
            policy,
            free: Arc::new(Semaphore::new(MOST_OF_A_CLIENT)),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, free) = (self.policy.clone(), self.free.clone());
        // Outside a request's own task the port is unknown: then no address of a listener passes, on any port.
        let port = PORT.try_with(|port| *port).ok();
        Box::pin(async move {
            let _permit = free.acquire_owned().await?;
            let mut passed = Vec::new();
            let mut refused = None;
            for address in (policy.lookup)(name.as_str()).await? {
                match policy.check(address.ip(), port) {
                    Ok(()) => passed.push(address),
                    Err(reason) => refused = Some(reason),
                }
            }
            match refused {
                Some(reason) if passed.is_empty() => Err(reason.into()),
                Some(_) | None => Ok(Box::new(passed.into_iter()) as Addrs),
            }
        })
    }
}
