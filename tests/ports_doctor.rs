//! `squall ports` and `squall doctor` as a user runs them: output, exit status, and what they say of
//! interfaces that the kernel has in its own network namespace.

use std::process::{Command, Output};

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

fn squall(args: &[&str]) -> (Option<i32>, String, String) {
    told(Command::new(SQUALL).args(args).output().expect("squall runs"))
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs a shell script in a network namespace of its own; `None` where there is none to be had.
fn in_namespace(script: &str) -> Option<(Option<i32>, String, String)> {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.stdout == b"0\n");
    let flags = if root { "-n" } else { "-rn" };
    let possible = Command::new("unshare")
        .args([flags, "ip", "link", "show", "lo"])
        .output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespace to be had here (unshare {flags})");
        return None;
    }
    let output = Command::new("unshare")
        .args([flags, "sh", "-ec", script])
        .env("SQUALL", SQUALL)
        .output();
    Some(told(output.expect("unshare runs")))
}

#[test]
fn ports_are_described() {
    let args = [
        "ports",
        "--no-hugepages",
        "--start",
        "--vdev",
        "net_null0",
        "--testbed",
        "ring",
    ];
    let (status, text, errors) = squall(&args);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(
        text.contains("net_ring0\n  driver ") && text.contains("net_null0\n  driver "),
        "{text}"
    );

    let (status, text, errors) = squall(&[args.as_slice(), &["--json"]].concat());
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let json: serde_json::Value = serde_json::from_str(&text).expect("one JSON object and nothing else");
    assert_eq!(json["schema"], "squall.ports/1");
    let ports = json["ports"].as_array().expect("a list");
    let drivers: Vec<&str> = ports.iter().filter_map(|port| port["driver"].as_str()).collect();
    assert_eq!(drivers, ["net_ring", "net_null"]);
    assert_eq!(ports[0]["link"]["up"], true);
    assert_eq!(ports[0]["send_on_timestamp"], false);
    assert_eq!(ports[0]["timestamps"], serde_json::json!(["software"]));
}

#[test]
fn a_device_that_is_not_there_is_the_environments_fault() {
    let (status, text, errors) = squall(&["ports", "--no-hugepages", "--vdev", "net_af_packet0,iface=nosuch0"]);
    assert_eq!((status, text.as_str()), (Some(3), ""));
    assert!(
        errors.contains("net_af_packet0") && errors.contains("hint: "),
        "{errors}"
    );
    let (status, _, errors) = squall(&["ports", "--testbed", "no-such-testbed"]);
    assert_eq!(status, Some(2), "{errors}");
}

/// EAL makes a folder for each process; in that of a run DPDK's telemetry has a socket to the end.
#[test]
fn nothing_is_left_in_the_runtime_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let testbed = folder.path().join("telemetry-is-on.yaml");
    let text = "eal: {hugepages: none}\nports:\n  - {name: loop, device: net_ring0, speed: 40Gbps}\n";
    std::fs::write(&testbed, text).expect("a testbed");
    let run = format!("run first-look --set duration=200ms --testbed {}", testbed.display());
    for (args, status) in [
        ("ports --no-hugepages --vdev net_null0", 0),
        ("ports --no-hugepages --vdev net_nonsense0", 3),
        (run.as_str(), 0),
    ] {
        let output = Command::new(SQUALL)
            .args(args.split(' '))
            .env("RUNTIME_DIRECTORY", folder.path())
            .output();
        let (ended, _, errors) = told(output.expect("squall runs"));
        assert_eq!(ended, Some(status), "{errors}");
        // That of all DPDK processes stays, and shows that EAL has been there.
        let dpdk = folder.path().join("dpdk");
        let left: Vec<_> = std::fs::read_dir(&dpdk).expect("EAL's folder").collect();
        assert!(left.is_empty(), "{args}: {left:?}");
        std::fs::remove_dir(dpdk).expect("an empty folder");
    }
}

#[test]
fn doctor_tells_what_is_wrong_with_an_interface() {
    let doctor = "\"$SQUALL\" doctor --json --memory 1MiB --vdev net_af_packet0,iface=left";
    let make = "ip link add left type veth peer name right && ip link set right up";
    let complaint = |more: &str, flags: &str| {
        let (status, text, errors) = in_namespace(&format!("{make}\n{more}\n{doctor} {flags}"))?;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
        let list = json["findings"].as_array().expect("a list").clone();
        let wrong: Vec<String> = list
            .iter()
            .filter(|finding| finding["check"] == "interface" && finding["level"] == "error")
            .map(|finding| finding["mend"].to_string())
            .collect();
        assert_eq!(
            status,
            Some(if json["errors"] == 0 { 0 } else { 3 }),
            "{text}\n{errors}"
        );
        Some(wrong)
    };
    let Some(down) = complaint("", "") else { return };
    assert_eq!(down, ["\"ip link set left up\""]);
    assert_eq!(complaint("ip link set left up", ""), Some(vec![]));

    let address = "ip link set left up; ip address add 198.51.100.1/32 dev left";
    let claimed = complaint(address, "").expect("possible a moment ago");
    assert!(
        claimed.len() == 1 && claimed[0].contains("--i-own-this-interface left"),
        "{claimed:?}"
    );
    assert_eq!(complaint(address, "--i-own-this-interface left"), Some(vec![]));

    let route = "ip link set left up; ip route add 198.51.100.0/24 dev left scope link";
    assert_eq!(complaint(route, "").map(|wrong| wrong.len()), Some(1));
    let route6 = "ip link set left up; ip -6 route add 2001:db8::/32 dev left";
    if std::path::Path::new("/proc/net/if_inet6").exists() {
        assert_eq!(complaint(route6, "").map(|wrong| wrong.len()), Some(1));
    }
}
