//! A result made by hand in which every field has a value.

use std::collections::BTreeMap;

use serde_json::json;

use crate::report::model::*;

pub(super) const TIMES: TimeSources = TimeSources {
    tx: TimeSource::Software,
    rx: TimeSource::Nic,
};

fn distribution(scale: u64) -> Distribution {
    Distribution {
        unit: "ps".to_owned(),
        source: TIMES,
        uncertainty_ps: Some(1_250_000),
        below_resolution: scale < 1_000_000,
        count: 800,
        min: scale,
        mean: 1.5 * scale as f64,
        p50: scale + scale / 4,
        p95: 2 * scale,
        p99: 3 * scale,
        p99_9: 4 * scale,
        max: 5 * scale,
        percentiles: (0..=100).map(|percent| scale + percent * scale / 25).collect(),
    }
}

fn flow(number: u32) -> Flow {
    Flow {
        number: u64::from(number),
        from: number,
        to: 8,
        qpn: 0x100 + number,
        messages_sent: 100,
        messages_completed: Some(100),
        sent: 1_600,
        received: Some(1_600),
        lost: Some(0),
        duplicated: Some(0),
        reordered: Some(0),
        ce: Some(20),
        goodput_bps: Some(11_000_000_000 + 100_000_000 * u64::from(number)),
        latency_p50_ps: Some(2_500_000),
        latency_max_ps: Some(10_000_000),
    }
}

pub(super) fn incast() -> Traffic {
    let losses = [(LossCause::LostInDut, 12), (LossCause::BadIcrc, 3)];
    let observed = Observed {
        duplicated: 1,
        reordered: 2,
        icrc_checked: 12_789,
        icrc_errors: 3,
        malformed: 0,
        too_late: 0,
    };
    let received = Codepoints {
        ect0: 12_621,
        ce: 160,
        ..Codepoints::default()
    };
    Traffic {
        name: "kv".to_owned(),
        kind: "incast".to_owned(),
        draft: Some("8.1".to_owned()),
        parameters: BTreeMap::from([("senders".to_owned(), json!(8)), ("message".to_owned(), json!(65_536))]),
        tx_ports: vec!["p0".to_owned()],
        rx_ports: vec!["p1".to_owned()],
        times_refused: None,
        active_ps: Some(4_500_000_000),
        messages: Messages {
            planned: Some(800),
            sent: 800,
            completed: Some(788),
            incomplete: Some(12),
            given_up: Some(0),
            untimed: Some(0),
        },
        packets: Packets::balance(Some(12_800), 0, 12_800, 12_781, losses, observed),
        payload_bytes: Volume::new(52_428_800, Some(52_350_976)),
        frame_bytes: Volume::new(53_187_200, Some(53_108_264)),
        ecn: Ecn::new(
            Codepoints {
                ect0: 12_800,
                ..Codepoints::default()
            },
            Some(received),
        ),
        goodput_bps: Some(93_068_401_777),
        tx_wire_rate_bps: Some(95_000_000_000),
        rx_wire_rate_bps: Some(94_960_000_000),
        packet_latency: Some(distribution(2_000_000)),
        message_latency: Some(distribution(50_000_000)),
        fct: Some(distribution(400_000_000)),
        rounds: Some(Rounds {
            planned: Some(10),
            completed: 8,
            payload_bytes: 41_943_040,
            time: Some(distribution(450_000_000)),
            untimed: 0,
        }),
        routing: None,
        jfi: Some(Fairness {
            over: FairnessOver::Senders,
            count: 8,
            index: 0.9987,
        }),
        contended: Some(Contended {
            time_ps: 2_000_000_000,
            spans: 3,
            frames: 5_000,
            wire_bps: Estimate {
                value: 4.2e10,
                low: 4.1e10,
                high: Some(4.3e10),
            },
        }),
        first_mark: Some(FirstMark {
            arrival_ps: 20_000_000,
            departure_ps: Some(14_000_000),
            frame: 71,
            flow: 3,
        }),
        longest_gap: Some(Gap {
            length_ps: 400_000_000,
            began_ps: 100_000_000,
        }),
        outage: Some(FlowOutage {
            length_ps: 3_100_000,
            ended_ps: 33_000_000,
            flow: 2,
            frames: 11,
        }),
        cut_off_pairs: Some(0),
        rc: None,
        pacing: Some(Pacing {
            requested_bps: Some(100_000_000_000),
            achieved_bps: Some(95_000_000_000),
            rate_error_percent: Some(-5.0),
            held_ps: Some(0),
            lateness: Some(distribution(20_000)),
            gaps: Some(distribution(334_000)),
            arrival_gaps: Some(distribution(335_000)),
            planned_gap_ps: Some(334_240.0),
            most_together: Some(4),
            slips: 3,
        }),
        flows: Flows::new((0..8).map(flow).collect(), Flows::LISTED),
    }
}

