//! Device hooks: executables that configure the device under test before a trial, disturb it while the
//! trial runs, read its counters after it, and leave the device as it was when the sweep ends.
//!
//! Contract: a hook is told the point in environment variables and as JSON on its standard input; it ends
//! in time with status 0, or the sweep ends with an error that names the hook, the point, the trial and what
//! the hook wrote to its standard error. What it prints is checked and bounded before any of it is used.
//!
//! Left out on purpose: knowledge of any device (`hooks/`), and what becomes of the readings (`report`).

pub mod fabric;
mod failure;
mod reading;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::types::Sweep;
use super::{Inputs, point};
use crate::child::{self, ChildError, Ended, Order};
use crate::files;
use crate::report::model::Device;
use crate::yaml::tree::{self, Node, Value};
use crate::yaml::{Diagnostics, Place, near};

pub use failure::HookFailure;

/// Name of the hook that is no executable: the reference fabric's own counters.
pub const FABRIC: &str = "fabric";

/// The shipped hooks: name and text of each.
pub const SHIPPED: &[(&str, &str)] = &[
    ("kernel-switch", include_str!("../../../hooks/kernel-switch")),
    ("sonic", include_str!("../../../hooks/sonic")),
    ("template", include_str!("../../../hooks/template")),
];

/// Largest hook of which the hash is taken whole; nobody writes a longer one.
const MAX_TEXT: u64 = 16 << 20;

/// Most that a hook may print.
const MAX_OUTPUT: usize = 1 << 20;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// The reference fabric, in process. There is nothing to configure: the testbed's keys do that.
    Fabric,
    /// An executable.
    File {
        /// Its name as typed.
        name: String,
        /// Where it is.
        path: PathBuf,
        /// Its hash when the sweep began.
        sha256: String,
    },
    /// A shipped one.
    Shipped {
        /// Its name.
        name: &'static str,
        /// Its text.
        text: &'static str,
    },
}

impl Hook {
    /// The hook called `name`; `near` is the file of that name beside the sweep, if there is one.
    ///
    /// # Errors
    /// One diagnostic when there is no such file and no shipped hook, or the file is not executable.
    pub fn find(name: &str, near: Option<PathBuf>) -> Result<Hook, Diagnostics> {
        if name.is_empty() {
            let what = "a hook's name is missing here: name an executable, or leave the key out";
            return Err(Diagnostics::unplaced("\"\"", what));
        }
        let path = near.unwrap_or_else(|| PathBuf::from(name));
        // A folder, such as one of results, hides no shipped hook of its name.
        if path.exists() && !path.is_dir() {
            return Hook::file(name, &path);
        }
        if name == FABRIC {
            return Ok(Hook::Fabric);
        }
        if let Some((name, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Ok(Hook::Shipped { name, text });
        }
        if path.exists() {
            return Hook::file(name, &path);
        }
        let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).chain([FABRIC]).collect();
        let mut errors = Diagnostics::unplaced(name, "there is no such file and no shipped hook of this name");
        for item in &mut errors.items {
            item.allowed = Some(format!("an executable, or one of {}", names.join(", ")));
            item.suggestion = near::nearest(name, names.iter().copied()).map(str::to_owned);
        }
        Err(errors)
    }

    fn file(name: &str, path: &Path) -> Result<Hook, Diagnostics> {
        use std::os::unix::fs::PermissionsExt;
        let refused = |what: String| Diagnostics::unplaced(name, what);
        let unreadable = |error: std::io::Error| refused(format!("the hook cannot be read: {error}"));
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if about.is_dir() {
            return Err(refused(
                "this is a folder, not a hook; name an executable file in it".to_owned(),
            ));
        }
        let text = files::read(path, MAX_TEXT).map_err(unreadable)?;
        if about.permissions().mode() & 0o111 == 0 {
            return Err(refused(format!(
                "the hook is not executable: chmod +x {}",
                path.display()
            )));
        }
        let path = std::path::absolute(path).map_err(|error| refused(format!("the hook cannot be found: {error}")))?;
        Ok(Hook::File {
            name: name.to_owned(),
            path,
            sha256: hex(&text),
        })
    }

