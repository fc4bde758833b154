//! What each key of a pattern takes and refuses, at the edges; what a pattern becomes.

use squall::pattern::transport::{Choices, Cnp, Dcqcn, HyperStep, Profile, Rc, Scope, Stage, Transport};
use squall::pattern::{
    self, AckReq, AllToAll, Arrival, Background, Burst, DispatchMode, Ecn, EcnProbe, Entropy, FrameOptions, IcrcCheck,
    Incast, Kind, Messages, Pattern, Pfc, Rate, RoundSpacing, Routing, Spread, Start, Transfer, Verb, VlanTag, Workers,
};
use squall::units::{BitRate, Bytes, Picos, Psn, Qpn, Share};

const TRANSFER: &str = "{kind: transfer, message: 4KiB, count: 1}";
const INCAST: &str = "{kind: incast, senders: 2, message: 4KiB}";
const BURST: &str = "{kind: burst, transfers: 2, message: 4KiB}";
const ALLTOALL: &str = "{kind: alltoall, ranks: 4, model: M1}";
const CUSTOM: &str = "{kind: alltoall, ranks: 4, experts: 8, top_k: 2, hidden: 16}";
const BACKGROUND: &str = "{kind: background, from: 0, to: 1, load: 50%, duration: 1s}";
const PROBE: &str = "{kind: ecn-probe, senders: 2, frames: 8}";
const PFC: &str = "{kind: pfc, from: 0, classes: 3, interval: 1ms, count: 5}";

/// The entry with `sets` (`key=value`, blank-separated keys of entry 0; `/key=value` of the pattern).
fn load(entry: &str, sets: &[&str]) -> Result<Pattern, Vec<String>> {
    let path = |set: &&str| match set.strip_prefix('/') {
        Some(set) => set.to_owned(),
        None => format!("traffic.0.{set}"),
    };
    let overrides: Vec<String> = sets.iter().map(path).collect();
    pattern::parse("edge.yaml", &format!("traffic: [{entry}]\n"), &overrides).map_err(|errors| {
        let text = |item: &squall::yaml::Diagnostic| match &item.suggestion {
            Some(suggestion) => format!("{} -> {suggestion}", item.what),
            None => item.what.clone(),
        };
        errors.items.iter().map(text).collect()
    })
}

#[track_caller]
fn taken(entry: &str, cases: &[&[&str]]) {
    for sets in cases {
        if let Err(errors) = load(entry, sets) {
            panic!("{sets:?}: {errors:?}");
        }
    }
}

/// Each case is refused with exactly one mistake, whose text contains the case's.
#[track_caller]
fn refused(entry: &str, cases: &[(&[&str], &str)]) {
    for (sets, expected) in cases {
        match load(entry, sets) {
            Ok(pattern) => panic!("{sets:?} was taken: {pattern:?}"),
            Err(errors) => assert!(
                errors.len() == 1 && errors[0].contains(expected),
                "{sets:?}: {errors:?} instead of {expected:?}"
            ),
        }
    }
}

#[test]
fn messages_at_their_edges() {
    taken(
        TRANSFER,
        &[
            &["message=0"],
            &["message=0", "verb=put"],
            &["message=1"],
            &["message=2GiB"],
            &["qps=1"],
            &["qps=1048576"],
            &["verb=send"],
            &["verb=send-with-immediate"],
            &["kv_cache=CFG-B"],
            &["message=null", "kv_cache={config: CFG-A, context: 16384}"],
            &[
                "message=null",
                "kv_cache={layers: 1, kv_heads: 1, head_dim: 1, context: 1, precision: 1}",
            ],
            &["kv_cache={layers: 1, kv_heads: 1, head_dim: 1, precision: BF16}"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["message=0", "verb=send"], "shorter than Ethernet's shortest frame"),
            (
                &["message=0", "kv_cache=CFG-A"],
                "cannot be cut into messages of 0 bytes",
            ),
            (&["message=2147483649"], "`message` is"),
            (&["message=-1"], "`message` is `-1`"),
            (&["message=4kib"], "-> 4KiB"),
            (&["message=[4KiB]"], "`message` is a list"),
            (&["message=null"], "needs `message` or `kv_cache`"),
            (&["qps=0"], "`qps` is `0`"),
            (&["qps=1048577"], "`qps` is `1048577`"),
            (&["qps=1.5"], "`qps` is `1.5`"),
            (&["verb=put_with_signal"], "-> put-with-signal"),
            (&["verb=write"], "`verb` is `write`"),
            (&["kv_cache=CFG-E"], "`kv_cache` is `CFG-E` -> CFG-A"),
            // 1 GiB at 8K tokens, 4 GiB at 32K: more than a message, so it must be cut.
            (
                &["message=null", "kv_cache={config: CFG-A, context: 32768}"],
                "into what pieces",
            ),
            (
                &["kv_cache={config: CFG-A, layers: 3}"],
                "`layers` is given by `config` already",
            ),
            (&["kv_cache={layers: 1, kv_heads: 1}"], "`kv_cache` needs `head_dim`"),
            (
                &["kv_cache={layers: 1, kv_heads: 1, head_dim: 1, precision: 3}"],
                "`precision` is `3`",
            ),
            (
                &["kv_cache={layers: 1, kv_heads: 1, head_dim: 1, precision: bf-16}"],
                "-> bf16",
            ),
            (
                &["kv_cache={layers: 10000, kv_heads: 65536, head_dim: 65536, context: 1073741824, precision: fp32}"],
                "larger than 2^60",
            ),
            (&["count=1000000000000", "message=2GiB"], "more than 2^60"),
        ],
    );
}

