//! The ICRC of received packets, by instructions that not every processor has.
//!
//! Contract: chosen at run time; [`routine`] says `None` where there is nothing better than the `crc32fast` crate, by which
//! `wire::icrc` computes every ICRC.
//!
//! Left out on purpose: packets whose ICRC is to be written (`wire::template`).

use dpdk_sys as sys;

/// Says whether the ICRC of a packet is right: from an IPv4 header without options, or an IPv6 header, to the ICRC's last
/// byte. A packet that is too short for a BTH has none.
pub type Routine = fn(&[u8]) -> bool;

/// Bytes that the routine works on at once.
const BLOCK: usize = 64;

/// Least bytes of a packet: IPv4, UDP, BTH, ICRC.
const SHORTEST: usize = 20 + 8 + 12 + 4;

/// The CRC register behind a right ICRC and so many zero bytes.
const REGISTERS: [u32; BLOCK] = {
    let mut registers = [0; BLOCK];
    // What any data leave that end with their CRC (IEEE 802.3 clause 3.2.9).
    let mut register = 0xdebb_20e3_u32;
    let mut zeros = 0;
    while zeros < BLOCK {
        registers[zeros] = register;
        let mut bit = 0;
        while bit < 8 {
            register = (register >> 1) ^ (0xedb8_8320 & (register & 1).wrapping_neg());
            bit += 1;
        }
        zeros += 1;
    }
    registers
};

/// The fastest routine of this processor, if it is one of these.
#[must_use]
pub fn routine() -> Option<Routine> {
    // SAFETY: asks the processor, and nothing else.
    let folds = unsafe { sys::squall_icrc_folds() } != 0;
    folds.then_some(by_folding)
}

/// For processors that fold.
fn by_folding(packet: &[u8]) -> bool {
    let Ok(len) = u32::try_from(packet.len()) else {
        return false;
    };
    if packet.len() < SHORTEST {
        return false;
    }
    // SAFETY: `routine` gives this function away on processors alone that have the instructions; `len` bytes are there.
    let register = unsafe { sys::squall_icrc_register(packet.as_ptr(), len) };
    register == REGISTERS[packet.len().wrapping_neg() % BLOCK]
}