    /// Whether it came with squall, and is told of the end of a sweep without being named for it.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        matches!(self, Hook::Shipped { .. })
    }

    /// Its name in reports and messages: without folders, which are nobody's business.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Hook::Fabric => FABRIC,
            Hook::Shipped { name, .. } => name,
            Hook::File { name, .. } => name.rsplit('/').next().unwrap_or(name),
        }
    }

    /// SHA-256 of its text; its name where there is none.
    #[must_use]
    pub fn sha256(&self) -> String {
        match self {
            Hook::Fabric => FABRIC.to_owned(),
            Hook::Shipped { text, .. } => hex(text.as_bytes()),
            Hook::File { sha256, .. } => sha256.clone(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before a trial.
    Before,
    /// While it runs.
    During,
    /// After it.
    After,
    /// When the sweep ends, however it ends.
    End,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            When::Before => "before",
            When::During => "during",
            When::After => "after",
            When::End => "end",
        }
    }
}

/// Why a hook failed, and where.
#[derive(Debug, thiserror::Error)]
#[error("hook {hook} ({when}) at point {point} ({values}), trial {trial}: {failure}", when = when.name())]
pub struct HookError {
    hook: String,
    when: When,
    point: usize,
    values: String,
    trial: u32,
    failure: Box<HookFailure>,
}

impl HookError {
    /// Whether it was ended early, as it was asked to be, and nothing of it is left.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(&*self.failure, HookFailure::Child(ChildError::Stopped { left, .. }) if left.is_empty())
    }
}

/// One call of a hook.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Before, during or after a trial, or at the end.
    pub when: When,
    /// The sweep.
    pub sweep: &'a Sweep,
    /// Number of the point.
    pub point: usize,
    /// Number of the trial.
    pub trial: u32,
    /// Whether the device may be configured for another point, or for none that this process knows of.
    pub new_point: bool,
    /// The trial's files.
    pub inputs: &'a Inputs,
    /// What only hooks are told.
    pub device: &'a [(String, String)],
    /// The trial's folder.
    pub folder: &'a Path,
}

