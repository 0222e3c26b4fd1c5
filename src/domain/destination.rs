//! Where a call is consulted with or transferred to.

/// Somebody who can be called: an agent, or an outside number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// An agent, by agent number.
    Agent(String),
    /// An outside number, as typed.
    Number(String),
}

/// Where a call can be transferred to (protocol `cti.md` 2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An agent or an outside number.
    Callee(Callee),
    /// A skill group; the call queues there anew.
    Queue {
        /// The skill group's number.
        id: i64,
        /// The tenant it belongs to, if that is another one.
        vcc_id: Option<i64>,
    },
    /// A node of an IVR flow.
    Ivr {
        /// The flow.
        code: String,
        /// The node in it.
        node: String,
        /// The tenant it belongs to, if that is another one.
        vcc_id: Option<i64>,
    },
}
