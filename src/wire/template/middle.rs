//! Middle packets of a burst: nearly all packets there are, and all alike but for QP and sequence number.
//!
//! Contract: [`Middles::write`] leaves the same bytes as [`Shape::write`] does for the same packet. What is the same for all
//! of a burst, its departure above all, is worked out once.
//!
//! Left out on purpose: which packets these are.

use super::{Buffer, Route, Shape, stamp};
use crate::units::{Picos, psn_of};

/// UDP and BTH headers and the stamp: neighbours in a packet without extension headers.
const HEADERS: usize = 8 + 12 + stamp::LEN;

/// Bit lengths of a sequence number.
const BITS: usize = 64;

/// How an ICRC changes from a sequence number to the next.
///
/// Counting flips the lowest bits: a run of ones and the zero above it. As the CRC is linear, what that
/// changes depends on how many they are, and on nothing else of the number.
#[derive(Debug)]
pub(super) struct Steps([u32; BITS]);

impl Steps {
    /// `contribution` says what these bits of the sequence number contribute to the ICRC.
    pub(super) fn new(contribution: impl Fn(u64) -> u32) -> Steps {
        Steps(std::array::from_fn(|zeros| {
            contribution(u64::MAX >> (BITS - 1 - zeros))
        }))
    }

    /// What to XOR into the ICRC of packet `seq` for that of the next, all else being the same.
    #[inline(always)]
    pub(super) fn after(&self, seq: u64) -> u32 {
        self.0[seq.trailing_ones() as usize % BITS]
    }
}

/// What decides a Middle packet within its burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiddleFields {
    /// UDP source port.
    pub source_port: u16,
    /// Destination QPN.
    pub qpn: u32,
    /// Number of the message.
    pub number: u32,
    /// Sequence number; the low 24 bits are the PSN.
    pub seq: u64,
    /// [`Shape::base`] of the packet.
    pub base: u32,
}

/// Writes the Middle packets of a burst. All that a frame needs of it is at hand.
#[derive(Debug, Clone, Copy)]
pub struct Middles<'a> {
    shape: &'a Shape,
    clean: &'a [u8],
    steps: &'a Steps,
    /// The shape's.
    mark: u64,
    /// Where the UDP header begins.
    udp: usize,
    /// Where the ICRC begins.
    icrc: usize,
    /// On the wire.
    departure: [u8; 8],
    /// What the departure contributes to the ICRC.
    departure_crc: u32,
}

impl Shape {
    /// What writes packets of this shape that leave at `departure` into buffers that began as `clean`; `None` when they have
    /// extension headers or a pad, or no stamp.
    #[inline]
    pub fn middles<'a>(&'a mut self, departure: Picos, clean: &'a [u8]) -> Option<Middles<'a>> {
        if self.layout.reth.is_some() || self.layout.immdt.is_some() || self.pad != 0 {
            return None;
        }
        let departure_crc = self.stamp.as_mut()?.departure(departure);
        Some(Middles {
            clean,
            steps: &self.steps,
            mark: self.mark,
            udp: self.layout.udp(),
            icrc: self.frame_len - 4,
            departure: departure.0.to_be_bytes(),
            departure_crc,
            shape: self,
        })
    }
}

impl Middles<'_> {
    /// The shape of the packets.
    #[inline(always)]
    #[must_use]
    pub fn shape(&self) -> &Shape {
        self.shape
    }

    /// Bytes of each frame without FCS.
    #[inline(always)]
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.shape.frame_len
    }

    /// Writes a packet into a buffer and returns the base of the packet that follows it in its message. A buffer that is too
    /// short is left as it is.
    #[inline(always)]
    pub fn write(&self, route: &Route, packet: &MiddleFields, bytes: &mut [u8], mark: &mut u64) -> u32 {
        let next = packet.base ^ self.steps.after(packet.seq);
        if *mark != self.mark | route.identity {
            self.claim(route, bytes, mark);
        }
        let Some(out) = bytes.get_mut(self.udp..).and_then(<[u8]>::first_chunk_mut::<HEADERS>) else {
            return next;
        };
        let psn = psn_of(packet.seq);
        put(out, 0, packet.source_port.to_be_bytes());
        // resv8a is zero: FECN and BECN are the network's to set.
        put(out, 12, (u64::from(packet.qpn) << 32 | u64::from(psn)).to_be_bytes());
        put(out, 24, packet.number.to_be_bytes());
        put(out, 28, packet.seq.to_be_bytes());
        put(out, 36, self.departure);
        if let Some(tail) = bytes.get_mut(self.icrc..).and_then(<[u8]>::first_chunk_mut::<4>) {
            *tail = (packet.base ^ self.departure_crc).to_le_bytes();
        }
        next
    }

    /// Makes the buffer one that holds this header.
    #[cold]
    #[inline(never)]
    fn claim(&self, route: &Route, bytes: &mut [u8], mark: &mut u64) {
        let clean = self.clean;
        self.shape.claim(route, Buffer { bytes, mark, clean });
    }
}

/// One store.
#[inline(always)]
fn put<const N: usize>(out: &mut [u8; HEADERS], at: usize, value: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<N>) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of steps is what flipping bits one by one comes to.
    #[test]
    fn a_step_flips_the_bits_that_counting_flips() {
        // Any linear map of 64 bits will do; that of one bit is a number of its own.
        let map = |bits: u64| {
            (0..64u32)
                .filter(|bit| bits >> bit & 1 == 1)
                .fold(0, |sum, bit| sum ^ (bit + 1).wrapping_mul(0x9e37_79b1))
        };
        let steps = Steps::new(map);
        for seq in [
            0,
            1,
            6,
            7,
            0x00ff_fffe,
            0x00ff_ffff,
            0xffff_ffff,
            u64::MAX >> 1,
            1 << 40,
        ] {
            assert_eq!(map(seq) ^ steps.after(seq), map(seq + 1), "{seq:#x}");
        }
    }
}
