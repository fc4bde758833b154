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

/// The values of an attribute of all elements of a kind, as numbers.
fn numbers(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
    let start = format!("<{element} ");
    svg.split(&start)
        .skip(1)
        .filter_map(|rest| {
            let value = rest.split(&format!("{attribute}=\"")).nth(1)?;
            value.split('"').next()?.parse().ok()
        })
        .collect()
}

/// The places of all texts that contain `part`.
fn places(svg: &str, part: &str) -> Vec<(f64, f64)> {
    let texts = svg.split("<text ").skip(1).filter(|text| {
        let words = text.split('>').nth(1).and_then(|words| words.split('<').next());
        words.is_some_and(|words| words.contains(part))
    });
    texts
        .map(|text| {
            let text = format!("<text {text}");
            (numbers(&text, "text", "x")[0], numbers(&text, "text", "y")[0])
        })
        .collect()
}

#[test]
fn a_second_axis_has_its_own_scale() {
    let mut both = chart();
    both.series[1].right = true;
    both.series[1].style = Style::Markers;
    for point in &mut both.series[1].points {
        point.y *= 1e6;
        point.error = None;
    }
    both.right = Some(Axis {
        within: Some((0.0, 100e6)),
        ..Axis::new("P99 latency", Quantity::Picos)
    });
    let text = svg(&both);
    for part in ["P99 latency", "fit (right axis)", "100 us", "100 %"] {
        assert_eq!(places(&text, part).len(), 1, "{part}");
    }
    // 40 % of 100 % and 40 us of 100 us are as high.
    let left = numbers(&text, "circle", "cy");
    let right: Vec<f64> = text
        .split("<rect ")
        .skip(1)
        .filter(|rect| rect.contains("#D55E00"))
        .map(|rect| numbers(&format!("<rect {rect}"), "rect", "y")[0] + 4.0)
        .collect();
    assert_eq!(left[..3], right[..3], "{text}");
}

#[test]
fn references_and_notes_are_named_and_cover_nothing() {
    let mut noted = chart();
    noted.series[0].style = Style::Markers;
    noted.references = vec![Reference {
        name: "line rate".to_owned(),
        value: 120.0,
    }];
    noted.notes = [2.0, 4.0, 8.0]
        .map(|x| Note {
            x,
            y: 10.0 * x,
            text: "JFI 0.99".to_owned(),
        })
        .to_vec();
    let text = svg(&noted);
    assert_eq!(places(&text, "line rate").len(), 1);
    // The axis reaches up to the reference and its name, which is beyond all data.
    let above = places(&text, "line rate")[0].1;
    assert!(
        above > 64.0 && above < numbers(&text, "circle", "cy")[2] - 20.0,
        "{above} in {text}"
    );
    let notes = places(&text, "JFI 0.99");
    assert_eq!(notes.len(), 3);
    let (xs, ys) = (numbers(&text, "circle", "cx"), numbers(&text, "circle", "cy"));
    for (x, y) in xs.into_iter().zip(ys) {
        for note in &notes {
            let apart = (note.0 - x).abs() > 28.0 || (note.1 - y).abs() > 10.0;
            assert!(apart, "a note at {note:?} covers the marker at {:?}", (x, y));
        }
    }
}

