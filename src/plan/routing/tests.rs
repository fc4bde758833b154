//! Conservation, distribution and determinism of routing. Expectations are computed here from the
//! definitions (draft 7.1 and Table 7), not with the sampler.

use proptest::prelude::*;

use super::*;
use crate::pattern::{Rate, Verb, Workers};
use crate::units::Share;

fn shape(ranks: u32, experts: u32, top_k: u32, batch: u32, routing: Routing) -> AllToAll {
    AllToAll {
        ranks: Workers((0..ranks).collect()),
        ranks_per_node: 1,
        model: None,
        experts,
        top_k,
        hidden: 7168,
        precision: 2,
        batch,
        layers: 4,
        iterations: Some(1),
        interval: None,
        mode: DispatchMode::Normal,
        routing,
        verb: Verb::PutWithSignal,
        qps: 24,
        split: false,
        rate: Rate::Share(Share(1.0)),
    }
}

/// Copies that reach each expert's rank, when there is one expert on each rank.
fn column_sums(tokens: &TokenMatrix) -> Vec<u64> {
    (0..tokens.ranks())
        .map(|dst| (0..tokens.ranks()).map(|src| u64::from(tokens.get(src, dst))).sum())
        .collect()
}

fn row_sum(tokens: &TokenMatrix, src: usize) -> u64 {
    tokens.row(src).iter().copied().map(u64::from).sum()
}

