//! `frame`: header fields.
//!
//! Contract: a key that is absent leaves what the wider `frame` (the pattern's, or the default)
//! said.

use super::keys::{ACK_REQ, FRAME, FRAME_MAP, SOURCE_PORT, VLAN};
use super::{AckReq, Entropy, FrameOptions, VlanTag};
use crate::units::{Psn, Qpn};
use crate::yaml::form::{Int, WordOrMap, Words};
use crate::yaml::key::{Form, Section};
use crate::yaml::read::{At, Fields, MapOr, parse_int};
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, near};

/// `outer`'s `frame`, over `base`.
pub fn read(outer: &Fields<'_>, base: &FrameOptions) -> FrameOptions {
    let mut frame = base.clone();
    let Some(fields) = outer.map(&FRAME_MAP) else {
        return frame;
    };
    fields.set(&FRAME.ip, &mut frame.ipv6);
    fields.set(&FRAME.dscp, &mut frame.dscp);
    fields.set(&FRAME.ecn, &mut frame.ecn);
    fields.set(&FRAME.ttl, &mut frame.ttl);
    if let Some(tags) = vlan(&fields) {
        frame.vlan = tags;
    }
    fields.set(&FRAME.pmtu, &mut frame.pmtu);
    fields.set(&FRAME.pkey, &mut frame.pkey);
    fields.set(&FRAME.migreq, &mut frame.migreq);
    if let Some(psn) = fields.given(&FRAME.first_psn) {
        frame.first_psn = Psn::new(psn);
    }
    if let Some(first) = fields.get(&FRAME.first_qpn) {
        frame.first_qpn = Qpn::new(first);
    }
    fields.set(&FRAME.va, &mut frame.va);
    fields.set(&FRAME.rkey, &mut frame.rkey);
    match fields.map_or(&FRAME.ack_req) {
        Some(MapOr::Map(map)) => {
            if let Some(every) = map.get(&ACK_REQ.every) {
                frame.ack_req = AckReq::Every(every);
            }
        }
        Some(MapOr::Value(ack_req)) => frame.ack_req = ack_req,
        None => {}
    }
    fields.set(&FRAME.source_port, &mut frame.entropy);
    frame
}

/// A VLAN ID (IEEE 802.1Q clause 9.6): 4095 is reserved.
pub(super) const VID: Int = Int(0, 4094);

/// IEEE 802.1Q clause 9: one tag, or two stacked.
fn vlan(frame: &Fields<'_>) -> Option<Vec<VlanTag>> {
    let items = frame.list(&FRAME.vlan)?;
    if items.len() > 2 {
        let place = frame.place_of(&FRAME.vlan);
        frame.bad(&FRAME.vlan, place, &format!("a list of {} tags", items.len()), None);
    }
    items.iter().map(|item| tag(frame, item)).collect()
}

fn tag(frame: &Fields<'_>, node: &Node) -> Option<VlanTag> {
    if node.text().is_some() {
        return Some(VlanTag {
            vid: VID.read(frame.at(&FRAME.vlan, node))?,
            pcp: VLAN.pcp.default,
            dei: VLAN.dei.default,
            tpid: VLAN.tpid.default,
        });
    }
    let fields = frame.reader().fields(node, "a `vlan` tag", &[&VLAN]);
    Some(VlanTag {
        vid: fields.get(&VLAN.vid).unwrap_or_default(),
        pcp: fields.get(&VLAN.pcp),
        dei: fields.get(&VLAN.dei),
        tpid: fields.get(&VLAN.tpid),
    })
}

const ENTROPIES: &[(&str, Entropy)] = &[
    ("per-qp", Entropy::PerQp),
    ("per-message", Entropy::PerMessage),
    ("per-packet", Entropy::PerPacket),
];

/// What the UDP source port of a frame follows.
pub(super) struct SourcePort;

impl Form<Entropy> for SourcePort {
    fn allowed(&self) -> String {
        WordOrMap(ENTROPIES, self.maps()).allowed()
    }
    fn read(&self, at: At<'_, '_>) -> Option<Entropy> {
        if !matches!(at.node.value, Value::Map(_)) {
            let find = |text: &str| {
                ENTROPIES
                    .iter()
                    .find(|(word, _)| *word == text)
                    .map(|(_, entropy)| *entropy)
            };
            return at.parse(find, |text| match parse_int(text) {
                // A bare number was meant as a fixed port.
                Some(port) if port <= 65_535 => Some(format!("{{fixed: {port}}}")),
                _ => near::nearest(text, ENTROPIES.iter().map(|(word, _)| *word)).map(str::to_owned),
            });
        }
        let fields = at.fields.map(at.key)?;
        fields.exclude(&SOURCE_PORT.fixed, &SOURCE_PORT.range);
        if !fields.has(&SOURCE_PORT.fixed) && !fields.has(&SOURCE_PORT.range) {
            fields.missing("`fixed` or `range`");
        }
        let fixed = fields.get(&SOURCE_PORT.fixed).map(Entropy::Fixed);
        let range = fields
            .node(&SOURCE_PORT.range)
            .and_then(|node| port_range(&fields, node));
        fixed.or(range)
    }
    fn show(&self, entropy: &Entropy) -> String {
        Words(ENTROPIES).show(entropy)
    }
    fn maps(&self) -> &'static [&'static dyn Section] {
        const MAPS: &[&dyn Section] = &[&SOURCE_PORT];
        MAPS
    }
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
            fields.bad(&SOURCE_PORT.range, node.place, "not two ports", None);
            None
        }
    }
}
