//! Opus as it is sent: how many bits it gets and what they are spent on, by what the far end wishes and what it loses.
//!
//! Redundancy (in-band FEC, RFC 6716 2.1.7) costs bits, so there is none while the far end loses nothing. When it loses
//! some, the bit rate rises by what the redundancy takes, so that the voice itself stays as good.

use ropus::{Application, Bandwidth, Bitrate, Channels, Encoder, InbandFec};

use super::{OpusWishes, RATE};

/// Complexity, 0 to 10: about 1 % of a core here.
const COMPLEXITY: u8 = 5;
/// Longest payload written, bytes: far above what the bit rate gives for 20 ms.
const PAYLOAD: usize = 1275;
/// A payload of so many bytes or fewer says only that nothing is said and need not be sent (libopus, `opus_encode`).
const PAUSE: usize = 2;
/// What redundancy adds to the bit rate, a quarter.
const FEC_SHARE: u32 = 4;
/// Loss at the far end from which redundancy is sent, percent, and under which it is not any more.
const FEC_FROM: f32 = 1.0;
const FEC_UNTIL: f32 = 0.3;
/// Share of a new report in the loss counted with: quickly up, slowly down.
const WORSE: f32 = 0.5;
const BETTER: f32 = 0.1;
/// Bit rates the codec takes (RFC 6716 2.1.1), bit/s.
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// An encoder that follows the far end's reports.
pub struct OpusEncoder {
    encoder: Encoder,
    wishes: OpusWishes,
    loss: f32,
    fec: bool,
    payload: Box<[u8; PAYLOAD]>,
}

/// Highest sound frequency worth sending for a far end that plays at this rate, and the bit rate a voice needs for it.
fn bandwidth(max_playback_rate: Option<u32>) -> (Bandwidth, u32) {
    match max_playback_rate.unwrap_or(RATE) {
        0..=8_000 => (Bandwidth::Narrowband, 16_000),
        8_001..=12_000 => (Bandwidth::Mediumband, 20_000),
        12_001..=16_000 => (Bandwidth::Wideband, 24_000),
        16_001..=24_000 => (Bandwidth::Superwideband, 28_000),
        _ => (Bandwidth::Fullband, 32_000),
    }
}

impl OpusEncoder {
    /// For a far end with these wishes. `wishes.dtx` also has to be wished here.
    ///
    /// # Errors
    /// What the codec says.
    pub fn new(wishes: OpusWishes) -> Result<Self, String> {
        let encoder = Encoder::builder(RATE, Channels::Mono, Application::Voip)
            .complexity(COMPLEXITY)
            .build()
            .map_err(|error| error.to_string())?;
        let mut opus = Self { encoder, wishes, loss: 0.0, fec: false, payload: Box::new([0; PAYLOAD]) };
        opus.set_wishes(wishes)?;
        Ok(opus)
    }

    /// Other wishes of the far end, from a later description.
    ///
    /// # Errors
    /// What the codec says.
    pub fn set_wishes(&mut self, wishes: OpusWishes) -> Result<(), String> {
        self.wishes = wishes;
        let (highest, _) = bandwidth(wishes.max_playback_rate);
        self.encoder.set_max_bandwidth(highest).map_err(|error| error.to_string())?;
        self.encoder.set_vbr(!wishes.constant).map_err(|error| error.to_string())?;
        self.encoder.set_dtx(wishes.dtx).map_err(|error| error.to_string())?;
        self.spend()
    }

    /// The far end reports to have lost so much of what was sent since its last report, percent.
    ///
    /// # Errors
    /// What the codec says.
    pub fn far_loss(&mut self, percent: f32) -> Result<(), String> {
        let percent = if percent.is_finite() { percent.clamp(0.0, 100.0) } else { 0.0 };
        let share = if percent > self.loss { WORSE } else { BETTER };
        self.loss += (percent - self.loss) * share;
        self.spend()
    }

    fn spend(&mut self) -> Result<(), String> {
        self.fec = self.wishes.fec && self.loss >= if self.fec { FEC_UNTIL } else { FEC_FROM };
        let (_, voice) = bandwidth(self.wishes.max_playback_rate);
        let bitrate = if self.fec { voice + voice / FEC_SHARE } else { voice };
        let bitrate =
            bitrate.min(self.wishes.max_bitrate.unwrap_or(u32::MAX)).clamp(*BITRATES.start(), *BITRATES.end());
        let fec = if self.fec { InbandFec::Enabled } else { InbandFec::Disabled };
        // Without redundancy the loss matters too: the codec then leans less on what came before.
        let expected = self.loss.round() as u8;
        let encoder = &mut self.encoder;
        encoder
            .set_bitrate(Bitrate::Bits(bitrate))
            .and_then(|()| encoder.set_inband_fec(fec))
            .and_then(|()| encoder.set_packet_loss_perc(expected))
            .map_err(|error| error.to_string())
    }

