//! A router that none of us wrote and that nobody told where anybody is: Linux in a namespace of its own, with a network for
//! each port and no neighbour set by hand. What its neighbour tables, nftables and a raw socket say is what squall says.
//!
//! Needs root. The namespaces have no names and end with the script that runs in them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;
mod turn;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::skip::{needs, needs_namespace, needs_root};
use support::{Folder, assert_balanced, list, number, run};
use turn::turn;

/// Workers behind each of the two ports.
const WORKERS: usize = 300;

/// What a case is about.
#[derive(Clone, Copy)]
struct Case {
    ipv6: bool,
    vlan: bool,
}

/// A folder for what a script needs and leaves; `None` where there can be no such script.
fn folder() -> Option<Folder> {
    if !needs(&["unshare", "nsenter", "ip", "nft", "tc", "python3"]) || !needs_root("a router in a namespace") {
        return None;
    }
    needs_namespace("nm", "mount -t sysfs none /sys")?;
    Some(Folder::new())
}

/// Echo requests by a raw socket of the kernel to each of these addresses, three times; prints who answered how often.
const PING: &str = r#"
import json, select, socket, struct, sys, time
v6 = sys.argv[1] == "6"
addresses = sys.argv[2:]
kind = (128, 129) if v6 else (8, 0)
family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
s = socket.socket(family, socket.SOCK_RAW, protocol)
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff
got = dict.fromkeys(addresses, 0)
payload = bytes(range(56))
def listen(until):
    while (left := until - time.monotonic()) > 0:
        if select.select([s], [], [], left)[0]:
            data, who = s.recvfrom(2048)
            if not v6:
                data = data[(data[0] & 15) * 4:]
                if checksum(data) != 0:
                    continue
            if data[0] == kind[1] and data[4:6] == b"sq" and data[8:] == payload and who[0] in got:
                got[who[0]] += 1
for sequence in range(3):
    for address in addresses:
        head = struct.pack("!BBH2sH", kind[0], 0, 0, b"sq", sequence)
        sum16 = 0 if v6 else checksum(head + payload)
        s.sendto(head[:2] + struct.pack("!H", sum16) + head[4:] + payload, (address, 0))
        listen(time.monotonic() + 0.001)
    listen(time.monotonic() + 0.3)
print(json.dumps(got))
"#;

/// Pins programs that take a VLAN tag off and put it on at an interface, as a VLAN interface does: not every kernel has
/// those, and the programs' helpers every one.
const VLAN: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    got = libc.syscall(321, command, buffer, 128)
    if got < 0:
        sys.exit("bpf(%d): %s" % (command, os.strerror(ctypes.get_errno())))
    return got
def op(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, src << 4 | dst, off, imm)
def pin(path, *code):
    text = ctypes.create_string_buffer(b"".join(code))
    licence = ctypes.create_string_buffer(b"GPL")
    # BPF_PROG_LOAD of a BPF_PROG_TYPE_SCHED_CLS, and BPF_OBJ_PIN.
    program = bpf(5, struct.pack("<IIQQ", 3, len(code), ctypes.addressof(text), ctypes.addressof(licence)))
    name = ctypes.create_string_buffer(path.encode())
    bpf(6, struct.pack("<QI", ctypes.addressof(name), program))
for vid in map(int, sys.argv[1:]):
    # In: what bears another tag than this one is dropped (2), and the tag is taken off (bpf_skb_vlan_pop).
    pin("/sys/fs/bpf/in%d" % vid,
        op(0x61, 2, 1, 24), op(0x57, 2, 0, 0, 0xfff), op(0x15, 2, 0, 2, vid), op(0xb7, 0, 0, 0, 2), op(0x95),
        op(0x85, 0, 0, 0, 19), op(0xb7), op(0x95))
    # Out: the tag is put on (bpf_skb_vlan_push, TPID 0x8100 in network order).
    pin("/sys/fs/bpf/out%d" % vid,
        op(0xb7, 2, 0, 0, 0x0081), op(0xb7, 3, 0, 0, vid), op(0x85, 0, 0, 0, 18), op(0xb7), op(0x95))
"#;

