//! Reaction to PFC in software, over veth: a class that is paused stops within one burst and the others
//! go on, and the pause time in the report is the sum of the quanta that were sent.
//!
//! The PFC frames come from a few lines of Python at the other end, which add up their own quanta;
//! tcpdump on both interfaces says in which order frames passed. One loop sends and receives in turn, so
//! what leaves after a PFC frame has come is what one turn had begun.

mod support;
mod turn;

use serde_json::Value;
use support::veth::{self, Seen};
use support::{Folder, list, number};
use turn::turn;

/// Frames of one burst (`dpdk::BATCH`).
const BURST: usize = 64;

/// Once traffic flows, sends PFC frames for class 3 from `peer0`, every 120 ms, each for 25 to 33 ms at 1 Gb/s: so far apart
/// that none comes in the pause of the one before, even where the loop is stopped for a while. Writes the
/// sum of their quanta to `quanta`.
const PAUSES: &str = r"
import socket, struct, sys, time
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(('peer0', 0))
def send(quanta):
    times = [0, 0, 0, quanta, 0, 0, 0, 0]
    frame = bytes.fromhex('0180c200000102aabbccddee8808') + struct.pack('>HH8H', 0x0101, 1 << 3, *times)
    link.send(frame.ljust(60, b'\0'))
def received():
    return int(open('/sys/class/net/peer0/statistics/rx_packets').read())
while received() < 500:
    time.sleep(0.01)
total = 0
for number in range(12):
    quanta = 50000 + 1250 * number
    send(quanta)
    total += quanta
    time.sleep(0.12)
open('quanta', 'w').write(str(total))
";

/// How many it sends.
const PAUSED: usize = 12;

/// What passed, of a capture on all interfaces (LINUX_SLL2: protocol, …, packet type at 10, and the
/// frame's payload from 20 on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// A PFC frame came to squall's port: it pauses class 3 for so many ns.
    Pause(u64),
    /// A RoCEv2 frame of this class came to the other end.
    Frame(u8),
}

fn passed(seen: &Seen) -> Option<(u64, Passed)> {
    let (header, payload) = seen.bytes.split_at_checked(20)?;
    // What left an interface is seen once more where it came in.
    let outgoing = header[10] == 4;
    match u16::from_be_bytes([header[0], header[1]]) {
        0x8808 if !outgoing && payload[..2] == [1, 1] => {
            let quanta = u64::from(u16::from_be_bytes([payload[10], payload[11]]));
            // 512 bit times at 1 Gb/s.
            Some((seen.time, Passed::Pause(quanta * 512)))
        }
        // The upper three bits of the DSCP (RFC 2474 section 4.2.2.1).
        0x0800 if !outgoing => Some((seen.time, Passed::Frame(payload[1] >> 5))),
        _ => None,
    }
}

/// What passed, and when, in order.
type Order = Vec<(u64, Passed)>;

/// Runs `pattern` on a port that says `port` while the other end sends its pauses. What passed, in order, and
/// the results; `None` where there is no veth to be had.
fn with_pauses(port: &str, pattern: &str) -> Option<(Folder, Order, Value)> {
    let _turn = turn();
    let folder = veth::folder()?;
    let testbed = veth::testbed(&folder, "{tx: 0, rx: 0}", port);
    let pattern = folder.write("pattern.yaml", pattern);
    folder.write("pauses.py", PAUSES);
    let script = format!(
        "python3 pauses.py &
pauses=$!
$squall run '{pattern}' --testbed '{testbed}' --quiet --out out
wait $pauses
"
    );
    let seen = veth::captured(&folder, "-i any -y LINUX_SLL2", &script);
    let results = folder.results_of("out");
    Some((folder, seen.iter().filter_map(passed).collect(), results))
}