#[test]
fn rates_say_their_unit() {
    taken(
        TRANSFER,
        &[
            &["rate=max"],
            &["rate=100%"],
            &["rate=0.1%"],
            &["rate=1bps"],
            &["rate=800Gbps"],
            &["rate=0.5/s"],
            &["rate=1000 /s"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["rate=0%"], "`rate` is `0%`"),
            (&["rate=101%"], "`rate` is `101%`"),
            (&["rate=0.5"], "-> 50%"),
            (&["rate=100"], "`rate` is `100`"),
            (&["rate=0Gbps"], "`rate` is `0Gbps`"),
            (&["rate=100gbps"], "-> 100Gbps"),
            (&["rate=0/s"], "`rate` is `0/s`"),
            (&["rate=inf/s"], "`rate` is `inf/s`"),
            (&["rate=NaN/s"], "`rate` is `NaN/s`"),
        ],
    );
    refused(
        BACKGROUND,
        &[
            (&["load=max"], "`load` is `max`"),
            (&["load=10/s"], "`load` is `10/s`"),
            (&["load=null"], "needs `load`"),
        ],
    );
}

#[test]
fn workers_and_pairs() {
    taken(
        TRANSFER,
        &[
            &["pairs=32768"],
            &["pairs=65536", "from=0", "to=1"],
            &["from=[3, 1, 5-7]", "to=65535"],
            &["from=0-3", "to=4"],
            &["pairs=3", "from=0", "to=[1, 2]"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["pairs=0"], "`pairs` is `0`"),
            (&["pairs=32769"], "worker numbers above 65535"),
            (&["pairs=2", "from=0-2"], "some would never be used"),
            (&["from=0", "to=0"], "worker 0 sending to itself"),
            // Pairs 0-2, 1-3, 0-2, 1-3 are fine; 0-2, 1-1 are not.
            (&["from=[0, 1]", "to=[2, 1]"], "pair 1 is worker 1"),
            (&["from=65536", "to=1"], "`from` is `65536`"),
            (&["from=7-5", "to=1"], "-> 5-7"),
            (&["from=[1, 2, 1-3]", "to=0"], "with 1 in it twice"),
            (&["from=[]", "to=0"], "an empty list"),
            (&["from=[[1]]", "to=0"], "`from` is a list"),
            (&["from=a", "to=0"], "`from` is `a`"),
        ],
    );
    taken(
        INCAST,
        &[
            &["senders=65536", "receiver=null"],
            &["senders=[8]"],
            &["senders=0-7", "receiver=9"],
        ],
    );
    refused(
        INCAST,
        &[
            (&["senders=0"], "`senders` is 0 workers"),
            (&["senders=65537"], "`senders` is `65537`"),
            (&["senders=9999999999999"], "`senders` is `9999999999999`"),
            (
                &["senders=99999999999999999999999"],
                "`senders` is `99999999999999999999999`",
            ),
            (&["senders=0-9999999999999"], "`senders` is `0-9999999999999`"),
            (&["receiver=9999999999999"], "`receiver` is `9999999999999`"),
            (&["qps=9999999999999"], "`qps` is `9999999999999`"),
            (
                &["count=99999999999999999999999"],
                "`count` is `99999999999999999999999`",
            ),
            (&["senders=null"], "needs `senders`"),
            (&["receiver=1"], "a sender and the receiver too"),
            (&["receiver=x"], "`receiver` is `x`"),
        ],
    );
    taken(BURST, &[&["transfers=8", "from=0-3", "to=[4, 5]"]]);
    refused(
        BURST,
        &[
            (&["transfers=2", "from=0-3"], "some would never be used"),
            (&["from=0-1", "to=[5, 1]"], "pair 1 is worker 1"),
            (&["transfers=0"], "`transfers` is `0`"),
        ],
    );
    refused(
        BACKGROUND,
        &[
            (&["to=1-2"], "some would never be used"),
            (&["to=0"], "worker 0 sending to itself"),
            (&["to=null"], "needs `to`"),
        ],
    );
}

#[test]
fn ends_and_beginnings() {
    taken(
        TRANSFER,
        &[
            &["count=null", "duration=1s"],
            &["count=unlimited", "/duration=1s"],
            &["count=1000000000000", "message=1MiB"],
            &["start=720h"],
            &["start=0"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["count=null"], "needs an end"),
            (&["count=unlimited"], "needs an end"),
            (&["count=0"], "`count` is `0`"),
            (&["count=unlimitd"], "-> unlimited"),
            (&["duration=0"], "`duration` is `0`"),
            (&["duration=10"], "`duration` is `10`"),
            (&["duration=721h"], "`duration` is `721h`"),
            (&["duration=10 msec"], "`duration` is `10 msec`"),
            (&["/duration=10MS"], "-> 10ms"),
            (&["delay=1s"], "`delay` goes with `after` only"),
            (&["after=transfer-0"], "`after` is `transfer-0`"),
        ],
    );
    refused(BACKGROUND, &[(&["duration=null"], "needs an end")]);
    refused(ALLTOALL, &[(&["iterations=unlimited"], "needs an end")]);
    refused(PFC, &[(&["count=null"], "needs an end")]);
    taken(ALLTOALL, &[&["iterations=unlimited", "duration=1s"]]);
}

#[test]
fn entries_that_follow_others() {
    let two = |first: &str, second: &str| format!("{first}, {second}");
    let after = "{kind: transfer, message: 1, count: 1, name: b, after: a, delay: 1ms}";
    let pattern = load(&two("{kind: transfer, message: 1, count: 1, name: a}", after), &[]).expect("it is good");
    let delay = Picos(1_000_000_000);
    assert_eq!(pattern.traffic[1].start, Start::After { entry: 0, delay });

    let endless = two("{kind: transfer, message: 1, name: a}", after);
    refused(&endless, &[(&["/duration=1s"], "nothing can come after it")]);
    taken(&endless, &[&["duration=1s"]]);
    let backwards = two(after, "{kind: transfer, message: 1, count: 1, name: a}");
    refused(&backwards, &[(&[], "`after` is `a`")]);
    let same = two(
        "{kind: transfer, message: 1, count: 1, name: a}",
        "{kind: transfer, message: 1, count: 1, name: a}",
    );
    refused(&same, &[(&[], "two entries are named `a`, the first at 1:11")]);
    let both = two(
        "{kind: transfer, message: 1, count: 1, name: a}",
        "{kind: transfer, message: 1, count: 1, after: a, start: 1s}",
    );
    refused(&both, &[(&[], "`start` and `after` exclude each other")]);
    refused(
        TRANSFER,
        &[(&["name=7"], "`name` is `7`"), (&["name=a.b"], "`name` is `a.b`")],
    );
}

