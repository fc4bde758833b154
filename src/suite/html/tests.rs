//! The page is read as a person and as a browser would: every part of the model is on it, and no text of
//! the model is more than text.

use super::*;
use crate::plot::Chart;
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
        // A figure stands in the scale that fits it.
        if key == "unit" {
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
fn the_scorecard_answers_for_every_test_before_all_else() {
    let suite = example();
    let page = render(&suite);
    let score = page
        .split("<table class=\"score\">")
        .nth(1)
        .unwrap()
        .split("</table>")
        .next()
        .unwrap();
    for test in &suite.tests {
        assert!(score.contains(&format!("href=\"#{}\"", anchor(test))), "{}", test.id);
        for line in crate::suite::grids::answer(test) {
            assert!(score.contains(&written(&line.value)), "{line:?}");
        }
    }
    assert_eq!(score.matches("<tr>").count(), suite.tests.len() + 1);
    assert!(page.find("class=\"score\"").unwrap() < page.find("id=\"system\"").unwrap());
    // What nobody has provided is one line, and no row of the tables that stand open.
    let open = suite.system.iter().filter(|item| item.value.is_none()).count();
    assert!(open > 0 && page.matches("class=\"unprovided\"").count() == 1);
}

#[test]
fn the_summary_tells_each_configuration() {
    let suite = example();
    let of = |id: &str| suite.tests.iter().find(|test| test.id == id).unwrap();
    let lines: Vec<String> = crate::suite::grids::answer(of("5.3"))
        .into_iter()
        .map(|line| format!("{} at {}: {}; {}", line.about, line.at, line.value, line.against))
        .collect();
    let expected = [
        "KV_xfer_bandwidth aggregate at concurrent pairs 1: 47.2 ± 0.48 Gbps; ",
        "KV_xfer_bandwidth aggregate at concurrent pairs 128: 393.6 ± 4 Gbps; 8.339 × the first",
        "KV_xfer_latency p99 at concurrent pairs 128: 5.408 ± 0.055 ms; 16 × the first",
    ];
    assert_eq!(lines, expected);
    let page = render(&suite);
    let summary = page
        .split("id=\"summary\"")
        .nth(1)
        .unwrap()
        .split("</section>")
        .next()
        .unwrap();
    for words in ["47.2 ± 0.48 Gbps", "94.4 ± 0.95 Gbps", "377.6 ± 3.8 Gbps"] {
        assert!(summary.contains(words), "{words} in {summary}");
    }
    assert!(crate::suite::grids::answer(of("12.3")).is_empty());
}
