//! Which addresses the host connects to for others.
//!
//! Invariant: the address that was checked is the address that is connected to. Names are checked when they are
//! resolved for the connection, IP literals before the request is sent.

mod resolver;
mod special;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{PoisonError, RwLock},
};

use ipnet::IpNet;
use url::{Host, Url};

pub(super) use resolver::{CheckedResolver, Lookup};

use super::Settings;

tokio::task_local! {
    /// The port of the request whose connection is being made.
    pub(super) static PORT: u16;
}

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the address policy refuses loopback addresses; `[openstack] allow` can list networks")]
    Loopback,
    #[error("the address policy refuses private addresses; `[openstack] allow_private` is false")]
    Private,
    #[error("the address policy refuses reserved addresses; `[openstack] allow` can list networks")]
    Reserved,
    #[error("the address policy always refuses link-local and metadata addresses")]
    LinkLocal,
    #[error("the address policy always refuses multicast, broadcast and unspecified addresses")]
    NotAHost,
    #[error("the address policy always refuses IPv4 addresses written as IPv6 ones")]
    Embedded,
    #[error("the address policy always refuses the host's own listeners")]
    OwnListener,
    #[error("the address policy always refuses port 0")]
    NoPort,
}

/// Decides which addresses may be connected to.
pub(super) struct AddressPolicy {
    allow: Vec<IpNet>,
    allow_private: bool,
    listeners: RwLock<Vec<SocketAddr>>,
    lookup: Lookup,
}

impl fmt::Debug for AddressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressPolicy")
            .field("allow", &self.allow)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

impl AddressPolicy {
    /// The policy of `settings`, over the system's resolver.
    pub(super) fn new(settings: &Settings) -> Self {
        Self::with_lookup(settings, resolver::system())
    }

    /// The policy of `settings`, over a resolver of one's own.
    pub(super) fn with_lookup(settings: &Settings, lookup: Lookup) -> Self {
        Self {
            allow: settings.allow.clone(),
            allow_private: settings.allow_private,
            listeners: RwLock::default(),
            lookup,
        }
    }

    /// Refuses the host's own listeners from here on.
    pub(super) fn set_listeners(&self, addresses: Vec<SocketAddr>) {
        *self
            .listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Checks a URL whose host is an IP literal; a name is checked when it is resolved.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let port = url.port_or_known_default();
        if port == Some(0) {
            return Err(Refused::NoPort);
        }
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(ip.into(), port),
            Some(Host::Ipv6(ip)) => self.check(ip.into(), port),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Checks an address; without a port, every port that the host listens on counts.
    fn check(&self, ip: IpAddr, port: Option<u16>) -> Result<(), Refused> {
        for ip in [Some(ip), special::translated(ip)].into_iter().flatten() {
            self.check_listeners(ip, port)?;
            let Some(refused) = special::reason(ip) else {
                continue;
            };
            let is_allowed = match refused {
                Refused::LinkLocal
                | Refused::NotAHost
                | Refused::Embedded
                | Refused::OwnListener
                | Refused::NoPort => false,
                Refused::Private => self.allow_private || self.is_listed(ip),
                Refused::Loopback | Refused::Reserved => self.is_listed(ip),
            };
            if !is_allowed {
                return Err(refused);
            }
        }
        Ok(())
    }

    fn is_listed(&self, ip: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(&ip))
    }

    fn check_listeners(&self, ip: IpAddr, port: Option<u16>) -> Result<(), Refused> {
        let listeners = self
            .listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let is_own = listeners
            .iter()
            .filter(|listener| port.is_none_or(|port| port == listener.port()))
            .any(|listener| {
                let own = listener.ip().to_canonical();
                own == ip || (own.is_unspecified() && is_of_this_machine(ip))
            });
        if is_own {
            Err(Refused::OwnListener)
        } else {
            Ok(())
        }
    }
}

/// Only an address of this machine can be bound; whatever else goes wrong is no proof that it is another's.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback()
        || match UdpSocket::bind((ip, 0)) {
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
        }
}