#[test]
fn bars_stand_side_by_side_on_zero() {
    let bars = |name: &str, look, values: [f64; 3]| Series {
        name: name.to_owned(),
        points: (0_u32..)
            .zip(values)
            .map(|(x, y)| Point::new(f64::from(x), y))
            .collect(),
        style: Style::Bars,
        look,
        right: false,
    };
    let barred = Chart {
        x: Axis {
            names: Some(["a", "b", "c"].map(str::to_owned).to_vec()),
            ..Axis::new("link", Quantity::Number)
        },
        y: Axis::new("share", Quantity::Percent),
        series: vec![bars("one", 0, [50.0, 80.0, 20.0]), bars("two", 1, [25.0, 40.0, 10.0])],
        ..Chart::default()
    };
    let text = svg(&barred);
    let of = |colour: &str, attribute: &str| -> Vec<f64> {
        let rects = text.split("<rect ").skip(1).filter(|rect| rect.contains(colour));
        let own = rects.map(|rect| numbers(&format!("<rect {rect}"), "rect", attribute)[0]);
        own.take(3).collect()
    };
    let (one, two) = ("#0072B2", "#D55E00");
    for bar in 0..3 {
        let end = of(one, "x")[bar] + of(one, "width")[bar];
        assert!((end - of(two, "x")[bar]).abs() <= 1.0, "they touch");
        // Twice as high, and from the same line.
        assert!((of(one, "height")[bar] - 2.0 * of(two, "height")[bar]).abs() <= 2.0);
        let foot = |colour| of(colour, "y")[bar] + of(colour, "height")[bar];
        assert!((foot(one) - foot(two)).abs() <= 1.0);
    }
}

#[test]
fn long_names_stand_upright_and_too_many_are_thinned_out() {
    let named = |count: u32, name: &str| Chart {
        x: Axis {
            names: Some((0..count).map(|index| format!("{name}{index}")).collect()),
            ..Axis::new("link", Quantity::Number)
        },
        y: Axis::new("share", Quantity::Percent),
        ..Chart::default()
    };
    let upright = |svg: &str| svg.matches("rotate(270").count();
    // The vertical axis' own words stand upright too.
    assert_eq!(upright(&svg(&named(3, "link "))), 1);
    let twenty = svg(&named(20, "leaf0 to spine"));
    assert_eq!((upright(&twenty), places(&twenty, "leaf0 to spine").len()), (21, 20));
    let many = svg(&named(200, "leaf0 to spine"));
    assert!((10..60).contains(&places(&many, "leaf0").len()), "{many}");
    let mut long = named(20, "leaf0 to spine");
    long.y.label = "a share that is described at length, with all of its conditions".to_owned();
    let narrow = svg_in(&long, Form::Narrow);
    assert!(!narrow.contains("conditions") && svg(&long).contains("conditions"));
    assert!(narrow.contains("width=\"400\"") && places(&narrow, "leaf0 to spine").len() >= 10);
}

#[test]
fn cells_have_colour_and_value_that_can_be_read() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let rows = vec![vec![Some(0.0), Some(25.0)], vec![Some(100.0), None]];
    let chart = Chart {
        x: Axis {
            names: names(&["16", "32"]),
            ..Axis::new("batch", Quantity::Number)
        },
        y: Axis {
            names: names(&["8", "64"]),
            ..Axis::new("EP", Quantity::Number)
        },
        heat: Some(Heat {
            label: "throughput".to_owned(),
            quantity: Quantity::Percent,
            rows,
        }),
        ..Chart::default()
    };
    let text = svg(&chart);
    // Ends of viridis, dark and light, as plotters has them.
    for part in ["#440154", "#FEE825", "not measured", "throughput", "25 %", "50 %"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert_eq!(
        places(&text, "100 %").len(),
        2,
        "in the cell and at the scale of colours"
    );
    // The first row of cells is that of the first name, and names go up.
    let (low, high) = (places(&text, "25 %")[0], places(&text, "not measured")[0]);
    assert!(low.1 > high.1 && (low.0 - high.0).abs() < 1.0, "{low:?} {high:?}");
    for step in 0..=100 {
        let ground = plotters::style::colors::colormaps::ViridisRGB::get_color(f64::from(step) / 100.0);
        let contrast = heat::contrast(heat::letters_on(ground), ground);
        assert!(contrast >= 4.5, "step {step}: {contrast}");
    }
    let mut nothing = chart.clone();
    nothing.heat.as_mut().unwrap().rows = vec![vec![None, Some(f64::NAN), Some(1.0)]];
    assert!(svg(&nothing).contains("nothing measured") || svg(&nothing).contains("not measured"));
    nothing.x.names = None;
    assert!(svg_in(&nothing, Form::Narrow).contains("</svg>"));
}