impl Case {
    /// Addresses of a port's network: the gateway's, then the workers'.
    fn address(self, port: usize, host: usize) -> String {
        if self.ipv6 {
            format!("2001:db8:{}::{:x}", port + 1, host)
        } else {
            format!("20.{}.{}.{}", port + 1, host / 256, host % 256)
        }
    }

    fn prefix(self) -> u8 {
        if self.ipv6 { 64 } else { 16 }
    }

    /// The testbed, with these keys in place of the first port's own gateway.
    fn testbed(self, folder: &Folder, gateway: &str) -> String {
        let port = |port: usize| {
            let gateway = match port {
                0 => gateway.to_owned(),
                _ => self.address(port, 1),
            };
            let vlan = if self.vlan {
                format!(", vlan: {}", 11 + port)
            } else {
                String::new()
            };
            format!(
                "  - {{name: p{port}, device: \"net_af_packet{port},iface=squall{port},blocksz=16384,framesz=8192,framecnt=512\", \
                 speed: 1Gbps, workers: {WORKERS}, address: \"{}/{}\", gateway: \"{gateway}\"{vlan}}}\n",
                self.address(port, 2),
                self.prefix()
            )
        };
        let text = format!(
            "eal: {{hugepages: none, telemetry: false}}\nresolve_timeout: 6s\nports:\n{}{}",
            port(0),
            port(1)
        );
        folder.write("testbed.yaml", &text)
    }

    /// Runs `script` beside the router. `$router` enters it, `$squall` is the command under test.
    fn beside(self, folder: &Folder, script: &str) {
        let address = |port: usize| format!("{}/{}", self.address(port, 1), self.prefix());
        let vlan = |port: usize| {
            let vid = 11 + port;
            let tag = |way: &str, program: &str| {
                format!("$router tc filter add dev sw{port} {way} bpf da pinned /sys/fs/bpf/{program}{vid}\n")
            };
            if self.vlan {
                format!(
                    "python3 '{}' {vid}\n$router tc qdisc add dev sw{port} clsact\n{}{}",
                    folder.text("vlan.py"),
                    tag("ingress", "in"),
                    tag("egress", "out")
                )
            } else {
                String::new()
            }
        };
        folder.write("vlan.py", VLAN);
        folder.write("ping.py", PING);
        let whole = format!(
            "mount -t sysfs none /sys
mount -t bpf none /sys/fs/bpf
ip link set lo up
unshare -n sleep 600 &
keeper=$!
trap 'kill $keeper 2>/dev/null || true' EXIT
until [ \"$(readlink /proc/$keeper/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.02; done
router=\"nsenter -t $keeper -n\"
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
for i in 0 1; do
  ip link add squall$i mtu 4300 type veth peer name sw$i mtu 4300 netns $keeper
  ip link set squall$i up
  $router ip link set sw$i address 02:aa:00:00:00:0$i up
done
$router ip link set lo up
{vlan0}
{vlan1}
$router sh -ec 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
  for f in ipv4 ipv6; do
    echo 4096 > /proc/sys/net/$f/neigh/default/gc_thresh1
    echo 8192 > /proc/sys/net/$f/neigh/default/gc_thresh2
    echo 16384 > /proc/sys/net/$f/neigh/default/gc_thresh3
  done' 2>/dev/null || true
$router ip addr add {address0} dev sw0 nodad 2>/dev/null || $router ip addr add {address0} dev sw0
$router ip addr add {address1} dev sw1 nodad 2>/dev/null || $router ip addr add {address1} dev sw1
$router nft -f - <<'NFT'
table inet count {{
  counter zero_one {{}}
  counter one_zero {{}}
  counter solicited {{}}
  counter advertised {{}}
  chain forward {{
    type filter hook forward priority 0;
    iifname \"sw0\" oifname \"sw1\" udp dport 4791 counter name zero_one
    iifname \"sw1\" oifname \"sw0\" udp dport 4791 counter name one_zero
  }}
  chain output {{
    type filter hook output priority 0;
    icmpv6 type nd-neighbor-solicit ip6 saddr != :: counter name solicited
  }}
  chain input {{
    type filter hook input priority 0;
    icmpv6 type nd-neighbor-advert counter name advertised
  }}
}}
table arp count {{
  counter asked {{}}
  counter replied {{}}
  chain output {{
    type filter hook output priority 0;
    arp operation request counter name asked
  }}
  chain input {{
    type filter hook input priority 0;
    arp operation reply counter name replied
  }}
}}
NFT
cd '{folder}'
squall='env NO_COLOR=1 {squall}'
{script}
$router nft -j list counters > nft.json
$router ip -j neigh show > neigh.json
",
            vlan0 = vlan(0),
            vlan1 = vlan(1),
            address0 = address(0),
            address1 = address(1),
            folder = folder.text(""),
            squall = env!("CARGO_BIN_EXE_squall"),
        );
        let mut command = Command::new("unshare");
        command.args(["-nm", "sh", "-ec", &whole]);
        run(command).expect(0);
    }
}

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.path(name)).unwrap()).unwrap()
}

