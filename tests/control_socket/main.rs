//! Scripts drive the phone bar: the control socket and `ctl` as a user meets them, over a real socket, with a stand-in
//! for the actor that answers as each story needs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod bar;
mod ctl;
mod protocol;
mod reach;
