//! The number shown to the called party.

use serde::{Deserialize, Serialize};

/// A caller ID the agent may show: what is chosen by, and what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallerId {
    /// What is sent to the platform as `callerID`.
    pub value: String,
    /// What the agent sees and chooses.
    pub name: String,
}