#[test]
fn header_fields_at_their_edges() {
    taken(
        TRANSFER,
        &[
            &["frame.dscp=63", "frame.ttl=255", "frame.ecn=ce", "frame.ip=6"],
            &["frame.dscp=0", "frame.ttl=1", "frame.ecn=not-ect"],
            &["frame.pmtu=256"],
            &["frame.first_psn=0xFFFFFF", "frame.first_qpn=0xFFFFFF"],
            &[
                "frame.va=0xFFFF_FFFF_FFFF_FFFF",
                "frame.rkey=0xFFFFFFFF",
                "frame.pkey=0",
            ],
            &["frame.vlan=4094"],
            &["frame.vlan=[{vid: 0, pcp: 7, dei: true, tpid: 0x88A8}, 5]"],
            &["frame.vlan=[]"],
            &["frame.ack_req={every: 1}"],
            &["frame.source_port={fixed: 0}"],
            &["frame.source_port={range: [4791, 4791]}"],
            &["/frame.source_port=per-packet"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["frame.dscp=64"], "`dscp` is `64`"),
            (&["frame.ttl=0"], "`ttl` is `0`"),
            (&["frame.ttl=256"], "`ttl` is `256`"),
            (&["frame.ecn=ect(0)"], "-> ect0"),
            (&["frame.ip=5"], "`ip` is `5`"),
            (&["frame.pmtu=1500"], "`pmtu` is `1500`"),
            (&["frame.pkey=65536"], "`pkey` is `65536`"),
            (&["frame.first_psn=16777216"], "`first_psn` is"),
            (&["frame.first_qpn=1"], "`first_qpn` is `1`"),
            (&["frame.first_qpn=0xFFFFFF", "qps=2"], "beyond the largest QPN"),
            (&["frame.va=0x10000000000000000"], "`va` is"),
            (&["frame.rkey=0x100000000"], "`rkey` is"),
            (&["frame.vlan=4095"], "`vlan` is `4095`"),
            (&["frame.vlan=[1, 2, 3]"], "a list of 3 tags"),
            (&["frame.vlan={vid: 1, pcp: 8}"], "`pcp` is `8`"),
            (&["frame.vlan={pcp: 1}"], "a `vlan` tag needs `vid`"),
            (&["frame.vlan={vid: 1, tpid: 0x0800}"], "`tpid` is `0x0800`"),
            (&["frame.ack_req=sometimes"], "`ack_req` is `sometimes`"),
            (&["frame.ack_req={every: 0}"], "`every` is `0`"),
            (&["frame.source_port=4791"], "-> {fixed: 4791}"),
            (&["frame.source_port={fixed: 65536}"], "`fixed` is `65536`"),
            (&["frame.source_port={range: [2, 1]}"], "-> [1, 2]"),
            (&["frame.source_port={range: 5}"], "not two ports"),
            (&["frame.source_port={}"], "needs `fixed` or `range`"),
            (&["frame.source_port={fixed: 1, range: [1, 2]}"], "exclude each other"),
            (&["frame.migreq=yes"], "-> true"),
            (&["frame=7"], "`frame` is a single value"),
            // One level too high.
            (
                &["pmtu=1024"],
                "unknown key `pmtu` in entry 0 (transfer) -> frame: {pmtu: …}",
            ),
        ],
    );
}

#[test]
fn rounds_and_their_spread() {
    taken(
        INCAST,
        &[
            &["start_mode=synchronised"],
            &["stagger=1us"],
            &["start_mode=jittered", "jitter=1us"],
            &["repeats=1000000000", "interval=1us"],
            &["repeats=2", "gap=0"],
        ],
    );
    refused(
        INCAST,
        &[
            (&["start_mode=synchronized"], "-> synchronised"),
            (&["start_mode=staggered"], "needs `stagger`"),
            (
                &["start_mode=jittered", "stagger=1us", "jitter=1us"],
                "exclude each other",
            ),
            (&["start_mode=jittered", "jitter=1us", "gap=1us"], "say with `repeats`"),
            (
                &["start_mode=synchronised", "jitter=1us"],
                "goes with `start_mode: jittered` only",
            ),
            (
                &["repeats=2", "gap=1us", "interval=1us"],
                "`gap` and `interval` exclude",
            ),
            (&["repeats=2", "interval=0"], "`interval` is `0`"),
            (&["count=0"], "`count` is `0`"),
        ],
    );
    taken(
        BURST,
        &[
            &["window=1ms"],
            &["window=1ms", "arrival=poisson"],
            &["arrival=at-once"],
        ],
    );
    refused(
        BURST,
        &[
            (&["arrival=uniform"], "needs `window`"),
            (&["arrival=at-once", "window=1ms"], "`window` means nothing"),
            (&["window=0"], "`window` is `0`"),
            (&["arrival=poison"], "-> poisson"),
            (&["gap=1ms"], "say with `bursts`"),
        ],
    );
}

