//! `squall doctor`: what stands in squall's way on this host, and the command that mends it.

use std::fmt::Write;
use std::path::Path;

use super::devices::{DeviceFlags, print};
use super::{Failure, Outcome};
use crate::dpdk::Hugepages;
use crate::host::{self, Finding, Interfaces, Level, Needs};
use crate::units::Bytes;

/// Look for what keeps squall from running well on this host
///
/// Exit status 3 when something does not work at all; warnings do not count.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    devices: DeviceFlags,
    /// Memory that packet buffers need, instead of the testbed's (512 MiB without one)
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Take missing hugepages as an error
    #[arg(long)]
    require_hugepages: bool,
    /// Accept this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Ethernet, IPv4, UDP, BTH, RETH, immediate, 4096 bytes of payload, ICRC (IBTA Vol 1, 9.2; Annex A17).
const LONGEST_FRAME: u32 = 14 + 20 + 8 + 12 + 16 + 4 + 4096 + 4;

/// Runs the command.
///
/// # Errors
/// [`Failure::Environment`] when a finding is an error, [`Failure::Input`] for a wrong testbed.
pub fn run(args: &Args) -> Outcome {
    let interfaces = Interfaces::of_this_host()
        .map_err(|error| Failure::Environment(format!("cannot list the network interfaces: {error}")))?;
    let wanted = args.devices.wanted()?;
    let needs = Needs {
        memory: args.memory.unwrap_or(wanted.eal.memory),
        hugepages: if args.require_hugepages {
            Hugepages::Required
        } else {
            wanted.eal.hugepages
        },
        devices: wanted.eal.devices,
        cores: wanted.cores,
        frame_len: LONGEST_FRAME,
        owned_interfaces: args.i_own_this_interface.clone(),
    };
    let findings = host::examine(Path::new("/"), &needs, &interfaces);
    print(&if args.json { json(&findings) } else { text(&findings) })?;
    match findings.iter().filter(|finding| finding.level == Level::Error).count() {
        0 => Ok(()),
        1 => Err(Failure::Environment(
            "one thing does not work; see above how to mend it".to_owned(),
        )),
        count => Err(Failure::Environment(format!(
            "{count} things do not work; see above how to mend them"
        ))),
    }
}

fn text(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:<8} {:<10} {}", finding.level, finding.check, finding.what);
        if let Some(mend) = &finding.mend {
            let _ = writeln!(text, "{:<8} {:<10} → {mend}", "", "");
        }
        text
    })
}

fn json(findings: &[Finding]) -> String {
    let list: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            serde_json::json!({
                "check": finding.check,
                "level": finding.level.name(),
                "what": finding.what,
                "mend": finding.mend,
            })
        })
        .collect();
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    format!(
        "{:#}\n",
        serde_json::json!({ "schema": "squall.doctor/1", "errors": errors, "findings": list })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_printed_with_what_mends_them() {
        let findings = [
            Finding {
                check: "cpu",
                level: Level::Good,
                what: "2 cores: 0, 1".to_owned(),
                mend: None,
            },
            Finding {
                check: "interface",
                level: Level::Error,
                what: "veth1 is down".to_owned(),
                mend: Some("ip link set veth1 up".to_owned()),
            },
        ];
        assert_eq!(
            text(&findings),
            "ok       cpu        2 cores: 0, 1\n\
             error    interface  veth1 is down\n                    → ip link set veth1 up\n"
        );
        let json: serde_json::Value = serde_json::from_str(&json(&findings)).unwrap();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["findings"][1]["mend"], "ip link set veth1 up");
        assert!(json["findings"][0]["mend"].is_null());
    }
}