#[test]
fn an_axis_does_not_zoom_into_what_its_intervals_leave_open() {
    use plotters::coord::ranged1d::{NoDefaultFormatting, Ranged};
    fn ends<R: Ranged<FormatOption = NoDefaultFormatting, ValueType = f64>>(ranged: &R) -> (f64, f64) {
        (ranged.range().start, ranged.range().end)
    }
    let of = |values: [(f64, f64); 3]| {
        let mut chart = chart();
        chart.y = Axis::new("goodput", Quantity::Rate);
        chart.series.truncate(1);
        chart.series[0].points = (1_u32..)
            .zip(values)
            .map(|(x, (y, half))| Point {
                error: (half > 0.0).then_some((y - half, y + half)),
                ..Point::new(f64::from(x), y)
            })
            .collect();
        ends(&draw::vertical(&chart, &chart.y, false))
    };
    // Intervals 8 long around means that differ by 0.4: four intervals at least.
    let (low, high) = of([(100.0, 4.0), (100.2, 4.0), (100.4, 4.0)]);
    assert!(high - low >= 32.0 && low <= 84.3 && high >= 116.0, "{low} to {high}");
    // Without intervals, a tenth of the greatest value.
    let (low, high) = of([(391.90, 0.0), (391.95, 0.0), (391.92, 0.0)]);
    assert!(high - low >= 39.0 && low > 0.0, "{low} to {high}");
    // What differs by more is shown as it is, and nothing falls below zero.
    let (low, high) = of([(10.0, 0.1), (20.0, 0.1), (30.0, 0.1)]);
    assert!(low == 0.0 && high < 33.0, "{low} to {high}");
    assert_eq!(of([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)]).0, 0.0);
    assert!(of([(1.0, 5.0), (1.0, 5.0), (1.0, 5.0)]).1 >= 6.0);
}

#[test]
fn a_share_has_no_axis_beyond_all_of_it_however_wide_its_intervals_are() {
    use plotters::coord::ranged1d::Ranged;
    let ends = |axis: &Axis| {
        let scale = Scale::spanning(axis, [0.0, 40.0, 100.0].into_iter(), 240.0);
        (scale.range().start, scale.range().end)
    };
    let axis = Axis::new("share", Quantity::Percent);
    let within = Axis {
        within: Some((0.0, 100.0)),
        ..axis.clone()
    };
    assert_eq!(ends(&within), (0.0, 100.0));
    let (low, high) = ends(&axis);
    assert!(low == 0.0 && (100.0..110.0).contains(&high), "{low} to {high}");
    // More than all of it is shown where there is more.
    let scale = Scale::spanning(&axis, [90.0, 130.0].into_iter(), 0.0);
    assert!(scale.range().end > 130.0);
}

#[test]
fn a_thumbnail_has_each_series_and_no_words() {
    let text = small(&chart());
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>"), "{text}");
    assert_eq!(text.matches("stroke=\"#0072B2\"").count(), 1, "{text}");
    assert_eq!(text.matches("stroke=\"#D55E00\"").count(), 1, "{text}");
    assert!(!text.contains("<text") && !text.contains("title"), "{text}");
    let mut bars = chart();
    for series in &mut bars.series {
        series.style = Style::Bars;
    }
    assert_eq!(small(&bars).matches("fill=\"#0072B2\"").count(), 3);
    let cells = Chart {
        heat: Some(Heat {
            label: "x".to_owned(),
            quantity: Quantity::Number,
            rows: vec![vec![Some(1.0), None], vec![Some(f64::NAN), Some(3.0)]],
        }),
        ..Chart::default()
    };
    assert_eq!(small(&cells).matches("<path").count(), 2);
    assert_eq!(small(&Chart::default()), "");
    // Nothing that is no number gets into it.
    let mut odd = chart();
    odd.series[0].points = vec![
        Point::new(f64::NAN, 1.0),
        Point::new(1e300, 1e-300),
        Point::new(-1.0, f64::INFINITY),
    ];
    assert!(!small(&odd).contains("NaN") && !small(&odd).contains("inf"));
}