#[test]
fn a_paused_class_stops_within_a_burst_and_the_others_go_on() {
    // Some 7,000 frames a second each: 170 and more in a pause.
    let pattern = "duration: 3s
traffic:
  - {name: lossless, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 240Mbps, frame: {dscp: 26}}
  - {name: other, kind: transfer, from: 2, to: 3, message: 64KiB, rate: 240Mbps, frame: {dscp: 0}}
";
    let Some((folder, passed, results)) = with_pauses("speed: 1Gbps, workers: 4", pattern) else {
        return;
    };

    // Every frame that was sent, and every pause, passed both witnesses.
    let frames = |class: u8| passed.iter().filter(|(_, what)| *what == Passed::Frame(class)).count() as u64;
    let [lossless, other] = [0, 1].map(|entry| number(&results["traffic"][entry], "/packets/sent"));
    assert_eq!((frames(3), frames(0)), (lossless, other));
    let pauses = passed.iter().enumerate().filter_map(|(at, (_, what))| match what {
        Passed::Pause(time) => Some((at, *time)),
        Passed::Frame(_) => None,
    });
    let pauses: Vec<(usize, u64)> = pauses.collect();
    assert_eq!(pauses.len(), PAUSED);

    // The account: the sum of the quanta, to the picosecond.
    let quanta: u64 = std::fs::read_to_string(folder.path("quanta")).unwrap().parse().unwrap();
    let pfc = &results["ports"][0]["pfc"];
    assert_eq!(
        pfc["received_per_class"],
        serde_json::json!([0, 0, 0, PAUSED, 0, 0, 0, 0])
    );
    assert_eq!(number(pfc, "/paused_ps_per_class/3"), quanta * 512 * 1000);
    assert_eq!(
        list(pfc, "/paused_ps_per_class")
            .iter()
            .filter(|time| **time == 0)
            .count(),
        7
    );
    assert_eq!(
        (&pfc["reaction"], &pfc["received_source"]),
        (&"software".into(), &"frames".into())
    );

    let mut went_on = 0;
    for (at, time) in &pauses {
        let (came, _) = passed[*at];
        // The end of a pause is not where it is looked for: the loop and the witness read two clocks.
        let within = passed[*at..]
            .iter()
            .take_while(|(when, _)| *when < came + time * 9 / 10);
        let of = |class: u8| within.clone().filter(|(_, what)| *what == Passed::Frame(class)).count();
        assert!(of(3) <= BURST, "{} frames of the paused class in {time} ns", of(3));
        went_on += usize::from(of(0) > BURST);
    }
    // Other work on the machine may stop all of squall for a pause or two, and with it the others.
    assert!(
        went_on >= PAUSED - 3,
        "the other class went on in {went_on} of {PAUSED} pauses"
    );

    // Nothing is lost by it.
    for entry in list(&results, "/traffic") {
        assert_eq!(entry["packets"]["unsent"], 0, "{entry:#}");
    }
}

/// The same frames where nobody of ours is to obey them: both classes go on.
#[test]
fn a_port_that_is_told_to_ignore_them_goes_on() {
    let pattern = "duration: 3s
traffic:
  - {name: lossless, kind: transfer, from: 0, to: 1, message: 64KiB, rate: 240Mbps, frame: {dscp: 26}}
";
    let Some((_, passed, results)) = with_pauses("speed: 1Gbps, workers: 2, pfc: ignore", pattern) else {
        return;
    };
    let in_pauses = passed.iter().enumerate().filter_map(|(at, (came, what))| {
        let Passed::Pause(time) = what else { return None };
        let within = passed[at..].iter().take_while(|(when, _)| *when < came + time);
        Some(within.filter(|(_, what)| *what == Passed::Frame(3)).count())
    });
    assert!(in_pauses.filter(|frames| *frames > BURST).count() >= PAUSED - 3);
    let pfc = &results["ports"][0]["pfc"];
    assert_eq!(
        (&pfc["reaction"], &pfc["received_per_class"][3]),
        (&"none".into(), &PAUSED.into())
    );
}
