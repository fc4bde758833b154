//! Runs a scenario of an independent DCQCN model on the reference fabric, and prints what that model prints of it.
//!
//!     cargo run --release --example dcqcn_scenario -- scenarios.json NAME [--seeds N] [--against results.json]
//!
//! Contract: `scenarios.json` has `sets` (name to `key=value …`) and `scenarios` (name to `[names of sets, key=value …]`, later
//! values in place of earlier ones). Unknown names, keys and values are an error that says what is there. The table goes to
//! stderr; stdout is one JSON object, `{"scenario", "args", "seeds", "result": {NAME: {mean, sd, min, max}}, "not_measured":
//! {NAME: WHY}}`, whose names are those of `results.json`: `*_gbps` are payload in Gbit/s, queues bytes, `*_ms` and `*_us`
//! times. `sd` is over the seeds, not an estimate of a greater population. Goodput, Jain, shares, `q_mean` and CNPs per flow
//! are of the time from `w0_ms` to `end_ms`; `q_max`, pauses, totals and completion times of the whole run. Exit status: 0;
//! 1: a run failed, or a figure is outside its tolerance of those `--against` which it is held; 2: the input is wrong.
//!
//! A frame of squall is its payload and 58 bytes, and takes 24 bytes more of a link. Where a scenario has other lengths, the
//! payload is the multiple of four that comes nearest in the length of a frame. Every size in bytes is then multiplied by the
//! lengths of frames, so that marks, pauses and byte stages come after the same number of frames, and every rate by the
//! lengths that it counts, so that a frame takes the same time; results are put back. What cannot be put in proportion: where
//! limits count frames and not what they take of a link (`ratewire=0` with a `gap`), no limit is above the line's rate.
//!
//! In squall, and not in the model, the first frame of each message (64 frames, or the flow's `size`) is 16 bytes longer,
//! messages are acknowledged, CNPs are frames of 74 bytes on the way back, and who is stopped ends the message under way.

pub mod figures;
pub mod lab;
pub mod scenario;

use std::process::ExitCode;

use scenario::Scenario;
use serde_json::Value;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let asked = match Asked::of(&given) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!(
                "{why}\nusage: cargo run --release --example dcqcn_scenario -- scenarios.json NAME [--seeds N] [--against results.json]"
            );
            return ExitCode::from(2);
        }
    };
    let mut lab = lab::Lab::default();
    let mut seen = Vec::new();
    for seed in 1..=asked.seeds {
        match lab.run(&asked.scenario, seed) {
            Ok(figures) => seen.push(figures),
            Err(why) => {
                eprintln!("seed {seed}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let told = figures::Told::of(&seen);
    let off = told.table(asked.against.as_ref());
    println!("{}", told.json(&asked.name, &asked.scenario.args, asked.seeds));
    ExitCode::from(u8::from(off))
}

/// What the command line asks for.
struct Asked {
    name: String,
    scenario: Scenario,
    seeds: u64,
    /// The scenario's `result` in another file.
    against: Option<Value>,
}

impl Asked {
    fn of(given: &[String]) -> Result<Asked, String> {
        let (mut places, mut seeds, mut against) = (Vec::new(), 1, None);
        let mut rest = given.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--seeds" => {
                    let number = value()?;
                    seeds = number
                        .parse()
                        .ok()
                        .filter(|seeds| (1..=1000).contains(seeds))
                        .ok_or_else(|| format!("--seeds is {number}; it is a number from 1 to 1000"))?;
                }
                "--against" => against = Some(value()?.clone()),
                other if other.starts_with('-') => return Err(format!("there is no {other}")),
                _ => places.push(word.clone()),
            }
        }
        let [path, name] = &places[..] else {
            return Err("a file and the name of a scenario are needed".to_owned());
        };
        let scenario = Scenario::of(&scenario::args(&read(path)?, name).map_err(|why| format!("{path}: {why}"))?)
            .map_err(|why| format!("{path}: {name}: {why}"))?;
        let against = against.map(|path| -> Result<Value, String> {
            let results = read(&path)?;
            let result = &results["scenarios"][name]["result"];
            if result.is_object() {
                Ok(result.clone())
            } else {
                Err(format!("{path} has no result of {name}"))
            }
        });
        Ok(Asked {
            name: name.clone(),
            scenario,
            seeds,
            against: against.transpose()?,
        })
    }
}

fn read(path: &str) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}
