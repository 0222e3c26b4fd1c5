//! Virtual time: what is due when, and a die that falls the same way for the same seed.

use std::collections::BTreeMap;

/// Milliseconds of virtual time since the program began.
pub(super) type Ms = u64;

/// What is due, earliest first; of two at the same time the one that was planned first.
pub(super) struct Schedule<T> {
    due: BTreeMap<(Ms, u64), T>,
    planned: u64,
}

impl<T> Schedule<T> {
    pub(super) fn new() -> Self {
        Self { due: BTreeMap::new(), planned: 0 }
    }

    pub(super) fn plan(&mut self, at: Ms, what: T) {
        self.planned += 1;
        self.due.insert((at, self.planned), what);
    }

    pub(super) fn next(&self) -> Option<Ms> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.due.pop_first().map(|(_, what)| what)
    }

    pub(super) fn forget(&mut self, fits: impl Fn(&T) -> bool) {
        self.due.retain(|_, what| !fits(what));
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}

/// A small generator (splitmix64): as good as is needed, and the same on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `most`, both included.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.up_to(most - least)
    }

    /// So often in a thousand.
    pub(super) fn falls(&mut self, in_a_thousand: u64) -> bool {
        self.next() % 1000 < in_a_thousand
    }

    /// 0.0 to 1.0.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
