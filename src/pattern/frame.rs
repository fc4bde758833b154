//! `frame`: header fields.
//!
//! Contract: a key that is absent leaves what the wider `frame` (the pattern's, or the default)
//! said.

use super::{AckReq, Ecn, Entropy, FrameOptions, VlanTag, keys};
use crate::units::{Psn, Qpn};
use crate::yaml::read::{Fields, parse_int};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, near, shown};

/// `outer`'s `frame`, over `base`.
pub fn read(outer: &Fields<'_>, base: &FrameOptions) -> FrameOptions {
    let mut frame = base.clone();
    let Some(node) = outer.get("frame") else {
        return frame;
    };
    let fields = outer.reader().fields(node, "`frame`", &[&keys::FRAME]);
    set(&mut frame.ipv6, fields.word("ip", &[("4", false), ("6", true)]));
    set(&mut frame.dscp, fields.int("dscp", 0..=63));
    let codepoints = [
        ("not-ect", Ecn::NotEct),
        ("ect0", Ecn::Ect0),
        ("ect1", Ecn::Ect1),
        ("ce", Ecn::Ce),
    ];
    set(&mut frame.ecn, fields.word("ecn", &codepoints));
    set(&mut frame.ttl, fields.int("ttl", 1..=255));
    if fields.has("vlan") {
        set(&mut frame.vlan, vlan(&fields));
    }
    let sizes = [
        ("256", 256),
        ("512", 512),
        ("1024", 1024),
        ("2048", 2048),
        ("4096", 4096),
    ];
    set(&mut frame.pmtu, fields.word("pmtu", &sizes));
    set(&mut frame.pkey, fields.int("pkey", 0..=0xffff));
    set(&mut frame.migreq, fields.flag("migreq"));
    set(
        &mut frame.first_psn,
        fields.int("first_psn", 0..=u64::from(Psn::MODULUS) - 1).map(Psn::new),
    );
    if let Some(first) = fields.int("first_qpn", 2..=u64::from(Qpn::MAX)) {
        frame.first_qpn = Qpn::new(first);
    }
    set(&mut frame.va, fields.int("va", 0..=u64::MAX));
    set(&mut frame.rkey, fields.int("rkey", 0..=u64::from(u32::MAX)));
    set(&mut frame.ack_req, ack_req(&fields));
    set(&mut frame.entropy, source_port(&fields));
    frame
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// IEEE 802.1Q clause 9: one tag, or two stacked.
fn vlan(frame: &Fields<'_>) -> Option<Vec<VlanTag>> {
    let items = frame.list("vlan")?;
    if items.len() > 2 {
        frame.bad(
            "vlan",
            frame.place_of("vlan"),
            &format!("a list of {} tags", items.len()),
            None,
        );
    }
    items.iter().map(|item| tag(frame, item)).collect()
}

fn tag(frame: &Fields<'_>, node: &Node) -> Option<VlanTag> {
    let mut tag = VlanTag {
        tpid: 0x8100,
        vid: 0,
        pcp: 0,
        dei: false,
    };
    if let Some(text) = node.text() {
        let vid = parse_int(text)
            .filter(|vid| *vid <= 4094)
            .and_then(|vid| u16::try_from(vid).ok());
        if vid.is_none() {
            frame.bad("vlan", node.place, &format!("`{}`", shown(text, 60)), None);
        }
        tag.vid = vid?;
        return Some(tag);
    }
    let fields = frame.reader().fields(node, "a `vlan` tag", &[&keys::VLAN]);
    fields.require("vid");
    set(&mut tag.vid, fields.int("vid", 0..=4094));
    set(&mut tag.pcp, fields.int("pcp", 0..=7));
    set(&mut tag.dei, fields.flag("dei"));
    let tpid = |text: &str| parse_int(text).filter(|tpid| matches!(tpid, 0x8100 | 0x88a8 | 0x9100));
    let tpid = fields.parse("tpid", tpid, |_| None);
    set(&mut tag.tpid, tpid.and_then(|tpid| u16::try_from(tpid).ok()));
    Some(tag)
}

fn ack_req(frame: &Fields<'_>) -> Option<AckReq> {
    let node = frame.get("ack_req")?;
    if matches!(node.value, Value::Map(_)) {
        let fields = frame.reader().fields(node, "`ack_req`", &[&keys::ACK_REQ]);
        fields.require("every");
        return fields.int("every", 1..=u64::from(u32::MAX)).map(AckReq::Every);
    }
    let words = [("last", AckReq::Last), ("never", AckReq::Never), ("all", AckReq::All)];
    frame.word("ack_req", &words)
}

fn source_port(frame: &Fields<'_>) -> Option<Entropy> {
    let node = frame.get("source_port")?;
    if !matches!(node.value, Value::Map(_)) {
        let words = [
            ("per-qp", Entropy::PerQp),
            ("per-message", Entropy::PerMessage),
            ("per-packet", Entropy::PerPacket),
        ];
        let find = |text: &str| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, entropy)| *entropy)
        };
        return frame.parse("source_port", find, |text| {
            match parse_int(text) {
                // A bare number was meant as a fixed port.
                Some(port) if port <= 65_535 => Some(format!("{{fixed: {port}}}")),
                _ => near::nearest(text, words.iter().map(|(word, _)| *word)).map(str::to_owned),
            }
        });
    }
    let fields = frame.reader().fields(node, "`source_port`", &[&keys::SOURCE_PORT]);
    fields.exclude("fixed", "range");
    if !fields.has("fixed") && !fields.has("range") {
        fields.missing("`fixed` or `range`");
    }
    let fixed = fields.int("fixed", 0..=65_535).map(Entropy::Fixed);
    let range = fields.get("range").and_then(|node| port_range(&fields, node));
    fixed.or(range)
}

fn port_range(fields: &Fields<'_>, node: &Node) -> Option<Entropy> {
    let port = |node: &Node| u16::try_from(parse_int(node.text()?)?).ok();
    let ports = match &node.value {
        Value::List(items) => items.iter().map(port).collect(),
        _ => None,
    };
    let ports: Option<Vec<u16>> = ports;
    match ports.as_deref() {
        Some(&[low, high]) if low <= high => Some(Entropy::Range(low, high)),
        Some(&[low, high]) => {
            let finding = Finding::new(node.place, format!("`range` begins at {low}, above its end {high}"));
            fields
                .reader()
                .report(finding.suggest(Some(format!("[{high}, {low}]"))));
            None
        }
        _ => {
            fields.bad("range", node.place, "not two ports", None);
            None
        }
    }
}