fn alltoall() -> Traffic {
    let observed = Observed {
        icrc_checked: 9_000,
        ..Observed::default()
    };
    Traffic {
        name: "ep".to_owned(),
        kind: "alltoall".to_owned(),
        draft: Some("7.1".to_owned()),
        routing: Some(RoutedTokens {
            sent: 97_280,
            local: 1_024,
            in_node: 0,
            dropped: 5,
            overflow: 6,
            padding: 7,
        }),
        packets: Packets::balance(Some(9_100), 100, 9_000, 9_000, [], observed),
        messages: Messages {
            planned: Some(61),
            sent: 60,
            completed: Some(60),
            incomplete: Some(0),
            given_up: Some(0),
            untimed: Some(0),
        },
        pacing: None,
        jfi: None,
        message_latency: None,
        fct: None,
        ecn: Ecn::new(
            Codepoints {
                not_ect: 9_000,
                ..Codepoints::default()
            },
            Some(Codepoints {
                not_ect: 9_000,
                ..Codepoints::default()
            }),
        ),
        flows: Flows::new(vec![flow(40), flow(41)], Flows::LISTED),
        ..incast()
    }
}

/// An entry whose receivers do not listen.
fn blind() -> Traffic {
    Traffic {
        name: "noise".to_owned(),
        kind: "background".to_owned(),
        draft: None,
        rx_ports: Vec::new(),
        messages: Messages {
            planned: None,
            sent: 40,
            completed: None,
            incomplete: None,
            given_up: None,
            untimed: None,
        },
        packets: Packets::sent_only(None, 0, 640),
        payload_bytes: Volume::new(2_621_440, None),
        frame_bytes: Volume::new(2_659_360, None),
        ecn: Ecn::new(
            Codepoints {
                ect0: 640,
                ..Codepoints::default()
            },
            None,
        ),
        goodput_bps: None,
        rx_wire_rate_bps: None,
        packet_latency: None,
        message_latency: None,
        fct: None,
        rounds: None,
        jfi: None,
        rc: Some(reliable()),
        contended: None,
        first_mark: None,
        longest_gap: None,
        outage: None,
        cut_off_pairs: None,
        pacing: None,
        flows: Flows::new(Vec::new(), Flows::LISTED),
        ..incast()
    }
}

fn port(name: &str, tx: u64, rx: u64) -> Port {
    Port {
        name: name.to_owned(),
        driver: "net_ring".to_owned(),
        device: format!("net_ring_{name}"),
        speed_bps: Some(100_000_000_000),
        workers: 8,
        timestamps: TIMES,
        clock: Some(PortClock {
            readings: 120,
            tick_ps: Some(999.9),
            drift_ppm: Some(100.0),
            uncertainty_ps: Some(450_000),
            stamped: rx,
            unstamped: 0,
            late: 0,
            refused: None,
        }),
        tx_spread: Some(BurstSpread {
            bursts: tx / 8 + 1,
            p50_ps: 400_000,
            p99_ps: 800_000,
            max_ps: 90_000_000,
        }),
        rx_spread: Some(BurstSpread {
            bursts: rx / 2 + 1,
            p50_ps: 300_000,
            p99_ps: 700_000,
            max_ps: 80_000_000,
        }),
        tx: PortTx {
            frames: tx,
            bytes: tx * 4_154,
            unsent: 0,
            offered_bps: Some(100_000_000_000),
            achieved_bps: (tx > 0).then_some(95_000_000_000),
            paced_by: Some(PacedBy::Nic),
            untimed: 0,
        },
        rx: PortRx {
            frames: rx,
            bytes: rx * 4_154,
            misdelivered: 0,
            unknown: 0,
            strangers: 0,
            malformed: 0,
            cnp: 0,
            answers: 0,
            bad_answers: 0,
            read_requests: 0,
            other: 0,
            achieved_bps: (rx > 0).then_some(45_300_000_000),
        },
        neighbours: PortNeighbours {
            gateways: vec![Gateway {
                address: "20.1.1.1".to_owned(),
                vlan: Some(11),
                mac: "02:aa:00:00:00:01".to_owned(),
            }],
            announcements: 8,
            ..PortNeighbours::default()
        },
        stats: Some(PortStats {
            ipackets: rx,
            opackets: tx,
            ..PortStats::default()
        }),
        xstats: BTreeMap::from([("rx_good_packets".to_owned(), rx)]),
        pfc: PortPfc {
            sent_per_class: [0; 8],
            pause_sent: 0,
            received_per_class: Some([0, 0, 0, 7, 0, 0, 0, 0]),
            pause_received: Some(0),
            paused_ps_per_class: Some([0, 0, 0, 80_000_000, 0, 0, 0, 0]),
            received_source: Some(PfcSource::Xstats),
            mac_sent_per_class: Some([0, 0, 0, 4, 0, 0, 0, 0]),
            reaction: Some(PfcReaction::Nic),
        },
    }
}

