//! What a frame says about neighbours: ARP, neighbour discovery and echo requests, told apart once.
//!
//! Contract: [`Heard::parse`] reads any bytes without a panic, allocates nothing and answers only to what is whole and has
//! right checksums, as RFC 4861 section 7.1 and RFC 4443 ask for. Ethernet padding behind a packet is allowed.
//!
//! Left out on purpose: whose addresses they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::ethernet::Address;
use crate::wire::icmp::{self, Echo};
use crate::wire::vlan::{Stack, Tag};
use crate::wire::{arp, ethernet, icmpv6, ipv4, ipv6, vlan};

/// Where a frame came from on its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Who sent it.
    pub src: Address,
    /// To whom: a station or a group.
    pub dst: Address,
    /// Its VLAN tags.
    pub tags: Stack,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says<'a> {
    /// An ARP packet.
    Arp(arp::Repr),
    /// A neighbour solicitation.
    Solicitation {
        /// Who asks; unspecified: whoever wants to have the address itself.
        src: Ipv6Addr,
        /// What it asks, and where it is.
        solicitation: icmpv6::Solicitation,
    },
    /// A neighbour advertisement that says where its target is.
    Advertisement(icmpv6::Repr),
    /// An echo request.
    Echo {
        /// Who asks.
        src: IpAddr,
        /// Whom.
        dst: IpAddr,
        /// DSCP and ECN field.
        traffic_class: u8,
        /// The request.
        echo: Echo<'a>,
    },
}

/// A frame about neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a> {
    /// Where it came from.
    pub link: Link,
    /// What it says.
    pub says: Says<'a>,
}

impl<'a> Heard<'a> {
    /// What `frame`, from its Ethernet header on, says about neighbours; `None` when it is about something else, broken, or
    /// not to be believed.
    #[must_use]
    pub fn parse(frame: &'a [u8]) -> Option<Heard<'a>> {
        let header = ethernet::Repr::parse(frame).ok()?;
        let mut rest = frame.get(ethernet::LEN..)?;
        let mut link = Link {
            src: header.src,
            dst: header.dst,
            tags: Stack::default(),
        };
        let mut ethertype = header.ethertype;
        while vlan::is_tpid(ethertype) {
            let tag = vlan::Repr::parse(ethertype, rest).ok()?;
            link.tags = link.tags.with(Tag {
                tpid: tag.tpid,
                vid: tag.vid,
                pcp: tag.pcp,
                dei: tag.dei,
            })?;
            ethertype = tag.ethertype;
            rest = rest.get(vlan::LEN..)?;
        }
        // A frame that a group has sent is nobody's.
        if link.src.is_multicast() {
            return None;
        }
        let says = match ethertype {
            ethernet::TYPE_ARP => Says::Arp(arp::Repr::parse(rest).ok()?),
            ethernet::TYPE_IPV4 => ipv4(rest)?,
            ethernet::TYPE_IPV6 => ipv6(rest)?,
            _ => return None,
        };
        Some(Heard { link, says })
    }

    /// Whose link-layer address it asks for: neither an announcement of the sender's own address, nor the probe of
    /// somebody who wants to have it (RFC 5227, RFC 4862 section 5.4).
    #[must_use]
    pub fn asks_for(&self) -> Option<IpAddr> {
        match self.says {
            Says::Arp(packet) => {
                let asks = packet.operation == arp::REQUEST
                    && packet.sender_ip != packet.target_ip
                    && packet.sender_ip != Ipv4Addr::UNSPECIFIED;
                asks.then_some(packet.target_ip.into())
            }
            Says::Solicitation { src, solicitation } => (!src.is_unspecified()).then_some(solicitation.target.into()),
            Says::Advertisement(_) | Says::Echo { .. } => None,
        }
    }
}

/// An echo request in an IPv4 packet that is whole.
fn ipv4(l3: &[u8]) -> Option<Says<'_>> {
    let header = ipv4::Repr::parse(l3).ok()?;
    if header.protocol != icmp::PROTOCOL || header.more_fragments || header.fragment_offset != 0 {
        return None;
    }
    let message = l3.get(..usize::from(header.total_len))?.get(header.header_len()..)?;
    let (src, dst) = (header.src.into(), header.dst.into());
    let echo = Echo::parse(src, dst, message).ok().filter(|echo| !echo.reply)?;
    Some(Says::Echo {
        src,
        dst,
        traffic_class: header.dscp << 2 | header.ecn,
        echo,
    })
}

