//! What is special about an address, by the registries of IANA and what clouds make of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Refused;

/// What speaks against an address; none for a public one.
pub(super) fn reason(ip: IpAddr) -> Option<Refused> {
    match ip {
        IpAddr::V4(v4) => of_v4(v4),
        IpAddr::V6(v6) => of_v6(v6),
    }
}

/// The IPv4 address to which NAT64 turns an address of its well-known prefix.
pub(super) fn translated(ip: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = ip else { return None };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => {
            let ([w, x], [y, z]) = (a.to_be_bytes(), b.to_be_bytes());
            Some(Ipv4Addr::new(w, x, y, z).into())
        }
        _ => None,
    }
}

fn of_v4(ip: Ipv4Addr) -> Option<Refused> {
    match ip.octets() {
        // Alibaba's, Azure's and Oracle's metadata services are not link-local.
        [169, 254, ..] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            Some(Refused::LinkLocal)
        }
        [0, ..] | [224..=239, ..] | [255, 255, 255, 255] => Some(Refused::NotAHost),
        [127, ..] => Some(Refused::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => {
            Some(Refused::Private)
        }
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Some(Refused::Reserved),
        _ => None,
    }
}

fn of_v6(ip: Ipv6Addr) -> Option<Refused> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] | [0xff00..=0xffff, ..] => Some(Refused::NotAHost),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Refused::Loopback),
        // Amazon's, Google's and Scaleway's metadata services have unique local addresses.
        [0xfd00, 0x0ec2, ..]
        | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
        | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042]
        | [0xfe80..=0xfebf, ..] => Some(Refused::LinkLocal),
        // Compatible, mapped, translated, local NAT64, Teredo, 6to4, ISATAP.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0x2001, 0, ..]
        | [0x2002, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, ..] => Some(Refused::Embedded),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(Refused::Private),
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => {
            Some(Refused::Reserved)
        }
        // Only this block is in public use.
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Refused::Reserved),
    }
}
