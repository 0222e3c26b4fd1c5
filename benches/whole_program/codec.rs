//! What the codecs cost, and what they do to speech that arrives whole.

use std::{hint::black_box, time::Instant};

use wincall_tui::softphone::audio::workbench::{decode, encode};

use crate::{
    common::audio::{likeness, speech},
    table::{Table, Target, short},
    treatment::CODECS,
};

const SECONDS: usize = 20;
const RATE: usize = 48_000;

pub fn measure(table: &mut Table) {
    let sent = speech(SECONDS as f64, 3);
    let sound: Vec<f32> = sent.iter().map(|s| *s as f32).collect();
    for (codec, _) in CODECS {
        let name = codec.name();
        let percent = |begun: Instant| begun.elapsed().as_secs_f64() * 100.0 / SECONDS as f64;
        let begun = Instant::now();
        let Some(packets) = encode(codec, black_box(&sound)) else {
            table.not_measured(&format!("{name}: cost"), None, "no encoder");
            continue;
        };
        let encoding = percent(begun);
        let begun = Instant::now();
        let Some(heard) = decode(codec, black_box(&packets)) else {
            table.not_measured(&format!("{name}: cost"), None, "no decoder");
            continue;
        };
        let decoding = percent(begun);
        table.single(&format!("{name}: encoding and decoding"), Target::most(3.0, "% of a core"), encoding + decoding);
        let bytes: usize = packets.iter().map(|packet| packet.len()).sum();
        let heard: Vec<f64> = heard.into_iter().map(f64::from).collect();
        let like = likeness(&sent[RATE..RATE * (SECONDS - 1)], &heard[RATE..]);
        table.told(
            &format!("{name}: the sound"),
            format!(
                "{} kbit/s, late by {} ms, spectra {} dB apart, segmental SNR {} dB",
                short(bytes as f64 * 8.0 / 1000.0 / SECONDS as f64),
                short(like.typical_delay_ms),
                short(like.log_spectral_db),
                short(like.segmental_snr_db)
            ),
        );
    }
}