impl Call<'_> {
    /// Runs `hook`, an executable at `program`, and returns what it printed. It is ended early once `stop` says
    /// so.
    ///
    /// # Errors
    /// [`HookError`], of whatever kind.
    pub fn run(&self, hook: &Hook, program: &Path, stop: &dyn Fn() -> bool) -> Result<Vec<u8>, HookError> {
        let told = self.told();
        let mut stdin = told.json.to_string();
        stdin.push('\n');
        let ended = child::run(&Order {
            program,
            arguments: &[],
            environment: &told.environment,
            stdin: stdin.as_bytes(),
            limit: self.sweep.hooks.timeout,
            most: MAX_OUTPUT,
            stop,
        });
        let failure = match ended {
            Ok(Ended { status, stdout, .. }) if status.success() => return Ok(stdout),
            Ok(Ended { status, stderr, .. }) => HookFailure::Status { status, stderr },
            Err(error) => error.into(),
        };
        Err(self.error(hook, failure))
    }

    /// What a hook that ran after a trial printed.
    ///
    /// # Errors
    /// [`HookError`] when it is not what is asked for.
    pub fn readings(&self, hook: &Hook, printed: &[u8]) -> Result<Device, HookError> {
        reading::device(hook.name(), printed).map_err(|failure| self.error(hook, failure))
    }

    /// `failure` with the place where it happened.
    pub fn error(&self, hook: &Hook, failure: HookFailure) -> HookError {
        HookError {
            hook: hook.name().to_owned(),
            when: self.when,
            point: self.point,
            values: self.sweep.said(self.point),
            trial: self.trial,
            failure: Box::new(failure),
        }
    }

    fn told(&self) -> Told {
        let sweep = self.sweep;
        let seed = point::seed(sweep.seed, self.point, self.trial);
        let folder = self.folder.to_string_lossy().into_owned();
        let mut environment: Vec<(String, String)> = [
            ("HOOK", self.when.name().to_owned()),
            ("SWEEP", sweep.name.clone()),
            ("POINT", self.point.to_string()),
            ("POINTS", sweep.points.len().to_string()),
            ("TRIAL", self.trial.to_string()),
            ("TRIALS", sweep.trials.to_string()),
            ("NEW_POINT", u8::from(self.new_point).to_string()),
            ("SEED", seed.to_string()),
            ("OUT", folder.clone()),
        ]
        .map(|(name, value)| (format!("SQUALL_{name}"), value))
        .to_vec();
        let mut values = serde_json::Map::new();
        let of_point = sweep.points.get(self.point).map_or(&[][..], |point| &point.values);
        for (axis, value) in sweep.axes.iter().zip(of_point) {
            let Some(value) = value else { continue };
            for key in &axis.keys {
                environment.push((variable("SET", key), plain(&value.value)));
                values.insert(key.clone(), json(&value.value));
            }
        }
        let mut device = serde_json::Map::new();
        for (key, value) in self.device {
            environment.push((variable("DEVICE", key), plain(value)));
            device.insert(key.clone(), json(value));
        }
        let configured = self.inputs.testbed.testbed.configured();
        let mut thresholds = serde_json::Map::new();
        let mut add = |name: &str, key: &str, value: String| {
            environment.push((format!("SQUALL_{name}"), value.clone()));
            thresholds.insert(key.to_owned(), serde_json::Value::from(value));
        };
        if let Some(ecn) = configured.ecn {
            add("ECN_KMIN_BYTES", "ecn_kmin_bytes", ecn.kmin.0.to_string());
            add("ECN_KMAX_BYTES", "ecn_kmax_bytes", ecn.kmax.0.to_string());
            add("ECN_PMAX_PERCENT", "ecn_pmax_percent", percent(ecn.pmax.0));
        }
        if let Some(pfc) = configured.pfc {
            add("PFC_XOFF_BYTES", "pfc_xoff_bytes", pfc.xoff.0.to_string());
            add("PFC_XON_BYTES", "pfc_xon_bytes", pfc.xon.0.to_string());
        }
        if let Some(meter) = configured.meter {
            add("ECN_CIR_BPS", "ecn_cir_bps", meter.cir.0.to_string());
            add("ECN_CBS_BYTES", "ecn_cbs_bytes", meter.cbs.0.to_string());
        }
        let json = serde_json::json!({
            "schema": "squall.hook/1",
            "hook": self.when.name(),
            "sweep": sweep.name,
            "point": { "index": self.point, "of": sweep.points.len(), "new": self.new_point, "values": values },
            "trial": { "index": self.trial, "of": sweep.trials, "seed": seed },
            "device": device,
            "configured": thresholds,
            "out": folder,
        });
        Told { environment, json }
    }
}

/// What a hook is told.
struct Told {
    environment: Vec<(String, String)>,
    json: serde_json::Value,
}

/// The environment variable of a key: `SQUALL_SET_TRAFFIC_INCAST_SENDERS`.
fn variable(kind: &str, key: &str) -> String {
    let upper = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    format!("SQUALL_{kind}_{}", key.chars().map(upper).collect::<String>())
}

fn percent(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn node(yaml: &str) -> Option<Node> {
    tree::parse(yaml, |_| Place::START, &mut Vec::new())
}

/// A value's text without YAML's quotes, where it is a single value.
#[must_use]
pub fn plain(yaml: &str) -> String {
    let node = node(yaml);
    let text = node.as_ref().and_then(Node::text);
    // The kernel takes no NUL in a variable.
    text.unwrap_or(yaml).replace('\0', "\u{fffd}")
}

/// A value as JSON; every single value is text, as in YAML's own tree here.
fn json(yaml: &str) -> serde_json::Value {
    fn value(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(text) => serde_json::Value::from(text.clone()),
            Value::List(items) => items.iter().map(value).collect(),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(name, node)| (name.text.clone(), value(node)));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
    node(yaml).as_ref().map_or(serde_json::Value::Null, value)
}