pub(super) fn run() -> Run {
    Run {
        name: "incast-8to1".to_owned(),
        pattern: "patterns/incast-8to1.yaml".to_owned(),
        pattern_sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
        testbed: Some("testbeds/example.yaml".to_owned()),
        testbed_sha256: Some("00".repeat(32)),
        settings: vec!["traffic.0.senders=8".to_owned()],
        question: Some("What does an incast of eight look like?".to_owned()),
        asks: vec!["ECN_Kmin".to_owned(), "kv: KV_xfer_latency.p99".to_owned()],
        seed: 1,
        clock: Clock::Tsc,
        timestamps: TIMES,
        conforming: true,
        nonconformities: vec!["a trial of 2 s is shorter than the 60 s of test 5.1".to_owned()],
        dut: Dut::new(
            &BTreeMap::from([("model".to_owned(), "example".to_owned())]),
            None,
            Some("8.1"),
        ),
        about: About {
            system: BTreeMap::from([("model".to_owned(), "example".to_owned())]),
            workload: BTreeMap::from([("arrivals".to_owned(), "20/s, Poisson".to_owned())]),
            health: BTreeMap::from([("fec".to_owned(), "3e-15".to_owned())]),
        },
        oversubscription: Some(1.5),
        started_at: "2026-02-25T06:13:20Z".to_owned(),
        planned_duration_ps: Some(5_000_000_000),
        measured_duration_ps: Some(4_504_000_000),
        wall_duration_ps: 7_000_000_000_000,
        interrupted: true,
        interrupted_by: Some("SIGINT".to_owned()),
    }
}

pub(super) fn budget() -> Budget {
    Budget {
        measured_at: "2026-02-24T17:00:00Z".to_owned(),
        testbed_sha256: "11".repeat(32),
        floor_ps: 1_100_000,
        jitter_ps: 300_000,
        uncertainty_ps: Some(450_000),
        resolution_ps: 450_000,
        pacing_error_ppm: Some(12.5),
        lossless: vec![CalibratedRate {
            payload_bytes: 4_096,
            frame_bytes: 4_174,
            rate_bps: Some(99_000_000_000),
            frames_per_second: Some(2_947_832),
            too_high_bps: Some(100_000_000_000),
        }],
    }
}

pub(super) fn environment() -> Environment {
    Environment {
        squall_version: "0.1.0".to_owned(),
        squall_revision: Some("0123456789ab".to_owned()),
        rustc: Some("rustc 1.88.0".to_owned()),
        dpdk_version: Some("DPDK 22.11.11".to_owned()),
        kernel: Some("6.18.5".to_owned()),
        cpu_model: Some("Example CPU".to_owned()),
        cpus: Some(2),
        tsc_hz: Some(2_100_000_000),
        cores: Cores {
            tx: vec![0],
            rx: vec![1],
        },
        hugepages: Some(Hugepages {
            size_bytes: 2 << 20,
            total: 512,
            free: 500,
            used: true,
        }),
        drivers: vec!["net_ring".to_owned()],
        resident_memory: None,
    }
}

pub(super) fn trend(name: &str, unit: &str, place: &str) -> Trend {
    Trend {
        name: name.to_owned(),
        unit: unit.to_owned(),
        place: place.to_owned(),
        samples: 96,
        first: 250.0,
        last: 251.0,
        min: 249.0,
        max: 252.0,
        median: 250.5,
        slope_per_hour: Some(0.01),
        mann_kendall_s: 120,
        mann_kendall_p: Some(0.7),
        variation_percent: Some(1.2),
        grows: Some(false),
    }
}

