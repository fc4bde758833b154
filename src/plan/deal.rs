//! What each QP of a pair carries of the pair's messages: every n-th of them whole, or a part of each.
//!
//! Contract: pure arithmetic. A message has two numbers: its QP's own, which the frame stamp carries, and its *ordinal* among
//! all of its pair. Where messages are cut over QPs the two are one.
//!
//! Left out on purpose: AllToAll's tokens (see `feed::Dispatch`).

use crate::pattern::split;
use crate::plan::feed::Sizes;
use crate::plan::segment::packets;

/// How messages are dealt to the QPs of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deal {
    /// QPs of the pair.
    pub qps: u32,
    /// Each message is cut over all of them.
    pub split: bool,
}

impl Deal {
    /// Pair and QP of an entry's `flow`-th flow.
    #[must_use]
    pub fn place_of(self, flow: u32) -> (u32, u32) {
        let qps = self.qps.max(1);
        (flow / qps, flow % qps)
    }

    /// Parts of a message, each a message of its own on the wire.
    #[must_use]
    pub const fn parts(self) -> u32 {
        if self.split { self.qps } else { 1 }
    }

    /// Where QP `qp`'s part of a message of `len` bytes begins, and its length.
    #[must_use]
    pub fn part(self, len: u32, qp: u32) -> (u32, u32) {
        if !self.split {
            return (0, len);
        }
        let (from, part) = split::part(u64::from(len), u64::from(self.qps), u64::from(qp));
        // Neither is more than the message.
        let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        (narrow(from), narrow(part))
    }

    /// The parts of a message of `len` bytes, as how many there are of which length.
    #[must_use]
    pub const fn lengths(self, len: u64) -> [(u64, u64); 3] {
        split::lengths(len, self.parts() as u64)
    }

    /// Number among all of the pair of QP `qp`'s message `number`.
    #[must_use]
    pub fn ordinal(self, qp: u32, number: u32) -> u64 {
        if self.split {
            u64::from(number)
        } else {
            u64::from(number) * u64::from(self.qps) + u64::from(qp)
        }
    }

    /// The number of the message to which QP `qp`'s packet `packet` belongs, both counted from 0, of messages of these sizes.
    ///
    /// A QP's messages repeat after so many of them that a transfer's last one comes again: of these at most one is such a
    /// last one, and all others are of one length.
    #[must_use]
    pub fn number_of(self, sizes: &Sizes, pmtu: u32, qp: u32, packet: u64) -> u64 {
        let of = |len: u32| packets(u64::from(self.part(len, qp).1), pmtu);
        let (each, last) = (of(sizes.message), of(sizes.last));
        let (step, first) = if self.split {
            (1, 0)
        } else {
            (u64::from(self.qps.max(1)), u64::from(qp))
        };
        let period = sizes.per_transfer / gcd(sizes.per_transfer, step);
        let is_last = |number: &u64| (number * step + first) % sizes.per_transfer == sizes.per_transfer - 1;
        if each == last || sizes.per_transfer <= 1 {
            return packet / each;
        }
        let Some(place) = first_last(sizes.per_transfer, step, first, period).filter(is_last) else {
            return packet / each;
        };
        let of_period = (period - 1) * each + last;
        let (periods, rest) = (packet / of_period, packet % of_period);
        let within = match rest.checked_sub(place * each) {
            None => rest / each,
            Some(after) if after < last => place,
            Some(after) => place + 1 + (after - last) / each,
        };
        periods * period + within
    }
}

/// The first `n` below `period` for which `n · step + first` is `per - 1` modulo `per`, if there is one.
fn first_last(per: u64, step: u64, first: u64, period: u64) -> Option<u64> {
    let target = u128::from((per - 1 + per - first % per) % per);
    let common = gcd(per, step);
    if !target.is_multiple_of(u128::from(common)) {
        return None;
    }
    // With `common` taken out, `step` has an inverse modulo `period`.
    let step = u128::from(step / common % period.max(1));
    let period = u128::from(period.max(1));
    let place = target / u128::from(common) % period * inverse(step, period) % period;
    u64::try_from(place).ok()
}

/// The inverse of `value` modulo `modulus`, to which it is prime (extended Euclid); 0 modulo 1.
fn inverse(value: u128, modulus: u128) -> u128 {
    let (mut old, mut rest) = (value % modulus, modulus);
    let (mut factor, mut next) = (1u128 % modulus, 0u128);
    while rest > 0 {
        let times = old / rest;
        (old, rest) = (rest, old - times * rest);
        // Modulo `modulus`, a difference is never negative.
        let product = times % modulus * next % modulus;
        (factor, next) = (next, (factor + modulus - product) % modulus);
    }
    factor % modulus
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of a QP told one by one are those of its messages in turn.
    #[test]
    fn a_packet_is_found_in_its_message() {
        for (message, per_transfer, last) in [
            (20, 1, 20),
            (1000, 1, 1000),
            (1000, 3, 10),
            (256, 4, 700),
            (4096, 5, 4),
            (700, 6, 300),
            (700, 7, 100),
            (0, 1, 0),
        ] {
            let sizes = Sizes {
                message,
                per_transfer,
                last,
            };
            for qps in [1, 2, 3, 4, 6, 7, 12] {
                for deal in [false, true].map(|split| Deal { qps, split }) {
                    for qp in 0..qps {
                        let mut packet = 0;
                        for number in 0..60 {
                            let len = deal.part(sizes.of(deal.ordinal(qp, number)), qp).1;
                            for _ in 0..packets(u64::from(len), 256) {
                                let found = deal.number_of(&sizes, 256, qp, packet);
                                assert_eq!(found, u64::from(number), "{sizes:?} {deal:?} QP {qp} packet {packet}");
                                packet += 1;
                            }
                        }
                    }
                }
            }
        }
    }
}
