//! The measures that judge recordings, judged: each sees what it is there for, and only that.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::audio::{gaps, level, likeness, speech};

fn later(samples: &[f64], by: usize) -> Vec<f64> {
    std::iter::repeat_n(0.0, by).chain(samples.iter().copied()).chain(std::iter::repeat_n(0.0, 9600)).collect()
}

#[test]
fn the_same_later_and_softer_is_the_same() {
    let sent = speech(4.0, 7);
    assert!((level(&sent) + 20.0).abs() < 0.5, "{}", level(&sent));
    let heard: Vec<f64> = later(&sent, 5280).iter().map(|s| s * 0.5).collect();
    let like = likeness(&sent, &heard);
    assert!((like.gain_db + 6.0).abs() < 0.2, "{like:?}");
    assert!((like.delay_ms.0 - 110.0).abs() < 1.0 && (like.delay_ms.1 - 110.0).abs() < 1.0, "{like:?}");
    assert_eq!((like.found.0, like.gaps), (like.found.1, 0), "{like:?}");
    let same = likeness(&sent, &later(&sent, 5280));
    assert!(same.log_spectral_db < 0.1 && same.segmental_snr_db > 34.0, "{same:?}");
}

#[test]
fn another_voice_is_not_the_same() {
    let like = likeness(&speech(4.0, 7), &later(&speech(4.0, 8), 5280));
    assert!(like.log_spectral_db > 6.0 && like.segmental_snr_db < 2.0, "{like:?}");
    assert!(like.found.0 * 2 < like.found.1, "{like:?}");
}

#[test]
fn noise_and_holes_are_told_by_how_much() {
    let sent = speech(4.0, 7);
    let mut worse = f64::INFINITY;
    for loud in [0.002, 0.01, 0.05] {
        let mut seed = 1u32;
        let noisy: Vec<f64> = later(&sent, 960)
            .iter()
            .map(|s| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                s + loud * (f64::from(seed >> 8) / f64::from(1u32 << 23) - 1.0)
            })
            .collect();
        let like = likeness(&sent, &noisy);
        assert!(like.segmental_snr_db < worse - 3.0, "{loud}: {like:?}");
        worse = like.segmental_snr_db;
    }
    let mut holes = later(&sent, 960);
    for at in [48_000, 96_000, 144_000] {
        holes[at..at + 1920].fill(0.0);
    }
    let like = likeness(&sent, &holes);
    assert!((1..=3).contains(&like.gaps) && (30.0..=45.0).contains(&like.longest_gap_ms), "{like:?}");
}

#[test]
fn gaps_in_a_tone_are_counted() {
    let mut tone: Vec<f64> = (0..96_000).map(|n| 0.25 * (f64::from(n) * 0.1).sin()).collect();
    assert_eq!(gaps(&tone, 48_000), (0, 0.0));
    tone[10_080..12_000].fill(0.0);
    tone[50_400..50_880].fill(0.0);
    assert_eq!(gaps(&tone, 48_000), (2, 40.0));
}
