//! Charts of a run against figures that are written out in `example`.

use super::example::results;
use crate::plot::{Quantity, Style};
use crate::report::plots;

#[test]
fn a_run_has_its_marking_curve_and_its_latencies() {
    let results = results();
    let charts = plots::of_run(&results);
    let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"latency-cdf.svg"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("marking-curve")), "{names:?}");
    for (name, svg) in &charts {
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name}");
    }
}

#[test]
fn a_marking_curve_shows_what_was_measured_and_what_was_read_from_it() {
    let results = results();
    let told = |queue: &&crate::report::model::Queue| !plots::readings(queue).is_empty();
    let queue = results.inferred.queues.iter().find(told).expect("the example has one");
    let readings = plots::readings(queue);
    let chart = plots::marking(String::new(), String::new(), &readings);
    let measured: Vec<_> = chart
        .series
        .iter()
        .filter(|series| series.style == Style::Markers)
        .collect();
    assert_eq!(measured.len(), readings.len());
    let bins = readings[0].marking.curve.iter().filter(|bin| bin.frames > 0);
    for (point, bin) in measured[0].points.iter().zip(bins) {
        assert!((bin.from_bytes as f64..=bin.to_bytes as f64).contains(&point.x));
        assert!((point.y - 100.0 * bin.marked as f64 / bin.frames as f64).abs() < 1e-9);
        // Only where some are marked and some are not does the interval say more than the number of frames.
        assert_eq!(point.error.is_some(), bin.marked > 0 && bin.marked < bin.frames);
    }
    let Some(kmin) = readings[0].marking.kmin_bytes else {
        return;
    };
    let line = chart
        .series
        .iter()
        .find(|series| series.style == Style::Dashed)
        .expect("thresholds were read");
    assert!(line.name.contains(&Quantity::Bytes.say(kmin.value)), "{}", line.name);
    let rises = line
        .points
        .iter()
        .rfind(|point| point.y == 0.0)
        .expect("nothing is marked below Kmin");
    assert!((rises.x - kmin.value).abs() < 1e-9, "{rises:?}");
}
