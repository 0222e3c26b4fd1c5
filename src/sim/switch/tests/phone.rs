//! A phone for tests of more than the switch: registered, and answering by itself.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::codec::Codec;
use super::super::sound::{RATE, locked};
use super::client::{Client, Sound};

/// A phone that answers every call at once and says a tone of its own until the call ends.
pub struct Phone {
    sound: Arc<tokio::sync::Mutex<Option<Sound>>>,
}

impl Phone {
    pub async fn start(address: SocketAddr, user: &str, password: &str, hz: f32) -> Phone {
        let mut client = Client::register(address, user, password).await;
        let sound: Arc<tokio::sync::Mutex<Option<Sound>>> = Arc::default();
        let kept = Arc::clone(&sound);
        tokio::spawn(async move {
            while let Some(message) = client.line.incoming.recv().await {
                match message.method() {
                    "INVITE" if message.code().is_none() => {
                        client.line.send(client.reply(&message, 180, "Ringing"));
                        let (sound, sdp) = Sound::answer(&message.body, Codec::Opus, hz).await;
                        let answer = client.reply(&message, 200, "OK").with_body("application/sdp", &sdp);
                        client.line.send(answer);
                        *kept.lock().await = Some(sound);
                    }
                    "BYE" | "CANCEL" if message.code().is_none() => {
                        client.line.send(client.reply(&message, 200, "OK"));
                        if let Some(sound) = kept.lock().await.take() {
                            sound.close().await;
                        }
                    }
                    _ => {}
                }
            }
        });
        Phone { sound }
    }

    /// Levels in dBFS at which it hears these frequencies, over the last half second; nothing without a call.
    pub async fn levels(&self, frequencies: &[f32]) -> Option<Vec<f32>> {
        let sound = self.sound.lock().await;
        let heard = locked(&sound.as_ref()?.heard);
        let last = &heard[heard.len().checked_sub(RATE / 2)?..];
        Some(frequencies.iter().map(|hz| level_at(last, *hz)).collect())
    }
}

/// The level of one frequency, by a single windowed correlation.
fn level_at(samples: &[f32], hz: f32) -> f32 {
    let turn = std::f64::consts::TAU / samples.len() as f64;
    let step = std::f64::consts::TAU * f64::from(hz) / RATE as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let windowed = f64::from(*sample) * (1.0 - (turn * at as f64).cos());
        re += windowed * (step * at as f64).cos();
        im += windowed * (step * at as f64).sin();
    }
    let peak = 2.0 * re.hypot(im) / samples.len() as f64;
    20.0 * (peak + 1e-9).log10() as f32
}
