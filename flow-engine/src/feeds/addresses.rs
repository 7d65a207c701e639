//! Which addresses are public: what a feed may be fetched from that others name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The address is not public.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
pub(super) struct PrivateAddress;

/// Finds the public addresses of a host, and no others.
pub(super) struct Public;

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> =
                found.filter(|address| !is_private(address.ip())).collect();
            if public.is_empty() {
                return Err(PrivateAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether the host is written as an address that is not public. What is written as a name is looked up by [`Public`].
pub(super) fn is_private_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(is_private)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

/// The IANA's registry of special addresses, without those that lead anywhere in public.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let inside = |at: usize| {
        let ([one, two], [three, four]) = (parts[at].to_be_bytes(), parts[at + 1].to_be_bytes());
        is_private_v4(Ipv4Addr::new(one, two, three, four))
    };
    match parts {
        // Those of the old protocol: mapped, compatible (with `::` and `::1`), and behind a translator.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => inside(6),
        // 6to4.
        [0x2002, ..] => inside(1),
        // A translator of one's own; Teredo, which hides what it leads to; documentation.
        [0x64, 0xff9b, ..] | [0x2001, 0 | 0xdb8, ..] => true,
        // All others in use begin with 001.
        _ => parts[0] & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_public_is_public() {
        let private = [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "fec0::1",
        ];
        for address in private {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_known_however_it_is_written() {
        for url in [
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1:80/",
            "http://[::1]/",
            "http://0/",
            "http://0177.0.0.1",
        ] {
            assert!(is_private_host(&Url::parse(url).unwrap()), "{url}");
        }
        assert!(!is_private_host(
            &Url::parse("http://example.com/").unwrap()
        ));
    }
}
