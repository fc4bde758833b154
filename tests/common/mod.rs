//! What several test programs share: the golden vectors and a little hexadecimal.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// One line of a file of golden vectors.
pub struct Case {
    /// Its name.
    pub name: String,
    /// The whole object.
    pub value: Value,
    /// The frame, from its `hex`.
    pub frame: Vec<u8>,
}

/// A file below `tests/golden`.
pub fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

/// All cases of a file of golden vectors.
pub fn cases(file: &str) -> Vec<Case> {
    let path = golden(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("a JSON object a line");
            Case {
                name: value["name"].as_str().expect("name").to_owned(),
                frame: from_hex(value["hex"].as_str().expect("hex")),
                value,
            }
        })
        .collect()
}

/// Bytes from hexadecimal.
pub fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A JSON value that must be a number of at most 64 bits.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Runs the `squall` command.
pub fn squall(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_squall"))
        .args(args)
        .output()
        .expect("squall starts")
}

/// The lines of JSON on a command's standard output.
pub fn json_lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
