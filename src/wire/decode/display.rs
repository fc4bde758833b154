//! A decoded frame as text: one line like tcpdump's, or (`{:#}`) one line a header.

use std::fmt;

use super::{Decoded, ExtensionHeader, Icrc, Ip, MacControl};
use crate::wire::{ethernet, vlan};

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { self.headers(f) } else { self.line(f) }
    }
}

impl Decoded {
    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outer in &self.outer {
            write!(f, "{outer} | ")?;
        }
        for tag in &self.vlan {
            write!(f, "{tag}, ")?;
        }
        if let Some(ip) = &self.ip {
            return self.ip_line(f, ip);
        }
        match &self.ethernet {
            Some(header) => write!(f, "{} > {}", header.src, header.dst)?,
            None if self.outer.is_empty() => f.write_str("no link header")?,
            None => f.write_str("no packet")?,
        }
        if let Some(control) = &self.mac_control {
            write!(f, ": {control}")?;
        } else if let Some(arp) = &self.arp {
            write!(f, ": {arp}")?;
        } else if let Some(ptp) = &self.ptp {
            write!(f, ": {ptp}")?;
        } else if let Some(header) = &self.ethernet {
            let ethertype = self.vlan.last().map_or(header.ethertype, |tag| tag.ethertype);
            write!(f, ": type 0x{ethertype:04x}")?;
            if ethertype == ethernet::TYPE_ROCE_V1 {
                f.write_str(" (RoCE v1, not read)")?;
            }
        }
        write!(f, ", {} bytes", self.frame_len)
    }

    fn ip_line(&self, f: &mut fmt::Formatter<'_>, ip: &Ip) -> fmt::Result {
        let (source, destination) = (ip.source(), ip.destination());
        match &self.udp {
            Some(udp) => write!(f, "{source}.{} > {destination}.{}: ", udp.src_port, udp.dst_port)?,
            None => write!(f, "{source} > {destination}: ")?,
        }
        if let Some(neighbour) = &self.neighbour {
            return write!(f, "{neighbour}");
        }
        match &self.bth {
            Some(bth) => write!(f, "{bth}")?,
            None if self.is_roce() => f.write_str("RoCEv2")?,
            None if self.udp.is_some() => f.write_str("UDP")?,
            None => write!(f, "protocol {}", ip.protocol())?,
        }
        self.extensions(f, ", ", "")?;
        if let Some(len) = self.payload_len {
            write!(f, ", payload {len}")?;
        }
        match ip {
            Ip::V4(repr, _) => write!(f, ", dscp {} ecn {} ttl {}", repr.dscp, repr.ecn, repr.ttl)?,
            Ip::V6(repr) => write!(f, ", dscp {} ecn {} hlim {}", repr.dscp, repr.ecn, repr.hop_limit)?,
        }
        if let Some(icrc) = &self.icrc {
            write!(f, ", {icrc}")?;
        }
        Ok(())
    }

    /// One header a line, without a newline at the end.
    fn headers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame    {} bytes", self.frame_len)?;
        for outer in &self.outer {
            layer(
                f,
                (outer.ethernet.as_ref(), &outer.vlan),
                (outer.ip.as_ref(), &outer.extension_headers),
            )?;
            if let Some(udp) = &outer.udp {
                write!(f, "\nudp      {udp}")?;
            }
            write!(f, "\ntunnel   {}", outer.tunnel)?;
        }
        layer(f, (self.ethernet.as_ref(), &self.vlan), (None, &[]))?;
        if let Some(control) = &self.mac_control {
            write!(f, "\ncontrol  {control}")?;
        }
        if let Some(arp) = &self.arp {
            write!(f, "\narp      {arp}")?;
        }
        if let Some(ptp) = &self.ptp {
            write!(f, "\nptp      {ptp}")?;
        }
        layer(f, (None, &[]), (self.ip.as_ref(), &self.extension_headers))?;
        if let Some(neighbour) = &self.neighbour {
            write!(f, "\nicmpv6   {neighbour}")?;
        }
        if let Some(udp) = &self.udp {
            write!(f, "\nudp      {udp}")?;
        }
        if let Some(bth) = &self.bth {
            write!(f, "\nbth      {bth}")?;
        }
        self.extensions(f, "\n", "ext      ")?;
        if let Some(len) = self.payload_len {
            write!(f, "\npayload  {len} bytes")?;
        }
        if let Some(icrc) = &self.icrc {
            write!(f, "\ncheck    {icrc}")?;
        }
        if let Some(fcs) = &self.fcs {
            let verdict = if fcs.wire == fcs.computed { "ok" } else { "WRONG" };
            write!(f, "\ncheck    fcs 0x{:08x} {verdict}", fcs.wire)?;
        }
        Ok(())
    }

    fn extensions(&self, f: &mut fmt::Formatter<'_>, before: &str, label: &str) -> fmt::Result {
        let found = &self.extensions;
        let headers: [Option<&dyn fmt::Display>; 10] = [
            found.rdeth.as_ref().map(|header| header as _),
            found.xrceth.as_ref().map(|header| header as _),
            found.feth.as_ref().map(|header| header as _),
            found.deth.as_ref().map(|header| header as _),
            found.reth.as_ref().map(|header| header as _),
            found.aeth.as_ref().map(|header| header as _),
            found.atomiceth.as_ref().map(|header| header as _),
            found.atomicacketh.as_ref().map(|header| header as _),
            found.immdt.as_ref().map(|header| header as _),
            found.ieth.as_ref().map(|header| header as _),
        ];
        for header in headers.into_iter().flatten() {
            write!(f, "{before}{label}{header}")?;
        }
        Ok(())
    }
}

/// The link and network headers of one layer, a line each.
fn layer(
    f: &mut fmt::Formatter<'_>,
    (header, tags): (Option<&ethernet::Repr>, &[vlan::Repr]),
    (ip, extension_headers): (Option<&Ip>, &[ExtensionHeader]),
) -> fmt::Result {
    if let Some(header) = header {
        write!(f, "\neth      {header}")?;
    }
    for tag in tags {
        write!(f, "\ntag      {tag} type 0x{:04x}", tag.ethertype)?;
    }
    match ip {
        Some(Ip::V4(repr, checksum)) => write!(f, "\nipv4     {repr} csum 0x{checksum:04x}")?,
        Some(Ip::V6(repr)) => write!(f, "\nipv6     {repr}")?,
        None => {}
    }
    extension_headers
        .iter()
        .try_for_each(|header| write!(f, "\nip ext   {header}"))
}

impl fmt::Display for MacControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MacControl::Pfc(repr) => write!(f, "{repr}"),
            MacControl::Pause(repr) => write!(f, "{repr}"),
            MacControl::Other(opcode) => write!(f, "MAC control opcode 0x{opcode:04x}"),
        }
    }
}

impl fmt::Display for Icrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.wire == self.computed { "ok" } else { "WRONG" };
        write!(f, "icrc 0x{:08x} {verdict}", self.wire)
    }
}
