//! What holds in any network at any moment: no frame and no byte is unaccounted for.

use proptest::prelude::*;

use super::*;
use crate::testbed;

/// A frame of plain bytes.
#[derive(Debug, Clone)]
struct Plain(Vec<u8>);

impl Frame for Plain {
    fn head(&self) -> &[u8] {
        &self.0
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn mark_ce(&mut self) {
        self.0[15] |= 3;
    }
    fn corrupt(mut self, bit: u64) -> Option<Self> {
        // No memory for every eighth.
        let at = usize::try_from(bit / 8).ok()?;
        *self.0.get_mut(at)? ^= 0x80 >> (bit % 8);
        (!bit.is_multiple_of(8)).then_some(self)
    }
    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

#[derive(Debug, Clone)]
struct Sent {
    at: u64,
    from: usize,
    to: usize,
    len: usize,
    class: u8,
    control: bool,
}

fn frame(sent: &Sent) -> Plain {
    let mut bytes = vec![0; sent.len];
    let byte = |host: usize| u8::try_from(host).unwrap_or(255);
    bytes[..6].copy_from_slice(&[2, 0, 0, 0, 0, byte(sent.to)]);
    bytes[12..16].copy_from_slice(&[0x08, 0x00, 0x45, sent.class << 5 | 2]);
    bytes[23] = 17;
    bytes[26..38].copy_from_slice(&[
        198,
        18,
        0,
        byte(sent.from),
        198,
        18,
        0,
        byte(sent.to),
        0xc0,
        sent.class,
        0x12,
        0xb7,
    ]);
    if sent.control {
        bytes[12..18].copy_from_slice(&[0x88, 0x08, 0x01, 0x01, 0, 1 << sent.class]);
        bytes[18 + 2 * usize::from(sent.class)] = byte(sent.len % 7);
    }
    Plain(bytes)
}

fn topologies() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "topology: switch",
        "topology: leaf-spine, leaves: 3, spines: 2, uplink_speed: 100Gbps",
        "topology: leaf-spine, leaves: 2, spines: 1, uplink_speed: 1600Gbps",
        "topology: clos, pods: 2, leaves: 2, spines: 2, cores: 2",
        "topology: clos, pods: 3, leaves: 1, spines: 1, cores: 3, uplink_speed: 300Gbps",
    ])
    .prop_map(str::to_owned)
}

fn switches() -> impl Strategy<Value = String> {
    let pfc = prop::sample::select(vec![
        "none",
        "{xoff: 20KB, headroom: 2KB}",
        "{classes: [0, 3, 7], xoff: 10KB, xon: 0, headroom: 5KB}",
        "{classes: 0-7, xoff: 200KB, headroom: 1}",
    ]);
    let ecn = prop::sample::select(vec![
        "none",
        "{kmin: 5KB}",
        "{kmin: 0, kmax: 40KB, pmax: 30%, at: dequeue, classes: 0-4}",
    ]);
    let other = prop::sample::select(vec![
        "scheduler: strict, forwarding: cut-through, latency: 0",
        "scheduler: dwrr, weights: [1, 2, 3, 4, 5, 6, 7, 100], latency: 1us",
        "alpha: 0.5",
        "alpha: 100, forwarding: cut-through",
    ]);
    let buffer = prop::sample::select(vec!["130KB", "400KB"]);
    (pfc, ecn, other, buffer)
        .prop_map(|(pfc, ecn, other, buffer)| format!("switch: {{pfc: {pfc}, ecn: {ecn}, buffer: {buffer}, {other}}}"))
}

fn faults() -> impl Strategy<Value = String> {
    let often = prop::sample::select(vec!["every: 3", "every: 50", "probability: 10%", "probability: 1"]);
    let fault = (0..7_u8, often, 0..3_u32, 0..20_u64, 1..40_u64).prop_map(|(kind, often, host, from, length)| {
        let span = format!("from: {from}us, to: {}us", from + length);
        match kind {
            0 => format!("{{at: host{host}, drop: {{{often}}}}}"),
            1 => format!("{{at: host{host}, duplicate: {{{often}}}}}"),
            2 => format!("{{at: host{host}, corrupt: {{{often}}}}}"),
            3 => format!("{{at: host{host}, reorder: {{{often}, by: {}}}}}", host + 1),
            4 => format!("{{at: host{host}, link_down: {{{span}}}}}"),
            5 => format!("{{at: host{host}, stuck_pause: {{class: 3, {span}}}}}"),
            _ => format!("{{at: PLACE, drop: {{{often}}}}}, {{at: PLACE, duplicate: {{{often}}}}}, {{at: PLACE, reorder: {{{often}}}}}"),
        }
    });
    prop::collection::vec(fault, 0..4).prop_map(|faults| faults.join(", "))
}

