//! `squall run`: the main job, from two files to a result.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::input::Input;
use super::progress::{Progress, ProgressSample};
use super::{Failure, Outcome};
use crate::engine::lab::Lab;
use crate::engine::realtime::{self, Live};
use crate::plan::{self, PlanError};
use crate::report::assemble::{Inputs, assemble};
use crate::report::{self, terminal};
use crate::testbed::{self, Device, Testbed};
use crate::units::WIRE_OVERHEAD;
use crate::{host, pattern};

/// Send a pattern, receive it, and report what became of it
///
/// Exit status: 0 done, 1 the run failed or was cut short, 2 the input is wrong, 3 the environment
/// is.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,

    /// Folder for results.json, made if it is not there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Send through this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,

    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
///
/// # Errors
/// Each kind of [`Failure`], see the command's help.
pub fn run(args: &Args) -> Outcome {
    let (pattern, testbed) = args.input.load()?;
    check_safety(&pattern.pattern, &testbed.testbed, &args.i_own_this_interface)?;
    if let Some(folder) = &args.out {
        // Before anything is measured: a result that cannot be kept is not worth the run.
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::Input(format!("--out {}: cannot make this folder: {error}", folder.display())))?;
    }
    let started = SystemTime::now();
    let clock = Instant::now();
    // What does not fit is said before a port is touched, where the speeds are known.
    if let Ok(speeds) = super::check::speeds(&testbed.testbed) {
        plan::build(&pattern.pattern, &testbed.testbed, &speeds).map_err(|errors| does_not_fit(&errors))?;
    }
    let lab = Lab::open(&testbed.testbed).map_err(|error| Failure::Environment(error.to_string()))?;
    let plan = plan::build(&pattern.pattern, &testbed.testbed, lab.speeds()).map_err(|errors| does_not_fit(&errors))?;
    check_blast(&plan, &testbed.testbed)?;
    check_interfaces(&plan, &testbed.testbed)?;
    let running = lab
        .start(&testbed.testbed, &plan)
        .map_err(|error| Failure::Environment(error.to_string()))?;
    let stop = interrupt_flag()?;
    let mut progress = (!args.quiet).then(|| Progress::new(plan.summary().length));
    let listens = plan.ports.iter().all(|port| port.receive);
    let mut sent_before = 0;
    let watch = |live: &Live| {
        if let Some(progress) = &mut progress {
            progress.update(&sample(live, listens.then_some(sent_before)));
        }
        sent_before = live.expected;
    };
    let outcome = realtime::run(
        &plan,
        &testbed.testbed,
        running,
        pattern.pattern.icrc_check,
        &stop,
        watch,
    )
    .map_err(Failure::Environment)?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let shipped = args.input.testbed == testbed::DEFAULT;
    let inputs = Inputs {
        pattern: &pattern.pattern,
        pattern_source: (&args.input.pattern, pattern.source.sha256()),
        testbed: &testbed.testbed,
        testbed_source: (!shipped).then(|| (args.input.testbed.as_str(), testbed.source.sha256())),
        settings: &pattern.source.overrides,
        started,
        took: clock.elapsed(),
    };
    let results = assemble(&inputs, &plan, &outcome);
    if !args.quiet {
        super::devices::print(&terminal::render(&results, terminal::View::of_stdout()))?;
    }
    if let Some(folder) = &args.out {
        let path = report::write_or_print(&results, folder, &mut std::io::stdout())
            .map_err(|error| Failure::Run(error.to_string()))?;
        if !args.quiet {
            super::say(&format!("results: {}", path.display()));
        }
    }
    match outcome.interrupted {
        None => Ok(()),
        Some(cause) => Err(Failure::Run(format!(
            "the run ended early: {cause}; what was measured is reported"
        ))),
    }
}

/// Turns a plan's errors into one failure.
pub(super) fn does_not_fit(errors: &[PlanError]) -> Failure {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Failure::Input(format!(
        "the pattern does not fit the testbed:\n  {}",
        lines.join("\n  ")
    ))
}

