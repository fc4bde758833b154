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

/// What the doctor says under `check`, by level.
fn findings(args: &[&str]) -> (Option<i32>, Vec<(String, String, String)>) {
    let (status, text, errors) = squall(&[&["doctor", "--json"], args].concat());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
    let list = json["findings"].as_array().expect("a list");
    let field = |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let found = list.iter().map(|finding| {
        let what = format!("{} → {}", field(finding, "what"), field(finding, "mend"));
        // Whatever is not as it should be comes with what mends it.
        assert_eq!(finding["mend"].is_null(), finding["level"] == "ok", "{finding}");
        (field(finding, "check"), field(finding, "level"), what)
    });
    (status, found.collect())
}

fn of<'a>(found: &'a [(String, String, String)], check: &str) -> Vec<&'a str> {
    let mine = found.iter().filter(|(name, ..)| name == check);
    mine.map(|(_, _, what)| what.as_str()).collect()
}

/// The state of this very machine, as coreutils, the kernel and DPDK's own script tell it.
#[test]
fn doctor_reports_the_real_state_of_this_machine() {
    let (status, found) = findings(&["--memory", "1MiB", "--testbed", "ring", "--no-ports"]);
    assert_eq!(status, Some(0), "{found:?}");
    let nproc = Command::new("nproc").output().expect("coreutils");
    let cores = String::from_utf8(nproc.stdout).expect("UTF-8");
    let cores = cores.trim();
    let said = of(&found, "cpu").join("\n");
    assert!(
        said.contains(&format!("{cores} cores:")) || cores == "1" && said.contains("there is one core"),
        "{cores}: {said}"
    );
    let isolated = std::fs::read_to_string("/sys/devices/system/cpu/isolated").unwrap_or_default();
    if isolated.trim().is_empty() && std::path::Path::new("/sys/devices/system/cpu/isolated").exists() {
        assert!(
            said.contains("no core is isolated") && said.contains("isolcpus="),
            "{said}"
        );
    }
    let mounts = std::fs::read_to_string("/proc/mounts").expect("procfs");
    let mounted = mounts.lines().any(|line| line.split(' ').nth(2) == Some("hugetlbfs"));
    let memory = of(&found, "memory").join("\n");
    assert_eq!(memory.contains("hugetlbfs is not mounted"), !mounted, "{memory}");
    if mounted {
        assert!(memory.contains("of hugepages are free"), "{memory}");
    }
    let drivers = of(&found, "dpdk").join("\n");
    let version = Command::new("pkg-config").args(["--modversion", "libdpdk"]).output();
    let version = String::from_utf8(version.expect("pkg-config").stdout).expect("UTF-8");
    assert!(drivers.contains(version.trim()), "{version} {drivers}");
}

/// A NIC that the host lives by is found and never given away, by either tool.
#[test]
fn a_nic_that_the_host_uses_is_refused() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bind-nic.sh");
    let (status, text, errors) = told(Command::new(script).output().expect("a script"));
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let (_, found) = findings(&[]);
    let nics = of(&found, "nic").join("\n");
    let mut used = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, "driver", driver, "interface", interface, ..] = words.as_slice() else {
            panic!("{line}");
        };
        assert!(nics.contains(&format!("{address} (driver {driver})")), "{nics}");
        let mut show = Command::new("ip");
        show.args(["-o", "address", "show", "dev", interface, "scope", "global"]);
        if *interface != "none" && show.output().is_ok_and(|output| !output.stdout.is_empty()) {
            used.push(((*address).to_owned(), (*interface).to_owned()));
        }
    }
    if used.is_empty() {
        eprintln!("skipped: no PCI NIC here has an interface with an address");
    }
    for (address, interface) in used {
        let (status, found) = findings(&["-a", &address]);
        assert_eq!(status, Some(3));
        let refused = found
            .iter()
            .any(|(_, level, what)| level == "error" && what.contains(&format!("--i-own-this-interface {interface}")));
        assert!(refused, "{found:?}");
        let (status, _, errors) = told(Command::new(script).arg(&address).output().expect("a script"));
        assert_eq!(status, Some(2));
        assert!(errors.contains("which this host uses: it has an address"), "{errors}");
    }
}

/// What a pattern asks of a port, and what devices in software offer.
#[test]
fn doctor_asks_the_ports_what_they_offer() {
    let (status, found) = findings(&["--memory", "1MiB", "--testbed", "ring", "--pattern", "first-look"]);
    assert_eq!(status, Some(0), "{found:?}");
    assert!(
        of(&found, "timestamps").join("\n").contains("net_ring0 (net_ring)"),
        "{found:?}"
    );
    assert!(
        of(&found, "pfc").join("\n").contains("they reach the loops"),
        "{found:?}"
    );
    let (status, _, errors) = squall(&["doctor", "--testbed", "ring", "--pattern", "first-lok"]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("did you mean `first-look`?"), "{errors}");
}

