//! A scenario as a pattern and a testbed, and what a run of them comes to.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use squall::fabric::Counters;
use squall::fabric::counters::ClassCounters;
use squall::pattern::transport::{Choices, Cnp, Dcqcn, HyperStep, Rc, Scope, Stage, Transport};
use squall::report::model::{Results, Sample};
use squall::report::samples::Kept;
use squall::trial::{Session, Trial};
use squall::units::{BitRate, Bytes, Picos};
use squall::yaml::Source;
use squall::{pattern, testbed};

use super::figures::Figures;
use super::scenario::{Flow, Lengths, Reaction, Scenario, picos};

/// Headers of squall's frames over IPv4: Ethernet 14, IPv4 20, UDP 8, BTH 12, ICRC 4.
const HEADERS: u64 = 58;

/// What a frame takes of a link beside itself.
const OVERHEAD: u64 = 24;

/// Frames of a message of a flow that has no size.
const FRAMES_OF_A_MESSAGE: u64 = 64;

/// Runs one after another, through one DPDK.
#[derive(Default)]
pub struct Lab {
    session: Session,
}

/// The scenario in squall's lengths.
struct Scaled<'a> {
    scenario: &'a Scenario,
    /// Payload bytes of a full frame.
    payload: u64,
    /// Bytes of squall's for each of the scenario's: of frames, of links, of what limits count.
    bytes: f64,
    wire: f64,
    limited: f64,
}

impl Lab {
    /// Runs the scenario once.
    pub fn run(&mut self, scenario: &Scenario, seed: u64) -> Result<Figures, String> {
        let scaled = Scaled::of(scenario);
        let source = |name: &str, text: String| Source {
            name: name.to_owned(),
            text,
            overrides: Vec::new(),
            shipped: false,
        };
        let mut loaded =
            pattern::of(source("scenario.yaml", scaled.pattern(seed)?)).map_err(|error| error.to_string())?;
        let transport = scaled.transport()?;
        for entry in &mut loaded.pattern.traffic {
            // Any length: only the key is bound to those of cards.
            entry.frame.pmtu = u32::try_from(scaled.payload).map_err(|error| error.to_string())?;
            entry.transport = transport.clone();
        }
        let bed = testbed::of(source("fabric.yaml", scaled.testbed())).map_err(|error| error.to_string())?;
        let trial = Trial {
            pattern: &loaded,
            pattern_name: "scenario.yaml",
            testbed: &bed,
            testbed_name: Some("fabric.yaml"),
            owned_interfaces: &[],
            calibration: None,
            earlier: None,
        };
        let mut samples = Vec::new();
        let stop = AtomicBool::new(false);
        let measured = trial.run(&mut self.session, &stop, |watched| {
            if let Some(Kept::Sample(sample)) = watched.kept {
                samples.push(sample.clone());
            }
        });
        let measured = measured.map_err(|error| error.to_string())?;
        let fabric = measured.fabric.ok_or("the fabric counted nothing")?;
        if fabric.lost.total() > 0 {
            return Err(format!(
                "the switch lost frames, and the scenario's has buffer without end: {:?}",
                fabric.lost
            ));
        }
        Ok(scaled.figures(&samples, &measured.results, &fabric))
    }
}