fn traffic(hosts: usize) -> impl Strategy<Value = Vec<Sent>> {
    // One destination more than there are hosts, which nobody has.
    let one = (
        0_u64..30_000_000,
        0..hosts,
        0..=hosts,
        60_usize..4200,
        0_u8..8,
        0_u8..20,
    );
    prop::collection::vec(one, 1..600).prop_map(|all| {
        let sent = all.into_iter().map(|(at, from, to, len, class, rare)| Sent {
            at,
            from,
            // Half of all go to one host.
            to: if class < 4 { 0 } else { to },
            len,
            class,
            control: rare == 0,
        });
        let mut sent: Vec<Sent> = sent.collect();
        sent.sort_by_key(|sent| sent.at);
        sent
    })
}

impl Fabric<Plain> {
    /// Every byte in a switch is in one queue and in one place of the buffer, which is not
    /// exceeded; every frame is counted.
    fn check(&self) {
        for switch in &self.switches {
            let first = switch.first_port as usize;
            let ports = &self.ports[first..first + switch.ports as usize];
            let held = || ports.iter().flat_map(|port| &port.ingress);
            let queued: u64 = ports
                .iter()
                .flat_map(|port| &port.queues)
                .map(|queue| queue.depth)
                .sum();
            assert_eq!(held().map(|held| held.shared).sum::<u64>(), switch.used);
            assert_eq!(held().map(|held| held.headroom).sum::<u64>(), switch.headroom);
            assert_eq!(queued, switch.used + switch.headroom);
            assert!(switch.used <= switch.shared);
            assert!(held().all(|held| held.headroom <= self.pfc.headroom));
        }
        let counters = self.counters();
        assert_eq!(
            counters.frames_sent + counters.frames_duplicated,
            counters.frames_received + counters.lost.total() + counters.frames_inside
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 1000 }))]
    #[test]
    fn nothing_is_unaccounted_for(
        topology in topologies(),
        switch in switches(),
        faults in faults(),
        sent in traffic(6),
        propagation in prop::sample::select(vec!["0", "50ns", "2us"]),
        seed in 0_u64..1000,
    ) {
        let place = match topology.as_str() {
            "topology: switch" => "switch0",
            _ => "leaf0-spine0",
        };
        let text = format!(
            "fabric: {{{topology}, speed: 100Gbps, propagation: {propagation}, {switch}, faults: [{}]}}\n",
            faults.replace("PLACE", place)
        );
        let testbed = testbed::parse("t.yaml", &text, &[]).map_err(|errors| TestCaseError::fail(errors.to_string()))?;
        let config = testbed.fabric.ok_or_else(|| TestCaseError::fail("no fabric"))?;
        let mut fabric: Fabric<Plain> = Fabric::new(&config, 6, seed).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for host in 0..6_u8 {
            fabric.attach([2, 0, 0, 0, 0, host], usize::from(host));
        }
        let (mut received, mut data) = (0, 0);
        let mut steps = 0;
        let mut take = |fabric: &mut Fabric<Plain>, until: u64| {
            while let Some(event) = fabric.next(Picos(until)) {
                match event {
                    Event::Received { .. } => received += 1,
                    Event::Quiet => break,
                    _ => {}
                }
                steps += 1;
                if steps % 17 == 0 {
                    fabric.check();
                }
            }
        };
        for sent in &sent {
            take(&mut fabric, sent.at);
            data += u64::from(!sent.control);
            // Busy or not: then it waits in the NIC.
            fabric.send(sent.from, frame(sent));
            fabric.check();
        }
        // Faults and pauses end within 60 us, held frames come after 1 ms, and 600 frames take 20 us.
        take(&mut fabric, 10_000_000_000);
        fabric.check();
        let counters = fabric.counters();
        prop_assert_eq!(counters.frames_sent, data);
        prop_assert_eq!(counters.frames_received, received);
        prop_assert_eq!(counters.frames_inside, 0);
        prop_assert!(fabric.switches.iter().all(|switch| switch.used == 0 && switch.headroom == 0));
        prop_assert!(fabric.ports.iter().all(|port| !port.busy && port.xoff == 0 && port.announced == 0));
    }
}

