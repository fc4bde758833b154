//! Frames and senders for the fabric's tests: bytes written out here, not by squall.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::VecDeque;

use squall::fabric::{Event, Fabric, Frame};
use squall::testbed;
use squall::units::Picos;

/// A frame as plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Frame for Bytes {
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
        let at = usize::try_from(bit / 8).ok()?;
        *self.0.get_mut(at)? ^= 0x80 >> (bit % 8);
        Some(self)
    }
    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// MAC address of a host.
pub fn mac(host: usize) -> [u8; 6] {
    let [high, low] = u16::try_from(host).expect("a host").to_be_bytes();
    [2, 0, 0, 0, high, low]
}

/// What a frame says.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    pub from: usize,
    pub to: usize,
    pub len: usize,
    pub class: u8,
    pub ecn: u8,
    pub port: u16,
    pub number: u32,
}

impl Said {
    /// A frame of class 3, ECT(0).
    pub fn new(from: usize, to: usize, len: usize) -> Said {
        Said {
            from,
            to,
            len,
            class: 3,
            ecn: 2,
            port: 49_152,
            number: 0,
        }
    }

    /// Its bytes: Ethernet, IPv4, UDP to 4791, a BTH whose PSN is `number`.
    pub fn frame(&self) -> Bytes {
        let mut bytes = vec![0; self.len.max(60)];
        bytes[..6].copy_from_slice(&mac(self.to));
        bytes[6..12].copy_from_slice(&mac(self.from));
        bytes[12..16].copy_from_slice(&[0x08, 0x00, 0x45, self.class << 5 | self.ecn]);
        bytes[22..24].copy_from_slice(&[64, 17]);
        bytes[26..30].copy_from_slice(&[198, 18, 0, u8::try_from(self.from).expect("a host")]);
        bytes[30..34].copy_from_slice(&[198, 18, 0, u8::try_from(self.to).expect("a host")]);
        bytes[34..36].copy_from_slice(&self.port.to_be_bytes());
        bytes[36..38].copy_from_slice(&4791_u16.to_be_bytes());
        // Destination QP: the sender. PSN: the number.
        bytes[47..50].copy_from_slice(&u32::try_from(self.from).expect("a host").to_be_bytes()[1..]);
        bytes[50..54].copy_from_slice(&self.number.to_be_bytes());
        Bytes(bytes)
    }
}

/// The number of a frame; 0 of one too short for it.
pub fn number(frame: &Bytes) -> u32 {
    let bytes = frame.0.get(50..54).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

/// The sender of a frame.
pub fn sender(frame: &Bytes) -> usize {
    usize::from(frame.0[29])
}

/// A PFC frame of a host: quanta for each class that it speaks of.
pub fn pfc(classes: &[(u8, u16)]) -> Bytes {
    let mut bytes = vec![0; 60];
    bytes[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 1]);
    bytes[12..16].copy_from_slice(&[0x88, 0x08, 0x01, 0x01]);
    for &(class, quanta) in classes {
        bytes[17] |= 1 << class;
        bytes[18 + 2 * usize::from(class)..][..2].copy_from_slice(&quanta.to_be_bytes());
    }
    Bytes(bytes)
}

/// A fabric from the YAML of `fabric`, with every host attached.
pub fn fabric(yaml: &str, hosts: usize, seed: u64) -> Fabric<Bytes> {
    let config = config(yaml);
    let mut fabric = Fabric::new(&config, hosts, seed).expect("it fits");
    for host in 0..hosts {
        fabric.attach(mac(host), host);
    }
    fabric
}

/// The `fabric` of a testbed.
pub fn config(yaml: &str) -> testbed::Fabric {
    let text = format!("fabric: {yaml}\n");
    let testbed = testbed::parse("t.yaml", &text, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    testbed.fabric.expect("a fabric")
}

/// What came out of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Departures: time, host, frame's sender number.
    pub sent: Vec<(u64, usize, u32)>,
    /// Arrivals: time, host, frame.
    pub received: Vec<(u64, usize, Bytes)>,
    /// PFC frames at hosts: time, host, classes, paused.
    pub pauses: Vec<(u64, usize, u8, u8)>,
}

/// Hosts that each send their frames in order: each not before its time, in its turn.
#[derive(Debug)]
pub struct Senders {
    pub queues: Vec<VecDeque<(u64, Bytes)>>,
}

impl Senders {
    pub fn new(hosts: usize) -> Senders {
        Senders {
            queues: vec![VecDeque::new(); hosts],
        }
    }

    pub fn push(&mut self, at: u64, said: &Said) {
        self.queues[said.from].push_back((at, said.frame()));
    }

    /// Runs until nothing happens any more, or to `until`.
    pub fn run(&mut self, fabric: &mut Fabric<Bytes>, until: u64) -> Trace {
        let mut trace = Trace::default();
        for host in 0..self.queues.len() {
            fabric.wake(host, Picos::ZERO);
        }
        while let Some(event) = fabric.next(Picos(until)) {
            let now = fabric.now().0;
            match event {
                Event::Idle(host) => self.pull(fabric, host, now, &mut trace),
                Event::Received { host, frame } => trace.received.push((now, host, frame)),
                Event::Pause { host, classes, paused } => trace.pauses.push((now, host, classes, paused)),
                Event::Quiet => break,
            }
        }
        trace
    }

    fn pull(&mut self, fabric: &mut Fabric<Bytes>, host: usize, now: u64, trace: &mut Trace) {
        let Some((at, frame)) = self.queues[host].front() else {
            return;
        };
        let control = frame.0[12..14] == [0x88, 0x08];
        let class = frame.0[15] >> 5;
        if *at > now {
            fabric.wake(host, Picos(*at));
        } else if control || fabric.paused(host) & (1 << class) == 0 {
            let (_, frame) = self.queues[host].pop_front().expect("there is one");
            trace.sent.push((now, host, number(&frame)));
            fabric.send(host, frame);
        }
    }
}