#[test]
fn dispatches_at_their_edges() {
    taken(
        CUSTOM,
        &[
            &["top_k=8"],
            &["experts=3", "top_k=3"],
            &["ranks=[5, 3]"],
            &["ranks=96", "ranks_per_node=48"],
            &["skew=4", "capacity_factor=100", "routing=top-k-drop"],
            &["routing=expert-choice", "skew=0"],
            &["routing=aux-loss"],
            &["mode=low-latency", "padded_tokens=1"],
            &["precision=fp8"],
            &["precision=4"],
        ],
    );
    refused(
        CUSTOM,
        &[
            (&["top_k=9"], "a token cannot go to 9 of 8 experts"),
            (&["ranks=1"], "`ranks` is 1 workers"),
            (&["ranks_per_node=3"], "4 ranks are no whole number of nodes of 3"),
            (&["ranks_per_node=4"], "all 4 ranks are on one node"),
            (&["ranks_per_node=0"], "`ranks_per_node` is `0`"),
            (&["ranks=[3]"], "`ranks` is 1 workers"),
            (&["experts=null"], "needs `experts`"),
            (
                &["model=M2", "top_k=null", "hidden=null"],
                "`experts` is given by `model` already",
            ),
            (&["skew=4.1"], "`skew` is `4.1`"),
            (&["skew=nan"], "`skew` is `nan`"),
            (
                &["capacity_factor=1"],
                "goes with `routing: top-k-drop` or `expert-choice` only",
            ),
            (
                &["routing=expert-choice", "capacity_factor=0"],
                "`capacity_factor` is `0`",
            ),
            (&["routing=aux-loss", "skew=1"], "`skew` means nothing"),
            (&["routing=topk"], "-> top-k"),
            (&["padded_tokens=1"], "goes with `mode: low-latency` only"),
            (&["mode=low_latency"], "-> low-latency"),
            (&["batch=1048576", "hidden=1048576"], "more than the 2 GiB of a message"),
            (
                &["layers=10000", "iterations=1000000000", "batch=10000"],
                "more than 2^60",
            ),
            (&["ranks=2000"], "a QPN has 24 bits"),
        ],
    );
    refused(ALLTOALL, &[(&["model=M5"], "`model` is `M5` -> M1")]);
    let errors = load(ALLTOALL, &["model=null"]).expect_err("nothing says the shape");
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[test]
fn pfc_frames() {
    taken(
        PFC,
        &[
            &["classes=0-7", "quanta=0"],
            &["classes=[0, 7]", "quanta=65535"],
            &["interval=null", "rate=1000/s"],
            &["interval=null", "count=1"],
            &["classes=null", "frame_type=pause"],
            &["count=unlimited", "duration=1s"],
        ],
    );
    refused(
        PFC,
        &[
            (&["classes=8"], "`classes` is `8`"),
            (&["classes=null"], "needs `classes`"),
            (&["frame_type=pause"], "`classes` goes with `frame_type: pfc` only"),
            (&["quanta=65536"], "`quanta` is `65536`"),
            (&["interval=null"], "needs `interval` or `rate`"),
            (&["rate=1000/s"], "`interval` and `rate` exclude each other"),
            (&["interval=null", "rate=1000"], "-> 1000/s"),
            (&["interval=null", "rate=1e10/s"], "`rate` is `1e10/s`"),
            (&["frame={dscp: 1}"], "`frame` means nothing to a PFC frame"),
            (&["message=1"], "unknown key `message`"),
        ],
    );
}

#[test]
fn probes() {
    taken(
        PROBE,
        &[
            &["frames=2"],
            &["frames=1000000"],
            &["message=1"],
            &["message=4096"],
            &["message=null", "frame={pmtu: 256}"],
            &["frame={ecn: ect1}"],
            &["hold=1ps", "lead=1ps", "gap=0s"],
            &["rate=max"],
        ],
    );
    refused(
        PROBE,
        &[
            (&["frames=1"], "1 frames for 2 senders"),
            (&["frames=0"], "`frames` is `0`"),
            (&["frames=1000001"], "`frames` is `1000001`"),
            (&["frames=null"], "needs `frames`"),
            (&["senders=null"], "needs `senders`"),
            (&["receiver=1"], "worker 1 is a sender and the receiver too"),
            (&["message=4097"], "`message` is `4097`"),
            (
                &["message=257", "frame={pmtu: 256}"],
                "more than one packet of `pmtu` 256",
            ),
            (&["frame={ecn: not-ect}"], "`ecn` must be ect0 or ect1"),
            (&["/frame={ecn: ce}"], "`ecn` must be ect0 or ect1"),
            (&["hold=0s"], "`hold` is `0s`"),
            (&["lead=0s"], "`lead` is `0s`"),
            (&["qps=2"], "unknown key `qps`"),
        ],
    );
}

#[test]
fn the_patterns_own_keys() {
    taken(
        TRANSFER,
        &[
            &["/seed=18446744073709551615"],
            &["/icrc_check=1/2"],
            &["/icrc_check=none"],
            &["/name=\"a b\""],
            &["/draft=8.1"],
        ],
    );
    refused(
        TRANSFER,
        &[
            (&["/seed=18446744073709551616"], "`seed` is"),
            (&["/seed=-1"], "`seed` is `-1`"),
            (&["/icrc_check=1/1"], "-> all"),
            (&["/icrc_check=16"], "-> 1/16"),
            (&["/icrc_check=2/3"], "`icrc_check` is `2/3`"),
            (&["/name=\"a\\nb\""], "`name` is"),
            (&["/description=\"\\e[2J\""], "`description` is"),
            (&["/traffic=[]"], "a list of 0"),
            (&["/traffic={kind: pfc}"], "`traffic` is a map"),
            (&["/traffic=null"], "the pattern needs `traffic`"),
            (&["/trafic.0.qps=1"], "unknown key `trafic` in the pattern -> traffic"),
            (&["kind=null"], "needs `kind`"),
        ],
    );
}

#[test]
fn first_qpns_may_not_overlap() {
    let entry = |name: &str, first: u32, qps: u32| {
        format!("{{kind: transfer, name: {name}, message: 1, count: 1, qps: {qps}, frame: {{first_qpn: {first}}}}}")
    };
    taken(&[entry("a", 100, 50), entry("b", 150, 1)].join(", "), &[&[]]);
    refused(
        &[entry("a", 100, 50), entry("b", 149, 1)].join(", "),
        &[(&[], "share QPNs")],
    );
}

/// One entry of each kind with every key that it has.
const EVERYTHING: &str = r#"
name: everything
description: every key
draft: "8.1"
seed: 42
duration: 5s
icrc_check: 1/16
frame:
  ip: 6
  dscp: 10
  ecn: ect1
  ttl: 9
  vlan: [{vid: 100, tpid: 0x88A8}, {vid: 7, pcp: 3, dei: true}]
  pmtu: 1024
  pkey: 0x8001
  migreq: false
  first_psn: 0xFFFFF0
  va: 0x1000
  rkey: 0xABCD
  ack_req: {every: 8}
  source_port: {range: [50000, 50015]}
traffic:
  - {name: t, kind: transfer, pairs: 2, from: [4, 2], to: 7, kv_cache: CFG-A, message: 16MiB, verb: send, qps: 3,
     count: 9, outstanding: 2, priority: 5, rate: 1000/s, start: 1ms, duration: 2s, frame: {pmtu: 4096, first_qpn: 0x100}}
  - {name: i, kind: incast, senders: [1, 3], receiver: 0, message: 1MB, verb: put, qps: 2, count: 4, start_mode: staggered,
     stagger: 2us, repeats: 3, gap: 1ms, rate: max, after: t, delay: 5us}
  - {name: b, kind: burst, transfers: 3, from: 0-1, to: [2, 3, 4], message: 64KiB, window: 100us, arrival: poisson, bursts: 4,
     interval: 1ms, rate: 25%}
  - {name: a, kind: alltoall, ranks: 4, ranks_per_node: 2, experts: 16, top_k: 4, hidden: 256, precision: fp8, batch: 32, layers: 3, iterations: 2,
     interval: 1ms, mode: low-latency, padded_tokens: 40, routing: top-k-drop, skew: 0.5, capacity_factor: 2, verb: put,
     qps: 16, rate: 10Gbps}
  - {name: g, kind: background, from: [0, 1], to: 2, load: 30%, message: 8KiB, verb: send, qps: 2}
  - {name: p, kind: pfc, from: 3, frame_type: pfc, classes: [0, 3-4], quanta: 100, rate: 1000/s, count: 7}
  - {name: e, kind: ecn-probe, senders: [1, 4], receiver: 6, frames: 900, message: 512, verb: send, lead: 5us, hold: 2ms,
     repeats: 3, gap: 1ms, rate: 40%}
"#;

#[test]
fn every_key_ends_where_it_belongs() {
    let pattern = pattern::parse("x.yaml", EVERYTHING, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(pattern.name, "everything");
    assert_eq!(pattern.description.as_deref(), Some("every key"));
    assert_eq!(pattern.draft.as_deref(), Some("8.1"));
    assert_eq!((pattern.seed, pattern.duration), (42, Some(Picos(5_000_000_000_000))));
    assert_eq!(pattern.icrc_check, IcrcCheck::OneIn(16));
    assert_eq!(pattern.workers_needed(), 8);

    let tag = |tpid, vid, pcp, dei| VlanTag { tpid, vid, pcp, dei };
    let frame = FrameOptions {
        ipv6: true,
        dscp: 10,
        ecn: Ecn::Ect1,
        ttl: 9,
        vlan: vec![tag(0x88a8, 100, 0, false), tag(0x8100, 7, 3, true)],
        pmtu: 1024,
        pkey: 0x8001,
        migreq: false,
        first_psn: Psn::new(0xff_fff0),
        first_qpn: None,
        va: 0x1000,
        rkey: 0xabcd,
        ack_req: AckReq::Every(8),
        entropy: Entropy::Range(50_000, 50_015),
    };
    let [t, i, b, a, g, p, e] = pattern.traffic.as_slice() else {
        panic!("seven entries")
    };
    let own = FrameOptions {
        pmtu: 4096,
        first_qpn: Qpn::new(0x100),
        ..frame.clone()
    };
    assert_eq!(t.frame, own, "an entry's frame goes over the pattern's");
    assert!([i, b, a, g, p, e].iter().all(|entry| entry.frame == frame));
    assert_eq!(t.priority, Some(5));
    assert!([i, b, a, g, p, e].iter().all(|entry| entry.priority.is_none()));
    assert_eq!(
        (t.start, t.duration),
        (Start::At(Picos::from_micros(1000)), Some(Picos::from_micros(2_000_000)))
    );
    let delay = Picos::from_micros(5);
    assert_eq!(i.start, Start::After { entry: 0, delay });

    let messages = |verb, size, transfer_bytes: Option<u64>, qps| Messages {
        verb,
        size: Bytes(size),
        transfer_bytes: transfer_bytes.map(Bytes),
        qps,
        split: false,
    };
    let expected = Transfer {
        pairs: 2,
        from: Workers(vec![4, 2]),
        to: Workers(vec![7]),
        messages: messages(Verb::Send, 16 << 20, Some(536_870_912), 3),
        count: Some(9),
        outstanding: Some(2),
        rate: Rate::Messages(1000.0),
    };
    assert_eq!(t.kind, Kind::Transfer(expected));
    let expected = Incast {
        senders: Workers(vec![1, 3]),
        receiver: 0,
        messages: messages(Verb::Put, 1_000_000, None, 2),
        count: 4,
        spread: Spread::Staggered(Picos::from_micros(2)),
        repeats: 3,
        round: RoundSpacing::Gap(Picos::from_micros(1000)),
        rate: Rate::Max,
    };
    assert_eq!(i.kind, Kind::Incast(expected));
    let expected = Burst {
        transfers: 3,
        from: Workers(vec![0, 1]),
        to: Workers(vec![2, 3, 4]),
        messages: messages(Verb::PutWithSignal, 65_536, None, 1),
        arrival: Arrival::Poisson(Picos::from_micros(100)),
        bursts: 4,
        round: RoundSpacing::Interval(Picos::from_micros(1000)),
        rate: Rate::Share(Share(0.25)),
    };
    assert_eq!(b.kind, Kind::Burst(expected));
    let expected = AllToAll {
        ranks: Workers(vec![0, 1, 2, 3]),
        ranks_per_node: 2,
        model: None,
        experts: 16,
        top_k: 4,
        hidden: 256,
        precision: 1,
        batch: 32,
        layers: 3,
        iterations: Some(2),
        interval: Some(Picos::from_micros(1000)),
        mode: DispatchMode::LowLatency {
            padded_tokens: Some(40),
        },
        routing: Routing::TopKDrop {
            skew: 0.5,
            capacity_factor: 2.0,
        },
        verb: Verb::Put,
        qps: 16,
        split: false,
        rate: Rate::Bits(BitRate(10_000_000_000)),
    };
    assert_eq!(a.kind, Kind::AllToAll(expected));
    let expected = Background {
        from: Workers(vec![0, 1]),
        to: Workers(vec![2]),
        load: Rate::Share(Share(0.3)),
        messages: messages(Verb::Send, 8192, None, 2),
    };
    assert_eq!(g.kind, Kind::Background(expected));
    let expected = Pfc {
        from: 3,
        pause: false,
        classes: 0b0001_1001,
        quanta: 100,
        interval: Picos::from_micros(1000),
        count: Some(7),
    };
    assert_eq!(p.kind, Kind::Pfc(expected));
    let expected = EcnProbe {
        senders: Workers(vec![1, 4]),
        receiver: 6,
        frames: 900,
        message: 512,
        verb: Verb::Send,
        lead: Picos::from_micros(5),
        hold: Some(Picos::from_micros(2000)),
        repeats: 3,
        gap: Picos::from_micros(1000),
        rate: Rate::Share(Share(0.4)),
    };
    assert_eq!(e.kind, Kind::EcnProbe(expected));
}

#[test]
fn defaults_are_what_the_documentation_says() {
    let kind = |entry: &str| load(entry, &[]).expect("it is good").traffic.remove(0);
    let line = Rate::Share(Share(1.0));
    let entry = kind(TRANSFER);
    assert_eq!(
        (entry.name.as_str(), entry.start, entry.duration),
        ("transfer-0", Start::At(Picos::ZERO), None)
    );
    assert_eq!(entry.frame, FrameOptions::default());
    let Kind::Transfer(transfer) = entry.kind else { panic!() };
    assert_eq!((transfer.pairs, transfer.from.0, transfer.to.0), (1, vec![0], vec![1]));
    assert_eq!(
        (transfer.messages.verb, transfer.messages.qps),
        (Verb::PutWithSignal, 1)
    );
    assert_eq!((transfer.outstanding, transfer.rate), (None, line));

    let Kind::Incast(incast) = kind(INCAST).kind else {
        panic!()
    };
    assert_eq!((incast.senders.0, incast.receiver), (vec![0, 1], 2));
    assert_eq!(
        (incast.count, incast.repeats, incast.spread),
        (1, 1, Spread::Synchronised)
    );
    assert_eq!((incast.round, incast.rate), (RoundSpacing::Gap(Picos::ZERO), line));

    let Kind::Burst(burst) = kind(BURST).kind else { panic!() };
    assert_eq!((burst.from.0, burst.to.0), (vec![0, 1], vec![2]));
    assert_eq!((burst.arrival, burst.bursts), (Arrival::AtOnce, 1));

    let Kind::AllToAll(normal) = kind(ALLTOALL).kind else {
        panic!()
    };
    // The draft's Table 6, row M1.
    assert_eq!(
        (normal.experts, normal.top_k, normal.hidden, normal.precision),
        (8, 2, 4096, 2)
    );
    assert_eq!(
        (normal.batch, normal.layers, normal.iterations, normal.qps),
        (128, 1, Some(1), 24)
    );
    assert_eq!(
        (normal.mode, normal.routing),
        (DispatchMode::Normal, Routing::TopK { skew: 0.0 })
    );
    assert_eq!(normal.model.as_deref(), Some("M1"));
    let low = load(ALLTOALL, &["mode=low-latency"])
        .expect("it is good")
        .traffic
        .remove(0);
    let Kind::AllToAll(low) = low.kind else { panic!() };
    assert_eq!(
        (low.batch, low.qps, low.mode),
        (8, 8, DispatchMode::LowLatency { padded_tokens: None })
    );

    let Kind::Background(background) = kind(BACKGROUND).kind else {
        panic!()
    };
    assert_eq!(
        (background.messages.verb, background.messages.size),
        (Verb::Put, Bytes(65_536))
    );

    let pause = load(PFC, &["classes=null", "frame_type=pause", "quanta=null"]).expect("it is good");
    let Kind::Pfc(pause) = &pause.traffic[0].kind else {
        panic!()
    };
    assert_eq!((pause.pause, pause.classes, pause.quanta), (true, 0, 65_535));

    let Kind::EcnProbe(probe) = kind(PROBE).kind else {
        panic!()
    };
    assert_eq!((probe.senders.0, probe.receiver, probe.frames), (vec![0, 1], 2, 8));
    assert_eq!((probe.message, probe.verb, probe.repeats), (4096, Verb::Put, 1));
    assert_eq!((probe.lead, probe.hold), (Picos::from_micros(20), None));
    assert_eq!((probe.gap, probe.rate), (Picos::from_micros(100), line));

    let pattern = load(TRANSFER, &[]).expect("it is good");
    assert_eq!(
        (pattern.name.as_str(), pattern.seed, pattern.icrc_check),
        ("edge", 1, IcrcCheck::All)
    );
}

/// The transport of entry 0.
#[track_caller]
fn transport(entry: &str, sets: &[&str]) -> Transport {
    let mut pattern = load(entry, sets).unwrap_or_else(|errors| panic!("{sets:?}: {errors:?}"));
    pattern.traffic.swap_remove(0).transport
}

/// Its reliable connection.
#[track_caller]
fn rc(sets: &[&str]) -> Rc {
    transport(TRANSFER, sets).rc().cloned().expect("a reliable connection")
}

#[test]
fn transport_is_open_unless_it_is_said() {
    assert_eq!(transport(TRANSFER, &[]), Transport::Open);
    assert_eq!(transport(TRANSFER, &["transport=open"]), Transport::Open);
    assert_eq!(rc(&["transport=rc"]), Rc::default());
    assert_eq!(rc(&["/transport=rc"]), Rc::default());
    assert_eq!(
        transport(TRANSFER, &["/transport=rc", "transport=open"]),
        Transport::Open
    );
    // A PFC frame has no QP; the pattern's transport is for the others.
    assert_eq!(transport(PFC, &["/transport=rc"]), Transport::Open);
}

#[test]
fn a_reliable_connections_keys_at_their_edges() {
    let all = |sets: &[&str]| rc(&[&["transport=rc"], sets].concat());
    let edges = all(&[
        "rc.timeout=31",
        "rc.retry_count=0",
        "rc.rnr_retry=6",
        "rc.window_packets=1",
        "rc.window_messages=1",
        "rc.max_rd_atomic=255",
        "rc.ack_every=8388608",
        "rc.ack_delay=60s",
        "rc.out_of_order=true",
        "rc.rnr_every=4294967295",
        "rc.rnr_timer=0",
        "rc.ack_dscp=0",
        "rc.ack_pcp=7",
    ]);
    let expected = Rc {
        timeout: 31,
        retry_count: 0,
        rnr_retry: 6,
        window_packets: 1,
        window_messages: 1,
        max_rd_atomic: 255,
        ack_every: 1 << 23,
        ack_delay: Picos::from_micros(60_000_000),
        out_of_order: true,
        rnr_every: u32::MAX,
        rnr_timer: 0,
        ack_dscp: Some(0),
        ack_pcp: Some(7),
        cnp: None,
        dcqcn: None,
    };
    assert_eq!(edges, expected);
    assert_eq!(all(&["rc.window_packets=0x800000"]).window_packets, 1 << 23);
    refused(
        "{kind: transfer, message: 4KiB, count: 1, transport: rc}",
        &[
            (&["rc.timeout=32"], "`timeout` is `32`"),
            (&["rc.retry_count=8"], "`retry_count` is `8`"),
            (&["rc.rnr_retry=8"], "`rnr_retry` is `8`"),
            (&["rc.window_packets=0x800001"], "`window_packets` is `0x800001`"),
            (&["rc.window_packets=0"], "`window_packets` is `0`"),
            (&["rc.window_messages=0"], "`window_messages` is `0`"),
            (&["rc.ack_every=0"], "`ack_every` is `0`"),
            (&["rc.ack_delay=61s"], "`ack_delay` is `61s`"),
            (&["rc.rnr_timer=32"], "`rnr_timer` is `32`"),
            (&["rc.ack_dscp=64"], "`ack_dscp` is `64`"),
            (&["rc.dscp=1"], "unknown key `dscp`"),
            (&["rc=none"], "`rc` is a single value"),
            (&["transport=tcp"], "`transport` is `tcp`"),
            (&["frame.ack_req=never"], "nobody would acknowledge"),
        ],
    );
}

#[test]
fn an_entrys_keys_of_the_transport_go_before_the_patterns() {
    let both = rc(&[
        "/transport=rc",
        "/rc={timeout: 10, retry_count: 3, ack_dscp: 7}",
        "rc={timeout: 8}",
        "/cnp={interval: 20us, dscp: 5, pcp: 6}",
        "cnp={scope: port}",
        "/dcqcn={profile: connectx, rpg_ai_rate: 7Mbps}",
        "dcqcn={rpg_hai_rate: 70Mbps}",
    ]);
    assert_eq!((both.timeout, both.retry_count, both.ack_dscp), (8, 3, Some(7)));
    let cnp = Cnp {
        interval: Picos::from_micros(20),
        scope: Scope::Port,
        dscp: 5,
        pcp: Some(6),
        at_end: false,
    };
    assert_eq!(both.cnp, Some(cnp));
    let dcqcn = Dcqcn {
        profile: Profile::ConnectX,
        rpg_ai_rate: Some(BitRate(7_000_000)),
        rpg_hai_rate: Some(BitRate(70_000_000)),
        ..Dcqcn::default()
    };
    assert_eq!(both.dcqcn, Some(dcqcn));
    // Another profile, and `none`, leave nothing of the pattern's.
    let other = rc(&[
        "/transport=rc",
        "/dcqcn={profile: connectx, rpg_ai_rate: 7Mbps}",
        "dcqcn={profile: hpcc}",
    ]);
    let hpcc = Dcqcn {
        profile: Profile::Hpcc,
        ..Dcqcn::default()
    };
    assert_eq!(other.dcqcn, Some(hpcc));
    let none = rc(&["/transport=rc", "/dcqcn=paper", "dcqcn=none"]);
    assert_eq!((none.dcqcn, none.cnp), (None, None));
}

#[test]
fn cnps_follow_the_reaction_unless_they_are_said() {
    let interval = |sets: &[&str]| rc(&[&["transport=rc"], sets].concat()).cnp.map(|cnp| cnp.interval);
    let micros = |micros| Some(Picos::from_micros(micros));
    assert_eq!(interval(&[]), None);
    assert_eq!(interval(&["dcqcn=paper"]), micros(50));
    assert_eq!(interval(&["dcqcn=connectx"]), micros(4));
    assert_eq!(interval(&["dcqcn=hpcc"]), micros(0));
    assert_eq!(interval(&["dcqcn=none"]), None);
    assert_eq!(
        interval(&["dcqcn=paper", "cnp=none"]),
        None,
        "the peer may send its own"
    );
    assert_eq!(interval(&["cnp={}"]), micros(50));
    assert_eq!(interval(&["dcqcn=connectx", "cnp={dscp: 1, at_end: true}"]), micros(4));
    assert_eq!(interval(&["dcqcn=connectx", "cnp={interval: 0}"]), micros(0));
    refused(
        "{kind: transfer, message: 4KiB, count: 1, transport: rc}",
        &[
            (&["cnp=all"], "`cnp` is `all`"),
            (&["cnp.scope=flow"], "`scope` is `flow`"),
            (&["cnp.dscp=64"], "`dscp` is `64`"),
            (&["cnp.interval=61s"], "`interval` is `61s`"),
        ],
    );
}

#[test]
fn dcqcns_keys_are_those_of_cards() {
    let of = |sets: &[&str]| rc(&[&["transport=rc"], sets].concat()).dcqcn.unwrap();
    let all = of(&[
        "dcqcn={profile: connectx, rpg_time_reset: 300us, rpg_byte_reset: 32767, rpg_threshold: 1, rpg_max_rate: 0, \
         rpg_ai_rate: 5Mbps, rpg_hai_rate: 50Mbps, rpg_gd: 11, rpg_min_dec_fac: 50, rpg_min_rate: 1Mbps, \
         rate_to_set_on_first_cnp: 25Gbps, dce_tcp_g: 1019, dce_tcp_rtt: 1us, initial_alpha_value: 1023, \
         rate_reduce_monitor_period: 4us, clamp_tgt_rate: false, clamp_tgt_rate_after_time_inc: true, alpha_first: true, \
         stage: after-inclusive, hyper_step: times, hyper_half: true, target_above_max: true, target_drop: true}",
    ]);
    let expected = Dcqcn {
        profile: Profile::ConnectX,
        rpg_time_reset: Some(Picos::from_micros(300)),
        rpg_byte_reset: Some(Bytes(32_767)),
        rpg_threshold: Some(1),
        rpg_max_rate: None,
        rpg_ai_rate: Some(BitRate(5_000_000)),
        rpg_hai_rate: Some(BitRate(50_000_000)),
        rpg_gd: Some(11),
        rpg_min_dec_fac: Some(0.5),
        rpg_min_rate: Some(BitRate(1_000_000)),
        rate_to_set_on_first_cnp: Some(BitRate(25_000_000_000)),
        g: Some(5.0 / 1024.0),
        dce_tcp_rtt: Some(Picos::from_micros(1)),
        initial_alpha: Some(1023.0 / 1024.0),
        rate_reduce_monitor_period: Some(Picos::from_micros(4)),
        clamp_tgt_rate: Some(false),
        clamp_tgt_rate_after_time_inc: Some(true),
        choices: Choices {
            alpha_first: true,
            stage: Stage::AfterInclusive,
            hyper_step: HyperStep::Times,
            hyper_half: true,
            target_above_max: true,
            target_drop: true,
        },
    };
    assert_eq!(all, expected);
    assert_eq!(of(&["dcqcn={g: 0.25}"]).g, Some(0.25));
    assert_eq!(of(&["dcqcn={rpg_byte_reset: 0}"]).rpg_byte_reset, Some(Bytes(0)));
    refused(
        "{kind: transfer, message: 4KiB, count: 1, transport: rc}",
        &[
            (&["dcqcn=cubic"], "`dcqcn` is `cubic`"),
            (&["dcqcn.profile=none"], "`profile` is `none`"),
            (&["dcqcn={g: 0.1, dce_tcp_g: 1019}"], "exclude each other"),
            (&["dcqcn.g=1.5"], "`g` is `1.5`"),
            (&["dcqcn.dce_tcp_g=1025"], "`dce_tcp_g` is `1025`"),
            (&["dcqcn.rpg_threshold=0"], "`rpg_threshold` is `0`"),
            (&["dcqcn.rpg_threshold=1001"], "`rpg_threshold` is `1001`"),
            (&["dcqcn.rpg_byte_reset=5GB"], "`rpg_byte_reset` is `5GB`"),
            (&["dcqcn.rpg_time_reset=0"], "`rpg_time_reset` is `0`"),
            (&["dcqcn.dce_tcp_rtt=0"], "`dce_tcp_rtt` is `0`"),
            (&["dcqcn.rpg_min_dec_fac=101"], "`rpg_min_dec_fac` is `101`"),
            (&["dcqcn.rpg_gd=21"], "`rpg_gd` is `21`"),
            (&["dcqcn.initial_alpha_value=1025"], "`initial_alpha_value` is `1025`"),
            (&["dcqcn.clamp_tgt_rate=1"], "-> true"),
            (&["dcqcn.stage=later"], "`stage` is `later`"),
        ],
    );
}

#[test]
fn keys_of_a_reliable_connection_mean_nothing_without_one() {
    for entry in [TRANSFER, INCAST, BURST, ALLTOALL, BACKGROUND, PROBE] {
        refused(
            entry,
            &[
                (&["rc={timeout: 10}"], "`rc` goes with `transport: rc` only"),
                (&["cnp={}"], "`cnp` goes with `transport: rc` only"),
                (&["dcqcn=paper"], "`dcqcn` goes with `transport: rc` only"),
                (
                    &["/transport=rc", "transport=open", "dcqcn=none"],
                    "`dcqcn` goes with `transport: rc` only",
                ),
                (
                    &["/rc={timeout: 10}"],
                    "`rc` means nothing here: no entry has `transport: rc`",
                ),
                (
                    &["/dcqcn=paper"],
                    "`dcqcn` means nothing here: no entry has `transport: rc`",
                ),
            ],
        );
    }
    for entry in [TRANSFER, INCAST, BURST, ALLTOALL, BACKGROUND] {
        taken(
            entry,
            &[
                &["transport=rc"],
                &["/transport=rc"],
                &["/transport=rc", "/dcqcn=paper"],
            ],
        );
    }
    for set in [
        "transport=rc",
        "transport=open",
        "rc={timeout: 10}",
        "cnp=none",
        "dcqcn=paper",
    ] {
        refused(PFC, &[(&[set], "means nothing to a PFC frame, which no QP carries")]);
    }
    refused(
        PROBE,
        &[
            (&["transport=rc"], "needs `transport: open`"),
            (&["/transport=rc"], "needs `transport: open`"),
        ],
    );
    taken(PROBE, &[&["/transport=rc", "transport=open"]]);
}
