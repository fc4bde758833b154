//! A pair of virtual Ethernet interfaces in a network namespace: squall at one end, `sq0`, and the
//! kernel's own tools at the other, `peer0`.
//!
//! Contract: the namespace has no name and ends with the script that runs in it, and so does
//! everything that the script has started.

use std::path::PathBuf;
use std::process::Command;

use super::skip::{needs, needs_namespace, needs_root};
use super::{Folder, run};

/// A frame as tcpdump saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Nanoseconds since 1970, by the kernel's clock.
    pub time: u64,
    /// Bytes of the frame, or of the capture's own header and what follows.
    pub len: u64,
    /// What was captured of it.
    pub bytes: Vec<u8>,
}

/// A folder for what a script needs and leaves; `None` where there can be no such script.
pub fn folder() -> Option<Folder> {
    if !needs(&["unshare", "ip", "tcpdump", "python3"]) || !needs_root("capturing with tcpdump") {
        return None;
    }
    needs_namespace("nm", "mount -t sysfs none /sys")?;
    Some(Folder::new())
}

/// A testbed with `sq0` as the only port, and more keys of it.
pub fn testbed(folder: &Folder, cores: &str, keys: &str) -> String {
    let text = format!(
        "isolated: true
eal: {{hugepages: none, telemetry: false}}
cores: {cores}
ports:
  - {{name: a, device: \"net_af_packet0,iface=sq0,blocksz=16384,framesz=8192,framecnt=512\", announce: false, {keys}}}
"
    );
    folder.write("testbed.yaml", &text)
}

/// Runs `script` beside a tcpdump with these arguments, which has begun to listen before it and has
/// lost nothing, and returns what that saw. `$squall` is the command under test, with real-time
/// priority where that is to be had: other work on the machine is not what is tested.
#[track_caller]
pub fn captured(folder: &Folder, tcpdump: &str, script: &str) -> Vec<Seen> {
    let path: PathBuf = folder.path("capture.pcap");
    let squall = env!("CARGO_BIN_EXE_squall");
    let whole = format!(
        "mount -t sysfs none /sys
ip link set lo up
ip link add sq0 type veth peer name peer0
for i in sq0 peer0; do
  [ ! -e /proc/sys/net/ipv6/conf/$i ] || echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6
  ip link set $i mtu 4300 up
done
cd '{folder}'
squall='env NO_COLOR=1 {squall}'
if chrt -f 1 true 2>/dev/null; then squall=\"chrt -f 1 $squall\"; fi
tcpdump -w capture.pcap -s 96 -B 65536 -U -n -Z root --time-stamp-precision nano {tcpdump} 2>tcpdump.err &
tcpdump=$!
trap 'kill $tcpdump 2>/dev/null || true' EXIT
until grep -q 'listening on' tcpdump.err; do kill -0 $tcpdump; sleep 0.05; done
{script}
# What has arrived may still be in its buffer.
size=-1
while [ $size != $(stat -c %s capture.pcap) ]; do size=$(stat -c %s capture.pcap); sleep 0.7; done
kill -INT $tcpdump
wait $tcpdump || true
cat tcpdump.err >&2
grep -q '^0 packets dropped by kernel' tcpdump.err
",
        folder = folder.text(""),
    );
    let mut command = Command::new("unshare");
    command.args(["-nm", "sh", "-ec", &whole]);
    run(command).expect(0);
    pcap(&std::fs::read(path).unwrap())
}

/// The frames of a capture file with nanoseconds (magic a1b23c4d), in the order of the capture.
fn pcap(file: &[u8]) -> Vec<Seen> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xa1b2_3c4d);
    let mut seen = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let captured = word(at + 8) as usize;
        seen.push(Seen {
            time: u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)),
            len: u64::from(word(at + 12)),
            bytes: file[at + 16..at + 16 + captured].to_vec(),
        });
        at += 16 + captured;
    }
    seen
}