/// Two entries of which one gives way to the other.
pub(super) fn convergence() -> Convergence {
    Convergence {
        at_ps: 50_000_000_000,
        steady_ps: 175_000_000_000,
        until_ps: 300_000_000_000,
        of: "entries".to_owned(),
        target: "steady".to_owned(),
        within_percent: 5.0,
        windows: vec![SettlingWindow {
            size_ps: 1_000_000_000,
            first_inside_ps: Some(4_000_000_000),
            last_outside_ps: Some(9_000_000_000),
            steady: 125,
            steady_outside: 1,
            settled_ps: Some(settled()),
        }],
        headline_window_ps: Some(1_000_000_000),
        time_ps: Some(settled()),
        why_not: None,
        rates: vec![SteadyRate {
            entry: "kv".to_owned(),
            steady_bps: 48e9,
            max_min_bps: 49e9,
            share_percent: Some(100.0),
        }],
        jfi: Some(1.0),
        jfi_max_min: Some(0.99),
    }
}

fn settled() -> Estimate {
    Estimate {
        value: 5e9,
        low: 4e9,
        high: Some(6e9),
    }
}

pub(super) fn soak() -> Soak {
    Soak {
        interval_ps: 900_000_000_000_000,
        samples: 96,
        segments: 1,
        warm_up_samples: 10,
        resident_memory_grows: Some(false),
        trends: vec![trend("KV_xfer_latency", "us", "traffic/incast")],
    }
}

/// The header of samples of one entry and one port, 40 of them.
pub(in crate::report) fn sample_header() -> SampleHeader {
    SampleHeader {
        schema: SAMPLES_SCHEMA.to_owned(),
        name: "planted".to_owned(),
        pattern_sha256: String::new(),
        seed: 1,
        clock: Clock::Tsc,
        interval_ps: 1_000_000,
        planned_duration_ps: Some(40_000_000),
        traffic: vec![SampledName {
            name: "kv".to_owned(),
            kind: "transfer".to_owned(),
        }],
        ports: vec![SampledLink {
            name: "port".to_owned(),
            speed_bps: 1_000_000_000,
        }],
    }
}

/// Sample number `index`, with this P99 and so much resident memory.
pub(in crate::report) fn sample(index: u64, p99_ps: u64, resident: u64) -> Sample {
    let times = SampledTimes {
        count: 100,
        p50_ps: 1_000,
        p99_ps,
        max_ps: 2 * p99_ps,
    };
    let rate = SampledRate {
        frames: 10,
        bytes: 1000,
        wire_rate_bps: Some(1),
        utilization_percent: Some(10.0),
    };
    Sample {
        index,
        segment: 0,
        from_ps: index * 1_000_000,
        to_ps: (index + 1) * 1_000_000,
        whole: true,
        last: false,
        traffic: vec![SampledTraffic {
            name: "kv".to_owned(),
            sent_frames: 10,
            sent_payload_bytes: 1000,
            sent_messages: 1,
            received: Some(SampledReceived {
                frames: 10,
                payload_bytes: 1000,
                goodput_bps: Some(8_000),
                messages: 1,
                ce: 0,
                ce_percent: Some(0.0),
                duplicated: 0,
                reordered: 0,
                icrc_errors: 0,
                packet_latency: Some(times),
                message_latency: Some(times),
                round_time: Some(times),
            }),
            requester: Some(SampledRequester {
                resent_frames: 1,
                acknowledged_messages: 1,
                naks: 1,
                timeouts: 0,
                cnps: 2,
                rate_cuts: 2,
            }),
        }],
        ports: vec![SampledPort {
            name: "port".to_owned(),
            tx: rate,
            rx: Some(rate),
            pfc_frames: Some(0),
            pause_frames: Some(0),
            paused_ps: Some(0),
            driver: Some(SampledDriver {
                imissed: 0,
                ierrors: 0,
                oerrors: 0,
                rx_nombuf: 0,
            }),
        }],
        buffers_in_use: 64,
        process: SampledProcess {
            at: format!("2026-01-01T{:02}:{:02}:00.000Z", index / 60, index % 60),
            resident_bytes: Some(resident),
            pause_ps: Some(300_000_000),
        },
    }
}

