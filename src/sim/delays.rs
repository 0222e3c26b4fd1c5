//! Either of the two channels to a phone bar late (faults `delay_push_ms`, `delay_sip_ms`): the pushes of the event link
//! and the requests of the phone's SIP leg come from two servers over two connections, and nothing orders them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::net::netem::Dice;

/// The longest delay, ms: as long as a phone may ring.
const MOST_MS: u64 = 180_000;

/// What is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The push that a call rings (`PhoSta` 5).
    Ring,
    /// INVITE.
    Invite,
    /// The push that an agent has the other end (`PhoSta` 6, and 22, 31, 35, which stand in its place).
    Talking,
    /// The push that an agent's part is over (`PhoSta` 0, and 33 and 36 before it).
    Hangup,
    /// BYE, or CANCEL of a call that still rings.
    Bye,
    /// Any other push.
    Other,
}

impl Kind {
    /// What a push is.
    pub fn of_push(message: &Value) -> Kind {
        match (message.get("MT").and_then(Value::as_u64), message.get("PhoSta").and_then(Value::as_u64)) {
            (Some(3), Some(5)) => Kind::Ring,
            (Some(3), Some(6 | 22 | 31 | 35)) => Kind::Talking,
            (Some(3), Some(0 | 33 | 36)) => Kind::Hangup,
            (_, _) => Kind::Other,
        }
    }
}

/// How late each kind comes, ms; with a seed, at random from 0 to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delays {
    ring: u64,
    invite: u64,
    talking: u64,
    hangup: u64,
    bye: u64,
    seed: Option<u64>,
    #[serde(skip)]
    other: u64,
}

impl Delays {
    /// As it is ordered: a number for all kinds, or one for each in an object, which leaves the others alone.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn from_value(value: &Value) -> Result<Self, String> {
        let delays = match value.as_u64() {
            Some(ms) => Self { ring: ms, invite: ms, talking: ms, hangup: ms, bye: ms, other: ms, seed: None },
            None if value.is_object() => Self::deserialize(value).map_err(|e| e.to_string())?,
            None => return Err(format!("{value}: use milliseconds, or {}", json!({"ring": 100, "bye": 300}))),
        };
        let Self { ring, invite, talking, hangup, bye, other, seed: _ } = delays;
        match [ring, invite, talking, hangup, bye, other].into_iter().max() {
            Some(most) if most > MOST_MS => Err(format!("{most}: not more than {MOST_MS} ms")),
            Some(_) | None => Ok(delays),
        }
    }
}

/// Delays in force, and how often each kind has been drawn: the nth message of a kind meets the same fate in every run,
/// whatever else goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drawn {
    delays: Delays,
    counts: [u64; 6],
}

impl Drawn {
    /// Puts delays in force; drawing begins anew if they are others.
    pub fn set(&mut self, delays: Delays) {
        if self.delays != delays {
            *self = Self { delays, counts: [0; 6] };
        }
    }

    /// How late the next message of this kind comes.
    pub fn next(&mut self, kind: Kind) -> Duration {
        let Delays { ring, invite, talking, hangup, bye, other, seed } = self.delays;
        let [rings, invites, talks, hangups, byes, others] = &mut self.counts;
        let (most, nth, salt) = match kind {
            Kind::Ring => (ring, rings, 1),
            Kind::Invite => (invite, invites, 2),
            Kind::Talking => (talking, talks, 3),
            Kind::Hangup => (hangup, hangups, 4),
            Kind::Bye => (bye, byes, 5),
            Kind::Other => (other, others, 6),
        };
        *nth += 1;
        let ms = match seed {
            None => most,
            // A range of its own for each kind: their draws have nothing in common.
            Some(seed) => {
                Dice::new(seed.wrapping_mul(0x1_0001).wrapping_add(salt << 48).wrapping_add(*nth)).bits() % (most + 1)
            }
        };
        Duration::from_millis(ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(value: &Value) -> Drawn {
        let mut drawn = Drawn::default();
        drawn.set(Delays::from_value(value).unwrap());
        drawn
    }

    #[test]
    fn a_number_is_for_all_and_an_object_for_each() {
        let mut all = drawn(&json!(70));
        for kind in [Kind::Ring, Kind::Invite, Kind::Talking, Kind::Hangup, Kind::Bye, Kind::Other] {
            assert_eq!(all.next(kind), Duration::from_millis(70));
        }
        let mut some = drawn(&json!({"ring": 100, "bye": 300}));
        assert_eq!(some.next(Kind::Ring), Duration::from_millis(100));
        assert_eq!(some.next(Kind::Bye), Duration::from_millis(300));
        assert_eq!(some.next(Kind::Invite), Duration::ZERO);
        assert_eq!(some.next(Kind::Other), Duration::ZERO);
    }

    #[test]
    fn with_a_seed_it_is_random_and_the_same_every_time() {
        let order = json!({"ring": 500, "hangup": 500, "seed": 7});
        let draw = |order: &Value| {
            (0..50).map({
                let mut drawn = drawn(order);
                move |_| (drawn.next(Kind::Ring).as_millis(), drawn.next(Kind::Hangup).as_millis())
            })
        };
        let first: Vec<_> = draw(&order).collect();
        assert_eq!(first, draw(&order).collect::<Vec<_>>());
        assert!(first.iter().all(|(ring, hangup)| *ring <= 500 && *hangup <= 500));
        let mut rings: Vec<u128> = first.iter().map(|(ring, _)| *ring).collect();
        rings.sort_unstable();
        rings.dedup();
        assert!(rings.len() > 30, "{rings:?}");
        assert!(first.iter().any(|(ring, hangup)| ring != hangup));
        // What else is drawn in between does not matter.
        let mut alone = drawn(&order);
        assert_eq!(
            (0..50).map(|_| alone.next(Kind::Ring).as_millis()).collect::<Vec<_>>(),
            first.iter().map(|(ring, _)| *ring).collect::<Vec<_>>()
        );
        assert_ne!(first, draw(&json!({"ring": 500, "hangup": 500, "seed": 8})).collect::<Vec<_>>());
    }

    #[test]
    fn mistakes_are_named() {
        for (order, word) in [
            (json!({"rings": 1}), "rings"),
            (json!({"ring": "soon"}), "soon"),
            (json!("100"), "milliseconds"),
            (json!(-1), "milliseconds"),
            (json!({"bye": 900_000}), "180000"),
        ] {
            let error = Delays::from_value(&order).unwrap_err();
            assert!(error.contains(word), "{order}: {error}");
        }
    }

    #[test]
    fn pushes_are_told_apart() {
        for (push, kind) in [
            (json!({"MT": 3, "PhoSta": 5}), Kind::Ring),
            (json!({"MT": 3, "PhoSta": 35}), Kind::Talking),
            (json!({"MT": 3, "PhoSta": 33}), Kind::Hangup),
            (json!({"MT": 3, "PhoSta": 0}), Kind::Hangup),
            (json!({"MT": 3, "PhoSta": 55}), Kind::Other),
            (json!({"MT": 4, "State": "5"}), Kind::Other),
            (json!({"MT": 6, "PhoSta": 5}), Kind::Other),
        ] {
            assert_eq!(Kind::of_push(&push), kind, "{push}");
        }
    }
}
