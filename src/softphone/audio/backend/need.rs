//! What the engine needs of the devices.

/// What is needed now; what is not is closed a while later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Sound from the microphone.
    pub microphone: bool,
    /// Sound to the speaker.
    pub speaker: bool,
    /// Sound to the ring device.
    pub ring: bool,
}
