//! Big-endian numbers in and out of fixed arrays: the field accesses of every header.
//!
//! Contract: offsets are constants of the header's layout; an array's length is part of its type,
//! so that the compiler drops the bounds checks after inlining.

pub(super) const fn be16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) const fn be24<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]])
}

pub(super) const fn be32<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) const fn be64<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    ((be32(bytes, at) as u64) << 32) | be32(bytes, at + 4) as u64
}

/// `N` bytes from `at` on.
pub(super) fn array<const N: usize, const M: usize>(bytes: &[u8; M], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

/// Writes the low 24 bits of `value`.
pub(super) fn put24(bytes: &mut [u8], value: u32) {
    bytes.copy_from_slice(&value.to_be_bytes()[1..]);
}
