//! The linear algebra of CRC-32 that makes an ICRC cost the same for every payload length.
//!
//! CRC is linear over GF(2): the CRC of a frame is that of the frame with a field zeroed, XOR what
//! the field contributes, and the contribution depends only on the field's value and on how many
//! bytes follow it. [`Advance`] holds that map for one distance, four table look-ups a word.
//!
//! Contract: registers are reflected (bit 0 first), polynomial 0xEDB88320, as in IEEE 802.3
//! clause 3.2.9 and IBTA Vol 1, 7.8.1. Nothing here knows initial value or final complement: those
//! belong to the constant part.
//!
//! Left out on purpose: CRCs of bytes (`crc32fast` does that).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The polynomial of CRC-32, reflected, without its x^32.
const POLYNOMIAL: u32 = 0xedb8_8320;

/// A register after `zeros` zero bytes went through it.
#[derive(Debug)]
pub struct Advance {
    /// One table for each byte of the register, the least significant (first on the wire) first.
    tables: [[u32; 256]; 4],
}

/// `a · b mod P` for reflected polynomials.
const fn multiply(mut a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 0;
    while bit < 32 {
        if a & 0x8000_0000 != 0 {
            product ^= b;
        }
        a <<= 1;
        b = if b & 1 != 0 { b >> 1 ^ POLYNOMIAL } else { b >> 1 };
        bit += 1;
    }
    product
}

/// `x^(8·bytes) mod P`.
const fn power(bytes: u32) -> u32 {
    // x^0, then x^8 squared as the bits of `bytes` ask.
    let mut result = 0x8000_0000;
    let mut square = 0x0080_0000;
    let mut rest = bytes;
    while rest != 0 {
        if rest & 1 != 0 {
            result = multiply(square, result);
        }
        square = multiply(square, square);
        rest >>= 1;
    }
    result
}

impl Advance {
    fn new(zeros: u32) -> Advance {
        let factor = power(zeros);
        let mut tables = [[0u32; 256]; 4];
        for (byte, table) in (0u32..).zip(&mut tables) {
            for bit in 0..8u32 {
                let image = multiply(factor, 1 << (8 * byte + bit));
                let step = 1usize << bit;
                for low in 0..step {
                    table[step + low] = table[low] ^ image;
                }
            }
        }
        Advance { tables }
    }

    /// The shared tables for `zeros` bytes. Made once for each distance and kept: at most 4 KiB
    /// for each of the few thousand distances within a frame.
    #[must_use]
    pub fn by(zeros: u32) -> Arc<Advance> {
        static MADE: Mutex<BTreeMap<u32, Arc<Advance>>> = Mutex::new(BTreeMap::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(zeros).or_insert_with(|| Arc::new(Advance::new(zeros))))
    }

    /// The register `register` after the zero bytes.
    #[inline]
    #[must_use]
    pub fn apply(&self, register: u32) -> u32 {
        let [a, b, c, d] = register.to_le_bytes();
        let [t0, t1, t2, t3] = &self.tables;
        t0[usize::from(a)] ^ t1[usize::from(b)] ^ t2[usize::from(c)] ^ t3[usize::from(d)]
    }

    /// What four bytes contribute that stand where this map begins to count behind them: `word`
    /// are the bytes in wire order, the map is that for the bytes after them plus four.
    #[inline]
    #[must_use]
    pub fn contribution(&self, word: [u8; 4]) -> u32 {
        self.apply(u32::from_le_bytes(word))
    }

    /// The table of one byte of the word, 0 being the first on the wire.
    #[must_use]
    pub fn table(&self, byte: usize) -> &[u32; 256] {
        &self.tables[byte & 3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 without initial value and final complement, from an independent implementation.
    fn raw(bytes: &[u8]) -> u32 {
        // crc32fast starts at ~init and complements at the end; init 0xffffffff gives register 0.
        let mut hasher = crc32fast::Hasher::new_with_initial(0xffff_ffff);
        hasher.update(bytes);
        !hasher.finalize()
    }

    #[test]
    fn a_word_contributes_what_crc32_says() {
        for zeros in [0usize, 1, 4, 20, 4075] {
            let mut frame = vec![0u8; 4 + zeros];
            frame[..4].copy_from_slice(&[0x12, 0xfe, 0x00, 0x81]);
            let advance = Advance::by(u32::try_from(zeros).unwrap() + 4);
            assert_eq!(
                advance.contribution([0x12, 0xfe, 0x00, 0x81]),
                raw(&frame),
                "{zeros} bytes behind"
            );
        }
    }

    #[test]
    fn advancing_twice_is_advancing_by_the_sum() {
        let register = 0xdead_beef;
        assert_eq!(
            Advance::by(300).apply(Advance::by(77).apply(register)),
            Advance::by(377).apply(register)
        );
        assert_eq!(Advance::by(0).apply(register), register);
    }
}