#[test]
fn a_pause_frame_is_one_for_any_decoder() {
    // IEEE 802.3 annex 31D: vector and eight timers behind opcode 0x0101.
    let bytes = pause_frame(0x0a, 0x08);
    assert_eq!(bytes.len(), 60);
    assert_eq!(bytes[..6], [0x01, 0x80, 0xc2, 0, 0, 1]);
    assert_eq!(bytes[12..18], [0x88, 0x08, 0x01, 0x01, 0x00, 0x0a]);
    let mut timers = [0; 16];
    timers[6..8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(bytes[18..34], timers);
    assert_eq!(bytes[34..], [0; 26]);
}

#[test]
fn a_later_wake_takes_the_place_of_an_earlier_one() {
    let text = "fabric: {}\n";
    let config = testbed::parse("t.yaml", text, &[]).unwrap().fabric.unwrap();
    let mut fabric: Fabric<Plain> = Fabric::new(&config, 2, 1).unwrap();
    assert!(matches!(fabric.next(Picos::MAX), Some(Event::Quiet)));
    fabric.wake(0, Picos(500));
    fabric.wake(0, Picos(300));
    fabric.wake(1, Picos(400));
    fabric.wake(1, Picos(900));
    let mut idle = Vec::new();
    while let Some(Event::Idle(host)) = fabric.next(Picos(10_000)) {
        idle.push((fabric.now().0, host));
    }
    assert_eq!(idle, [(300, 0), (900, 1)]);
    assert_eq!(fabric.now(), Picos(900));
    fabric.wake(0, Picos(20_000));
    assert!(fabric.next(Picos(15_000)).is_none());
    assert_eq!(fabric.now(), Picos(15_000));
    // A time that has passed is now.
    fabric.wake(0, Picos(3));
    assert!(matches!(fabric.next(Picos(15_000)), Some(Event::Idle(0))));
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let new = |yaml: &str, hosts| {
        let text = format!("fabric: {yaml}\n");
        let config = testbed::parse("t.yaml", &text, &[]).unwrap().fabric.unwrap();
        Fabric::<Plain>::new(&config, hosts, 1)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(new("{}", 512), Ok(()));
    assert!(new("{}", 0).is_err() && new("{}", 513).is_err());
    let error = new("{switch: {buffer: 1MB}}", 5).unwrap_err();
    assert!(
        error.contains("5 hosts") && error.contains("headroom of 200 KB for each of 5 ports"),
        "{error}"
    );
    assert_eq!(new("{switch: {buffer: 1MB}}", 4), Ok(()));
    let error = new("{faults: [{at: host7, drop: {every: 2}}]}", 7).unwrap_err();
    assert!(error.contains("fault 0") && error.contains("host7"), "{error}");
}

/// A closed loop moves its deadline, a tenth of a second away, with every message.
#[test]
fn a_host_that_puts_off_a_distant_time_has_one_event_of_it_and_is_woken_then() {
    let config = testbed::parse("t.yaml", "fabric: {}\n", &[]).unwrap().fabric.unwrap();
    let mut fabric: Fabric<Plain> = Fabric::new(&config, 2, 1).unwrap();
    let deadline = 100_000_000_000;
    let before = fabric.events.len();
    for now in (1..=1000).map(|n| n * 1_000_000) {
        fabric.wake(0, Picos(now));
        assert!(matches!(fabric.next(Picos(now)), Some(Event::Idle(0))));
        fabric.wake(0, Picos(now + deadline));
    }
    assert!(fabric.events.len() <= before + 1, "{}", fabric.events.len());
    // Not when it first thought, but when it thought last.
    let last = Picos(1_000_000_000 + deadline);
    assert!(fabric.next(Picos(last.0 - 1)).is_none());
    assert!(matches!(fabric.next(last), Some(Event::Idle(0))));
}

proptest! {
    /// Frames are hostile bytes.
    #[test]
    fn any_bytes_may_be_sent(frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0..6_usize, 0..8_u8), 1..60)) {
        let text = "fabric: {switch: {ecn: {kmin: 0}}, faults: [{at: switch0, corrupt: {every: 3}}, {at: host0, duplicate: {every: 2}}]}\n";
        let config = testbed::parse("t.yaml", text, &[]).unwrap().fabric.unwrap();
        let mut fabric: Fabric<Plain> = Fabric::new(&config, 6, 1).unwrap();
        for host in 0..6_u8 {
            fabric.attach([2, 0, 0, 0, 0, host], usize::from(host));
        }
        for (mut bytes, host, shape) in frames {
            // Most arbitrary bytes go nowhere: some get an address, an EtherType, a tag.
            let head = [2, 0, 0, 0, 0, shape, 9, 9, 9, 9, 9, 9];
            let kinds: [&[u8]; 8] = [
                &[0x08, 0x00], &[0x86, 0xdd], &[0x88, 0x08], &[0x81, 0x00], &[0x81, 0x00, 0, 0, 0x08, 0x00], &[0x88, 0x08, 1, 1],
                &[], &[0x08, 0x06],
            ];
            if shape < 7 {
                bytes.splice(0..0, [&head[..], kinds[usize::from(shape)]].concat());
            }
            fabric.send(host, Plain(bytes));
        }
        while !matches!(fabric.next(Picos(10_000_000_000)), Some(Event::Quiet) | None) {
            fabric.check();
        }
        prop_assert_eq!(fabric.in_flight(), 0);
    }
}
