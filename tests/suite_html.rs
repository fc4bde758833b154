//! The suite's page in a browser: nothing is loaded, nothing is complained of, every mark of every chart is
//! there, no cell is empty, every text can be read in light and dark, and nothing hangs over the edge of a
//! telephone.
//!
//! The witness is Chromium, which looks at the page as a reader's browser does: a script in a copy of the page
//! measures what was laid out. Skips, and says so, where there is no Chromium.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod suite_kit;

use serde_json::Value;
use squall::plot::{Chart, Style};
use squall::suite::html::render;

/// What a drawing of a chart must hold: kind of mark with its colour, and how many.
fn marks(chart: &Chart) -> Vec<(String, u64)> {
    // Okabe and Ito's first three; a marker of each of three shapes.
    let colours = ["#0072B2", "#D55E00", "#009E73"];
    let shapes = ["circle", "rect", "polygon"];
    let mut marks: Vec<(String, u64)> = Vec::new();
    for series in &chart.series {
        let shape = match series.style {
            Style::Marked | Style::Markers => shapes[series.look],
            Style::Bars => "rect",
            Style::Line | Style::Dashed => continue,
        };
        // Each point, and the sample in the legend.
        let count = u64::try_from(series.points.len()).unwrap() + 1;
        marks.push((format!("{shape} {}", colours[series.look]), count));
    }
    marks
}

fn check_chart(chart: &Chart, seen: &Value) {
    let title = &chart.title;
    for (mark, count) in marks(chart) {
        assert_eq!(seen["marks"][&mark], count, "{title}: {mark} in {}", seen["marks"]);
    }
    for series in chart.series.iter().filter(|series| series.style == Style::Line) {
        let longest = series.points.len();
        let lines = seen["lines"].as_object().unwrap().values();
        let found = lines.filter_map(Value::as_u64).max().unwrap();
        assert_eq!(found, u64::try_from(longest).unwrap(), "{title}: {}", seen["lines"]);
    }
    let texts: Vec<&str> = seen["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text[0].as_str().unwrap())
        .collect();
    let written = |text: &str| texts.iter().filter(|other| other.contains(text)).count();
    for reference in &chart.references {
        assert_eq!(written(&reference.name), 1, "{title}: {texts:?}");
    }
    for note in &chart.notes {
        assert_eq!(written(&note.text), 1, "{title}: {texts:?}");
    }
    if let Some(heat) = &chart.heat {
        let cells = heat.rows.iter().flatten();
        let shown = cells
            .clone()
            .flatten()
            .filter(|value| written(&heat.quantity.say(**value)) > 0)
            .count();
        assert_eq!(shown, cells.clone().flatten().count(), "{title}: {texts:?}");
        let rects: u64 = seen["marks"]
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_u64)
            .sum();
        // The paper and the scale of colours are rectangles too.
        assert_eq!(
            rects,
            u64::try_from(cells.count()).unwrap() + 1 + 64,
            "{title}: {}",
            seen["marks"]
        );
    }
}

#[test]
fn a_browser_shows_all_of_it_and_asks_for_nothing() {
    let Some(chromium) = browser::chromium() else { return };
    let suite = suite_kit::example();
    browser::look(chromium, &render(&suite), |seen| {
        browser::check_layout(&suite, seen);
        let charts = suite.tests.iter().flat_map(|test| &test.charts);
        for (named, seen) in charts.zip(seen["charts"].as_array().unwrap()) {
            check_chart(&named.chart, seen);
        }
    });
}

/// The list of what is not met is cut short; the number is not.
#[test]
fn all_that_is_not_met_is_counted() {
    let mut suite = suite_kit::example();
    for test in &mut suite.tests {
        test.unmet.clear();
        test.unmet_count = 0;
    }
    let first = &mut suite.tests[0];
    first.unmet = vec!["point 0, trial 0: lost is 4".to_owned(), "and 23 more".to_owned()];
    first.unmet_count = 24;
    let page = render(&suite);
    assert!(page.contains("24 not met") && page.contains("24 expectations are not met."));
    // A report of before there was a number.
    suite.tests[0].unmet_count = 0;
    assert!(render(&suite).contains("2 not met"));
}

/// A pattern whose name and question are another page's code.
const HOSTILE: &str = "# <script>alert(1)</script> and \"><img src=x onerror=alert(2)>?
name: '<img src=x onerror=alert(3)>'
traffic:
  - {name: kv, kind: transfer, from: 0, to: 1, message: 64KiB, count: 4}
asks: [KV_xfer_latency.p99, Fabric_Goodput]
";

/// Runs squall in `folder`.
fn squall(folder: &std::path::Path, args: &[&str]) {
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_squall"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// Pages of a run, of a sweep and of a comparison have the same parts, whatever their texts hold.
#[test]
fn pages_of_runs_sweeps_and_comparisons_are_read_in_a_browser_too() {
    let Some(chromium) = browser::chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostile.yaml"), HOSTILE).unwrap();
    squall(
        folder.path(),
        &[
            "run",
            "ecn-incast",
            "--set",
            "traffic.incast.message=1MB",
            "-q",
            "--out",
            "run",
        ],
    );
    squall(folder.path(), &["run", "hostile.yaml", "-q", "--out", "hostile"]);
    let vary = "traffic.kv.message=64KiB,256KiB,1MiB";
    for (out, seed) in [("a", "1"), ("b", "2")] {
        squall(
            folder.path(),
            &[
                "run",
                "hostile.yaml",
                "--vary",
                vary,
                "--trials",
                "2",
                "--seed",
                seed,
                "-q",
                "--out",
                out,
            ],
        );
    }
    squall(
        folder.path(),
        &["compare", "a", "b", "--fail-on", "never", "--out", "compared"],
    );
    for (out, said) in [
        ("run", "as configured"),
        ("hostile", "Goodput"),
        ("a", "KV_xfer_latency p99"),
        ("compared", "KV_xfer_latency.p99"),
    ] {
        let page = std::fs::read_to_string(folder.path().join(out).join("report.html")).unwrap();
        assert!(page.contains("id=\"answers\"") && page.contains(said), "{out}: {said}");
        for tag in ["<script", "<img"] {
            assert!(!page.contains(tag), "{out}: {tag}");
        }
        browser::look(chromium, &page, browser::check_page);
    }
}
