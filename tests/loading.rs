//! Loading of patterns and testbeds as their user meets it: all mistakes at once, each at its
//! place; what is shipped loads; nothing makes it panic.

use squall::pattern;
use squall::yaml::Diagnostics;

/// Line, column and message of each mistake.
fn mistakes(errors: &Diagnostics) -> Vec<(usize, usize, String)> {
    let place = |position: Option<(usize, usize)>| position.unwrap_or((0, 0));
    let items = errors.items.iter();
    items
        .map(|item| {
            let (line, column) = place(item.position);
            let mut text = item.what.clone();
            if let Some(suggestion) = &item.suggestion {
                text += &format!(" -> {suggestion}");
            }
            (line, column, text)
        })
        .collect()
}

#[test]
fn ten_planted_mistakes_are_all_reported_where_they_stand() {
    let text = include_str!("data/ten-mistakes.yaml");
    let errors = pattern::parse("ten.yaml", text, &[]).expect_err("it is full of mistakes");
    let expected = [
        (3, 1, "unknown key `sed` in the pattern -> seed"),
        (4, 11, "`duration` is `100`"),
        (8, 5, "unknown key `mesage` in entry `kv` -> message"),
        (9, 14, "`message` is `3GiB`"),
        (10, 29, "`pmtu` is `1500`"),
        (12, 11, "`kind` is `incats` -> incast"),
        (16, 15, "worker 2 is a sender and the receiver too"),
        (17, 14, "`message` is `64kib` -> 64KiB"),
        (19, 5, "`stagger` and `jitter` exclude each other; leave one out"),
        (20, 12, "`after` is `kw` -> kv"),
    ];
    let expected: Vec<_> = expected
        .map(|(line, column, text)| (line, column, text.to_owned()))
        .to_vec();
    assert_eq!(mistakes(&errors), expected, "\n{errors}");
}