/// Packets of a counter of nftables.
#[track_caller]
fn packets(nft: &Value, name: &str) -> u64 {
    let counter = list(nft, "/nftables")
        .iter()
        .find(|object| object.pointer("/counter/name").is_some_and(|n| n == name));
    number(
        counter.unwrap_or_else(|| panic!("no {name} in {nft}")),
        "/counter/packets",
    )
}

/// Every worker sends to one behind the other port, in both directions, while the router forgets everybody once and pings
/// everybody.
fn routed(case: Case) {
    let _turn = turn();
    let Some(folder) = folder() else { return };
    let last = 2 * WORKERS - 1;
    folder.write(
        "pattern.yaml",
        &format!(
            "duration: 9s
frame: {{ip: {}, dscp: 46}}
traffic:
  - {{name: there, kind: background, from: 0-{}, to: {WORKERS}-{last}, load: 50kbps, message: 1KiB}}
  - {{name: back, kind: background, from: {WORKERS}-{last}, to: 0-{}, load: 50kbps, message: 1KiB}}
",
            if case.ipv6 { 6 } else { 4 },
            WORKERS - 1,
            WORKERS - 1
        ),
    );
    case.testbed(&folder, &case.address(0, 1));
    let workers: Vec<String> = (0..2)
        .flat_map(|port| (0..WORKERS).map(move |worker| case.address(port, worker + 2)))
        .collect();
    case.beside(
        &folder,
        &format!(
            "$squall run pattern.yaml --testbed testbed.yaml --out out --quiet &
squall=$!
until [ $($router ip neigh show | grep -c lladdr) -ge {} ]; do kill -0 $squall; sleep 0.05; done
# Everybody is known before a frame of the traffic has come, or soon after.
sleep 1.5
$router nft reset counters table inet count > before.txt
$router nft reset counters table arp count > /dev/null
$router ip neigh flush nud reachable nud stale nud delay nud probe || true
$router python3 ping.py {} {} > ping.json
wait $squall",
            2 * WORKERS,
            if case.ipv6 { 6 } else { 4 },
            workers.join(" ")
        ),
    );
    let (results, nft, ping) = (
        folder.results_of("out"),
        json(&folder, "nft.json"),
        json(&folder, "ping.json"),
    );
    assert_balanced(&results);
    let sum = |pointer: &str| -> u64 {
        let ports = list(&results, "/ports").iter();
        ports.map(|port| number(port, pointer)).sum()
    };
    // Nothing is lost, and the router has forwarded what was sent: counters before they were reset, and after.
    let before = std::fs::read_to_string(folder.path("before.txt")).unwrap();
    for (entry, counter) in [(0, "zero_one"), (1, "one_zero")] {
        let entry = &results["traffic"][entry];
        let sent = number(entry, "/packets/sent");
        assert!(sent > 2 * WORKERS as u64, "{entry:#}");
        assert_eq!(number(entry, "/packets/received"), sent, "{entry:#}");
        let earlier = before.split(counter).nth(1).unwrap().split("packets ").nth(1).unwrap();
        let earlier: u64 = earlier.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(packets(&nft, counter) + earlier, sent, "{counter}");
    }
    // Where everybody is, by the kernel's own table, is where the plan has them.
    let known: BTreeMap<String, String> = list(&json(&folder, "neigh.json"), "")
        .iter()
        .filter_map(|neighbour| {
            let text = |name: &str| Some(neighbour[name].as_str()?.to_owned());
            Some((text("dst")?, text("lladdr")?))
        })
        .collect();
    for (number, address) in workers.iter().enumerate() {
        let mac = format!("02:00:00:00:{:02x}:{:02x}", (number + 1) / 256, (number + 1) % 256);
        assert_eq!(known.get(address), Some(&mac), "worker {number}, {address}");
    }
    // It asked for everybody again, and everybody answered, while the traffic ran.
    let (asked, replied) = if case.ipv6 {
        (packets(&nft, "solicited"), packets(&nft, "advertised"))
    } else {
        (packets(&nft, "asked"), packets(&nft, "replied"))
    };
    assert!(replied >= 2 * WORKERS as u64, "{replied} of {asked}");
    let answered = sum(if case.ipv6 {
        "/neighbours/advertisements"
    } else {
        "/neighbours/arp_replies"
    });
    assert_eq!((asked, answered), (sum("/neighbours/asked"), replied));
    // Every ping of everybody's came back.
    for address in &workers {
        assert_eq!(number(&ping, &format!("/{address}")), 3, "{address}: {ping}");
    }
    assert_eq!(sum("/neighbours/echo_replies"), 3 * workers.len() as u64);
    assert_eq!((sum("/neighbours/withheld"), sum("/neighbours/too_long")), (0, 0));
    for port in 0..2 {
        let gateway = &results["ports"][port]["neighbours"]["gateways"][0];
        assert_eq!(gateway["address"], case.address(port, 1));
        assert_eq!(gateway["mac"], format!("02:aa:00:00:00:0{port}"));
        assert_eq!(gateway["vlan"].as_u64(), case.vlan.then_some(11 + port as u64));
        // What a port has sent, by its own counter, is the traffic and what was said beside it.
        let tx = number(&results, &format!("/ports/{port}/tx/frames"));
        assert_eq!(tx, number(&results, &format!("/ports/{port}/stats/opackets")));
    }
    // How fast the machine is, is not what this is about.
    let other = |anomaly: &&Value| anomaly["kind"] != "pacing";
    assert_eq!(list(&results, "/anomalies").iter().find(other), None);
}

