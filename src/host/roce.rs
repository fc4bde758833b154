//! NICs that keep RoCE for themselves: with RoCE on, an mlx5 card takes frames to UDP port 4791, and
//! neither DPDK nor a packet socket ever sees them (the kernel's Documentation/networking/devlink/mlx5.rst).
//!
//! Contract: what `devlink` says is an argument. Where it says nothing, the card's RDMA device is a hint.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Finding, Needs, nic_of};
use crate::child::{self, Order};

const CHECK: &str = "roce";

/// How long `devlink` may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Most that it may print.
const MAX_OUTPUT: usize = 1 << 16;

const DRIVER: &str = "mlx5_core";

/// What `devlink -j dev param show pci/ADDRESS name enable_roce` printed, by address; `None` where it
/// failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Devlink(pub BTreeMap<String, Option<String>>);

impl Devlink {
    /// Asks for the cards that matter to `needs`.
    #[must_use]
    pub fn of_this_host(root: &Path, needs: &Needs) -> Devlink {
        let ask = |address: String| {
            let handle = format!("pci/{address}");
            let output = child::run(&Order {
                program: Path::new("devlink"),
                arguments: &["-j", "dev", "param", "show", &handle, "name", "enable_roce"],
                environment: &[],
                stdin: &[],
                limit: LIMIT,
                most: MAX_OUTPUT,
                stop: &|| false,
            });
            let said = output.ok().filter(|output| output.status.success());
            let text = said.and_then(|output| String::from_utf8(output.stdout).ok());
            (address, text)
        };
        Devlink(cards(root, needs).into_iter().map(ask).collect())
    }
}

fn cards(root: &Path, needs: &Needs) -> Vec<String> {
    let mut cards: Vec<String> = needs
        .devices
        .iter()
        .filter_map(|device| nic_of(root, device))
        .filter(|nic| nic.driver.as_deref() == Some(DRIVER))
        .map(|nic| nic.address)
        .collect();
    cards.sort();
    cards.dedup();
    cards
}

pub(super) fn examine(root: &Path, needs: &Needs, devlink: &Devlink) -> Vec<Finding> {
    cards(root, needs)
        .iter()
        .map(|address| one(root, address, devlink.0.get(address).and_then(Option::as_deref)))
        .collect()
}

fn one(root: &Path, address: &str, said: Option<&str>) -> Finding {
    let fix = format!(
        "devlink dev param set pci/{address} name enable_roce value false cmode driverinit && devlink dev reload \
         pci/{address}"
    );
    match said.and_then(enabled) {
        Some(false) => Finding::good(CHECK, format!("{address} leaves RoCE to us (enable_roce is off)")),
        Some(true) => Finding::error(
            CHECK,
            format!("{address} has RoCE on: it keeps frames to UDP port 4791 for itself, and nothing arrives here"),
            fix,
        ),
        None => {
            let folder = format!("sys/bus/pci/devices/{address}/infiniband");
            let rdma = fs::read_dir(root.join(folder)).is_ok_and(|mut devices| devices.next().is_some());
            let hint = if rdma {
                "it has an RDMA device, so probably yes"
            } else {
                "it has no RDMA device, so probably not"
            };
            Finding::warning(
                CHECK,
                format!("devlink does not say whether {address} has RoCE on; {hint}"),
                format!("as root, with iproute2: {fix}"),
            )
        }
    }
}

/// Whether RoCE is on, by devlink's JSON: `{"param":{"pci/…":[{"name":"enable_roce",…,"values":[{"cmode":
/// "driverinit","value":true}]}]}}`. Older releases print the value as text.
fn enabled(text: &str) -> Option<bool> {
    let said: Value = serde_json::from_str(text).ok()?;
    let of_card = said.get("param")?.as_object()?.values().next()?;
    let param = of_card
        .as_array()?
        .iter()
        .find(|param| param["name"] == "enable_roce")?;
    let values = param.get("values")?.as_array()?;
    let value = values
        .iter()
        .find(|value| value["cmode"] == "driverinit")
        .or_else(|| values.first())?;
    match &value["value"] {
        Value::Bool(value) => Some(*value),
        Value::String(value) => value.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::testing::{needs, tree, verdict};
    use super::*;

    const CLASS: (&str, &str) = ("sys/bus/pci/devices/0000:3b:00.0/class", "0x020000\n");

    fn card(driver: &str, rdma: bool) -> tempfile::TempDir {
        let root = tree(&[CLASS]);
        let folder = root.path().join("sys/bus/pci/devices/0000:3b:00.0");
        std::os::unix::fs::symlink(format!("../../../../bus/pci/drivers/{driver}"), folder.join("driver")).unwrap();
        if rdma {
            fs::create_dir_all(folder.join("infiniband/mlx5_0")).unwrap();
        }
        root
    }

    fn asked(root: &tempfile::TempDir, said: Option<&str>) -> (Level, String) {
        let devlink = Devlink(BTreeMap::from([("0000:3b:00.0".to_owned(), said.map(str::to_owned))]));
        verdict(&examine(root.path(), &needs(&["0000:3b:00.0"]), &devlink))
    }

    const ON: &str = r#"{"param":{"pci/0000:3b:00.0":[{"name":"enable_roce","type":"generic","values":[{"cmode":"driverinit","value":true}]}]}}"#;

    #[test]
    fn roce_that_is_on_is_an_error_with_the_command_that_turns_it_off() {
        let (level, text) = asked(&card(DRIVER, true), Some(ON));
        assert_eq!(level, Level::Error);
        assert!(
            text.contains("devlink dev param set pci/0000:3b:00.0 name enable_roce value false cmode driverinit"),
            "{text}"
        );
        assert!(text.contains("devlink dev reload pci/0000:3b:00.0"), "{text}");
        assert_eq!(
            asked(&card(DRIVER, true), Some(&ON.replace("true", "\"true\""))).0,
            Level::Error
        );
    }

    #[test]
    fn roce_that_is_off_is_good() {
        assert_eq!(
            asked(&card(DRIVER, false), Some(&ON.replace("true", "false"))).0,
            Level::Good
        );
    }

    #[test]
    fn without_an_answer_it_is_not_guessed() {
        for broken in [
            None,
            Some(""),
            Some("[]"),
            Some("{\"param\":{}}"),
            Some("{\"param\":{\"a\":[{}]}}"),
        ] {
            let (level, text) = asked(&card(DRIVER, true), broken);
            assert_eq!(level, Level::Warning);
            assert!(text.contains("probably yes"), "{text}");
        }
        assert!(asked(&card(DRIVER, false), None).1.contains("probably not"));
    }

    #[test]
    fn other_cards_are_not_asked() {
        let root = card("ixgbe", false);
        assert_eq!(asked(&root, Some(ON)), (Level::Good, String::new()));
        assert_eq!(
            Devlink::of_this_host(root.path(), &needs(&["0000:3b:00.0"])),
            Devlink::default()
        );
    }
}