/// Refuses to disturb a network that is in use (RFC 6815).
fn check_safety(pattern: &pattern::Pattern, testbed: &Testbed, owned: &[String]) -> Result<(), Failure> {
    let interfaces = host::Interfaces::of_this_host()
        .map_err(|error| Failure::Environment(format!("cannot list the network interfaces: {error}")))?;
    for port in &testbed.ports {
        let Some(name) = port.device.kernel_interface() else {
            continue;
        };
        if owned.iter().any(|own| own == name) {
            continue;
        }
        if let Some(why) = host::in_use(std::path::Path::new("/"), name, &interfaces) {
            return Err(Failure::Environment(format!(
                "port {}: the kernel uses interface {name} ({why}); free it, or say --i-own-this-interface {name}",
                port.name
            )));
        }
    }
    let sends_pauses = pattern
        .traffic
        .iter()
        .any(|entry| matches!(entry.kind, pattern::Kind::Pfc(_)));
    let real = testbed.ports.iter().find(|port| match &port.device {
        Device::Pci { .. } => true,
        Device::Fabric => false,
        Device::Vdev { driver, .. } => !matches!(driver.as_str(), "net_null" | "net_ring"),
    });
    if let (true, false, Some(port)) = (sends_pauses, testbed.isolated, real) {
        return Err(Failure::Input(format!(
            "PFC and PAUSE frames can stop a network that others use, and port {} leads out of this process; if nothing but \
             the test hangs on it, say `isolated: true` in the testbed (RFC 6815)",
            port.name
        )));
    }
    Ok(())
}

/// Refuses kernel interfaces that would swallow the frames: down, or with too small an MTU.
fn check_interfaces(plan: &plan::Plan, testbed: &Testbed) -> Result<(), Failure> {
    // What the kernel calls MTU is the IP packet; tags are let through.
    let needed = plan.max_frame_len() - crate::wire::ethernet::LEN;
    for port in &testbed.ports {
        let Some(name) = port.device.kernel_interface() else {
            continue;
        };
        let read = |file: &str| std::fs::read_to_string(format!("/sys/class/net/{name}/{file}")).ok();
        let mtu = read("mtu").and_then(|text| text.trim().parse::<usize>().ok());
        if let Some(mtu) = mtu.filter(|mtu| *mtu < needed) {
            return Err(Failure::Environment(format!(
                "port {}: interface {name} has MTU {mtu}, this pattern's frames need {needed}: ip link set {name} mtu {}",
                port.name,
                needed.next_multiple_of(100)
            )));
        }
        let flags = read("flags").and_then(|text| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok());
        if flags.is_some_and(|flags| flags & IFF_UP == 0) {
            return Err(Failure::Environment(format!(
                "port {}: interface {name} is down: ip link set {name} up",
                port.name
            )));
        }
    }
    Ok(())
}

/// Bit of an interface that is up (netdevice(7)).
const IFF_UP: u32 = 1;

/// Refuses line-rate blasts into a network that may be in use (RFC 6815).
fn check_blast(plan: &plan::Plan, testbed: &Testbed) -> Result<(), Failure> {
    let summary = plan.summary();
    let ports = testbed.ports.iter().zip(&plan.ports).zip(&summary.ports);
    for ((port, planned), own) in ports {
        // 90 %: whoever shares the network has nothing left worth having.
        let blast = u128::from(own.offered_tx) * 10 >= u128::from(planned.speed.0) * 9;
        if !testbed.isolated && blast && matches!(port.device, Device::Pci { .. }) {
            return Err(Failure::Input(format!(
                "port {} is to send {} of its {}; if nothing but the test hangs on that network, say `isolated: true` in the \
                 testbed (RFC 6815)",
                port.name,
                crate::units::BitRate(own.offered_tx),
                planned.speed
            )));
        }
    }
    Ok(())
}

/// Signals that come so soon after the first are the same wish: wrappers signal a process and then
/// its group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// A flag that Ctrl-C and a polite kill raise. Asked again, the process ends at once.
fn interrupt_flag() -> Result<Arc<AtomicBool>, Failure> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::Environment(format!("cannot catch signals: {error}")))?;
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    std::thread::spawn(move || {
        let mut first: Option<Instant> = None;
        for _ in signals.forever() {
            match first {
                None => {
                    first = Some(Instant::now());
                    raised.store(true, Ordering::Relaxed);
                    super::say("stopping; once more ends at once, without a report");
                }
                Some(since) if since.elapsed() < SAME_WISH => {}
                Some(_) => signal_hook::low_level::exit(130),
            }
        }
    });
    Ok(flag)
}

/// `sent_before`: frames sent by the time of the sample before. What was sent since may still be
/// under way; the rest is lost, or very late.
fn sample(live: &Live, sent_before: Option<u64>) -> ProgressSample {
    ProgressSample {
        elapsed: live.elapsed,
        tx_frames: live.tx.0,
        tx_wire_bytes: live.tx.1 + live.tx.0 * WIRE_OVERHEAD,
        rx_frames: live.rx.0,
        rx_wire_bytes: live.rx.1 + live.rx.0 * WIRE_OVERHEAD,
        lost: sent_before.map(|sent| sent.saturating_sub(live.received)),
        ce: Some(live.ce),
        done: None,
    }
}
