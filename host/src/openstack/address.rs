//! Which addresses the host connects to for others.
//!
//! Invariant: the address that was checked is the address that is connected to. Names are checked when they are
//! resolved for the connection, IP literals before the request is sent.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, PoisonError, RwLock},
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

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
    #[error("the address policy always refuses the host's own listeners")]
    OwnListener,
}

/// Decides which addresses may be connected to.
#[derive(Debug, Default)]
pub(super) struct AddressPolicy {
    allow: Vec<IpNet>,
    allow_private: bool,
    listeners: RwLock<Vec<SocketAddr>>,
}

impl AddressPolicy {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            allow: settings.allow.clone(),
            allow_private: settings.allow_private,
            listeners: RwLock::default(),
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
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(ip.into(), port),
            Some(Host::Ipv6(ip)) => self.check(ip.into(), port),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Checks an address; without a port, every port that the host listens on counts.
    fn check(&self, ip: IpAddr, port: Option<u16>) -> Result<(), Refused> {
        for ip in readings(ip) {
            self.check_listeners(ip, port)?;
            let Some(refused) = class(ip) else { continue };
            let is_allowed = match refused {
                Refused::LinkLocal | Refused::NotAHost | Refused::OwnListener => false,
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

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The address, and the IPv4 address that is embedded in it: mapped, compatible, NAT64 or 6to4.
fn readings(ip: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = ip else {
        return vec![ip];
    };
    let v4 = |a: u16, b: u16| {
        let [w, x] = a.to_be_bytes();
        let [y, z] = b.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(w, x, y, z))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, a, b] => vec![v4(a, b)],
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![ip],
        [0, 0, 0, 0, 0, 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => {
            vec![ip, v4(a, b)]
        }
        _ => vec![ip],
    }
}

/// What speaks against an address; none for a public one.
fn class(ip: IpAddr) -> Option<Refused> {
    match ip {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

fn class_v4(ip: Ipv4Addr) -> Option<Refused> {
    match ip.octets() {
        // Alibaba's and Azure's metadata services are not link-local.
        [169, 254, ..] | [100, 100, 100, 200] | [168, 63, 129, 16] => Some(Refused::LinkLocal),
        [0, ..] | [224..=239, ..] | [255, 255, 255, 255] => Some(Refused::NotAHost),
        [127, ..] => Some(Refused::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
            Some(Refused::Private)
        }
        [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Some(Refused::Reserved),
        _ => None,
    }
}

fn class_v6(ip: Ipv6Addr) -> Option<Refused> {
    match ip.segments() {
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfe80..=0xfebf, ..] => Some(Refused::LinkLocal),
        [0, 0, 0, 0, 0, 0, 0, 0] | [0xff00..=0xffff, ..] => Some(Refused::NotAHost),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Refused::Loopback),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(Refused::Private),
        [0x100, 0, 0, 0, ..] | [0x2001, 0xdb8, ..] | [0, 0, 0, 0, 0, 0, ..] => {
            Some(Refused::Reserved)
        }
        _ => None,
    }
}

/// A resolver whose answers have passed the policy.
pub(super) struct CheckedResolver(pub(super) Arc<AddressPolicy>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        // Outside a request's own task the port is unknown: then no address of a listener passes, on any port.
        let port = PORT.try_with(|port| *port).ok();
        Box::pin(async move {
            let mut passed = Vec::new();
            let mut refused = None;
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], allow_private: bool) -> AddressPolicy {
        AddressPolicy::new(&Settings {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            allow_private,
            ..Settings::default()
        })
    }

    fn check(policy: &AddressPolicy, url: &str) -> Result<(), Refused> {
        policy.check_url(&Url::parse(url).unwrap())
    }

    #[test]
    fn by_default_loopback_is_refused_and_private_is_not() {
        let policy = policy(&[], true);
        for (url, expected) in [
            ("http://127.0.0.1/", Err(Refused::Loopback)),
            ("http://127.9.9.9/", Err(Refused::Loopback)),
            ("http://2130706433/", Err(Refused::Loopback)),
            ("http://0x7f.1/", Err(Refused::Loopback)),
            ("http://[::1]/", Err(Refused::Loopback)),
            ("http://[::ffff:127.0.0.1]/", Err(Refused::Loopback)),
            ("http://[::127.0.0.1]/", Err(Refused::Reserved)),
            ("http://[64:ff9b::7f00:1]/", Err(Refused::Loopback)),
            ("http://[2002:7f00:1::]/", Err(Refused::Loopback)),
            ("http://169.254.169.254/", Err(Refused::LinkLocal)),
            ("http://[::ffff:169.254.169.254]/", Err(Refused::LinkLocal)),
            ("http://[fd00:ec2::254]/", Err(Refused::LinkLocal)),
            ("http://[fe80::1]/", Err(Refused::LinkLocal)),
            ("http://100.100.100.200/", Err(Refused::LinkLocal)),
            ("http://0.0.0.0/", Err(Refused::NotAHost)),
            ("http://[::]/", Err(Refused::NotAHost)),
            ("http://224.0.0.1/", Err(Refused::NotAHost)),
            ("http://255.255.255.255/", Err(Refused::NotAHost)),
            ("http://[ff02::1]/", Err(Refused::NotAHost)),
            ("http://203.0.113.9/", Err(Refused::Reserved)),
            ("http://10.1.2.3/", Ok(())),
            ("http://[fd12::1]/", Ok(())),
            ("http://8.8.8.8/", Ok(())),
            ("http://[2606:4700::1111]/", Ok(())),
        ] {
            assert_eq!(check(&policy, url), expected, "{url}");
        }
    }

    #[test]
    fn the_operator_can_close_private_and_open_loopback_but_never_metadata() {
        let policy = policy(&["127.0.0.0/8", "10.9.0.0/16", "169.254.0.0/16"], false);
        assert_eq!(check(&policy, "http://127.0.0.1/"), Ok(()));
        assert_eq!(check(&policy, "http://[::ffff:127.0.0.1]/"), Ok(()));
        assert_eq!(check(&policy, "http://10.9.1.1/"), Ok(()));
        assert_eq!(check(&policy, "http://10.8.1.1/"), Err(Refused::Private));
        assert_eq!(
            check(&policy, "http://169.254.169.254/"),
            Err(Refused::LinkLocal)
        );
    }

    #[test]
    fn the_hosts_own_listeners_are_refused_whatever_is_allowed() {
        let policy = policy(&["127.0.0.0/8"], true);
        policy.set_listeners(vec![
            "127.0.0.1:8989".parse().unwrap(),
            "0.0.0.0:9000".parse().unwrap(),
        ]);
        for (url, expected) in [
            ("http://127.0.0.1:8989/", Err(Refused::OwnListener)),
            ("http://[::ffff:127.0.0.1]:8989/", Err(Refused::OwnListener)),
            ("http://127.0.0.1:9000/", Err(Refused::OwnListener)),
            ("http://127.0.0.1:5000/", Ok(())),
        ] {
            assert_eq!(check(&policy, url), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_refused_address_is_refused() {
        let resolve = |policy: AddressPolicy| {
            CheckedResolver(Arc::new(policy)).resolve("localhost".parse().unwrap())
        };
        let error = resolve(policy(&[], true)).await.err().unwrap();
        assert_eq!(error.downcast_ref(), Some(&Refused::Loopback));
        assert!(
            resolve(policy(&["127.0.0.0/8", "::1/128"], true))
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn without_a_port_no_address_of_a_listener_passes() {
        let open = policy(&["127.0.0.0/8", "::1/128"], true);
        open.set_listeners(vec!["0.0.0.0:9000".parse().unwrap()]);
        let resolver = CheckedResolver(Arc::new(open));
        let resolve = || resolver.resolve("localhost".parse().unwrap());
        assert!(resolve().await.is_err());
        assert!(PORT.scope(5000, async { resolve().await }).await.is_ok());
        assert!(PORT.scope(9000, async { resolve().await }).await.is_err());
    }
}
