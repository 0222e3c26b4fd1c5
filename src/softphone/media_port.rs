//! What the softphone needs of the media room, so that SIP can be tested without sound.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{
    Devices, Tone,
    media::{Media, MediaError, Wish},
};

/// Whether an offer could be answered at all, without anything being done about it; the error is why not.
pub(crate) type OfferCheck = Arc<dyn Fn(&str) -> Result<(), MediaError> + Send + Sync>;

/// The media session of a call, and the sounds around it. See [`Media`] for what each does.
#[async_trait]
pub(crate) trait MediaPort: Send + Sync + 'static {
    fn offer_check(&self) -> OfferCheck;
    async fn answer(&self, call_id: &str, offer: &str) -> Result<String, MediaError>;
    async fn offer(&self, call_id: &str, restart: bool) -> Result<String, MediaError>;
    async fn accept_answer(&self, call_id: &str, answer: &str) -> Result<(), MediaError>;
    async fn rollback(&self, call_id: &str);
    async fn close(&self, call_id: &str);
    fn silence(&self, call_id: &str);
    fn call_begins(&self, call_id: &str);
    fn set_muted(&self, muted: bool);
    fn set_held(&self, held: bool);
    fn play(&self, tone: Option<Tone>);
    fn prove_devices(&self);
    fn set_devices(&self, devices: Devices);
    fn test_sound(&self, on: bool);
    fn send_digit(&self, digit: char);
    fn wishes(&mut self) -> mpsc::UnboundedReceiver<Wish>;
    async fn shutdown(self);
}

#[async_trait]
impl MediaPort for Media {
    fn offer_check(&self) -> OfferCheck {
        Media::offer_check(self)
    }

    async fn answer(&self, call_id: &str, offer: &str) -> Result<String, MediaError> {
        Media::answer(self, call_id, offer).await
    }

    async fn offer(&self, call_id: &str, restart: bool) -> Result<String, MediaError> {
        Media::offer(self, call_id, restart).await
    }

    async fn accept_answer(&self, call_id: &str, answer: &str) -> Result<(), MediaError> {
        Media::accept_answer(self, call_id, answer).await
    }

    async fn rollback(&self, call_id: &str) {
        Media::rollback(self, call_id).await;
    }

    async fn close(&self, call_id: &str) {
        Media::close(self, call_id).await;
    }

    fn call_begins(&self, call_id: &str) {
        Media::call_begins(self, call_id);
    }

    fn silence(&self, call_id: &str) {
        Media::silence(self, call_id);
    }

    fn set_muted(&self, muted: bool) {
        Media::set_muted(self, muted);
    }

    fn set_held(&self, held: bool) {
        Media::set_held(self, held);
    }

    fn play(&self, tone: Option<Tone>) {
        Media::play(self, tone);
    }

    fn prove_devices(&self) {
        Media::prove_devices(self);
    }

    fn set_devices(&self, devices: Devices) {
        Media::set_devices(self, devices);
    }

    fn test_sound(&self, on: bool) {
        Media::test_sound(self, on);
    }

    fn send_digit(&self, digit: char) {
        Media::send_digit(self, digit);
    }

    fn wishes(&mut self) -> mpsc::UnboundedReceiver<Wish> {
        Media::wishes(self)
    }

    async fn shutdown(self) {
        Media::shutdown(self).await;
    }
}