impl<'a> Scaled<'a> {
    #[expect(clippy::cast_precision_loss, reason = "lengths of frames")]
    fn of(scenario: &'a Scenario) -> Scaled<'a> {
        let Lengths {
            frame, wire, limited, ..
        } = scenario.lengths;
        // A payload of whole words has no pad.
        let payload = (frame.saturating_sub(HEADERS) + 2) / 4 * 4;
        let ratio = |ours: u64, theirs: u64| ours as f64 / theirs as f64;
        Scaled {
            scenario,
            payload,
            bytes: ratio(payload + HEADERS, frame),
            wire: ratio(payload + HEADERS + OVERHEAD, wire),
            limited: ratio(payload + HEADERS + OVERHEAD, limited),
        }
    }

    /// A limit in squall's bits.
    fn limit(&self, rate: f64) -> BitRate {
        BitRate(rounded(rate * self.limited))
    }

    fn size(&self, bytes: f64) -> u64 {
        rounded(bytes * self.bytes)
    }

    /// Payload bytes of the messages of a flow.
    fn message(&self, flow: &Flow) -> u64 {
        let frames = |size: u64| size.div_ceil(self.scenario.lengths.payload);
        match flow.size {
            Some(size) if self.payload == self.scenario.lengths.payload => size,
            Some(size) => frames(size) * self.payload,
            None => FRAMES_OF_A_MESSAGE * self.payload,
        }
    }

    fn pattern(&self, seed: u64) -> Result<String, String> {
        let (from, to) = self.scenario.window_ps();
        let interval = gcd(from, to);
        let mut text = format!(
            "description: a scenario of another model\nseed: {seed}\nduration: {to}ps\nsample: {interval}ps\nicrc_check: none\n\
             frame: {{ecn: ect0, dscp: 26}}\ntraffic:\n"
        );
        let receiver = self.scenario.flows.len();
        for (number, flow) in self.scenario.flows.iter().enumerate() {
            let start = picos(flow.start_ms * 1e6);
            let count = if flow.size.is_some() { "1" } else { "unlimited" };
            let rate = flow
                .cap
                .map_or("max".to_owned(), |cap| format!("{}bps", self.limit(cap).0));
            text += &format!(
                "  - {{name: f{number}, kind: transfer, from: {number}, to: {receiver}, verb: put, message: {}, count: {count}, \
                 rate: {rate}, start: {start}ps",
                self.message(flow)
            );
            if let Some(stop) = flow.stop_ms {
                let stop = picos(stop * 1e6);
                let lasts = stop.checked_sub(start).filter(|lasts| *lasts > 0);
                let lasts = lasts.ok_or_else(|| format!("flow {number} stops before it starts"))?;
                text += &format!(", duration: {lasts}ps");
            }
            text += "}\n";
        }
        Ok(text)
    }

    fn testbed(&self) -> String {
        let scenario = self.scenario;
        let (kmin, kmax, pmax) = scenario.marking;
        let speed = rounded(scenario.rate * self.wire);
        let mut text = format!(
            "fabric:\n  topology: switch\n  hosts: auto\n  speed: {speed}bps\n  propagation: {}ps\n  switch:\n    latency: {}ps\n    \
             ecn: {{kmin: {}, kmax: {}, pmax: {pmax}, at: {}, classes: 0-7}}\n",
            picos(scenario.propagation_ns),
            picos(scenario.latency_ns),
            self.size(kmin),
            self.size(kmax),
            if scenario.mark_at_dequeue { "dequeue" } else { "enqueue" },
        );
        text += &match scenario.pfc {
            None => "    pfc: none\n    buffer: 256MB\n    alpha: 1024\n".to_owned(),
            Some((xoff, xon)) => {
                // docs/FABRIC.md, "Headroom", and as much again.
                let frame = self.payload + HEADERS + 16;
                let way = 2.0 * scenario.propagation_ns + scenario.latency_ns;
                let headroom = 2 * (3 * frame + 3 * OVERHEAD + 84 + rounded(scenario.rate * self.wire * way / 8e9));
                let (xoff, xon) = (self.size(xoff), self.size(xon));
                let hosts = scenario.flows.len() as u64 + 1;
                let buffer = (128_000_000).max(2 * hosts * (xoff + headroom));
                format!(
                    "    pfc: {{classes: 3, xoff: {xoff}, xon: {xon}, headroom: {headroom}}}\n    buffer: {buffer}\n"
                )
            }
        };
        if let Some(brate) = scenario.brate {
            let receiver = scenario.flows.len();
            text += &format!(
                "  faults:\n    - {{at: host{receiver}, speed: {}bps}}\n",
                rounded(brate * self.wire)
            );
        }
        text
    }

    fn transport(&self) -> Result<Transport, String> {
        let Some(reaction) = &self.scenario.reaction else {
            return Ok(Transport::Open);
        };
        let micros = |us: f64| Picos(picos(us * 1e3));
        let rc = Rc {
            // Nothing is lost, and nobody waits: the model has no acknowledgements.
            timeout: 0,
            cnp: Some(Cnp {
                interval: micros(reaction.np_us),
                scope: Scope::Qp,
                ..Cnp::default()
            }),
            dcqcn: Some(self.dcqcn(reaction)?),
            ..Rc::default()
        };
        Ok(Transport::Rc(Box::new(rc)))
    }

    fn dcqcn(&self, reaction: &Reaction) -> Result<Dcqcn, String> {
        let micros = |us: f64| Picos(picos(us * 1e3));
        // A cut of the model's follows 1 ns after the period, so that alpha comes first; squall's does so at the same time.
        let bytes = self.size(reaction.bytes);
        if bytes > u64::from(u32::MAX) {
            return Err(format!("bytes={} is more than squall counts", reaction.bytes));
        }
        let clamp = if reaction.td_us.is_some() {
            reaction.clamp.unwrap_or(false)
        } else {
            true
        };
        Ok(Dcqcn {
            rpg_time_reset: Some(micros(reaction.ti_us)),
            rpg_byte_reset: Some(Bytes(bytes)),
            rpg_threshold: Some(reaction.threshold),
            rpg_ai_rate: Some(self.limit(reaction.ai)),
            rpg_hai_rate: Some(self.limit(reaction.hai)),
            rpg_min_rate: Some(self.limit(reaction.min)),
            rpg_min_dec_fac: Some(reaction.mindec),
            rate_to_set_on_first_cnp: reaction.first.map(|first| self.limit(first)),
            g: Some(reaction.g),
            dce_tcp_rtt: Some(micros(reaction.k_us)),
            initial_alpha: Some(reaction.alpha0),
            rate_reduce_monitor_period: Some(reaction.td_us.map_or(Picos::ZERO, micros)),
            clamp_tgt_rate: Some(clamp),
            clamp_tgt_rate_after_time_inc: Some(reaction.clamptime.unwrap_or(true)),
            choices: Choices {
                alpha_first: reaction.alphafirst,
                stage: match (reaction.postcmp, reaction.fle) {
                    (false, _) => Stage::Before,
                    (true, false) => Stage::After,
                    (true, true) => Stage::AfterInclusive,
                },
                hyper_step: if reaction.haimul {
                    HyperStep::Times
                } else {
                    HyperStep::Once
                },
                ..Choices::default()
            },
            ..Dcqcn::default()
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a run")]
    fn figures(&self, samples: &[Sample], results: &Results, fabric: &Counters) -> Figures {
        let (from, to) = self.scenario.window_ps();
        let within = |sample: &&Sample| sample.from_ps >= from && sample.to_ps <= to;
        let window: Vec<&Sample> = samples.iter().filter(within).collect();
        let seconds = (to - from) as f64 / 1e12;
        let flows = self.scenario.flows.len();
        let (mut payload, mut frames, mut marked, mut cnps) = (vec![0u64; flows], 0u64, 0u64, 0u64);
        for sample in &window {
            for (flow, traffic) in sample.traffic.iter().enumerate() {
                if let Some(received) = &traffic.received {
                    payload[flow] += received.payload_bytes;
                    frames += received.frames;
                    marked += received.ce;
                }
                cnps += traffic.requester.map_or(0, |requester| requester.cnps);
            }
        }
        let back = self.scenario.lengths.payload as f64 / self.payload as f64;
        let gbps = |bytes: u64| bytes as f64 * back * 8.0 / seconds / 1e9;
        let each: Vec<f64> = payload.iter().map(|bytes| gbps(*bytes)).collect();
        let alive: Vec<f64> = each.iter().copied().filter(|gbps| *gbps > 0.0).collect();
        let mut figures = Figures::default();
        figures.put("goodput_gbps", each.iter().sum());
        figures.put("jain", jain(&alive));
        figures.put("min_gbps", alive.iter().copied().fold(f64::INFINITY, f64::min));
        figures.put("max_gbps", alive.iter().copied().fold(0.0, f64::max));
        let mut classes: BTreeMap<u32, f64> = BTreeMap::new();
        for (flow, gbps) in self.scenario.flows.iter().zip(&each) {
            *classes.entry(flow.class).or_default() += gbps;
        }
        for (class, gbps) in classes {
            figures.put(&format!("class{class}_gbps"), gbps);
        }
        figures.put("mark_frac", marked as f64 / frames.max(1) as f64);
        let requesters = || results.traffic.iter().filter_map(|entry| entry.rc.as_ref());
        if self.scenario.reaction.is_some() {
            figures.put("cnp_per_flow_ms", cnps as f64 / flows as f64 / (seconds * 1e3));
            figures.put(
                "cnp_total",
                requesters().map(|rc| rc.requester.cnps).sum::<u64>() as f64,
            );
            figures.put(
                "cuts_total",
                requesters().map(|rc| rc.requester.rate_cuts).sum::<u64>() as f64,
            );
        }
        let queue = queue_to(fabric, flows);
        if let Some(queue) = queue {
            figures.put("q_max", queue.max_depth_bytes as f64 / self.bytes);
            if let Some(mean) = mean_depth(queue, from, to) {
                figures.put("q_mean", mean / self.bytes);
            }
        }
        let ports = fabric
            .switches
            .iter()
            .flat_map(|switch| &switch.ports)
            .flat_map(|port| &port.classes);
        let (mut pauses, mut paused, mut ingress) = (0, 0, 0);
        for class in ports {
            // An XOFF that is said again is not another pause.
            pauses += class.xon_sent.max(u64::from(class.xoff_sent > 0));
            paused += class.pause_sent_ps;
            ingress = ingress.max(class.max_ingress_bytes);
        }
        figures.put("pauses", pauses as f64);
        figures.put("paused_ms", paused as f64 / 1e9);
        figures.put("ingress_max", ingress as f64 / self.bytes);
        figures.put(
            "pkts",
            results
                .traffic
                .iter()
                .filter_map(|entry| entry.packets.received)
                .sum::<u64>() as f64,
        );
        let ends = |entry: &squall::report::model::Traffic| entry.active_ps.map(|time| time as f64 / 1e6);
        let times: Vec<f64> = results.traffic.iter().filter_map(ends).collect();
        if self.scenario.flows.iter().all(|flow| flow.size.is_some()) {
            figures.put("fct_first_us", times.iter().copied().fold(f64::INFINITY, f64::min));
            figures.put("fct_last_us", times.iter().copied().fold(0.0, f64::max));
        }
        figures
    }
}

/// The queue in front of host `host`, class 3.
fn queue_to(fabric: &Counters, host: usize) -> Option<&ClassCounters> {
    let name = format!("host{host}");
    let ports = fabric.switches.iter().flat_map(|switch| &switch.ports);
    let port = ports.into_iter().find(|port| port.to == name)?;
    port.classes.iter().find(|class| class.class == 3)
}

/// Mean depth from `from` to `to`, picoseconds; a window that is partly within counts in part.
#[expect(clippy::cast_precision_loss, reason = "depths")]
fn mean_depth(queue: &ClassCounters, from: u64, to: u64) -> Option<f64> {
    let depth = queue.depth.as_ref()?;
    let mut area = 0.0;
    for (number, mean) in (0u64..).zip(&depth.mean_bytes) {
        let (begins, ends) = (number * depth.window_ps, (number + 1) * depth.window_ps);
        let inside = ends.min(to).saturating_sub(begins.max(from));
        area += inside as f64 * *mean as f64;
    }
    Some(area / (to - from) as f64)
}

/// (Σx)² / (n Σx²).
#[expect(clippy::cast_precision_loss, reason = "a few flows")]
fn jain(values: &[f64]) -> f64 {
    let (sum, squares) = values
        .iter()
        .fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    if squares > 0.0 {
        sum * sum / (values.len() as f64 * squares)
    } else {
        f64::NAN
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes and rates")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}
