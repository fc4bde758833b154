//! The example that runs another model's scenarios: what it makes of a scenario, and one that must come to what the model
//! came to (tests/data/dcqcn).

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/dcqcn_scenario/main.rs"]
mod dcqcn_scenario;

use dcqcn_scenario::lab::Lab;
use dcqcn_scenario::scenario::{Flow, Scenario, args};
use serde_json::{Value, json};

fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/dcqcn/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the data is there");
    serde_json::from_str(&text).expect("it is JSON")
}

const SMALL: &str =
    "rate=100e9 payload=4096 hdr=58 gap=24 ratewire=1 prop_ns=500 lat_ns=600 kmin=1e5 kmax=5e5 n=2 end_ms=1 w0_ms=0";

#[track_caller]
fn refused(words: &str, why: &str) {
    match Scenario::of(&format!("{SMALL} {words}")) {
        Ok(scenario) => panic!("{words} was taken: {scenario:?}"),
        Err(said) => assert!(said.contains(why), "{words}: {said}"),
    }
}

#[test]
fn every_scenario_of_the_file_is_read() {
    let file = data("scenarios.json");
    let names: Vec<&String> = file["scenarios"].as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 10);
    for name in names {
        Scenario::of(&args(&file, name).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let mixed = Scenario::of(&args(&file, "M83-KV4x20-then-EP8").unwrap()).unwrap();
    let kv = Flow {
        start_ms: 0.0,
        stop_ms: None,
        cap: Some(20e9),
        class: 0,
        size: None,
    };
    let ep = Flow {
        start_ms: 100.0,
        cap: None,
        class: 1,
        ..kv
    };
    assert_eq!(mixed.flows[..4], [kv; 4]);
    assert_eq!(mixed.flows[4..], [ep; 8]);
    assert_eq!(mixed.pfc, Some((200e3, 100e3)));
    assert_eq!(mixed.window_ms, (300.0, 500.0));
}

#[test]
fn names_and_values_that_are_not_there_are_told_with_those_that_are() {
    let file = json!({"sets": {"a": "n=1", "b": "n=2"}, "scenarios": {"one": ["a c", "end_ms=1"], "two": 7}});
    let said = |name| args(&file, name).unwrap_err();
    assert!(said("three").contains("there is no scenario three; there are one, two"));
    assert!(said("one").contains("there is no set c; there are a, b"));
    assert!(said("two").contains("not [names of sets, key=value …]"));
    refused("seed=x", "seed");
    refused("markdeq=2", "it is 0 or 1");
    refused("rate=fast", "fast is no number");
    refused("w0_ms=1", "w0_ms=1 is not before end_ms=1");
    refused("flows=1:0:-1:0:0:0", "either n or flows");
    refused("cnp_delay_ns=100", "cnp_delay_ns=100");
    refused("g=0.1", "there is no np_us");
    refused("periodic=1", "periodic is no key");
    refused("payload=10", "no frame is like that");
    // What comes last counts: a scenario may change what a set says.
    assert_eq!(Scenario::of(&format!("{SMALL} n=3")).unwrap().flows.len(), 3);
}

#[test]
fn a_closed_loop_comes_to_what_another_model_came_to() {
    let scenario = Scenario::of(&args(&data("scenarios.json"), "H100-N8").unwrap()).unwrap();
    let figures = Lab::default().run(&scenario, 1).unwrap();
    let results = data("results.json");
    let near = |name: &str, share: f64| {
        let right = results["scenarios"]["H100-N8"]["result"][name]["mean"]
            .as_f64()
            .unwrap();
        let seen = figures.get(name).unwrap_or_else(|| panic!("there is no {name}"));
        assert!(
            (seen - right).abs() <= share * right,
            "{name}: {seen} instead of {right}"
        );
    };
    // What one run may differ by, as the results' own text has it.
    near("goodput_gbps", 0.01);
    near("jain", 0.01);
    near("q_mean", 0.2);
    near("mark_frac", 0.2);
    near("cnp_per_flow_ms", 0.2);
}
