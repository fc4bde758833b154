//! The interfaces of this network namespace, their addresses and their routes, from the kernel itself.
//!
//! Contract: rtnetlink answers for the namespace of the process that asks, whatever is mounted on `/sys`.
//! What cannot be read is counted, and makes every interface one that may be in use.

use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, Prop,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::interface::{Interface, Interfaces, is_link_local};

/// Room for what the kernel sends at a time: 32 KiB at most (`Documentation/userspace-api/netlink/intro.rst`).
const ROOM: usize = 64 << 10;

/// The table of the interfaces' own addresses (rtnetlink(7)).
const LOCAL_TABLE: u8 = 255;

pub(super) fn interfaces() -> io::Result<Interfaces> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut found = Interfaces::default();
    for question in [
        Message::GetLink(LinkMessage::default()),
        Message::GetAddress(AddressMessage::default()),
        Message::GetRoute(RouteMessage::default()),
    ] {
        dump(&socket, question, &mut found)?;
    }
    Ok(found)
}

/// Takes everything of one kind into `found`. The order of kinds matters: interfaces first.
fn dump(socket: &Socket, question: Message, found: &mut Interfaces) -> io::Result<()> {
    let mut packet = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(question));
    packet.header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut room = Vec::with_capacity(ROOM);
    loop {
        room.clear();
        socket.recv(&mut room, 0)?;
        let mut rest = &room[..];
        while !rest.is_empty() {
            // The length stands first, in the host's order, and counts itself.
            let length = rest
                .first_chunk()
                .map_or(0, |length| u32::from_ne_bytes(*length) as usize);
            let Some(one) = rest.get(..length).filter(|one| one.len() >= HEADER) else {
                return Err(io::Error::other("rtnetlink answered with half a message"));
            };
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            match NetlinkMessage::<Message>::deserialize(one).map(|message| message.payload) {
                Ok(NetlinkPayload::Done(_)) => return Ok(()),
                Ok(NetlinkPayload::Error(error)) => return Err(error.to_io()),
                Ok(NetlinkPayload::InnerMessage(message)) => take(message, found),
                Ok(_) => {}
                Err(_) => found.unread += 1,
            }
        }
    }
}

/// Bytes of a netlink message's header.
const HEADER: usize = 16;

fn take(message: Message, found: &mut Interfaces) {
    match message {
        Message::NewLink(link) => take_link(link, found),
        Message::NewAddress(address) => {
            // Of a point-to-point link `Address` is the other end's.
            let mut own = None;
            for attribute in address.attributes {
                match attribute {
                    AddressAttribute::Local(local) => own = Some(local),
                    AddressAttribute::Address(other) => own = own.or(Some(other)),
                    _ => {}
                }
            }
            let interface = found.of_index(address.header.index);
            if let Some((interface, address)) = interface.zip(own) {
                interface.addresses.push(address);
            }
        }
        Message::NewRoute(route) => take_route(&route, found),
        _ => {}
    }
}

fn take_link(link: LinkMessage, found: &mut Interfaces) {
    let mut name = String::new();
    let mut interface = Interface {
        index: link.header.index,
        up: link.header.flags.contains(LinkFlags::Up),
        is_loopback: link.header.flags.contains(LinkFlags::Loopback),
        ..Interface::default()
    };
    for attribute in link.attributes {
        match attribute {
            LinkAttribute::IfName(own) => name = own,
            LinkAttribute::Mtu(mtu) => interface.mtu = Some(mtu),
            LinkAttribute::Address(mac) => interface.mac = mac.try_into().ok(),
            LinkAttribute::Controller(master) => interface.master = Some(master).filter(|index| *index != 0),
            LinkAttribute::Link(lower) => interface.link = Some(lower).filter(|index| *index != 0),
            LinkAttribute::LinkNetNsId(_) => interface.link_is_elsewhere = true,
            LinkAttribute::ParentDevName(device) => interface.device = Some(device),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(kind) => {
                            interface.is_pair = matches!(kind, InfoKind::Veth | InfoKind::Netkit | InfoKind::Vxcan);
                            interface.kind = Some(kind.to_string());
                        }
                        // A tunnel's is told here, and not as its link.
                        LinkInfo::Data(InfoData::Vxlan(data)) => {
                            let below = data.iter().find_map(|it| match it {
                                InfoVxlan::Link(index) => Some(*index).filter(|index| *index != 0),
                                _ => None,
                            });
                            interface.link = interface.link.or(below);
                        }
                        _ => {}
                    }
                }
            }
            LinkAttribute::PropList(properties) => {
                for property in properties {
                    if let Prop::AltIfName(other) = property {
                        interface.other_names.push(other);
                    }
                }
            }
            _ => {}
        }
    }
    found.by_name.insert(name, interface);
}

fn take_route(route: &RouteMessage, found: &mut Interfaces) {
    if route.header.kind != RouteType::Unicast || route.header.table == LOCAL_TABLE {
        return;
    }
    let mut to = if u8::from(route.header.address_family) == AF_INET6 {
        std::net::IpAddr::from([0u16; 8])
    } else {
        std::net::IpAddr::from([0u8; 4])
    };
    let mut through = Vec::new();
    let mut is_indirect = false;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = (*address).into(),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => to = (*address).into(),
            RouteAttribute::Oif(index) => through.push(*index),
            RouteAttribute::MultiPath(hops) => through.extend(hops.iter().map(|hop| hop.interface_index)),
            RouteAttribute::NhId(_) => is_indirect = true,
            _ => {}
        }
    }
    if through.is_empty() && is_indirect {
        found.unread += 1;
    }
    if is_link_local(&to) {
        return;
    }
    for index in through {
        if let Some(interface) = found.of_index(index) {
            interface.route.get_or_insert(to);
        }
    }
}

/// Address family number of IPv6 (socket(2)).
const AF_INET6: u8 = 10;