fn marking() -> Marking {
    let estimate = |value: f64, width: f64| {
        Some(Estimate {
            value,
            low: value - width,
            high: Some(value + width),
        })
    };
    // 20 bins of 50 KB: nothing up to 200 KB, half at 600 KB, all beyond 700 KB.
    let share = |n: u64| match n {
        0..4 => 0,
        14.. => 100,
        n => (n - 3) * 5,
    };
    let bin = |n: u64| {
        let marked = share(n);
        Bin {
            from_bytes: n * 50_000,
            to_bytes: (n + 1) * 50_000 - 1,
            frames: 100,
            marked,
            low: (marked as f64 / 100.0 - 0.05).max(0.0),
            high: (marked as f64 / 100.0 + 0.05).min(1.0),
        }
    };
    Marking {
        frames: 2_000,
        marked: (0..20).map(share).sum(),
        elsewhere: 17,
        deepest_bytes: 996_630,
        uncertainty_bytes: 4_170,
        onset: Some(Onset {
            arrival_ps: 20_000_000,
            departure_ps: Some(14_000_000),
            frame: 71,
            flow: 3,
            depth_bytes: Some(208_500),
        }),
        at: Some(MarkAt::Enqueue),
        kmin_bytes: estimate(200_000.0, 12_000.0),
        kmax_bytes: estimate(700_000.0, 20_000.0),
        pmax: estimate(0.55, 0.06),
        step: Some(false),
        why_not: None,
        verdict: MarkingVerdict::DoesNotFollow,
        explanation: "Read: Kmin 200000, Kmax 700000 bytes, Pmax 55.0 %; configured: 500000, 500000, 100 %.".to_owned(),
        curve: (0..20).map(bin).collect(),
    }
}

/// One queue with everything that may be said of one, and one pause each way.
fn inferred() -> Inferred {
    let queue = Queue {
        port: "p1".to_owned(),
        class: 3,
        ecn: Some(marking()),
        probe: Some(Probe {
            rounds: 18,
            late_rounds: 2,
            early_frames: 5,
            marking: Marking {
                kmin_bytes: Some(Estimate {
                    value: 202_000.0,
                    low: 199_000.0,
                    high: None,
                }),
                ..marking()
            },
        }),
        methods_agree: Some(true),
        methods: Some(
            "Overload: Kmin 200000, Kmax 700000 bytes, Pmax 55.0 %; probe: 202000, 700000, Pmax 55.0 %.".to_owned(),
        ),
        meter: Some(Meter {
            frames: 512,
            marked: 390,
            after_loss: 3,
            cbs_bytes: Some(Estimate {
                value: 500_000.0,
                low: 498_720.0,
                high: Some(502_876.0),
            }),
            cir_bps: Some(Estimate {
                value: 80_000.0,
                low: 60_000.0,
                high: Some(664_960.0),
            }),
            why_not: None,
            verdict: MarkingVerdict::Follows,
            explanation:
                "Read: CBS 500000 bytes (498720 to 502876), CIR 80000 bit/s (60000 to 664960); configured: 500000, \
                          80000."
                    .to_owned(),
        }),
        loss: Some(QueueLoss {
            frames: 12,
            runs: 2,
            longest_run: 11,
            run_lengths: vec![1, 0, 0, 1],
            onset_ps: 30_000_000,
            onset_flow: 2,
            depth_at_onset_bytes: Some(904_890),
            entered_before_onset_bytes: Some(1_200_960),
            depth_min_bytes: Some(900_720),
            depth_p50_bytes: Some(904_890),
            depth_max_bytes: Some(904_890),
            outages: 1,
            outage_frames: 11,
            convergence_ps: Some(3_000_000),
            listed: vec![Outage {
                flow: 2,
                began_ps: 30_000_000,
                restored_ps: Some(33_000_000),
                gap_ps: Some(3_100_000),
                frames: 11,
            }],
        }),
        silence: Some(Silence {
            began_ps: 40_000_000,
            length_ps: 12_000_000,
            recovery_ps: Some(5_000_000),
            recovery_low_ps: Some(4_900_000),
            recovery_high_ps: Some(5_100_000),
        }),
        held: Some(Silence {
            began_ps: 60_000_000,
            length_ps: 20_000_000,
            recovery_ps: Some(7_000_000),
            recovery_low_ps: Some(6_900_000),
            recovery_high_ps: Some(7_100_000),
        }),
    };
    let threshold = |value: f64| {
        Some(Threshold {
            bytes: Estimate {
                value,
                low: value - 2_000.0,
                high: Some(value + 2_000.0),
            },
            events: 3,
            min_bytes: 98_000,
            p50_bytes: 100_080,
            max_bytes: 104_250,
            uncertainty_bytes: 33_360,
        })
    };
    let received = Pausing {
        port: "p1".to_owned(),
        class: 3,
        direction: PauseDirection::Received,
        xoff_frames: 4,
        xon_frames: 3,
        pauses: 4,
        expired: 1,
        paused_ps: 80_000_000,
        longest_ps: 40_000_000,
        storm: false,
        unfounded_ps: Some(1_000_000),
        xoff: threshold(100_000.0),
        xon: threshold(50_000.0),
        why_not: None,
    };
    let sent = Pausing {
        port: "p0".to_owned(),
        direction: PauseDirection::Sent,
        unfounded_ps: None,
        xoff: None,
        xon: None,
        ..received.clone()
    };
    let waiting = |mean_ps: u64| Waiting {
        frames: 1_000,
        mean_ps,
        p99_ps: 3 * mean_ps,
        max_ps: 5 * mean_ps,
    };
    Inferred {
        queues: vec![queue],
        pfc: vec![received, sent],
        pause_propagation_hops: Some(3),
        configured: Configured {
            kmin_bytes: Some(500_000),
            kmax_bytes: Some(500_000),
            pmax_percent: Some(100.0),
            xoff_bytes: Some(100_000),
            xon_bytes: Some(50_000),
            cbs_bytes: Some(500_000),
            cir_bps: Some(80_000),
        },
        victims: vec![Victim {
            entry: "kv".to_owned(),
            during: waiting(2_000_000),
            calm: waiting(100_000),
            held_ps: Some(60_000_000),
            uncertainty_ps: 0,
            congested: false,
        }],
        leaves: Some(1),
        until_ps: Some(4_000_000_000),
        frames_beyond: 25_000,
    }
}