#[test]
fn a_router_over_ipv4_finds_everybody_and_forwards_everything() {
    routed(Case {
        ipv6: false,
        vlan: false,
    });
}

#[test]
fn a_router_over_ipv6_finds_everybody_and_forwards_everything() {
    routed(Case {
        ipv6: true,
        vlan: false,
    });
}

#[test]
fn a_router_over_ipv4_in_vlans_finds_everybody_and_forwards_everything() {
    routed(Case {
        ipv6: false,
        vlan: true,
    });
}

#[test]
fn a_router_over_ipv6_in_vlans_finds_everybody_and_forwards_everything() {
    routed(Case { ipv6: true, vlan: true });
}

#[test]
fn a_gateway_that_is_not_there_is_an_error_that_says_who_asked_whom() {
    let _turn = turn();
    let Some(folder) = folder() else { return };
    let case = Case {
        ipv6: false,
        vlan: false,
    };
    folder.write(
        "pattern.yaml",
        &format!("traffic: [{{kind: transfer, from: 0, to: {WORKERS}, message: 1KiB, count: 1}}]\n"),
    );
    case.testbed(&folder, "20.1.99.1");
    case.beside(
        &folder,
        "status=0; $squall run pattern.yaml --testbed testbed.yaml --out out --quiet 2>said.txt || status=$?\n[ $status = 3 ]",
    );
    let said = std::fs::read_to_string(folder.path("said.txt")).unwrap();
    for part in [
        "port p0: nobody answered for its gateway 20.1.99.1: worker 0 (20.1.0.2, 02:00:00:00:00:01) asked ",
        "`gateway_mac`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // It asked more than once, and nothing of the traffic was sent.
    assert!(!said.contains(" asked 1 times"), "{said}");
    assert!(!folder.path("out/results.json").exists());
    let nft = json(&folder, "nft.json");
    assert_eq!(packets(&nft, "zero_one"), 0);
}
