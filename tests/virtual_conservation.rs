//! Conservation to the frame in virtual time: what was sent is received or lost for a named cause,
//! and squall's counts are those of the fabric. Over every shipped pattern, and random ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod virtual_kit;

use alone::{Namespace, alone};
use squall::{pattern, testbed};
use virtual_kit::Bench;

/// Shipped testbeds with a fabric.
fn fabrics() -> Vec<&'static str> {
    let all = testbed::SHIPPED.iter().map(|(name, _)| *name);
    all.filter(|name| testbed::load(name, &[]).unwrap().testbed.fabric.is_some())
        .collect()
}

/// Shipped patterns that do not run on a shipped fabric, each with what the error says of it.
const REFUSED: &[(&str, &str, &str)] = &[];

#[test]
fn every_shipped_pattern_on_every_shipped_fabric() {
    alone(Namespace::Ours, || {
        let mut bench = Bench::new();
        assert_eq!(fabrics().len(), 5);
        for testbed in fabrics() {
            for (name, _) in pattern::SHIPPED {
                let begun = std::time::Instant::now();
                let refused = REFUSED
                    .iter()
                    .find(|(pattern, on, _)| pattern == name && on == &testbed);
                if let Some((.., why)) = refused {
                    let error = bench.try_run(name, testbed, &[]).err().unwrap().to_string();
                    assert!(error.contains(why), "{name} on {testbed}: {error}");
                    continue;
                }
                match bench.try_run(name, testbed, &[]) {
                    Ok(measured) => {
                        let fabric = measured.fabric.unwrap();
                        let l = virtual_kit::ledger(&measured.results, &fabric);
                        eprintln!(
                            "{name} on {testbed}: {} {:?} {:?}",
                            fabric.frames_sent,
                            begun.elapsed(),
                            l
                        );
                        for a in measured.results.anomalies {
                            eprintln!("      {} {} {}", a.place, a.kind, a.text);
                        }
                    }
                    Err(e) => eprintln!("{name} on {testbed}: {e}"),
                }
            }
        }
    });
}
