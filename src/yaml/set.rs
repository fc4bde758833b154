//! `--set key=value`: overrides, applied to the tree before it is read.
//!
//! Contract: an overridden value is read like any other, its place being the override; so an
//! unknown key or a wrong value in an override is reported with all other mistakes.
//!
//! A path is dotted: `seed=7`, `traffic.kv.message=1MiB` (an entry by its name), `traffic.0.count=1`
//! (by its index), `traffic.0.frame.vlan.1.vid=5`. The value is YAML. `null` takes a key or an element
//! out; the index after a list's last element adds one.

use super::tree::{self, Name, Node, Value};
use super::{Finding, MAX_DEPTH, Place, near, shown};

/// The name by which element `index` of the list `list` can be called.
pub type Label = fn(list: &str, index: usize, node: &Node) -> Option<String>;

/// Applies the override `text`, the `index`-th one, to `root`.
pub fn apply(root: &mut Node, index: usize, text: &str, label: Label, findings: &mut Vec<Finding>) {
    if let Err(finding) = try_apply(root, index, text, label, findings) {
        findings.push(finding);
    }
}

fn try_apply(
    root: &mut Node,
    index: usize,
    text: &str,
    label: Label,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let place = Place::Override(index);
    let wrong = |what: String| Finding::new(place, what);
    let (path, value) = text.split_once('=').ok_or_else(|| {
        wrong("an override has no `=`".to_owned()).allowed("key=value, as seed=7 or traffic.0.message=1MiB")
    })?;
    let steps: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    if steps.iter().any(|step| step.is_empty()) {
        return Err(wrong("an override's path has an empty part".to_owned()).allowed("keys, names and indices, dotted"));
    }
    if steps.len() > MAX_DEPTH / 2 {
        return Err(wrong(format!(
            "an override's path has more than {} parts",
            MAX_DEPTH / 2
        )));
    }
    let before = findings.len();
    let Some(value) = tree::parse(value, |_| place, findings) else {
        return Ok(());
    };
    if findings.len() > before {
        return Ok(());
    }
    descend(root, "", &steps, value, place, label)
}