/// A solicitation, an advertisement or an echo request right behind an IPv6 header.
fn ipv6(l3: &[u8]) -> Option<Says<'_>> {
    let header = ipv6::Repr::parse(l3).ok()?;
    if header.next_header != icmpv6::NEXT_HEADER {
        return None;
    }
    let message = l3.get(ipv6::LEN..)?.get(..usize::from(header.payload_len))?;
    if let Ok(echo) = Echo::parse(header.src.into(), header.dst.into(), message) {
        return (!echo.reply).then_some(Says::Echo {
            src: header.src.into(),
            dst: header.dst.into(),
            traffic_class: header.dscp << 2 | header.ecn,
            echo,
        });
    }
    // RFC 4861 section 7.1: no router has passed it on, and it arrived as it was sent.
    if header.hop_limit != icmpv6::HOP_LIMIT || !icmpv6::checksum_ok(header.src, header.dst, message) {
        return None;
    }
    if let Ok(advertisement) = icmpv6::Repr::parse(message) {
        let is_wrong = advertisement.target.is_multicast() || advertisement.solicited && header.dst.is_multicast();
        return (!is_wrong).then_some(Says::Advertisement(advertisement));
    }
    let solicitation = icmpv6::Solicitation::parse(message).ok()?;
    let probe_is_right =
        || solicitation.source_mac.is_none() && header.dst == icmpv6::solicited_node(solicitation.target);
    if solicitation.target.is_multicast()
        || header.src.is_multicast()
        || header.src.is_unspecified() && !probe_is_right()
    {
        return None;
    }
    Some(Says::Solicitation {
        src: header.src,
        solicitation,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::neighbour::write;

    pub const ROUTER: Address = Address([0x02, 0xaa, 0, 0, 0, 1]);

    pub fn tag(vid: u16) -> Tag {
        Tag {
            tpid: vlan::TPID_CUSTOMER,
            vid,
            pcp: 3,
            dei: false,
        }
    }

    /// An ARP request from `from` for `to`.
    pub fn arp_request(from: [u8; 4], to: [u8; 4], tags: &[Tag]) -> Vec<u8> {
        let mut out = [0; 192];
        let packet = arp::Repr {
            operation: arp::REQUEST,
            sender_mac: ROUTER,
            sender_ip: from.into(),
            target_mac: Address([0; 6]),
            target_ip: to.into(),
        };
        let len = write::arp(Address::BROADCAST, ROUTER, tags, &packet, &mut out);
        out[..len].to_vec()
    }

    /// A solicitation from `from` for `to`.
    pub fn solicitation(from: Ipv6Addr, to: Ipv6Addr, tags: &[Tag]) -> Vec<u8> {
        let mut out = [0; 192];
        let len = write::solicitation(ROUTER, from, to, tags, &mut out);
        out[..len].to_vec()
    }

    /// An echo request over IPv4 or IPv6.
    pub fn ping(mac: Address, from: IpAddr, to: IpAddr, data: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 300 + data.len()];
        let echo = Echo {
            reply: false,
            identifier: 9,
            sequence: 1,
            data,
        };
        let len = write::echo((mac, ROUTER, &[]), (from, to), 0x28, &echo, &mut out);
        out[..len.unwrap()].to_vec()
    }

    #[test]
    fn each_is_told_from_the_others() {
        let (them, us) = ([20, 1, 1, 1], [20, 1, 1, 2]);
        for tags in [&[][..], &[tag(7)], &[tag(7), tag(8)]] {
            let frame = arp_request(them, us, tags);
            let heard = Heard::parse(&frame).unwrap();
            assert_eq!((heard.link.src, &heard.link.tags[..]), (ROUTER, tags));
            assert_eq!(heard.asks_for(), Some(us.into()));
        }
        assert_eq!(Heard::parse(&arp_request(them, us, &[tag(1), tag(2), tag(3)])), None);
        for (from, to) in [(us, us), ([0; 4], us)] {
            assert_eq!(Heard::parse(&arp_request(from, to, &[])).unwrap().asks_for(), None);
        }
        let (them, us) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let frame = solicitation(them, us, &[]);
        assert_eq!(Heard::parse(&frame).unwrap().asks_for(), Some(us.into()));
        let frame = ping(Address([2, 0, 0, 0, 0, 1]), them.into(), us.into(), b"data");
        let Says::Echo {
            traffic_class, echo, ..
        } = Heard::parse(&frame).unwrap().says
        else {
            panic!("no echo")
        };
        assert_eq!((traffic_class, echo.data), (0x28, &b"data"[..]));
    }

    #[test]
    fn what_is_cut_short_or_changed_is_not_believed() {
        let (them, us): (Ipv6Addr, Ipv6Addr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let v4 = |last: u8| IpAddr::from([20, 1, 1, last]);
        let mac = Address([2, 0, 0, 0, 0, 1]);
        for whole in [
            solicitation(them, us, &[]),
            ping(mac, them.into(), us.into(), b"data"),
            ping(mac, v4(1), v4(2), &[7; 40]),
        ] {
            assert!(Heard::parse(&whole).is_some());
            for len in 0..whole.len() {
                assert_eq!(Heard::parse(&whole[..len]), None, "{len} of {}", whole.len());
            }
            // Padding may follow. Of what the checksum covers, nothing may change.
            assert!(Heard::parse(&[&whole[..], &[0; 9]].concat()).is_some());
            for at in whole.len() - 12..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 0x10;
                assert_eq!(Heard::parse(&changed), None, "{at}");
            }
        }
        // A router has passed it on.
        let mut routed = solicitation(them, us, &[]);
        routed[14 + 7] = 254;
        assert_eq!(Heard::parse(&routed), None);
        // A fragment.
        let mut fragment = ping(mac, v4(1), v4(2), &[7; 40]);
        fragment[14 + 6] |= 0x20;
        assert_eq!(Heard::parse(&fragment), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(
            kind in 0usize..5, noise in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..6), len in any::<u16>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..150)
        ) {
            let (v6a, v6b): (Ipv6Addr, Ipv6Addr) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
            let mut frame = match kind {
                0 => arp_request([20, 1, 1, 1], [20, 1, 1, 2], &[tag(5)]),
                1 => solicitation(v6a, v6b, &[tag(5)]),
                2 => ping(Address([2, 0, 0, 0, 0, 1]), v6a.into(), v6b.into(), &bytes),
                3 => ping(Address([2, 0, 0, 0, 0, 1]), [20, 1, 1, 1].into(), [20, 1, 1, 2].into(), &bytes),
                _ => bytes,
            };
            for (at, with) in noise {
                let at = usize::from(at) % frame.len().max(1);
                if let Some(byte) = frame.get_mut(at) {
                    *byte ^= with;
                }
            }
            frame.truncate(usize::from(len) % 400);
            if let Some(heard) = Heard::parse(&frame) {
                let _ = heard.asks_for();
                prop_assert!(heard.link.tags.len() <= Stack::MOST);
            }
        }
    }
}
