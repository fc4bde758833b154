//! Finds DPDK through pkg-config, compiles the shim, and writes the bindings.
//!
//! Metadata for the dependent's build script (`links = "dpdk"`): `DEP_DPDK_VERSION`,
//! `DEP_DPDK_LIBDIRS` (`:`-separated folders that the loader does not search by itself; empty for a
//! distribution's DPDK).
//!
//! DPDK's libraries are linked as shared objects, and only those whose symbols are used: EAL loads
//! the drivers itself from the folder that the distribution compiled in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Oldest release that the shim compiles against; there is no upper bound.
const OLDEST: &str = "22.11";

/// Libraries that hold what the bindings name. Some exist in newer releases only (`rte_log` from
/// 23.11 on); those that pkg-config does not list are left out.
const LIBRARIES: &[&str] = &[
    "rte_eal",
    "rte_log",
    "rte_ethdev",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
];

/// The net_ring driver, which pkg-config leaves out: EAL loads drivers by itself. It is linked for
/// `rte_eth_from_rings`, and is the same file that EAL loads.
const NET_RING: &str = "rte_net_ring";

/// DPDK's plain functions that are bound as they are.
const FUNCTIONS: &[&str] = &[
    "rte_eal_init",
    "rte_eal_cleanup",
    "rte_eal_get_runtime_dir",
    "rte_eal_hotplug_add",
    "rte_eal_hotplug_remove",
    "rte_version",
    "rte_strerror",
    "rte_get_tsc_hz",
    "rte_thread_register",
    "rte_thread_unregister",
    "rte_pktmbuf_pool_create",
    "rte_pktmbuf_free_bulk",
    "rte_mempool_free",
    "rte_mempool_avail_count",
    "rte_ring_free",
    "rte_eth_from_rings",
    "rte_eth_find_next",
    "rte_eth_dev_get_name_by_port",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_dev_close",
    "rte_eth_dev_is_removed",
    "rte_eth_promiscuous_enable",
    "rte_eth_stats_get",
    "rte_eth_stats_reset",
    "rte_eth_xstats_get",
    "rte_eth_xstats_get_names",
    "rte_eth_xstats_reset",
    "squall_.*",
];

const TYPES: &[&str] = &["squall_.*", "rte_eth_stats", "rte_eth_xstat", "rte_eth_xstat_name"];

const VARIABLES: &[&str] = &[
    "squall_.*",
    "RTE_ETH_NAME_MAX_LEN",
    "RTE_MAX_ETHPORTS",
    "RTE_PMD_RING_MAX_RX_RINGS",
    "RTE_PMD_RING_MAX_TX_RINGS",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-env-changed=PKG_CONFIG_PATH");

    let dpdk = find_dpdk();
    let flags = header_flags();
    link(&dpdk);

    let mut shim = cc::Build::new();
    shim.file("shim/shim.c")
        .file("shim/icrc.c")
        .std("gnu11")
        .opt_level(3)
        .warnings(true)
        .extra_warnings(true);
    // rte_eth_read_clock and the per-queue PFC query are marked so up to 22.11 and beyond.
    shim.define("ALLOW_EXPERIMENTAL_API", None);
    for flag in &flags {
        shim.flag(flag);
    }
    shim.compile("squall_shim");

    write_bindings(&flags);
    println!("cargo:version={}", dpdk.version);
}

/// Asks pkg-config, or says which package to install.
fn find_dpdk() -> pkg_config::Library {
    pkg_config::Config::new()
        .atleast_version(OLDEST)
        .cargo_metadata(false)
        .probe("libdpdk")
        .unwrap_or_else(|error| {
            fail(&format!(
                "DPDK {OLDEST} or later was not found.\n\n{error}\n\n\
             On Debian and Ubuntu: apt-get install libdpdk-dev dpdk pkg-config clang libclang-dev gcc\n\
             (or run scripts/setup.sh). For a DPDK of your own, name the folder of its libdpdk.pc in \
             PKG_CONFIG_PATH."
            ))
        })
}

