//! Replays vectors of a DCQCN reaction point and holds every rate, target, alpha and stage against them.
//!
//!     cargo run --release --example rp_vectors -- FILE.json
//!
//! Contract: the file has `vectors[]`, each with `params` (`line` in bits a second; the rest defaults to the paper's values),
//! `cnp_ns[]`, `sent[]` (`[ns, bytes]`), `end_ns` and `expect[]`. Exit status 0: all agree within 1e-9 relative; 1: one does
//! not, with where and the worst difference; 2: the file cannot be read.

use std::process::ExitCode;

use serde_json::Value;
use squall::transport::dcqcn::{Change, Parameters, ReactionPoint};
use squall::units::Picos;

/// Relative difference that rounding may make.
const TOLERANCE: f64 = 1e-9;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: cargo run --release --example rp_vectors -- FILE.json");
        return ExitCode::from(2);
    };
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let file: Value = match read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let Some(vectors) = file["vectors"].as_array() else {
        eprintln!("{path}: there is no list `vectors`");
        return ExitCode::from(2);
    };
    let mut worst = 0.0_f64;
    let mut wrong = false;
    for vector in vectors {
        let name = vector["name"].as_str().unwrap_or("without a name");
        match difference(vector) {
            Ok(off) => {
                worst = worst.max(off);
                wrong |= off > TOLERANCE;
                println!("{name}: at most {off:.3e} off");
            }
            Err(why) => {
                wrong = true;
                println!("{name}: {why}");
            }
        }
    }
    println!("worst difference: {worst:.3e}");
    ExitCode::from(u8::from(wrong))
}

/// The greatest relative difference between a vector's replay and what it expects.
///
/// # Errors
/// What cannot be read, or the first change that differs in kind, time or stage.
pub fn difference(vector: &Value) -> Result<f64, String> {
    compare(&replay(vector)?, &vector["expect"])
}

/// One line of a replay: time in ns, what happened, rate, target, alpha, stages by time and by bytes.
type Line = (u64, &'static str, [f64; 3], [u32; 2]);

/// What is put into the reaction point, in order of time: a CNP, or bytes sent.
type Input = (u64, Option<u64>);

fn replay(vector: &Value) -> Result<Vec<Line>, String> {
    let parameters = parameters(&vector["params"])?;
    let time = |value: &Value| value.as_u64().ok_or_else(|| format!("{value} is no time in ns"));
    let mut inputs: Vec<Input> = Vec::new();
    for cnp in vector["cnp_ns"].as_array().into_iter().flatten() {
        inputs.push((time(cnp)?, None));
    }
    for sent in vector["sent"].as_array().into_iter().flatten() {
        let (at, bytes) = if sent.is_array() {
            (&sent[0], &sent[1])
        } else {
            (&sent["t_ns"], &sent["bytes"])
        };
        inputs.push((time(at)?, Some(time(bytes)?)));
    }
    inputs.sort_by_key(|(at, bytes)| (*at, bytes.is_some()));
    let mut lines = Vec::new();
    let mut point = ReactionPoint::new(&parameters);
    let mut note = |at: Picos, change: Change, point: &ReactionPoint| {
        let (by_time, by_bytes) = point.stages();
        let rates = [point.rate(), point.target(), point.alpha()];
        lines.push((at.0 / 1000, name(change), rates, [by_time, by_bytes]));
    };
    for (at, bytes) in inputs {
        let at = Picos(at * 1000);
        match bytes {
            // A CNP comes before what the timers do at the same time: it restarts them.
            None => {
                point.advance(&parameters, Picos(at.0.saturating_sub(1)), &mut note);
                point.on_cnp(&parameters, at, &mut note);
            }
            Some(bytes) => {
                point.advance(&parameters, at, &mut note);
                point.on_sent(&parameters, at, bytes, &mut note);
            }
        }
    }
    point.advance(&parameters, Picos(time(&vector["end_ns"])? * 1000), &mut note);
    Ok(lines)
}

fn name(change: Change) -> &'static str {
    match change {
        Change::Cut => "cnp",
        Change::Alpha => "alpha",
        Change::FastRecovery => "fr",
        Change::AdditiveIncrease => "ai",
        Change::HyperIncrease => "hai",
    }
}

/// The paper's parameters with what `said` changes.
fn parameters(said: &Value) -> Result<Parameters, String> {
    let line = said["line"]
        .as_f64()
        .ok_or("`params` has no `line`, the line rate in bits a second")?;
    let mut parameters = Parameters::paper(line);
    for (key, value) in said.as_object().into_iter().flatten() {
        let number = number(value).ok_or_else(|| format!("`{key}` is no number"))?;
        let whole = value.as_u64().ok_or_else(|| format!("`{key}` is no whole number"));
        match key.as_str() {
            "line" => {}
            "B" | "rpg_byte_reset" => {
                parameters.rpg_byte_reset = u32::try_from(whole?).map_err(|error| error.to_string())?;
            }
            "F" | "rpg_threshold" => {
                parameters.rpg_threshold = u32::try_from(whole?).map_err(|error| error.to_string())?;
            }
            "T" | "T_ns" => parameters.rpg_time_reset = Picos(whole? * 1000),
            "K" | "K_ns" => parameters.dce_tcp_rtt = Picos(whole? * 1000),
            "g" => parameters.g = number,
            "alpha0" | "initial_alpha" => parameters.initial_alpha = number,
            "rai" | "ai" | "rpg_ai_rate" => parameters.rpg_ai_rate = number,
            "rhai" | "hai" | "rpg_hai_rate" => parameters.rpg_hai_rate = number,
            "rmin" | "min" | "rpg_min_rate" => parameters.rpg_min_rate = number,
            "first" | "rate_to_set_on_first_cnp" => parameters.rate_to_set_on_first_cnp = Some(number),
            other => return Err(format!("`params` has an unknown key `{other}`")),
        }
    }
    Ok(parameters)
}

/// A number, or a fraction as "1/256".
fn number(value: &Value) -> Option<f64> {
    let fraction = || {
        let (over, under) = value.as_str()?.split_once('/')?;
        Some(over.trim().parse::<f64>().ok()? / under.trim().parse::<f64>().ok()?)
    };
    value.as_f64().or_else(fraction)
}

/// The greatest relative difference, or where the two differ in kind.
fn compare(seen: &[Line], expected: &Value) -> Result<f64, String> {
    let expected = expected.as_array().ok_or("there is no list `expect`")?;
    if seen.len() != expected.len() {
        return Err(format!("{} changes instead of {}", seen.len(), expected.len()));
    }
    let mut worst = 0.0_f64;
    for ((at, what, rates, stages), expected) in seen.iter().zip(expected) {
        let same = expected["t_ns"] == *at
            && expected["event"] == *what
            && expected["T"] == stages[0]
            && expected["BC"] == stages[1];
        if !same {
            return Err(format!(
                "{what} at {at} ns, stages {stages:?}, where {expected} is expected"
            ));
        }
        for (rate, key) in rates.iter().zip(["rc_bps", "rt_bps", "alpha"]) {
            let right = expected[key]
                .as_f64()
                .ok_or_else(|| format!("`{key}` is no number in {expected}"))?;
            let off = if right == 0.0 {
                rate.abs()
            } else {
                (rate - right).abs() / right.abs()
            };
            worst = worst.max(off);
        }
    }
    Ok(worst)
}
