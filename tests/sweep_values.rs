//! The keys of a sweep: what they come to, written out by hand, and every mistake at its place.

use std::time::Duration;

use squall::sweep::{self, FigureName, FigurePlot, Form, Given, Plot, Sweep, Take, Term, point};

fn parsed(text: &str) -> Sweep {
    sweep::parse("dir/marks.yaml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The mistakes of a text, a line each.
fn mistakes(text: &str) -> Vec<String> {
    let errors = sweep::parse("s.yaml", text).expect_err("it is wrong");
    let items = errors.items.iter().map(|item| {
        let (line, column) = item.position.unwrap_or_default();
        let more = item
            .suggestion
            .as_ref()
            .map_or(String::new(), |text| format!("; {text}?"));
        format!("{line}:{column}: {}{more}", item.what)
    });
    items.collect()
}

fn values(sweep: &Sweep) -> Vec<Vec<Option<&str>>> {
    let of = |point: &sweep::Point| -> Vec<Option<String>> {
        let text = |value: &Option<sweep::Setting>| value.as_ref().map(|value| value.value.clone());
        point.values.iter().map(text).collect()
    };
    let owned: Vec<Vec<Option<String>>> = sweep.points.iter().map(of).collect();
    let leaked: &'static Vec<Vec<Option<String>>> = Box::leak(Box::new(owned));
    leaked
        .iter()
        .map(|row| row.iter().map(Option::as_deref).collect())
        .collect()
}

#[test]
fn a_sweep_is_on_its_own_testbed_or_the_pattern_s() {
    let of = |testbed: Option<&str>, set: &[&str]| {
        let given = Given {
            vary: vec!["traffic.kv.rate=10%,20%".to_owned()],
            testbed: testbed.map(str::to_owned),
            set: set.iter().map(|set| (*set).to_owned()).collect(),
            ..Given::default()
        };
        let ready = sweep::of_pattern("link-failure", given).unwrap_or_else(|errors| panic!("{errors}"));
        ready.testbed_name().map(str::to_owned)
    };
    assert_eq!(of(None, &[]).as_deref(), Some("link-failure"));
    assert_eq!(of(Some("switch"), &[]).as_deref(), Some("switch"));
    assert_eq!(of(None, &["testbed=clos"]).as_deref(), Some("clos"));
    assert_eq!(of(None, &["testbed=null"]), None);
}

#[test]
fn keys_mean_what_they_say() {
    let sweep = parsed(
        "
description: why
draft: 8.1
pattern: ecn-incast
testbed: lab.yaml
set: {traffic.0.count: 3, \"a, b\": [1, 2]}
vary:
  traffic.0.senders: [2, 4]
  testbed.x, testbed.y: [100KB, null, {deep: [1, \"a: b\"]}]
trials: 20
seed: 0x10
hooks: {before: ./mine, after: sonic, timeout: 1500ms}
expect:
  - lost == 0
  - incast: ECN_marking_rate < 2 %
plots:
  - marking-curve
  - {figure: \"incast: KV_xfer_latency.p99\", over: testbed.y, log: y}
  - {figure: lost, name: losses}
",
    );
    assert_eq!((sweep.name.as_str(), sweep.draft.as_deref()), ("marks", Some("8.1")));
    assert_eq!(
        (sweep.pattern.as_str(), sweep.testbed.as_deref()),
        ("ecn-incast", Some("lab.yaml"))
    );
    assert_eq!((sweep.trials, sweep.seed), (20, 16));
    let set: Vec<(Vec<&str>, &str)> = sweep
        .set
        .iter()
        .map(|change| {
            (
                change.keys.iter().map(String::as_str).collect(),
                change.to.value.as_str(),
            )
        })
        .collect();
    assert_eq!(set, [(vec!["traffic.0.count"], "3"), (vec!["a", "b"], "[1, 2]")]);
    assert_eq!(sweep.axes[1].title(), "testbed.x,testbed.y");
    assert_eq!(sweep.axes[1].short(), "x/y");
    let deep = "{deep: [1, \"a: b\"]}";
    assert_eq!(
        values(&sweep),
        [
            [Some("2"), Some("100KB")],
            [Some("2"), Some("null")],
            [Some("2"), Some(deep)],
            [Some("4"), Some("100KB")],
            [Some("4"), Some("null")],
            [Some("4"), Some(deep)],
        ]
    );
    assert_eq!(sweep.hooks.before.as_deref(), Some("./mine"));
    assert_eq!(sweep.hooks.timeout, Duration::from_millis(1500));
    assert_eq!(sweep.expect.len(), 2);
    let scope = sweep.expect[1].1.scope.as_ref().map(ToString::to_string);
    assert_eq!(scope.as_deref(), Some("incast"));
    let plot = |name: &str, scope: Option<&str>, figure, statistic, over, log| {
        Plot::Figure(Box::new(FigurePlot {
            over,
            log,
            ..FigurePlot::new(name, named(scope, figure, statistic))
        }))
    };
    let latency = "incast-KV_xfer_latency-p99";
    let wanted = [
        Plot::MarkingCurve,
        plot(
            latency,
            Some("incast"),
            "KV_xfer_latency",
            "p99",
            Some(1),
            Some((false, true)),
        ),
        plot("losses", None, "lost", "", None, None),
    ];
    assert_eq!(sweep.plots.as_deref(), Some(&wanted[..]));
}

fn named(scope: Option<&str>, figure: &str, statistic: &str) -> FigureName {
    FigureName {
        scope: scope.map(str::to_owned),
        figure: figure.to_owned(),
        statistic: statistic.to_owned(),
    }
}

#[test]
fn derived_figures_labels_and_forms_mean_what_they_say() {
    let sweep = parsed(
        "
pattern: p
vary: {a.ranks: [8, 16], b.batch: [32, 128]}
labels: {a.ranks: EP group size}
derived:
  - name: penalty
    formula: contended / alone
    let: {contended: \"kv: KV_xfer_latency.p99\", alone: \"alone: KV_xfer_latency.p99\"}
  - name: efficiency
    unit: \"%\"
    formula: 100 * first / t * n / 8
    let:
      t: EP_alltoall_latency.mean
      n: {axis: a.ranks}
      first: {figure: EP_alltoall_latency.mean, at: {a.ranks: 8}}
  - name: even
    formula: x * p
    let:
      x: {figure: \"device: Link_utilization\", of: \"leaf* to spine*\", take: jfi}
      p: \"derived: penalty\"
plots:
  - {figure: \"derived: efficiency\", over: a.ranks, right: EP_alltoall_latency.p99, note: \"derived: even\", split: b.batch}
  - {figure: EP_alltoall_bandwidth, name: map, over: b.batch, rows: a.ranks}
  - {figure: \"device: Link_utilization\", places: \"leaf* to spine*\", title: Load of uplinks}
  - {figure: KV_xfer_bandwidth.aggregate, reference: line-rate}
",
    );
    assert_eq!(sweep.axes[0].shown(), "EP group size");
    assert_eq!(sweep.axes[1].shown(), "batch");
    let terms = |at: usize| &sweep.derived[at].terms;
    assert_eq!(
        terms(0)[0],
        (
            "contended".to_owned(),
            Term::Figure(named(Some("kv"), "KV_xfer_latency", "p99"))
        )
    );
    assert_eq!((&*sweep.derived[0].unit, &*sweep.derived[1].unit), ("1", "%"));
    assert_eq!(terms(1)[1].1, Term::Axis(0));
    let first = named(None, "EP_alltoall_latency", "mean");
    assert_eq!(terms(1)[2].1, Term::At(first, vec![(0, "8".to_owned())]));
    assert!(
        matches!(&terms(2)[0].1, Term::Over { of, take: Take::Jfi, .. } if of == "leaf* to spine*"),
        "{:?}",
        terms(2)
    );
    let plots: Vec<&FigurePlot> = sweep
        .plots
        .iter()
        .flatten()
        .filter_map(|plot| match plot {
            Plot::Figure(plot) => Some(&**plot),
            _ => None,
        })
        .collect();
    assert_eq!(plots[0].figure, named(Some("derived"), "efficiency", ""));
    assert_eq!((plots[0].over, plots[0].split), (Some(0), Some(1)));
    assert_eq!(plots[1].form, Form::Heat(0));
    assert_eq!(plots[2].form, Form::Places("leaf* to spine*".to_owned()));
    assert!(plots[3].line_rate && !plots[0].line_rate);
}

#[test]
fn what_is_wrong_with_a_formula_is_told() {
    let told = |derived: &str| {
        let text = format!("pattern: p\nvary: {{a.x: [1, 2]}}\nderived:\n  - {derived}\n");
        let found = sweep::parse("s.yaml", &text);
        found.expect_err("a mistake").to_string()
    };
    for (derived, said) in [
        (
            "{name: a, formula: b / c, let: {b: lost}}",
            "`c` in the formula stands for nothing",
        ),
        (
            "{name: a, formula: first / 2, let: {frist: lost}}",
            "did you mean `frist`?",
        ),
        (
            "{name: a, formula: \"b +\", let: {b: lost}}",
            "`formula` cannot be read",
        ),
        ("{name: a, formula: b, let: {b: {axis: a.y}}}", "`a.y` is not varied"),
        (
            "{name: a, formula: b, let: {b: {figure: lots}}}",
            "no figure is called `lots`",
        ),
        (
            "{name: a, formula: b, let: {b: \"derived: later\"}}",
            "no derived figure is called `later`",
        ),
        ("{name: a, formula: b, let: {b: {figure: lost, of: \"*\"}}}", "`take`"),
        ("{formula: 1}", "`name`"),
    ] {
        let text = told(derived);
        assert!(text.contains(said), "{derived}: {text}");
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    let sweep = parsed("pattern: p");
    assert_eq!((sweep.trials, sweep.seed, sweep.points.len()), (1, 1, 1));
    assert_eq!(sweep.hooks.timeout, Duration::from_secs(60));
    assert!(sweep.axes.is_empty() && sweep.plots.is_none() && sweep.testbed.is_none());
    assert_eq!(point::said(&sweep.axes, &sweep.points[0]), "as it is");
}

#[test]
fn listed_points_may_leave_keys_alone() {
    let sweep = parsed("pattern: p\npoints:\n  - {a.x: 1}\n  - {b.x: 2, a.x: 1}\n");
    assert_eq!(values(&sweep), [[Some("1"), None], [Some("1"), Some("2")]]);
    // Keys that end alike are told apart.
    assert_eq!(point::said(&sweep.axes, &sweep.points[1]), "a.x=1 b.x=2");
    assert_eq!(
        parsed("pattern: p\nvary: {a.x: 5}").points.len(),
        1,
        "one value is a list of one"
    );
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let found = mistakes(
        "
patern: x
name: \"a\\nb\"
set: {seed: 3, a: 1}
vary:
  a: [1, 2, 1]
  b..c: [1]
  d: []
  \"e, e\": [1]
points: [{a: 1}]
trials: 0
hooks: {befor: x, timeout: 2h}
expect: [lots == 0]
plots: [markingrate, {figure: lost, over: z}, {figure: nothing}, {over: a}]
",
    );
    for wanted in [
        "2:1: unknown key `patern` in the sweep; pattern?",
        "2:1: the sweep needs `pattern`",
        "3:7: `name` is",
        "4:7: `seed` cannot be set here: each trial has a seed of its own, derived from the sweep's",
        "4:19: `a` is in `set` although it is varied",
        "6:13: `a` has the value 1 twice",
        "7:3: `b..c` is no key",
        "8:6: `d` is a list",
        "9:3: `e` stands here twice",
        "10:1: `vary` and `points` exclude each other",
        "11:9: `trials` is `0`",
        "12:9: unknown key `befor` in `hooks`; before?",
        "12:28: `timeout` is `2h`",
        "13:10: no figure is called `lots`; lost?",
        "14:9: `plots` is `markingrate`; marking-rate?",
        "14:43: `z` is not varied",
        "14:56: no figure is called `nothing`",
        "14:66: a plot needs `figure`",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(wanted)),
            "{wanted} is missing in {found:#?}"
        );
    }
    assert_eq!(found.len(), 18, "{found:#?}");
}

#[test]
fn there_are_not_more_points_than_anyone_waits_for() {
    let list = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let found = mistakes(&format!("pattern: p\nvary: {{a: [{}], b: [{}]}}", list(101), list(100)));
    assert_eq!(found, ["2:7: the values combine to 10100 points"]);
    assert_eq!(
        parsed(&format!("pattern: p\nvary: {{a: [{}], b: [{}]}}", list(100), list(100)))
            .points
            .len(),
        10_000
    );
    let found = mistakes(&format!("pattern: p\nvary: {{a: [{}]}}\ntrials: 100000", list(2)));
    assert_eq!(found, ["3:9: 2 points of 100000 trials are 200000 runs"]);
    let wide: Vec<String> = (0..17).map(|n| format!("k{n}: [1]")).collect();
    let found = mistakes(&format!("pattern: p\nvary: {{{}}}", wide.join(", ")));
    assert_eq!(found, ["2:7: 17 keys are varied"]);
    let found = mistakes("pattern: p\npoints: [{a: 1}, {a: 2}, {a: 1}]");
    assert_eq!(found, ["2:26: point 2 is the same as point 0"]);
}

#[test]
fn a_command_line_is_a_sweep_without_a_file() {
    let given = |vary: &[&str]| Given {
        vary: vary.iter().map(|text| (*text).to_owned()).collect(),
        trials: Some(3),
        ..Given::default()
    };
    let vary = [
        "traffic.0.senders=2,[1, 3]",
        "testbed.isolated, traffic.0.x = {a: 1, b: 2}, \"c,d\"",
    ];
    let ready = sweep::of_pattern("first-look", given(&vary)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(
        values(&ready.sweep),
        [
            [Some("2"), Some("{a: 1, b: 2}")],
            [Some("2"), Some("\"c,d\"")],
            [Some("[1, 3]"), Some("{a: 1, b: 2}")],
            [Some("[1, 3]"), Some("\"c,d\"")],
        ]
    );
    assert_eq!(ready.sweep.axes[1].keys, ["testbed.isolated", "traffic.0.x"]);
    for (vary, wanted) in [
        (&["senders"][..], "--vary senders: there is no `=`"),
        (&["a="], "--vary a=: there is no value"),
        (&["a=["], "--vary a=["),
        (&["seed=1,2"], "--vary seed=1,2: `seed` cannot be set here"),
        (&["a=1", "a=2"], "--vary a=2: `a` is varied twice"),
    ] {
        let errors = sweep::of_pattern("first-look", given(vary)).expect_err("it is wrong");
        assert!(errors.to_string().contains(wanted), "{wanted}: {errors}");
    }
}

#[test]
fn what_stands_in_the_way_is_told_together() {
    let given = Given {
        set: vec!["seed=4".to_owned()],
        testbed: Some("rings".to_owned()),
        ..Given::default()
    };
    let errors = sweep::of_pattern("fist-look", given).expect_err("nothing of it is right");
    let text = errors.to_string();
    for part in [
        "did you mean `first-look`?",
        "did you mean `ring`?",
        "--set seed=4: each trial has a seed of its own",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_pattern_s_seed_is_the_sweep_s_where_no_other_is_given() {
    let of = |seed| {
        let given = Given {
            seed,
            ..Given::default()
        };
        let ready = sweep::of_pattern("first-look", given).unwrap_or_else(|errors| panic!("{errors}"));
        let inputs = ready.inputs(0, 2).unwrap_or_else(|errors| panic!("{errors}"));
        (ready.sweep.seed, inputs.pattern.pattern.seed)
    };
    let own = squall::pattern::load("first-look", &[])
        .expect("it is shipped")
        .pattern
        .seed;
    // printf 9/0/2 | sha256sum
    assert_eq!(of(Some(9)), (9, 0x2c1e_51ce_56f1_e053));
    assert_eq!(of(None).0, own);
}

#[test]
fn what_is_varied_cannot_be_set() {
    let of = |vary: &str, set: &str| {
        let given = Given {
            vary: vec![vary.to_owned()],
            set: vec![set.to_owned()],
            ..Given::default()
        };
        sweep::of_pattern("ecn-incast", given).map_err(|errors| errors.to_string())
    };
    let senders = "traffic.incast.senders=4,8";
    let text = of(senders, "traffic.incast.senders = 3").expect_err("no trial would have 3");
    assert!(
        text.contains(
            "--set traffic.incast.senders = 3: this sweep varies `traffic.incast.senders` over 4, 8, which takes the place \
             of what is set; leave this --set out"
        ),
        "{text}"
    );
    for (vary, set) in [
        (senders, "traffic.incast=null"),
        ("testbed.fabric.switch.ecn=none", "testbed.fabric.switch.ecn.kmin=1MB"),
    ] {
        assert!(of(vary, set).is_err(), "{set}");
    }
    for set in ["traffic.incast.senders_=3", "traffic.incast.receiver=4"] {
        assert!(of(senders, set).is_ok(), "{set}");
    }
    // What only some points replace is still there in the others.
    let points = "pattern: first-look\npoints: [{traffic.a: null}, {traffic.b: null}]";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("some.yaml");
    std::fs::write(&file, points).expect("it can be written");
    let given = Given {
        set: vec!["traffic.a.rate=10%".to_owned()],
        ..Given::default()
    };
    sweep::load(&file.to_string_lossy(), given).unwrap_or_else(|errors| panic!("{errors}"));
}
