//! Pages are read as a person and as a browser would.

use super::*;
use crate::report::tests::example;

#[test]
fn a_runs_page_answers_first_and_needs_nothing_but_itself() {
    let results = example::results();
    let page = render(&results);
    assert_eq!(page, render(&results));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not on the page"));
    assert!(at("id=\"answers\"") < at("id=\"anomalies\"") && at("id=\"anomalies\"") < at("id=\"traffic\""));
    for said in crate::report::answer::of(&results).iter().take(8) {
        let text = maud::html! { (said.text) }.into_string();
        assert!(page.contains(&text), "{text}");
    }
    for anomaly in &results.anomalies {
        assert!(page.contains(&maud::html! { (anomaly.text) }.into_string()));
    }
    for word in ["<script", "http://", "https://", "<link", "<img"] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!found.contains(word), "{word}");
    }
    assert!(!page.contains("<td></td>") && !page.contains("<th></th>"));
}

#[test]
fn no_text_of_a_run_is_more_than_text() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</title></style><b>",
        "\u{0}\u{1b}[31m",
    ] {
        let mut results = example::results();
        hostile.clone_into(&mut results.run.name);
        results.run.question = Some(hostile.to_owned());
        results.run.settings = vec![hostile.to_owned()];
        results.run.dut.details.insert(hostile.to_owned(), hostile.to_owned());
        results.run.about.system.insert("nic".to_owned(), hostile.to_owned());
        for entry in &mut results.traffic {
            hostile.clone_into(&mut entry.name);
        }
        for port in &mut results.ports {
            hostile.clone_into(&mut port.name);
        }
        for queue in &mut results.inferred.queues {
            hostile.clone_into(&mut queue.port);
        }
        for anomaly in &mut results.anomalies {
            hostile.clone_into(&mut anomaly.text);
            hostile.clone_into(&mut anomaly.place);
        }
        for kpi in &mut results.kpis {
            hostile.clone_into(&mut kpi.place);
        }
        let page = render(&results).to_lowercase();
        for tag in ["<script", "<img", "<b>"] {
            assert_eq!(page.matches(tag).count(), 0, "{hostile:?} became {tag}");
        }
        for end in ["</style>", "</title>", "</html>"] {
            assert_eq!(page.matches(end).count(), 1, "{hostile:?}: {end}");
        }
    }
}

#[test]
fn what_nobody_has_provided_is_one_line_with_the_keys() {
    let thing = |name, value, key| items::Thing {
        name,
        value,
        source: None,
        key: Some(key),
    };
    let things = [
        thing("Model", None, "system.model"),
        thing("NIC", Some("x"), "system.nic"),
        thing("GPU", Some(" "), "system.gpu"),
    ];
    let line = items::unprovided(&things).into_string();
    assert!(
        line.contains("2 not provided") && line.contains("system.model") && line.contains("system.gpu"),
        "{line}"
    );
    assert!(
        !line.contains("system.nic") && line.matches("<p").count() == 1,
        "{line}"
    );
    let table = items::table("System", &things).into_string();
    assert!(table.contains("NIC") && !table.contains("Model"), "{table}");
    assert_eq!(items::unprovided(&things[1..2]).into_string(), "");
}