    /// Encodes 10 or 20 ms; nothing where nothing needs to be sent.
    ///
    /// # Errors
    /// What the codec says.
    pub fn encode(&mut self, frame: &[f32]) -> Result<&[u8], String> {
        let length =
            self.encoder.encode_float(frame, self.payload.as_mut_slice()).map_err(|error| error.to_string())?;
        let length = if self.wishes.dtx && length <= PAUSE { 0 } else { length };
        Ok(self.payload.get(..length).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use ropus::DecodeMode;

    use super::*;
    use crate::softphone::audio::{
        FRAME,
        testing::{rms_dbfs, speech},
    };

    const FEC: OpusWishes =
        OpusWishes { fec: true, dtx: false, constant: false, max_bitrate: None, max_playback_rate: None };

    fn payloads(encoder: &mut OpusEncoder, sound: &[f32]) -> Vec<Vec<u8>> {
        sound.as_chunks::<FRAME>().0.iter().map(|frame| encoder.encode(frame).unwrap().to_vec()).collect()
    }

    /// Bits per second on average.
    fn rate(payloads: &[Vec<u8>]) -> usize {
        payloads.iter().map(Vec::len).sum::<usize>() * 8 * 50 / payloads.len()
    }

    /// What a listener hears who loses every tenth packet, and what one hears who loses none.
    fn heard(payloads: &[Vec<u8>], lossy: bool) -> Vec<f32> {
        let mut decoder = ropus::Decoder::new(RATE, Channels::Mono).unwrap();
        let mut out = Vec::new();
        let mut frame = [0.0; FRAME];
        for (n, payload) in payloads.iter().enumerate() {
            let lost = |n: usize| lossy && n % 10 == 5;
            if lost(n) {
                decoder.decode_float(&payloads[n + 1], &mut frame, DecodeMode::Fec).unwrap();
            } else {
                decoder.decode_float(payload, &mut frame, DecodeMode::Normal).unwrap();
            }
            out.extend(frame);
        }
        out
    }

    /// Error of the lost packets against their sound, dB.
    fn damage(payloads: &[Vec<u8>]) -> f64 {
        let (whole, lossy) = (heard(payloads, false), heard(payloads, true));
        let lost = |from: &[f32]| -> Vec<f32> {
            from.as_chunks::<FRAME>().0.iter().skip(5).step_by(10).flatten().copied().collect()
        };
        let (whole, lossy) = (lost(&whole), lost(&lossy));
        let error: Vec<f32> = whole.iter().zip(&lossy).map(|(a, b)| a - b).collect();
        rms_dbfs(&error) - rms_dbfs(&whole)
    }

    #[test]
    fn redundancy_comes_with_loss_and_goes_with_it() {
        let sound = speech(8, 4);
        let mut encoder = OpusEncoder::new(FEC).unwrap();
        let clean = payloads(&mut encoder, &sound);
        assert!((16_000..36_000).contains(&rate(&clean)), "{} bit/s", rate(&clean));
        for _ in 0..5 {
            encoder.far_loss(10.0).unwrap();
        }
        let armed = payloads(&mut encoder, &sound);
        assert!(rate(&armed) < rate(&clean) * 3 / 2, "{} against {} bit/s", rate(&armed), rate(&clean));
        let (without, with) = (damage(&clean), damage(&armed));
        assert!(with < without - 3.0, "lost packets are {with:.1} dB wrong, without redundancy {without:.1} dB");
        for _ in 0..60 {
            encoder.far_loss(0.0).unwrap();
        }
        assert!(!encoder.fec);
        let again = payloads(&mut encoder, &sound);
        assert!(rate(&again) < rate(&armed) - 2_000, "{} after {} bit/s", rate(&again), rate(&armed));
    }

    #[test]
    fn one_bad_report_is_no_trend() {
        let mut encoder = OpusEncoder::new(FEC).unwrap();
        encoder.far_loss(1.0).unwrap();
        assert!(!encoder.fec);
        for percent in [f32::NAN, -4.0, 900.0] {
            encoder.far_loss(percent).unwrap();
            assert!((0.0..=100.0).contains(&encoder.loss), "{}", encoder.loss);
        }
    }

    #[test]
    fn the_far_ends_wishes_count() {
        let sound = speech(6, 9);
        let mut deaf = OpusEncoder::new(OpusWishes::default()).unwrap();
        deaf.far_loss(20.0).unwrap();
        assert!(!deaf.fec, "redundancy nobody makes use of");
        let narrow = OpusWishes { max_playback_rate: Some(8_000), ..FEC };
        let rates = [FEC, narrow, OpusWishes { max_bitrate: Some(10_000), ..FEC }]
            .map(|wishes| rate(&payloads(&mut OpusEncoder::new(wishes).unwrap(), &sound)));
        assert!(rates[1] < rates[0] * 3 / 4, "{rates:?}");
        assert!(rates[2] < 12_000, "{rates:?}");
        let constant = payloads(&mut OpusEncoder::new(OpusWishes { constant: true, ..FEC }).unwrap(), &sound);
        assert!(constant.windows(2).all(|pair| pair[0].len() == pair[1].len()));
    }

    #[test]
    fn only_with_dtx_silence_is_left_out() {
        let silence = vec![0.0; 2 * RATE as usize];
        let sent = |dtx: bool| {
            let mut encoder = OpusEncoder::new(OpusWishes { dtx, ..FEC }).unwrap();
            payloads(&mut encoder, &speech(1, 2));
            payloads(&mut encoder, &silence).iter().filter(|payload| !payload.is_empty()).count()
        };
        assert_eq!(sent(false), 100);
        assert!((3..40).contains(&sent(true)), "{} packets of 100", sent(true));
    }
}
