//! The cells of the matrix: how late each kind of message is, what the pushes say of the call, and who the INVITE is from.

use serde_json::{Value, json};

/// How late each kind of message is, ms; with a seed, at random up to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub ring: u64,
    pub invite: u64,
    pub talking: u64,
    pub hangup: u64,
    pub bye: u64,
    pub seed: Option<u64>,
}

const NONE: Cell = Cell { ring: 0, invite: 0, talking: 0, hangup: 0, bye: 0, seed: None };
/// Everything at random.
const MIX: Cell = Cell { ring: 500, invite: 500, talking: 300, hangup: 1000, bye: 1000, seed: Some(0) };

/// The cells: nothing late, each kind alone, the pairs that change the order of the two channels, and mixes.
pub const CELLS: [Cell; 22] = [
    NONE,
    // Each alone. A late hang-up push is the end of a call that the next call's INVITE overtakes; a late ring push
    // comes after the INVITE, and after the answer where it is given at once.
    Cell { ring: 100, ..NONE },
    Cell { ring: 500, ..NONE },
    Cell { invite: 100, ..NONE },
    Cell { invite: 500, ..NONE },
    Cell { talking: 300, ..NONE },
    Cell { hangup: 300, ..NONE },
    Cell { hangup: 1000, ..NONE },
    Cell { bye: 300, ..NONE },
    Cell { bye: 1000, ..NONE },
    // Both of a call's beginning late, one more than the other.
    Cell { ring: 500, invite: 100, ..NONE },
    Cell { ring: 100, invite: 500, ..NONE },
    Cell { ring: 500, talking: 300, ..NONE },
    // Both of its end late.
    Cell { hangup: 300, bye: 1000, ..NONE },
    Cell { hangup: 1000, bye: 300, ..NONE },
    Cell { hangup: 1000, bye: 1000, ..NONE },
    // The end of one and the beginning of the next.
    Cell { hangup: 300, invite: 100, ..NONE },
    Cell { bye: 1000, invite: 500, ..NONE },
    MIX,
    Cell { seed: Some(1), ..MIX },
    Cell { seed: Some(2), ..MIX },
    Cell { seed: Some(3), ..MIX },
];

impl Cell {
    /// The value of both faults.
    pub fn order(&self) -> Value {
        let mut order = json!({
            "ring": self.ring, "invite": self.invite, "talking": self.talking, "hangup": self.hangup, "bye": self.bye,
        });
        if let (Some(seed), Some(order)) = (self.seed, order.as_object_mut()) {
            order.insert("seed".into(), json!(seed));
        }
        order
    }

    /// As a row's name.
    pub fn name(&self) -> String {
        let parts = [
            ("ring", self.ring),
            ("invite", self.invite),
            ("talking", self.talking),
            ("hangup", self.hangup),
            ("bye", self.bye),
        ];
        let late: Vec<String> =
            parts.iter().filter(|(_, ms)| *ms > 0).map(|(kind, ms)| format!("{kind} {ms}")).collect();
        match (self.seed, late.is_empty()) {
            (Some(seed), _) => format!("mix {seed}"),
            (None, true) => "none late".to_owned(),
            (None, false) => late.join(", "),
        }
    }
}

/// What tells calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Pushes carry `CallID`, INVITEs the customer's number.
    All,
    /// Pushes carry `CallID`, INVITEs come from a gateway.
    CallId,
    /// No `CallID`, and INVITEs carry the customer's number.
    Number,
    /// No `CallID`, and INVITEs come from a gateway.
    Nothing,
}

impl Names {
    pub const EACH: [Names; 4] = [Names::CallId, Names::Nothing, Names::Number, Names::All];

    pub fn has_call_id(self) -> bool {
        matches!(self, Names::All | Names::CallId)
    }

    pub fn has_gateway(self) -> bool {
        matches!(self, Names::Nothing | Names::CallId)
    }

    pub fn name(self) -> &'static str {
        match self {
            Names::All => "CallID, number",
            Names::CallId => "CallID, gateway",
            Names::Number => "number",
            Names::Nothing => "gateway",
        }
    }
}
