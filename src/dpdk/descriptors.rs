//! Descriptors that DPDK opens without `O_CLOEXEC`: packet sockets, devices, files of memory.
//!
//! Contract: after [`close_on_exec`] no program that this process starts inherits any of them, or any other
//! but its standard streams. What is open here stays open here.

use libc::{c_int, c_uint};

/// The first descriptor that is no standard stream.
const FIRST: c_uint = 3;

/// Marks every open descriptor but the standard streams to be closed in programs that this process starts.
/// To be called right before one is started: DPDK opens more of them at any time.
pub fn close_on_exec() {
    let flags = c_int::try_from(libc::CLOSE_RANGE_CLOEXEC).unwrap_or_default();
    // SAFETY: changes a flag of descriptors, and none of them is closed here.
    if unsafe { libc::close_range(FIRST, c_uint::MAX, flags) } == 0 {
        return;
    }
    // Kernels before 5.11: one by one. The list itself closes by itself.
    let names = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers = names.filter_map(|item| item.file_name().to_str()?.parse::<c_int>().ok());
    for number in numbers.filter(|number| u32::try_from(*number).is_ok_and(|number| number >= FIRST)) {
        // SAFETY: as above; a number that is no descriptor any more is an error and nothing else.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
