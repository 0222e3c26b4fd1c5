//! Timers of transactions (RFC 3261 17), and what is due in a call.

use std::time::Duration;

/// T1, the first pause before a 200 is sent again (RFC 3261 17).
pub(super) const T1: Duration = Duration::from_millis(500);
/// T2, the longest pause.
pub(super) const T2: Duration = Duration::from_secs(4);
/// Timer F (RFC 3261 17.1.2.2): how long an answer is waited for.
pub(super) const TIMER_F: Duration = Duration::from_secs(32);

/// What time has brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Once more.
    Resend(String),
    /// The call of this leg is over, and the other side has not ended the leg.
    Released,
    /// Nobody answered; whether it was the INVITE's own Expires.
    NoAnswer { expires: bool },
    /// No ACK came for the call's first 200.
    NoAck,
    /// No ACK came for a later 200, and with it no answer to the offer in it.
    NoAnswerToOffer,
    /// No PRACK came for a 180 that had to arrive.
    NoPrack,
    /// The session timer wants a refresh.
    Refresh,
    /// The session timer has run out.
    Expired,
}
