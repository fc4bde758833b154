//! Run path of an unusual DPDK, and the revision and compiler that reports name.
//!
//! Left out on purpose: code generation.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let libdirs = std::env::var("DEP_DPDK_LIBDIRS").unwrap_or_default();
    for folder in libdirs.split(':').filter(|folder| !folder.is_empty()) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!(
        "cargo:rustc-env=SQUALL_DPDK_BUILD_VERSION={}",
        std::env::var("DEP_DPDK_VERSION").unwrap_or_default()
    );
    println!(
        "cargo:rustc-env=SQUALL_GIT_REVISION={}",
        revision().unwrap_or_else(|| "unknown".to_owned())
    );
    println!(
        "cargo:rustc-env=SQUALL_RUSTC_VERSION={}",
        compiler().unwrap_or_else(|| "unknown".to_owned())
    );
}

/// What the compiler calls itself.
fn compiler() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC")?)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The commit that is checked out. Cargo runs this again only when one of the named files changes,
/// so a commit or a checkout must touch one: HEAD's reflog does on both; HEAD and the ref it names
/// stand in for it where reflogs are off.
fn revision() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // A copy of the sources inside somebody else's repository has no revision of its own.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()? {
        return None;
    }
    let mut watched = vec!["HEAD".to_owned(), "logs/HEAD".to_owned(), "packed-refs".to_owned()];
    watched.extend(git(&["symbolic-ref", "-q", "HEAD"]));
    for name in watched {
        if let Some(path) = git(&["rev-parse", "--git-path", &name]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
