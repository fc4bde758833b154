//! `eal.extra_args`: what of EAL's command line a testbed may add.
//!
//! Contract: only arguments that neither open devices, nor move threads, nor make the process another kind than squall
//! needs. EAL takes every beginning of a long argument for the argument, and a short one with its value in one word, so
//! this is a list of what is let through, and not of what is not.

use crate::yaml::read::{At, Fields};
use crate::yaml::{Finding, near, shown};

/// Arguments that are passed on, and whether they have a value (DPDK 22.11 to 25.11, "EAL parameters").
const PASSED_ON: [(&str, bool); 22] = [
    ("-d", true),
    ("-n", true),
    ("-r", true),
    ("--base-virtaddr", true),
    ("--create-uio-dev", false),
    ("--force-max-simd-bitwidth", true),
    ("--huge-dir", true),
    ("--iova-mode", true),
    ("--log-color", true),
    ("--log-level", true),
    ("--log-timestamp", true),
    ("--mbuf-pool-ops-name", true),
    ("--no-hpet", false),
    ("--no-shconf", false),
    ("--socket-limit", true),
    ("--syslog", true),
    ("--trace", true),
    ("--trace-bufsz", true),
    ("--trace-dir", true),
    ("--trace-mode", true),
    ("--vfio-intr", true),
    ("--vfio-vf-token", true),
];

/// Arguments that a key stands for; given twice they would contradict each other.
const OWN: [(&str, &str); 24] = [
    ("-l", "cores"),
    ("-c", "cores"),
    ("-s", "cores"),
    ("-S", "cores"),
    ("--lcores", "cores"),
    ("--main-lcore", "cores"),
    ("-m", "eal.memory"),
    ("--socket-mem", "eal.memory"),
    ("--numa-mem", "eal.memory"),
    ("--no-huge", "eal.hugepages"),
    ("--in-memory", "eal.hugepages"),
    ("--legacy-mem", "eal.hugepages"),
    ("--single-file-segments", "eal.hugepages"),
    ("--huge-unlink", "eal.hugepages"),
    ("--file-prefix", "eal.file_prefix"),
    ("--telemetry", "eal.telemetry"),
    ("--no-telemetry", "eal.telemetry"),
    ("--vdev", "ports"),
    ("-a", "ports"),
    ("--allow", "ports"),
    ("-w", "ports"),
    ("-b", "ports"),
    ("--block", "ports"),
    ("--no-pci", "ports"),
];

pub(super) fn read(at: At<'_, '_>) -> Vec<String> {
    let (fields, key) = (at.fields, at.key);
    let mut args = Vec::new();
    // The argument whose value comes next.
    let mut open: Option<&str> = None;
    // Whether the argument before was refused, so that a value may follow.
    let mut refused = false;
    let items = fields.list(key).unwrap_or_default();
    for item in items {
        let text = item
            .text()
            .filter(|text| !text.is_empty() && !text.contains(char::is_control));
        let Some(text) = text else {
            fields.bad(key, item.place, &format!("a list with {} in it", item.is_a()), None);
            continue;
        };
        args.push(text.to_owned());
        if let Some(flag) = open.take() {
            if text.starts_with('-') {
                report(
                    fields,
                    item.place,
                    format!("the EAL argument `{flag}` has no value"),
                    None,
                );
            }
            continue;
        }
        if std::mem::take(&mut refused) && !text.starts_with('-') {
            // The value of what was refused: one mistake.
            continue;
        }
        let (flag, value) = split(text);
        refused = value.is_none() && !PASSED_ON.iter().any(|(known, _)| *known == flag);
        if let Some((known, has_value)) = PASSED_ON.iter().find(|(known, _)| *known == flag) {
            match (has_value, value) {
                (true, None) => open = Some(known),
                (false, Some(_)) => report(
                    fields,
                    item.place,
                    format!("the EAL argument `{flag}` takes no value"),
                    None,
                ),
                _ => {}
            }
        } else if let Some((flag, key)) = OWN.iter().find(|(own, _)| *own == flag) {
            report(
                fields,
                item.place,
                format!("the EAL argument `{flag}` has a key of its own"),
                Some(key),
            );
        } else if flag == "--proc-type" {
            let what = "squall is a primary process of DPDK with devices of its own: the EAL argument `--proc-type` is not passed on";
            report(fields, item.place, what.to_owned(), None);
        } else {
            let known = PASSED_ON.map(|(known, _)| known);
            let what = format!(
                "the EAL argument `{}` is not passed on; those that are: {}",
                shown(flag, 40),
                known.join(", ")
            );
            report(fields, item.place, what, near::nearest(flag, known));
        }
    }
    if let (Some(flag), Some(last)) = (open, items.last()) {
        report(
            fields,
            last.place,
            format!("the EAL argument `{flag}` has no value"),
            None,
        );
    }
    args
}

fn report(fields: &Fields<'_>, place: crate::yaml::Place, what: String, suggestion: Option<&str>) {
    fields.reader().report(Finding::new(place, what).suggest(suggestion));
}

/// `--log-level=8` and `-n4` into argument and value.
fn split(text: &str) -> (&str, Option<&str>) {
    if text.starts_with("--") {
        return text
            .split_once('=')
            .map_or((text, None), |(flag, value)| (flag, Some(value)));
    }
    let end = text.char_indices().nth(2).map_or(text.len(), |(at, _)| at);
    let (flag, value) = text.split_at(end);
    (flag, Some(value).filter(|value| !value.is_empty()))
}
