//! The page is read as a person and as a browser would: every part of the model is on it, and no text of
//! the model is more than text.

use super::*;
use crate::plot::Chart;
use crate::report::model::Interval;
use crate::suite::kit::{bare, example, kpi};
use crate::suite::model::*;

/// All texts of a value, as JSON has them, with the keys that lead to them.
fn texts(value: &serde_json::Value, key: &str, found: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::String(text) => found.push((key.to_owned(), text.clone())),
        serde_json::Value::Array(all) => all.iter().for_each(|one| texts(one, key, found)),
        serde_json::Value::Object(all) => all.iter().for_each(|(key, one)| texts(one, key, found)),
        _ => {}
    }
}

/// A text as the page writes it.
fn written(text: &str) -> String {
    maud::html! { (text) }.into_string()
}

#[test]
fn every_text_of_the_model_is_on_the_page() {
    let suite = example();
    let page = render(&suite);
    let mut found = Vec::new();
    texts(&serde_json::to_value(&suite).unwrap(), "", &mut found);
    // Kinds, which the page says in its own words.
    let words = ["state", "better", "source", "style", "quantity"];
    for (key, text) in found.iter().filter(|(key, _)| !words.contains(&key.as_str())) {
        // The column of a unit says that there is none.
        if key == "unit" && text == "1" {
            continue;
        }
        assert!(page.contains(&written(text)), "{key} {text:?} is not on the page");
    }
    for word in [
        "partial",
        "complete",
        "not run",
        "read from the device",
        "squall saw it",
        "not provided",
        "lower",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert_eq!(page, render(&suite), "the same suite is the same page");
}

/// Every text of a JSON value replaced, except the kinds that only have certain values.
fn poison(value: &mut serde_json::Value, key: &str, with: &str) {
    match value {
        serde_json::Value::String(text) if !matches!(key, "state" | "better" | "style" | "quantity") => {
            with.clone_into(text);
        }
        serde_json::Value::Array(all) => all.iter_mut().for_each(|one| poison(one, key, with)),
        serde_json::Value::Object(all) => all.iter_mut().for_each(|(key, one)| poison(one, key, with)),
        _ => {}
    }
}

#[test]
fn no_text_of_the_model_is_more_than_text() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "\" onmouseover=\"alert(1)",
        "</title></style><b>",
        "]]> --> &amp;",
        "\u{0}\u{1b}[31m\u{202e}",
        "",
    ] {
        let mut value = serde_json::to_value(example()).unwrap();
        poison(&mut value, "", hostile);
        let suite: Suite = serde_json::from_value(value).unwrap();
        let page = render(&suite);
        for tag in ["<script", "<img", "<b>", "onerror=alert(1)>", "mouseover=\""] {
            let real = page.to_lowercase().matches(tag).count();
            assert_eq!(real, 0, "{hostile:?} became {tag}");
        }
        let count = |of: &str| page.matches(of).count();
        assert_eq!(
            (count("</style>"), count("</title>"), count("</html>")),
            (1, 1, 1),
            "{hostile:?}"
        );
        for cell in ["<td></td>", "\"></td>", "<th></th>", "\"></th>"] {
            let at = page.find(cell);
            assert_eq!(
                at,
                None,
                "an empty cell for {hostile:?}: {:?}",
                at.map(|at| &page[at - 200..at])
            );
        }
    }
}

#[test]
fn a_suite_of_nothing_has_words_for_it() {
    let mut suite = example();
    for items in [
        &mut suite.system,
        &mut suite.workload,
        &mut suite.instrument.environment,
    ] {
        items.clear();
    }
    suite.health.clear();
    suite.absent.clear();
    suite.instrument.tests.clear();
    let mut empty = bare("5.1", "A test");
    empty.points.clear();
    let mut blank = bare("5.2", "Another");
    blank.charts = vec![NamedChart {
        name: "none".to_owned(),
        chart: Chart::default(),
    }];
    blank.tables = vec![Table {
        title: "Nothing".to_owned(),
        columns: vec![],
        rows: vec![],
    }];
    blank.kpis = vec![
        kpi("KV_xfer_latency", "p99", "us", 7, 20, None),
        kpi("JFI", "", "1", 0, 1, Some(f64::NAN)),
    ];
    suite.tests = vec![empty, blank];
    let page = render(&suite);
    for text in [
        "not provided",
        "not measured",
        "None was seen.",
        "every test of the draft is in this report",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("NaN") && !page.contains("<td></td>"));
    suite.tests.clear();
    assert!(render(&suite).contains("no test"));
}

#[test]
fn figures_are_short_and_keep_their_interval() {
    let around = |mean: f64, half: f64| {
        let ends = Interval {
            low: mean - half,
            high: mean + half,
        };
        format!("{} {}", shown::figure(mean), shown::interval(mean, ends))
    };
    assert_eq!(around(93.0684, 0.1234), "93.07 ± 0.12");
    assert_eq!(around(93.0684, 0.000_412), "93.07 ± 0.00041");
    assert_eq!(around(1_234_567.25, 1_234.0), "1,234,600 ± 1,234");
    assert_eq!(around(-1e5, 123_456.0), "\u{2212}100,000 ± 123,460");
    assert_eq!(around(48.0, 0.0), "48 ± 0");
    assert_eq!(around(48.0, 0.25), "48 ± 0.25");
    let skew = Interval { low: 0.0, high: 9.0 };
    assert_eq!(shown::interval(3.0, skew), "0 to 9");
    for (value, text) in [
        (0.0, "0"),
        (-1_234.6, "\u{2212}1,235"),
        (3.5e12, "3.500 × 10^12"),
        (1e-7, "1.000 × 10^\u{2212}7"),
        (f64::NAN, "not measured"),
    ] {
        assert_eq!(shown::figure(value), text);
    }
}

#[test]
fn the_summary_has_the_least_and_the_greatest() {
    let suite = example();
    let of = |id: &str| suite.tests.iter().find(|test| test.id == id).unwrap();
    let rows: Vec<(String, Option<&str>)> = head::of(of("5.3"))
        .iter()
        .map(|row| {
            (
                format!("{} {} {}", row.kpi.name, row.kpi.statistic, row.kpi.point),
                row.rank,
            )
        })
        .collect();
    let expected = [
        ("KV_xfer_bandwidth aggregate 0", Some("least")),
        ("KV_xfer_bandwidth aggregate 4", Some("greatest")),
        ("KV_xfer_latency p99 0", Some("least")),
        ("KV_xfer_latency p99 7", Some("greatest")),
        ("JFI  0", Some("all alike")),
    ];
    let expected = expected.map(|(kpi, rank)| (kpi.to_owned(), rank));
    assert_eq!(rows, expected);
    assert!(head::of(of("12.3")).is_empty());
    // Test 5.10 would not be test 5.1.
    let mut other = of("5.1").clone();
    other.id = "5.10".to_owned();
    assert_eq!(head::of(&other)[0].kpi.name, "KV_xfer_bandwidth");
}
