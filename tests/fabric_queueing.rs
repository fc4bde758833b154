//! The fabric against queueing theory: Lindley's recursion to the picosecond, the formulas of
//! Pollaczek and Khinchine and of Cobham within a confidence interval.
//!
//! A switch's egress port is a server; frames that never collide before it make the arrivals be
//! what the test wants them to be.

mod fabric_kit;

use fabric_kit::{Said, Senders, fabric, number};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// 1226 bytes are 1250 on the wire: 25 ns at 400 Gb/s.
const LEN: usize = 1226;
const SERVICE: u64 = 25_000;
const PROPAGATION: u64 = 50_000;
const LATENCY: u64 = 600_000;
const PLAIN: &str = "{switch: {ecn: none, pfc: none}}";

/// Wire time at 400 Gb/s: 20 ps for each byte, 24 of them overhead (IEEE 802.3 clause 4.4.2).
fn wire(len: usize) -> u64 {
    (len as u64 + 24) * 20
}

/// An interval of a Poisson process with one event in `mean` picoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below 2^63"
)]
fn interval(random: &mut Pcg64Mcg, mean: f64) -> u64 {
    (mean * -(1.0 - random.random::<f64>()).ln()) as u64
}

/// When each of `frames` (departure, sender, length), in this order, is received by the last host.
fn receive(yaml: &str, hosts: usize, frames: &[(u64, usize, usize)]) -> Vec<u64> {
    let mut fabric = fabric(yaml, hosts, 1);
    let mut senders = Senders::new(hosts);
    for (number, &(at, from, len)) in (0..).zip(frames) {
        let said = Said {
            number,
            ..Said::new(from, hosts - 1, len)
        };
        senders.push(at, &said);
    }
    let trace = senders.run(&mut fabric, u64::MAX);
    assert_eq!(trace.received.len(), frames.len());
    let mut received = vec![0; frames.len()];
    for (at, _, frame) in &trace.received {
        received[number(frame) as usize] = *at;
    }
    for (at, from, number) in &trace.sent {
        assert_eq!(
            (*at, *from),
            (frames[*number as usize].0, frames[*number as usize].1),
            "sent as planned"
        );
    }
    received
}

/// Lindley (1952): a frame waits until the server has done with those before it.
fn lindley(frames: &[(u64, usize, usize)]) -> Vec<u64> {
    let join = |&(at, _, len): &(u64, usize, usize)| at + wire(len) + PROPAGATION + LATENCY;
    let mut order: Vec<usize> = (0..frames.len()).collect();
    order.sort_by_key(|&index| join(&frames[index]));
    let mut free = 0;
    let mut received = vec![0; frames.len()];
    for index in order {
        let frame = &frames[index];
        free = free.max(join(frame)) + wire(frame.2);
        received[index] = free + PROPAGATION;
    }
    received
}

#[test]
fn periodic_senders_wait_for_their_predecessors_only() {
    // D/D/1: eight senders, each with a frame every 250 ns, one after the other by `gap`. Where the
    // gap is a service time nobody waits; where it is 5 ns, the k-th waits k (25 - 5) ns.
    for gap in [25_000, 5_000] {
        let mut frames = Vec::new();
        for period in 0..100 {
            for from in 0..8_u64 {
                frames.push((period * 250_000 + from * gap, usize::try_from(from).unwrap(), LEN));
            }
        }
        let received = receive(PLAIN, 9, &frames);
        let unloaded = 2 * (SERVICE + PROPAGATION) + LATENCY;
        for (&(sent, from, _), received) in frames.iter().zip(received) {
            let wait = from as u64 * (SERVICE - gap);
            assert_eq!(received - sent, unloaded + wait, "sender {from}, gap {gap}");
        }
    }
}

#[test]
fn any_arrivals_follow_lindleys_recursion_to_the_picosecond() {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    for load in [0.5_f64, 0.9, 1.1] {
        // Frames of 60 to 4194 bytes, mean 2127: 43.02 ns.
        let mut now = 0;
        let mut frames = Vec::new();
        for index in 0..4000 {
            now += interval(&mut random, 43_020.0 / load);
            frames.push((now, index % 100, random.random_range(60..=4194)));
        }
        assert_eq!(receive(PLAIN, 101, &frames), lindley(&frames), "load {load}");
    }
}

