//! The platform's codes that this program tells apart: of answers to commands, and of the end of the event link.

/// A code in an answer to a command (protocol `cti.md` 2.3, 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyCode {
    /// A sign-in: the agent is signed in elsewhere, or was earlier.
    SignedInAlready,
    /// The token is unknown, has expired or is not allowed.
    TokenRefused,
    /// The agent is in that state already: as good as done.
    AlreadyInState,
    /// A request for a break or to go busy is refused as it stands, and can be mended.
    Unacceptable,
    /// The agent is busy, and there is something to be said about it.
    BusyWithRemark,
    /// Busy with this reason needs an approval.
    BusyNeedsApproval,
    /// The agent is in no project: as good as left.
    InNoProject,
}

impl ReplyCode {
    /// The code with this number; `None` for one that makes no difference here.
    pub fn of(number: i64) -> Option<Self> {
        Some(match number {
            40101 => ReplyCode::SignedInAlready,
            40100 | 40102..=40199 => ReplyCode::TokenRefused,
            40403 => ReplyCode::AlreadyInState,
            400 => ReplyCode::Unacceptable,
            5015 => ReplyCode::BusyWithRemark,
            34005 => ReplyCode::BusyNeedsApproval,
            41005 => ReplyCode::InNoProject,
            _ => return None,
        })
    }
}

/// A close code of the event link after which no new connection is made (protocol `cti.md` 3.8, 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalClose {
    /// The token is unknown or has expired.
    BadToken,
    /// The sign-in is unknown, or timed out.
    UnknownSignIn,
    /// A newer connection of the same sign-in has come.
    Replaced,
    /// Refused for another reason.
    Refused,
}

impl FinalClose {
    /// The meaning of a WebSocket close code; `None` for one after which the link is opened again.
    pub fn of(code: u16) -> Option<Self> {
        Some(match code {
            3403 => FinalClose::BadToken,
            3404 => FinalClose::UnknownSignIn,
            3405 => FinalClose::Replaced,
            3406 | 3412 => FinalClose::Refused,
            _ => return None,
        })
    }
}