/// The compiler flags that DPDK's headers need. The pkg-config crate hands on only `-I` and `-D`;
/// the headers also want `-include rte_config.h` and the instruction set that DPDK itself requires
/// at least (`-march=corei7`: `rte_memcpy.h` uses SSSE3). A DPDK built for its own host says
/// `-march=native` there; that must not reach a binary that may run elsewhere.
fn header_flags() -> Vec<String> {
    let tool = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output = Command::new(&tool)
        .args(["--cflags", "libdpdk"])
        .output()
        .unwrap_or_else(|error| fail(&format!("cannot run {tool}: {error}")));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let portable = if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("x86_64") {
        "-march=corei7"
    } else {
        ""
    };
    text.split_whitespace()
        .map(|flag| if flag == "-march=native" { portable } else { flag })
        .filter(|flag| !flag.is_empty())
        // System headers: a warning in DPDK's own inline functions is nobody's here.
        .map(|flag| match flag.strip_prefix("-I") {
            Some(folder) => format!("-isystem{folder}"),
            None => flag.to_owned(),
        })
        .collect()
}

/// Links the libraries in [`LIBRARIES`], and passes on where they are if that is no usual place.
fn link(dpdk: &pkg_config::Library) {
    let pc_dir = pkg_config::get_variable("libdpdk", "libdir").unwrap_or_default();
    let mut folders: Vec<PathBuf> = dpdk.link_paths.clone();
    if !pc_dir.is_empty() {
        folders.push(PathBuf::from(pc_dir));
    }
    folders.dedup();
    for folder in &folders {
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    let shared = |folder: &PathBuf| folder.join("librte_eal.so").exists();
    if !folders.is_empty() && !folders.iter().any(shared) {
        fail(&format!(
            "DPDK {} is installed without shared libraries (no librte_eal.so in {folders:?}); \
             squall links the shared ones. Build DPDK with -Ddefault_library=shared or both.",
            dpdk.version
        ));
    }
    for library in LIBRARIES.iter().filter(|name| dpdk.libs.iter().any(|lib| lib == *name)) {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    println!("cargo:rustc-link-lib=dylib={NET_RING}");
    let unusual: Vec<String> = folders
        .iter()
        .filter(|folder| shared(folder) && !loader_searches(folder))
        .map(|folder| folder.display().to_string())
        .collect();
    println!("cargo:libdirs={}", unusual.join(":"));
}

/// Whether the dynamic loader looks into `folder` by itself (ld.so(8): the default folders, here
/// with Debian's multiarch level). `/usr/local/lib` is in Debian's ld.so.conf, but not everyone's.
fn loader_searches(folder: &Path) -> bool {
    let name = folder.to_string_lossy();
    ["/lib", "/usr/lib", "/lib64", "/usr/lib64"].contains(&name.as_ref())
        || name.starts_with("/usr/lib/") && name.ends_with("-linux-gnu")
        || name.starts_with("/lib/") && name.ends_with("-linux-gnu")
}

fn write_bindings(flags: &[String]) {
    let mut builder = bindgen::Builder::default()
        .header("shim/wrapper.h")
        .clang_args(flags)
        // Else every structure that an allowed function points to comes along, rte_mbuf's too.
        .allowlist_recursively(false)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_default(true)
        .layout_tests(false)
        .generate_comments(false)
        .use_core();
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for kind in TYPES {
        builder = builder.allowlist_type(kind);
    }
    for variable in VARIABLES {
        builder = builder.allowlist_var(variable);
    }
    let bindings = builder.generate().unwrap_or_else(|error| {
        fail(&format!(
            "bindgen cannot read DPDK's headers: {error}\nIt needs libclang: apt-get install clang libclang-dev"
        ))
    });
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("bindings.rs");
    if let Err(error) = bindings.write_to_file(&out) {
        fail(&format!("cannot write {}: {error}", out.display()));
    }
}

/// Ends the build with a message and no backtrace.
fn fail(message: &str) -> ! {
    eprintln!("\nerror: dpdk-sys: {message}\n");
    std::process::exit(1);
}
