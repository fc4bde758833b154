//! How many different five-tuples an uplink has carried, in bounded memory.

use std::collections::HashSet;

/// Most that are counted.
pub const MOST: usize = 65_536;

/// The five-tuples of one uplink, as hashes.
#[derive(Debug)]
pub struct Flows {
    seen: HashSet<u64>,
    /// The last one in each of some places: most frames need look no further.
    recent: [u64; 64],
}

impl Flows {
    pub fn new() -> Flows {
        Flows {
            seen: HashSet::new(),
            recent: [0; 64],
        }
    }

    #[inline]
    pub fn see(&mut self, tuple: u64) {
        let recent = &mut self.recent[usize::from(tuple.to_le_bytes()[0] & 63)];
        if *recent != tuple {
            *recent = tuple;
            if self.seen.len() < MOST {
                self.seen.insert(tuple);
            }
        }
    }

    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}
