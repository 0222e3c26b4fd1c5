//! The jitter buffer and what makes up for lost packets, on paper: networks are replayed in virtual time.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use wincall_tui::{
    config::Codec,
    net::netem::{Jitter, Loss, Network},
    softphone::audio::lab::{self, Heard, Trial},
};

use crate::table::{Table, Target, short};

const CODECS: [Codec; 3] = [Codec::Opus, Codec::G722, Codec::Pcma];
/// Evenly between 0 and 60 ms, 30 on average; and normally distributed, heavier at its ends than any Wi-Fi should be.
const JITTERS: [(&str, f64, Jitter); 2] = [
    ("0 to 60 ms", 0.0, Jitter::Uniform { most_ms: 60.0 }),
    ("normal, 30 ms", 90.0, Jitter::Normal { sigma_ms: 30.0 }),
];

pub fn measure(table: &mut Table) {
    start_up(table);
    jitter(table);
    shrinking(table);
    loss(table);
    drift(table);
    for codec in CODECS {
        let stages = lab::budget(codec);
        let each: Vec<String> =
            stages.iter().map(|stage| format!("{} {}", stage.name, short(stage.ms.into()))).collect();
        let sum: f32 = stages.iter().map(|stage| stage.ms).sum();
        let figure = format!("budget from mouth to ear without network and platform, {}", codec.name());
        table.single(&figure, Target::new(80.0, 60.0, "ms"), sum.into());
        table.told("its stages, ms", each.join(", "));
    }
}

fn run(codec: Codec, sound: &[f32], network: Network) -> Heard {
    Trial::new(codec, sound.to_vec(), network).run().expect("the codec is there")
}

fn start_up(table: &mut Table) {
    let sound = lab::tone(440.0, 2);
    let times = CODECS.map(|codec| {
        let heard = run(codec, &sound, Network::default());
        (codec.name().to_owned(), f64::from(heard.start_up_ms.expect("it is heard")))
    });
    table.worst("first packet to first sound", Target::most(60.0, "ms"), &times);
}

fn jitter(table: &mut Table) {
    let sound = lab::speech(60, 3);
    for (name, delay_ms, jitter) in JITTERS {
        let heard = CODECS.map(|codec| (codec, run(codec, &sound, Network { delay_ms, jitter, ..Network::default() })));
        // A packet in the middle of the distribution waits as long as this less than one without delay.
        let of = |heard: &Heard| f64::from(heard.delay_ms(95, 2000)) - delay_ms;
        let delays: Vec<_> = heard.iter().map(|(codec, heard)| (codec.name().to_owned(), of(heard))).collect();
        table.worst(&format!("jitter {name}: delay of the buffer, p95"), Target::most(80.0, "ms"), &delays);
        let made_up: Vec<_> =
            heard.iter().map(|(codec, heard)| (codec.name().to_owned(), f64::from(heard.concealed_pct()))).collect();
        table.worst(&format!("jitter {name}: concealed"), Target::most(1.0, "%"), &made_up);
    }
}

fn shrinking(table: &mut Table) {
    let sound = lab::speech(30, 4);
    let rough = Network { jitter: Jitter::Uniform { most_ms: 60.0 }, ..Network::default() };
    let times = CODECS.map(|codec| {
        let still = run(codec, &sound, Network::default()).delay_ms(95, 5000);
        let mut trial = Trial::new(codec, sound.clone(), rough);
        trial.networks.push((Duration::from_secs(15), Network::default()));
        let heard = trial.run().expect("the codec is there");
        (codec.name().to_owned(), heard.shrink_ms(15_000, still + 10.0) as f64 / 1000.0)
    });
    table.worst("back to the delay of a clean network after jitter ends", Target::most(2.0, "s"), &times);
}

fn loss(table: &mut Table) {
    let sound = lab::speech(120, 5);
    let little = Jitter::Uniform { most_ms: 20.0 };
    for (name, loss) in [
        ("10 % random", Loss::Random { percent: 10.0 }),
        ("20 % random", Loss::Random { percent: 20.0 }),
        ("10 % in bursts of 3", Loss::Bursts { percent: 10.0, mean: 3.0 }),
        ("20 % in bursts of 3", Loss::Bursts { percent: 20.0, mean: 3.0 }),
    ] {
        for (under, jitter) in [("", Jitter::None), (", jitter 0 to 20 ms", little)] {
            let over: Vec<_> = CODECS
                .map(|codec| {
                    let heard = run(codec, &sound, Network { loss, jitter, delay_ms: 20.0, ..Network::default() });
                    if under.is_empty() {
                        table.told(
                            &format!("{name}, {}", codec.name()),
                            format!(
                                "lost {} %, concealed {} %, told by later packets {} %, spectra {} dB apart",
                                short(heard.lost_pct.into()),
                                short(heard.concealed_pct().into()),
                                short(heard.recovered_pct.into()),
                                short(heard.spectral_distance_db())
                            ),
                        );
                    }
                    (codec.name().to_owned(), f64::from(heard.concealed_pct() - heard.lost_pct))
                })
                .into();
            table.worst(&format!("{name}{under}: concealed over what was lost"), Target::most(1.0, "points"), &over);
        }
    }
}

/// A far end whose clock is wrong, for an hour.
fn drift(table: &mut Table) {
    let sound = lab::tone(440.0, 3600);
    for ppm in [-200.0, 200.0] {
        let mut trial = Trial::new(Codec::Pcma, sound.clone(), Network::default());
        trial.drift_ppm = ppm;
        let begun = Instant::now();
        let heard = black_box(trial.run().expect("the codec is there"));
        let took = begun.elapsed();
        let figure = |what: &str| format!("an hour at {ppm:+} ppm: {what}");
        let minute = |from: usize| {
            let part: Vec<f64> =
                heard.blocks.iter().skip(from * 6000).take(6000).map(|block| f64::from(block.delay_ms)).collect();
            part.iter().sum::<f64>() / part.len().max(1) as f64
        };
        table.single(&figure("growth of the delay"), Target::most(10.0, "ms"), minute(58) - minute(1));
        let (gaps, longest) = heard.gaps(-15.0, 2000);
        table.single(&figure("gaps"), Target::most(0.0, ""), gaps as f64);
        let (worst, mean) = heard.outside_tone_db(440.0, 2000);
        // A click is as loud as the tone; companding alone is 37 dB under it.
        table.single(&figure("loudest sound besides the tone (clicks)"), Target::most(-15.0, "dB"), worst);
        table.told(
            &figure("the rest"),
            format!(
                "longest gap {longest} ms, {} dB besides the tone on average, concealed {} %, played in {} s",
                short(mean),
                short(heard.concealed_pct().into()),
                short(took.as_secs_f64())
            ),
        );
    }
}