fn descend(
    node: &mut Node,
    name: &str,
    steps: &[&str],
    value: Node,
    place: Place,
    label: Label,
) -> Result<(), Finding> {
    let Some((&step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.value == Value::Null {
        *node = Node {
            place,
            value: Value::Map(Vec::new()),
        };
    }
    match &mut node.value {
        Value::Map(entries) => {
            let found = entries.iter().position(|(name, _)| name.text == step);
            match (found, rest.is_empty() && value.value == Value::Null) {
                (Some(at), true) => {
                    entries.remove(at);
                    Ok(())
                }
                (None, true) => Ok(()),
                (found, false) => {
                    let at = found.unwrap_or_else(|| {
                        entries.push((
                            Name {
                                place,
                                text: step.to_owned(),
                            },
                            Node {
                                place,
                                value: Value::Null,
                            },
                        ));
                        entries.len() - 1
                    });
                    match entries.get_mut(at) {
                        Some((_, child)) => descend(child, step, rest, value, place, label),
                        None => Ok(()),
                    }
                }
            }
        }
        Value::List(items) => {
            let last = rest.is_empty();
            if last && step == items.len().to_string() && value.value != Value::Null {
                items.push(value);
                return Ok(());
            }
            let at = element(items, name, step, label).map_err(|finding| Finding { place, ..finding })?;
            if last && value.value == Value::Null {
                items.remove(at);
                return Ok(());
            }
            match items.get_mut(at) {
                Some(child) => descend(child, step, rest, value, place, label),
                None => Ok(()),
            }
        }
        Value::Null | Value::Scalar(_) => {
            let what = format!(
                "`{}` holds a single value, so it has no `{}`",
                shown(name, 60),
                shown(step, 60)
            );
            Err(Finding::new(place, what))
        }
    }
}

/// The index of the element that `step` calls by number or by name.
fn element(items: &[Node], list: &str, step: &str, label: Label) -> Result<usize, Finding> {
    let labels: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, node)| label(list, index, node))
        .collect();
    if let Some(at) = labels.iter().position(|label| label.as_deref() == Some(step)) {
        return Ok(at);
    }
    if let Ok(at) = step.parse::<usize>()
        && at < items.len()
    {
        return Ok(at);
    }
    let what = format!("`{}` has no element `{}`", shown(list, 60), shown(step, 60));
    let finding = Finding::new(Place::START, what);
    if items.is_empty() {
        return Err(finding);
    }
    let mut names: Vec<&str> = labels.iter().flatten().map(String::as_str).take(20).collect();
    let suggestion = near::nearest(step, names.iter().copied()).map(str::to_owned);
    let indices = format!("0 to {}", items.len() - 1);
    names.push(&indices);
    Err(finding.allowed(names.join(", ")).suggest(suggestion))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "seed: 1\ntraffic:\n  - name: kv\n    message: 4KiB\n  - kind: burst\n";

    fn label(list: &str, index: usize, node: &Node) -> Option<String> {
        assert_eq!(list, "traffic");
        let name = node.child("name").and_then(Node::text).map(str::to_owned);
        Some(name.unwrap_or_else(|| format!("burst-{index}")))
    }

    fn apply_all(overrides: &[&str]) -> (Node, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut root = tree::parse(TEXT, |_| Place::START, &mut findings).expect("YAML");
        for (index, text) in overrides.iter().enumerate() {
            apply(&mut root, index, text, label, &mut findings);
        }
        (root, findings)
    }

    fn entry(root: &Node, index: usize) -> &Node {
        match root.child("traffic").map(|node| &node.value) {
            Some(Value::List(items)) => &items[index],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_replaced_added_and_taken_out() {
        let (root, findings) = apply_all(&[
            "seed=7",
            "traffic.kv.message=1MiB",
            "traffic.burst-1.frame.pmtu=1024",
            "traffic.0.from=[1, 2]",
            "draft=8.1",
            "traffic.0.name=null",
        ]);
        assert_eq!(findings, []);
        assert_eq!(root.child("seed").and_then(Node::text), Some("7"));
        assert_eq!(root.child("seed").map(|node| node.place), Some(Place::Override(0)));
        assert_eq!(entry(&root, 0).child("message").and_then(Node::text), Some("1MiB"));
        assert!(
            matches!(entry(&root, 0).child("from").map(|node| &node.value), Some(Value::List(items)) if items.len() == 2)
        );
        assert!(entry(&root, 0).child("name").is_none());
        let frame = entry(&root, 1).child("frame").expect("made on the way");
        assert_eq!(frame.child("pmtu").and_then(Node::text), Some("1024"));
        assert_eq!(root.child("draft").and_then(Node::text), Some("8.1"));
    }

    #[test]
    fn elements_are_added_and_taken_out() {
        let (root, findings) = apply_all(&["traffic.2={kind: pfc}", "traffic.kv=null", "traffic.0.qps=3"]);
        assert_eq!(findings, []);
        assert_eq!(entry(&root, 0).child("kind").and_then(Node::text), Some("burst"));
        assert_eq!(entry(&root, 0).child("qps").and_then(Node::text), Some("3"));
        assert_eq!(entry(&root, 1).child("kind").and_then(Node::text), Some("pfc"));
        let (_, findings) = apply_all(&["traffic.2=null", "traffic.3={kind: pfc}"]);
        assert_eq!(findings.len(), 2, "{findings:#?}");
    }

    #[test]
    fn wrong_paths_are_reported_at_their_override() {
        let (_, findings) = apply_all(&[
            "seed",
            "a..b=1",
            "traffic.kw.qps=1",
            "traffic.2.qps=1",
            "seed.x=1",
            "x=[",
            "y=a: b: c",
        ]);
        let places: Vec<_> = findings.iter().map(|finding| finding.place).collect();
        assert_eq!(places, (0..7).map(Place::Override).collect::<Vec<_>>(), "{findings:#?}");
        assert_eq!(findings[2].suggestion.as_deref(), Some("kv"));
        assert_eq!(findings[3].allowed.as_deref(), Some("kv, burst-1, 0 to 1"));
    }
}