/// Mean waits of `classes` over independent runs of Poisson arrivals, in service times: for each
/// class its mean and the standard error of that.
fn poisson_waits(yaml: &str, load: f64, classes: &[u8], runs: u64) -> Vec<(f64, f64)> {
    const FRAMES: usize = 20_000;
    const WARM_UP: usize = 2_000;
    let mut means = vec![Vec::new(); classes.len()];
    for run in 0..runs {
        let mut random = Pcg64Mcg::seed_from_u64(run);
        let hosts = 201;
        let mut fabric = fabric(yaml, hosts, run);
        let mut senders = Senders::new(hosts);
        let mut now = 0;
        let mut sent = Vec::new();
        for index in 0..FRAMES {
            now += interval(&mut random, SERVICE as f64 / load);
            let which = random.random_range(0..classes.len());
            let said = Said {
                class: classes[which],
                number: u32::try_from(index).expect("few"),
                ..Said::new(index % (hosts - 1), hosts - 1, LEN)
            };
            sent.push((now, which));
            senders.push(now, &said);
        }
        let trace = senders.run(&mut fabric, u64::MAX);
        assert_eq!(trace.received.len(), FRAMES);
        let mut sums = vec![(0.0, 0.0); classes.len()];
        for (at, _, frame) in &trace.received {
            let index = number(frame) as usize;
            let (departed, which) = sent[index];
            if index >= WARM_UP {
                let wait = at - departed - 2 * (SERVICE + PROPAGATION) - LATENCY;
                sums[which].0 += wait as f64 / SERVICE as f64;
                sums[which].1 += 1.0;
            }
        }
        for (means, (sum, count)) in means.iter_mut().zip(sums) {
            means.push(sum / count);
        }
    }
    means
        .into_iter()
        .map(|means| {
            let count = means.len() as f64;
            let mean = means.iter().sum::<f64>() / count;
            let variance = means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            (mean, (variance / count).sqrt())
        })
        .collect()
}

/// The runs are independent, so the mean of `runs` = 40 means has Student's t distribution with 39
/// degrees of freedom about the true mean: 3.56 standard errors hold 99.9 % of it. Each run begins
/// empty; what that changes decays within 1 / (1 - sqrt(load))^2 services (41 at load 0.7), far
/// less than the 2000 frames that are left out.
fn agrees(measured: (f64, f64), theory: f64, what: &str) {
    let (mean, error) = measured;
    // A wide interval would say nothing.
    assert!(3.56 * error < 0.04 * theory, "{what}: interval ±{:.4}", 3.56 * error);
    assert!(
        (mean - theory).abs() < 3.56 * error,
        "{what}: {mean:.4} ± {error:.4}, theory {theory:.4}"
    );
}

#[test]
fn mean_wait_is_pollaczek_and_khinchines() {
    for load in [0.3, 0.7] {
        // M/D/1: W = rho / (2 (1 - rho)) services.
        let waits = poisson_waits(PLAIN, load, &[3], 40);
        agrees(waits[0], load / (2.0 * (1.0 - load)), &format!("load {load}"));
    }
}

#[test]
fn priorities_wait_as_cobham_says() {
    // Two classes of equal load, the higher one first, without preemption (Cobham 1954):
    // R = rho / 2, W_high = R / (1 - rho / 2), W_low = R / ((1 - rho / 2) (1 - rho)).
    let load: f64 = 0.7;
    let waits = poisson_waits(PLAIN, load, &[5, 2], 40);
    let residual = load / 2.0;
    let high = residual / (1.0 - load / 2.0);
    agrees(waits[0], high, "high");
    agrees(waits[1], high / (1.0 - load), "low");
}

#[test]
fn cut_through_saves_a_wire_time_unless_it_goes_on_faster() {
    let once = |yaml: &str| receive(yaml, 2, &[(0, 0, LEN)])[0];
    let cut = "switch: {forwarding: cut-through, ecn: none, pfc: none}";
    // Two links, one switch: the wire time of the second only.
    assert_eq!(once(&format!("{{{cut}}}")), 2 * PROPAGATION + LATENCY + SERVICE);
    // Leaf, spine, leaf at 400 and 800 Gb/s: into the faster uplink as a whole; through the spine
    // and down to the slower host link without waiting.
    let links = "topology: leaf-spine, leaves: 2, spines: 1, uplink_speed: 800Gbps";
    assert_eq!(
        once(&format!("{{{links}, {cut}}}")),
        4 * PROPAGATION + 3 * LATENCY + SERVICE + SERVICE
    );
    // At 200 Gb/s (50 ns): cut through into the slower uplink, as a whole into the host's link.
    let links = "topology: leaf-spine, leaves: 2, spines: 1, uplink_speed: 200Gbps";
    assert_eq!(
        once(&format!("{{{links}, {cut}}}")),
        4 * PROPAGATION + 3 * LATENCY + 2 * SERVICE + SERVICE
    );
    // Stored and forwarded: every link's wire time.
    let stored = "switch: {ecn: none, pfc: none}";
    assert_eq!(
        once(&format!("{{{links}, {stored}}}")),
        4 * PROPAGATION + 3 * LATENCY + 2 * SERVICE + 2 * 2 * SERVICE
    );
}
