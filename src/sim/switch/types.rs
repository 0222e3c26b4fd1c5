//! Names of what the switch deals with, and what happens to it.

use super::sip::Message;

/// The methods the switch takes.
pub(super) const ALLOW: &str = "ACK, BYE, CANCEL, INFO, OPTIONS, REGISTER";
/// How the switch names itself.
pub(super) const AGENT: &str = "wincall-tui platform";

/// One call to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub(in crate::sim) u64);

/// Somebody who speaks and hears: a leg's client or a virtual party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartyId(pub(in crate::sim) u64);

impl LegId {
    /// Legs and parties are numbered from one sequence; a leg's party carries the leg's number.
    pub(super) fn party(self) -> PartyId {
        PartyId(self.0)
    }
}

/// What a virtual party says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Voice {
    /// A sine of that many Hz at -12 dBFS.
    Tone(f32),
    /// What it hears.
    Echo,
    /// Synthetic babble.
    Speech,
    /// A quiet melody for those who wait.
    Music,
    /// Nothing.
    Silence,
}

/// What happens at the switch. A leg ends with exactly one `Failed` or `Ended`, told as soon as it is decided: after
/// [`Switch::hang_up`] at once, whatever the client still has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchEvent {
    /// The account is reachable, newly or over another WebSocket. Refreshes are not told.
    Registered { user: String },
    /// The account has signed off or its registration has expired. A lost WebSocket alone is neither.
    Unregistered { user: String },
    /// The client rings.
    Ringing { leg: LegId },
    /// The client has answered with usable sound.
    Answered { leg: LegId },
    /// The call ended unanswered: the client's SIP status, 404 (no such account), 480 (not registered, or its socket
    /// is gone), 408 (no response, or rang too long), 487 (hung up by the platform), 488 (no usable sound in the
    /// answer) or 500 (no media socket).
    Failed { leg: LegId, status: u16 },
    /// The answered call has ended.
    Ended { leg: LegId },
}

/// One client connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SocketId(pub u64);

/// What is done to all SIP sockets at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LinkFault {
    #[default]
    None,
    /// Nothing is read or written.
    Stall,
    /// Cut, and refused.
    Drop,
}

/// What happens to a call.
#[derive(Debug)]
pub(super) enum Input {
    /// A message with its Call-ID, and the socket it came over.
    Message(Box<Message>, SocketId),
    /// The platform ends the call, for a Q.850 cause if there is one to tell.
    HangUp(Option<u16>),
}

impl Voice {
    /// "speech", "echo", "silence" or "tone:HZ" with 50 to 7000 Hz.
    pub fn from_name(text: &str) -> Option<Self> {
        Some(match text {
            "speech" => Voice::Speech,
            "echo" => Voice::Echo,
            "silence" => Voice::Silence,
            tone => {
                let hz: f32 = tone.strip_prefix("tone:")?.parse().ok()?;
                (50.0..=7000.0).contains(&hz).then_some(Voice::Tone(hz))?
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voices_are_read() {
        assert_eq!(Voice::from_name("tone:440"), Some(Voice::Tone(440.0)));
        assert_eq!(Voice::from_name("echo"), Some(Voice::Echo));
        assert_eq!(Voice::from_name("tone:1e9"), None);
        assert_eq!(Voice::from_name("tone:NaN"), None);
        assert_eq!(Voice::from_name("song"), None);
    }
}
