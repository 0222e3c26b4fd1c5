//! A PulseAudio server, which PipeWire has too: its devices, where it plays our streams, and the streams themselves
//! (PulseAudio native protocol over its socket). Streams are read and written by the audio thread, without waiting: no
//! other thread has to be in time, and the server's queue is the only one.

mod connection;
mod cookie;
mod devices;
mod events;
mod stream;

pub use connection::Connection;
pub use devices::{ServerDevice, devices};
pub use events::{ServerEvents, StreamDevice};
pub use stream::{Over, Playback, Record};
