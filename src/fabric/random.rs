//! Every random choice of the fabric: a function of the seed, of the place and of how many choices
//! that place has made, never of the order in which places choose.

/// A well-mixed 64-bit hash (the finaliser of SplitMix64).
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One place's choices.
#[derive(Debug, Clone, Copy)]
pub struct Dice {
    key: u64,
    thrown: u64,
}

impl Dice {
    /// The choices of place `place`, for the purpose `what`.
    pub const fn new(seed: u64, what: u64, place: u64) -> Dice {
        Dice {
            key: mix(mix(seed ^ mix(what)) ^ place),
            thrown: 0,
        }
    }

    /// A uniform number.
    pub const fn throw(&mut self) -> u64 {
        self.thrown = self.thrown.wrapping_add(1);
        mix(self.key ^ mix(self.thrown))
    }

    /// True with probability `of / out_of`.
    pub const fn chance(&mut self, of: u64, out_of: u64) -> bool {
        let drawn = ((self.throw() as u128 * out_of as u128) >> 64) as u64;
        drawn < of
    }
}

/// A probability as a share of 2^32.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 2^32, which testbeds allow"
)]
pub fn of_two_to_the_32(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 4_294_967_296.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_come_as_often_as_they_should() {
        // Binomial(100 000, 0.3): sigma is 145.
        let mut dice = Dice::new(7, 1, 2);
        let of = of_two_to_the_32(0.3);
        let hits = (0..100_000).filter(|_| dice.chance(of, 1 << 32)).count();
        assert!(hits.abs_diff(30_000) < 4 * 145, "{hits}");
        assert!((0..1000).all(|_| dice.chance(of_two_to_the_32(1.0), 1 << 32)));
        assert!(!(0..1000).any(|_| dice.chance(0, 1 << 32)));
    }

    #[test]
    fn places_choose_for_themselves() {
        let throws = |seed, place| {
            let mut dice = Dice::new(seed, 1, place);
            [dice.throw(), dice.throw()]
        };
        assert_eq!(throws(1, 1), throws(1, 1));
        assert_ne!(throws(1, 1), throws(1, 2));
        assert_ne!(throws(1, 1), throws(2, 1));
    }
}
