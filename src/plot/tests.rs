//! Charts are read back as XML would be: what is asked for stands in them, nothing else does.

use super::*;

fn chart() -> Chart {
    let line = |name: &str, look: usize, style| Series {
        name: name.to_owned(),
        points: [(2.0, 10.0), (4.0, 40.0), (8.0, 80.0)]
            .map(|(x, y)| Point {
                error: Some((y - 5.0, y + 5.0)),
                ..Point::new(x, y)
            })
            .to_vec(),
        style,
        look,
        right: false,
    };
    Chart {
        title: "A <b>title</b> & more".to_owned(),
        subtitle: "of \"what\"\u{1b}".to_owned(),
        x: Axis {
            log: true,
            ticks: Some(vec![2.0, 4.0, 8.0]),
            ..Axis::new("senders", Quantity::Number)
        },
        y: Axis {
            within: Some((0.0, 100.0)),
            ..Axis::new("marking rate", Quantity::Percent)
        },
        legend: "threshold".to_owned(),
        series: vec![line("100 KB", 0, Style::Marked), line("fit", 1, Style::Dashed)],
        ..Chart::default()
    }
}

#[test]
fn a_chart_says_what_it_was_asked_to() {
    let text = svg(&chart());
    assert!(
        text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"),
        "{text}"
    );
    for part in [
        "A &lt;b&gt;title&lt;/b&gt; &amp; more",
        "&quot;what&quot;",
        "senders",
        "marking rate",
        "threshold",
        "100 KB",
        "fit",
        "100 %",
        "#0072B2",
        "#D55E00",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains(char::is_control) || text.chars().filter(|c| c.is_control()).all(|c| c == '\n'));
    assert_eq!(text, svg(&chart()), "the same chart is the same text");
}

#[test]
fn nothing_that_is_no_number_is_drawn_and_nothing_is_no_trouble() {
    let mut empty = chart();
    empty.series.clear();
    assert!(svg(&empty).contains("senders"));
    let mut odd = chart();
    odd.series[0].points = [
        (f64::NAN, 1.0),
        (0.0, 1.0),
        (-1.0, 1.0),
        (1.0, f64::INFINITY),
        (f64::NEG_INFINITY, 0.0),
        (1e300, 1e-300),
    ]
    .map(|(x, y)| Point::new(x, y))
    .to_vec();
    for log in [true, false] {
        (odd.x.log, odd.y.log) = (log, log);
        let text = svg(&odd);
        assert!(
            text.contains("</svg>") && !text.contains("NaN") && !text.contains("inf"),
            "{text}"
        );
    }
}

fn ticks(axis: &Axis, values: &[f64]) -> Vec<String> {
    use plotters::coord::ranged1d::{NoDefaultFormatting, Ranged};
    fn points<R: Ranged<FormatOption = NoDefaultFormatting, ValueType = f64>>(ranged: &R) -> Vec<f64> {
        ranged.key_points(10)
    }
    let scale = Scale::new(axis, values.iter().copied());
    points(&scale).into_iter().map(|tick| scale.say(tick)).collect()
}

#[test]
fn ticks_are_round_and_have_units() {
    let linear = Axis::new("", Quantity::Bytes);
    assert_eq!(
        ticks(&linear, &[0.0, 1_000_000.0]),
        ["0", "200 KB", "400 KB", "600 KB", "800 KB", "1 MB"]
    );
    let share = Axis {
        within: Some((0.0, 100.0)),
        ..Axis::new("", Quantity::Percent)
    };
    assert_eq!(ticks(&share, &[3.0]), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
    let log = Axis {
        log: true,
        ..Axis::new("", Quantity::Picos)
    };
    assert_eq!(
        ticks(&log, &[1e6, 1e12]),
        ["1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"]
    );
    assert_eq!(ticks(&log, &[1e6, 1e7]), ["1 us", "2 us", "5 us", "10 us"]);
    let named = Axis {
        names: Some(vec!["a".to_owned(), "b".to_owned()]),
        ..Axis::new("", Quantity::Number)
    };
    assert_eq!(ticks(&named, &[0.0, 1.0]), ["a", "b"]);
    let single = ticks(&Axis::new("", Quantity::Number), &[7.0]);
    assert!(single.iter().any(|tick| tick == "7"), "{single:?}");
}

#[test]
fn quantities_are_said_with_their_prefix() {
    for (quantity, value, text) in [
        (Quantity::Number, 0.0, "0"),
        (Quantity::Number, 0.25, "0.25"),
        (Quantity::Number, 1500.0, "1500"),
        (Quantity::Number, 20_000.0, "20k"),
        (Quantity::Bytes, 512.0, "512 B"),
        (Quantity::Bytes, 1.5e6, "1.5 MB"),
        (Quantity::Picos, 82_378_752.0, "82.38 us"),
        (Quantity::Rate, 4e11, "400 Gbps"),
        (Quantity::Percent, 0.0, "0 %"),
        (Quantity::Percent, 99.5, "99.5 %"),
    ] {
        assert_eq!(quantity.say(value), text);
    }
}