/// Three entries, two ports, one anomaly that measuring found.
pub(crate) fn results() -> Results {
    let found = Anomaly::new(
        AnomalyKind::Clock,
        "run".to_owned(),
        "The TSCs of the two cores differ by 40 ns.".to_owned(),
    );
    let ports = vec![port("p0", 12_800, 0), port("p1", 0, 12_790)];
    let mut results = Results::new(
        run(),
        environment(),
        ports,
        vec![incast(), alltoall(), blind()],
        inferred(),
        Some(convergence()),
        vec![found],
    );
    results.calibration = Some(budget());
    results.ptp_probes = vec![ptp_probe()];
    results
}

fn ptp_probe() -> PtpProbe {
    PtpProbe {
        from: "p0".to_owned(),
        to: "p8".to_owned(),
        vid: Some(100),
        pcp: Some(3),
        source: TimeSource::PtpProbe,
        sent: 1_210,
        refused: 1,
        lost: 2,
        late: 1,
        no_departure: 2,
        no_arrival: 1,
        disturbed: 1,
        outside: 0,
        stamped: 1_203,
        delay: Some(distribution(1_000_000)),
        uncertainty_ps: Some(48_000),
        drift_ppm: Some(-12.5),
        why_not: None,
    }
}

/// Connections of which two ended.
fn reliable() -> Reliable {
    Reliable {
        requester: Requester {
            resent_frames: 31,
            resent_bytes: 126_976,
            acknowledged_messages: 20,
            acknowledged_bytes: 41_943_040,
            acks: 25,
            naks: 3,
            rnr_naks: 1,
            error_naks: 1,
            cnps: 12,
            rate_cuts: 12,
            timeouts: 2,
            flushed_messages: 4,
            qps_in_error: vec![InError {
                reason: "remote access error".into(),
                qps: 2,
            }],
        },
        responder: Some(Responder {
            taken: 12_770,
            duplicates: 4,
            out_of_sequence: 7,
            not_ready: 1,
            invalid: 0,
            copies: 0,
            acks: 26,
            naks: 3,
            rnr_naks: 1,
            error_naks: 1,
            cnps: 12,
        }),
        turnaround: Some(distribution(3_000)),
        turnaround_missing: None,
        reads: Some(Reads {
            requests: 22,
            requests_again: 2,
            gaps: 1,
            requests_taken: Some(21),
            requests_duplicated: Some(1),
            requests_refused: Some(0),
            time: Some(distribution(2_000_000)),
        }),
    }
}