/// scripts/hugepages.sh on a recorded host with two nodes: a tree that it may write to.
#[test]
fn hugepages_are_asked_for_where_they_are_wanted() {
    let host = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = host.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below it")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let node1 = "sys/devices/system/node/node1/hugepages/hugepages-2048kB";
    let all = "sys/kernel/mm/hugepages/hugepages-2048kB";
    write(
        "proc/mounts",
        "nodev /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n",
    );
    for folder in [node1, all] {
        write(&format!("{folder}/nr_hugepages"), "16\n");
        write(&format!("{folder}/free_hugepages"), "16\n");
    }
    let script = |args: &[&str]| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/hugepages.sh");
        told(
            Command::new(path)
                .args(args)
                .env("SQUALL_HOST_ROOT", host.path())
                .output()
                .expect("a script"),
        )
    };
    let read = |folder: &str| std::fs::read_to_string(host.path().join(folder).join("nr_hugepages")).expect("a file");
    let (status, text, errors) = script(&["--node", "1", "1023"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    // 1,023 MiB are 512 pages of 2 MiB.
    assert_eq!((read(node1).trim(), read(all).trim()), ("512", "16"));
    assert!(
        text.contains("node1: pages of 2048kB: 512") && text.contains("mounted: /dev/hugepages"),
        "{text}"
    );
    assert_eq!(script(&["64"]).0, Some(0));
    assert_eq!(read(all).trim(), "32");
    for wrong in [
        &["x"][..],
        &["--node", "7", "1"],
        &["--size", "4K", "1"],
        &["1", "2"],
        &["--node"],
    ] {
        assert_eq!(script(wrong).0, Some(2), "{wrong:?}");
    }
}

/// scripts/bind-nic.sh on a recorded host: what it writes to sysfs, whose files here bind nothing.
#[test]
fn a_nic_is_bound_by_what_the_kernel_asks_for() {
    let host = tempfile::tempdir().expect("a folder");
    let at = |path: &str| host.path().join("sys/bus/pci").join(path);
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(at(path).parent().expect("below it")).expect("a folder");
        std::fs::write(at(path), text).expect("a file");
    };
    let read = |path: &str| std::fs::read_to_string(at(path)).expect("a file");
    for driver in ["vfio-pci", "ixgbe", "mlx5_core", "nvme"] {
        write(&format!("drivers/{driver}/unbind"), "");
    }
    write("drivers_probe", "");
    for (address, class, driver) in [
        ("0000:3b:00.0", "0x020000", "ixgbe"),
        ("0000:3b:00.1", "0x020000", "mlx5_core"),
        ("0000:3c:00.0", "0x010802", "nvme"),
        ("0000:3d:00.0", "0x020000", "ixgbe"),
    ] {
        write(&format!("devices/{address}/class"), class);
        write(&format!("devices/{address}/driver_override"), "(null)");
        let link = at(&format!("devices/{address}/driver"));
        std::os::unix::fs::symlink(at("drivers").join(driver), link).expect("a link");
    }
    std::fs::create_dir_all(at("devices/0000:3b:00.0/iommu_group")).expect("a folder");
    let script = |args: &[&str]| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/bind-nic.sh");
        told(
            Command::new(path)
                .args(args)
                .env("SQUALL_HOST_ROOT", host.path())
                .output()
                .expect("a script"),
        )
    };
    // Nothing is done when one of several is refused: here the one without an IOMMU.
    let (status, _, errors) = script(&["3b:00.0", "0000:3d:00.0"]);
    assert_eq!(status, Some(2));
    assert!(errors.contains("there is no IOMMU for 0000:3d:00.0"), "{errors}");
    assert_eq!(read("devices/0000:3b:00.0/driver_override"), "(null)");
    // The files bind nothing, which it notices.
    let (status, _, errors) = script(&["3b:00.0"]);
    assert_eq!(status, Some(1));
    assert!(errors.contains("did not go to vfio-pci"), "{errors}");
    assert_eq!(read("devices/0000:3b:00.0/driver_override"), "vfio-pci\n");
    assert_eq!(read("drivers/ixgbe/unbind"), "0000:3b:00.0\n");
    assert_eq!(read("drivers_probe"), "0000:3b:00.0\n");
    let (status, text, _) = script(&["--back", "0000:3b:00.0"]);
    assert_eq!((status, text.as_str()), (Some(0), "0000:3b:00.0 driver ixgbe\n"));
    assert_eq!(read("devices/0000:3b:00.0/driver_override"), "\n");
    let (status, _, errors) = script(&["3b:00.1"]);
    assert_eq!(status, Some(0));
    assert!(errors.contains("stays with mlx5_core"), "{errors}");
    for wrong in ["0000:3c:00.0", "0000:ff:00.0", "eth0", "3b", "--all"] {
        assert_eq!(script(&[wrong]).0, Some(2), "{wrong}");
    }
}
