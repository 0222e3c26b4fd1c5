//! The clock on the wall, wherever it may stand.

use std::time::SystemTime;

use jiff::Timestamp;

/// The time. A clock that is set beyond what can be written (the year 9999) stands still there; [`Timestamp::now`] would
/// end the program.
pub fn now() -> Timestamp {
    let now = SystemTime::now();
    Timestamp::try_from(now).unwrap_or(if now > SystemTime::UNIX_EPOCH { Timestamp::MAX } else { Timestamp::MIN })
}
