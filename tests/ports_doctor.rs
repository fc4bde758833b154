//! `squall ports` and `squall doctor` as a user runs them: output, exit status, and what they say of
//! interfaces that the kernel has in its own network namespace.

mod skip;

use std::path::Path;
use std::process::{Command, Output};

const SQUALL: &str = env!("CARGO_BIN_EXE_squall");

fn squall(args: &[&str]) -> (Option<i32>, String, String) {
    told(Command::new(SQUALL).args(args).output().expect("squall runs"))
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// One of the project's scripts, on a recorded host.
fn script_on(name: &str, host: &Path) -> Command {
    let mut command = Command::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts")).join(name));
    command.env("SQUALL_HOST_ROOT", host);
    command
}

/// Runs a shell script in a network namespace of its own; `None` where there is none to be had.
fn in_namespace(script: &str) -> Option<(Option<i32>, String, String)> {
    let flags = skip::needs_namespace("n", "ip link show lo")?;
    let output = Command::new("unshare")
        .args([&flags, "sh", "-ec", script])
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
            .map(|finding| finding["fix"].to_string())
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
    if Path::new("/proc/net/if_inet6").exists() {
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
        let what = format!("{} → {}", field(finding, "what"), field(finding, "fix"));
        // Whatever is not as it should be comes with what fixes it.
        assert_eq!(finding["fix"].is_null(), finding["level"] == "ok", "{finding}");
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
    if isolated.trim().is_empty() && Path::new("/sys/devices/system/cpu/isolated").exists() {
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

/// A NIC that the host lives by is found and never given away, by either tool: every one that this machine
/// has. The tests on recorded hosts below have theirs where it has none.
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
        of(&found, "timestamps")
            .join("\n")
            .contains("net_ring0 (net_ring) goes by the processor's clock"),
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

fn executable(file: &Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(file, mode).expect("a file of our own");
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
        told(
            script_on("hugepages.sh", host.path())
                .args(args)
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
    // Pages of 1 GiB take a mount of their own: what would have been mounted, and where.
    let giant = "sys/kernel/mm/hugepages/hugepages-1048576kB";
    for file in ["nr_hugepages", "free_hugepages"] {
        write(&format!("{giant}/{file}"), "0\n");
    }
    let at = |path: &str| host.path().join(path);
    let programs = at("programs");
    write(
        "programs/mount",
        "#!/bin/sh\necho \"$@\" >>\"$SQUALL_HOST_ROOT/mounts\"\n",
    );
    executable(&programs.join("mount"));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("PATH"));
    let giants = |mounts: &str| {
        write("proc/mounts", mounts);
        write("mounts", "");
        let mut command = script_on("hugepages.sh", host.path());
        command.args(["--size", "1G", "2048"]).env("PATH", &path);
        let (status, _, errors) = told(command.output().expect("a script"));
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        std::fs::read_to_string(at("mounts")).expect("a file")
    };
    let call = |folder: &str| format!("-t hugetlbfs -o pagesize=1G nodev {}\n", at(folder).display());
    let of_2m = "hugetlbfs /dev/hugepages hugetlbfs rw,nosuid,relatime,pagesize=2M 0 0\n";
    assert_eq!(giants(""), call("dev/hugepages"));
    assert_eq!(giants(of_2m), call("dev/hugepages-1G"));
    assert!(at("dev/hugepages-1G").is_dir());
    // The kernel writes a gigabyte as 1024M.
    let of_1g = "nodev /mnt/giant hugetlbfs rw,relatime,pagesize=1024M 0 0\n";
    assert_eq!(giants(&format!("{of_2m}{of_1g}")), "");
    // Without a size it is the default one.
    let plain = "nodev /mnt/huge hugetlbfs rw,relatime 0 0\n";
    assert_eq!(giants(plain), call("dev/hugepages"));
    write(
        "proc/meminfo",
        "HugePages_Total:       2\nHugepagesize:    1048576 kB\n",
    );
    assert_eq!(giants(plain), "");
    assert_eq!(read(giant).trim(), "2");
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
        told(
            script_on("bind-nic.sh", host.path())
                .args(args)
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

/// scripts/bind-nic.sh with what `ip` and sysfs say of the interface: what it does not know is no permission.
#[test]
fn a_nic_is_not_bound_unless_it_is_known_to_be_free() {
    const ADDRESS: &str = "0000:3b:00.0";
    const FREE: &str = "exit 0";
    let host = tempfile::tempdir().expect("a folder");
    let at = |path: &str| host.path().join(path);
    let device = at("sys/bus/pci/devices").join(ADDRESS);
    for folder in ["iommu_group", "net/lan0"] {
        std::fs::create_dir_all(device.join(folder)).expect("a folder");
    }
    for folder in [
        "sys/bus/pci/drivers/vfio-pci",
        "sys/class/net/lan0/lower_x0",
        "programs",
    ] {
        std::fs::create_dir_all(at(folder)).expect("a folder");
    }
    std::fs::write(device.join("class"), "0x020000").expect("a file");
    // All that the script runs, and no ip.
    for program in ["basename", "cat", "grep", "readlink"] {
        let path = std::env::var_os("PATH").expect("PATH");
        let found = std::env::split_paths(&path).map(|folder| folder.join(program));
        let found = found.into_iter().find(|file| file.is_file()).expect(program);
        std::os::unix::fs::symlink(found, at("programs").join(program)).expect("a link");
    }
    let bind = |ip: Option<&str>| {
        std::fs::write(device.join("driver_override"), "(null)").expect("a file");
        std::fs::write(at("sys/bus/pci/drivers_probe"), "").expect("a file");
        let program = at("programs/ip");
        if let Some(does) = ip {
            std::fs::write(&program, format!("#!/bin/sh\n{does}\n")).expect("a file");
            executable(&program);
        }
        let mut command = script_on("bind-nic.sh", host.path());
        command.arg(ADDRESS);
        let (status, _, errors) = told(command.env("PATH", at("programs")).output().expect("a script"));
        let touched = std::fs::read_to_string(device.join("driver_override")).expect("a file") != "(null)";
        assert_eq!(touched, status != Some(2), "{status:?} {errors}");
        (touched, errors)
    };
    let refused = |ip: Option<&str>, why: &str| {
        let (touched, errors) = bind(ip);
        assert!(!touched && errors.contains(why), "{ip:?}: {errors}");
    };
    refused(None, "there is no ip here");
    refused(Some("exit 1"), "ip does not tell the addresses of lan0");
    refused(Some("[ \"$1\" != route ]"), "ip does not tell the routes over lan0");
    refused(
        Some("[ \"$1\" = route ] || echo '2: lan0 inet 192.0.2.1/24'"),
        "it has an address",
    );
    refused(
        Some("[ \"$1\" != route ] || echo 'default via 192.0.2.9'"),
        "it carries a route",
    );
    // Nobody uses it, and so it is bound; link-local routes are everybody's.
    assert!(bind(Some("[ \"$1\" != route ] || echo 'fe80::/64 proto kernel metric 256'")).0);
    // A VLAN on top of it has the address. In another namespace its link leads nowhere.
    let upper = at("sys/class/net/lan0/upper_lan0.100");
    std::os::unix::fs::symlink("../lan0.100", &upper).expect("a link");
    refused(Some(FREE), "lan0, which this host uses: lan0.100 is on top of it");
    std::fs::remove_file(upper).expect("a link");
    assert!(bind(Some(FREE)).0);
    std::os::unix::fs::symlink("../br7", at("sys/class/net/lan0/master")).expect("a link");
    std::fs::create_dir_all(at("sys/class/net/br7")).expect("a folder");
    refused(Some(FREE), "it is part of br7");
}