fn routings() -> impl Strategy<Value = Routing> {
    let skew = prop_oneof![Just(0.0), 0.1..4.0_f64];
    prop_oneof![
        skew.clone().prop_map(|skew| Routing::TopK { skew }),
        (skew.clone(), 0.1..3.0_f64)
            .prop_map(|(skew, capacity_factor)| Routing::ExpertChoice { skew, capacity_factor }),
        (skew, 0.1..3.0_f64).prop_map(|(skew, capacity_factor)| Routing::TopKDrop { skew, capacity_factor }),
        Just(Routing::AuxLoss),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_copy_appears_or_vanishes(
        ranks in 1..20_u32, experts in 1..50_u32, k in 1..50_u32, batch in 0..40_u32,
        routing in routings(), seed: u64, dispatch: u64,
    ) {
        let k = k.min(experts);
        let shape = shape(ranks, experts, k, batch, routing);
        let routed = Routed::route(&shape, seed, dispatch);
        prop_assert_eq!(&routed, &Routed::route(&shape, seed, dispatch));
        prop_assert_eq!(routed.tokens.ranks(), ranks as usize);
        prop_assert_eq!((routed.overflow, routed.padding), (0, 0));
        let every = u64::from(ranks) * u64::from(batch) * u64::from(k);
        let homes: Vec<usize> = (0..experts).map(|e| (u64::from(e) * u64::from(ranks) / u64::from(experts)) as usize).collect();
        let hosted = |rank: usize| homes.iter().filter(|home| **home == rank).count() as u64;
        match routing {
            Routing::TopK { .. } | Routing::AuxLoss => {
                prop_assert_eq!(routed.dropped, 0);
                for src in 0..ranks as usize {
                    prop_assert_eq!(row_sum(&routed.tokens, src), u64::from(batch) * u64::from(k));
                    for dst in 0..ranks as usize {
                        // k distinct experts a token: at most one copy for each expert there.
                        prop_assert!(u64::from(routed.tokens.get(src, dst)) <= u64::from(batch) * hosted(dst));
                    }
                }
            }
            Routing::ExpertChoice { capacity_factor, .. } => {
                prop_assert_eq!(routed.dropped, 0);
                let pool = u64::from(ranks) * u64::from(batch);
                let low = ((capacity_factor * every as f64).round() as u64 / u64::from(experts)).min(pool);
                for (dst, copies) in column_sums(&routed.tokens).into_iter().enumerate() {
                    prop_assert!(copies >= hosted(dst) * low && copies <= hosted(dst) * (low + 1).min(pool));
                }
                let exact = (capacity_factor * every as f64).round() as u64;
                if exact <= pool * u64::from(experts) {
                    prop_assert_eq!(routed.tokens.total(), exact);
                }
            }
            Routing::TopKDrop { capacity_factor, .. } => {
                prop_assert_eq!(routed.tokens.total() + routed.dropped, every);
                let capacity = ((capacity_factor * every as f64).round() as u64).div_ceil(u64::from(experts));
                for (dst, copies) in column_sums(&routed.tokens).into_iter().enumerate() {
                    prop_assert!(copies <= hosted(dst) * capacity);
                }
            }
        }
        prop_assert_eq!(
            (0..ranks as usize).map(|rank| routed.tokens.sent_by(rank)).sum::<u64>(),
            (0..ranks as usize).map(|rank| routed.tokens.received_by(rank)).sum::<u64>()
        );
    }

    #[test]
    fn low_latency_pads_every_pair_and_accounts_for_the_difference(
        ranks in 1..20_u32, experts in 1..50_u32, batch in 1..20_u32,
        padded in prop::option::of(1..30_u32), routing in routings(), seed: u64,
    ) {
        let mut shape = shape(ranks, experts, experts.min(3), batch, routing);
        let real = Routed::route(&shape, seed, 5);
        shape.mode = DispatchMode::LowLatency { padded_tokens: padded };
        let routed = Routed::route(&shape, seed, 5);
        let each = padded.unwrap_or((batch * experts.min(3)).div_ceil(ranks));
        for src in 0..ranks as usize {
            for dst in 0..ranks as usize {
                let expected = if src == dst { real.tokens.get(src, dst) } else { each };
                prop_assert_eq!(routed.tokens.get(src, dst), expected);
            }
        }
        prop_assert_eq!(real.tokens.total() + routed.padding, routed.tokens.total() + routed.overflow);
        prop_assert_eq!(real.dropped, routed.dropped);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With nodes every token goes where it went without them; those for a rank of the same node are counted and not sent.
    #[test]
    fn what_stays_on_a_node_is_told_and_not_sent(
        nodes in 2..6_u32, each in 1..6_u32, experts in 1..50_u32, batch in 0..40_u32,
        padded in prop::option::of(1..30_u32), routing in routings(), seed: u64,
    ) {
        let mut shape = shape(nodes * each, experts, experts.min(3), batch, routing);
        let alone = Routed::route(&shape, seed, 2);
        shape.ranks_per_node = each;
        if padded.is_some() {
            shape.mode = DispatchMode::LowLatency { padded_tokens: padded };
        }
        let routed = Routed::route(&shape, seed, 2);
        let (mut in_node, mut sent) = (0, 0);
        for (src, dst) in (0..nodes * each).flat_map(|src| (0..nodes * each).map(move |dst| (src, dst))) {
            let cell = |routed: &Routed| routed.tokens.get(src as usize, dst as usize);
            if src == dst {
                prop_assert_eq!(cell(&routed), cell(&alone));
            } else if src / each == dst / each {
                prop_assert_eq!(cell(&routed), 0);
                in_node += u64::from(cell(&alone));
            } else {
                prop_assert_eq!(cell(&routed), padded.unwrap_or(cell(&alone)));
                sent += u64::from(cell(&alone));
            }
        }
        prop_assert_eq!(routed.in_node, in_node);
        prop_assert_eq!(routed.dropped, alone.dropped);
        prop_assert_eq!(routed.tokens.sent() + routed.overflow, sent + routed.padding);
    }
}

/// Σ (seen − expected)² / expected.
fn chi_square(seen: &[u64], expected: &[f64]) -> f64 {
    seen.iter()
        .zip(expected)
        .map(|(n, e)| (*n as f64 - e).powi(2) / e)
        .sum()
}

#[test]
fn skew_follows_zipf_and_its_absence_is_uniform() {
    // One expert a rank and k = 1: the receive volumes are the expert loads, and these are
    // multinomial. Chi-square with 31 degrees of freedom exceeds 70 once in 10^4 seeds.
    let (ranks, batch) = (32_u32, 2000_u32);
    let draws = f64::from(ranks * batch);
    for skew in [0.0, 0.5, 1.0, 1.5] {
        let routed = Routed::route(&shape(ranks, ranks, 1, batch, Routing::TopK { skew }), 11, 3);
        let mut seen = column_sums(&routed.tokens);
        let weights: Vec<f64> = (1..=ranks).map(|i| f64::from(i).powf(-skew)).collect();
        let total: f64 = weights.iter().sum();
        let expected: Vec<f64> = weights.iter().map(|w| w / total * draws).collect();
        if skew > 0.0 {
            // Which expert is the hot one is a seeded choice; the shape is what is fixed.
            seen.sort_unstable_by(|a, b| b.cmp(a));
        }
        let off = chi_square(&seen, &expected);
        assert!(off < 70.0, "skew {skew}: chi-square {off}, {seen:?}");
        let flat = vec![draws / f64::from(ranks); ranks as usize];
        assert_eq!(chi_square(&seen, &flat) > 1000.0, skew > 0.0, "skew {skew}");
    }
}

#[test]
fn the_hot_expert_belongs_to_the_layer() {
    let shape = shape(16, 16, 2, 200, Routing::TopK { skew: 1.5 });
    let router = Router::new(&shape, 42);
    let hottest = |dispatch| {
        let sums = column_sums(&router.route(dispatch).tokens);
        (0..sums.len()).max_by_key(|rank| sums[*rank]).unwrap()
    };
    let layers: Vec<usize> = (0..4).map(hottest).collect();
    let again: Vec<usize> = (4..8).map(hottest).collect();
    assert_eq!(layers, again, "dispatch 4 is layer 0 of the next iteration");
    assert!(
        layers.iter().any(|rank| *rank != layers[0]),
        "layers differ: {layers:?}"
    );
    assert_ne!(router.route(0), router.route(4), "the same popularity, other tokens");
    assert_ne!(router.route(0), Router::new(&shape, 43).route(0));
}

#[test]
fn expert_choice_makes_equal_receivers_and_unequal_pairs() {
    let choice = |skew| {
        let routing = Routing::ExpertChoice {
            skew,
            capacity_factor: 1.0,
        };
        Routed::route(&shape(32, 64, 4, 64, routing), 5, 9).tokens
    };
    let spread = |tokens: &TokenMatrix| {
        let rows: Vec<u64> = (0..32).map(|src| row_sum(tokens, src)).collect();
        rows.iter().max().unwrap() - rows.iter().min().unwrap()
    };
    let (even, skewed) = (choice(0.0), choice(1.2));
    for tokens in [&even, &skewed] {
        assert!(
            column_sums(tokens).iter().all(|copies| *copies == 256),
            "2 experts of 64·32·4/64 tokens"
        );
    }
    assert!(
        spread(&skewed) > 2 * spread(&even),
        "{} against {}",
        spread(&skewed),
        spread(&even)
    );
}

#[test]
fn dropping_is_top_k_until_an_expert_is_full_and_favours_no_rank() {
    let (ranks, experts, k, batch) = (24, 48, 4, 240);
    let plain = Routed::route(&shape(ranks, experts, k, batch, Routing::TopK { skew: 1.0 }), 8, 1);
    let drop_at = |capacity_factor| {
        Routed::route(
            &shape(
                ranks,
                experts,
                k,
                batch,
                Routing::TopKDrop {
                    skew: 1.0,
                    capacity_factor,
                },
            ),
            8,
            1,
        )
    };
    // An expert gets at most every token, which is E/k times its fair share.
    assert_eq!(drop_at(12.0).tokens, plain.tokens);
    assert_eq!(drop_at(12.0).dropped, 0);
    let tight = drop_at(1.0);
    assert!(tight.dropped > 1000, "{}", tight.dropped);
    let rows: Vec<u64> = (0..ranks as usize).map(|src| row_sum(&tight.tokens, src)).collect();
    let mean = tight.tokens.total() as f64 / f64::from(ranks);
    for (src, row) in rows.iter().enumerate() {
        assert!(
            (*row as f64 - mean).abs() < 0.1 * mean,
            "rank {src} keeps {row}, mean {mean}"
        );
    }
}

#[test]
fn auxiliary_loss_balances_better_than_chance_but_is_not_a_constant() {
    let loads = |routing| column_sums(&Routed::route(&shape(32, 32, 4, 128, routing), 3, 0).tokens);
    let fair = 4.0 * 128.0;
    let worst = |loads: &[u64]| loads.iter().map(|n| (*n as f64 - fair).abs()).fold(0.0, f64::max);
    let (balanced, chance) = (loads(Routing::AuxLoss), loads(Routing::TopK { skew: 0.0 }));
    assert!(worst(&balanced) < 8.0, "{balanced:?}");
    assert!(worst(&chance) > 20.0, "{chance:?}");
    let pairs = Routed::route(&shape(32, 32, 4, 128, Routing::AuxLoss), 3, 0).tokens;
    assert!((0..32).any(|dst| pairs.get(0, dst) != pairs.get(1, dst)));
}

#[test]
fn experts_live_on_contiguous_blocks_also_when_they_are_fewer_than_the_ranks() {
    // M1 of Table 6 on 96 ranks: 8 experts, on ranks 0, 12, … 84.
    let routed = Routed::route(&shape(96, 8, 2, 128, Routing::TopK { skew: 0.0 }), 1, 0);
    for (rank, copies) in column_sums(&routed.tokens).into_iter().enumerate() {
        assert_eq!(copies > 0, rank % 12 == 0, "rank {rank}");
    }
}
