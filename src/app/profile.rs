//! What the state machine knows of the configuration.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    config::{AudioBackend, BusyAtSignIn, Config, KeypadWay, LoginType, PhoneAway, TokenSource},
    domain::{CallerId, KnownSignIn, Remembered, TargetState},
    i18n::{Locale, Message},
    softphone::Devices,
};

/// The part of the configuration that decides behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Agent number.
    pub ag_no: String,
    /// The phone's number.
    pub agent_phone: String,
    /// Whether the built-in softphone is used.
    pub webrtc: bool,
    /// Whether the event websocket is used.
    pub websocket: bool,
    /// Sign in by itself at start.
    pub sign_in_at_start: bool,
    /// Take over a sign-in elsewhere without asking.
    pub auto_force_login: bool,
    /// Dynamic or static.
    pub login_type: LoginType,
    /// State wanted after sign-in.
    pub target: TargetState,
    /// Add the first skill group to outbound calls.
    pub auto_queue: bool,
    /// Count waiting customers.
    pub show_que_sum: bool,
    /// Sign out when the program ends.
    pub sign_out_on_exit: bool,
    /// Caller IDs to offer; empty: all the platform lists.
    pub call_nums: Vec<CallerId>,
    /// Name of the caller ID chosen at first.
    pub default_caller: Option<String>,
    /// How long after the first loss of the link reconnection goes on; zero: never.
    pub ws_reconnect_time: Duration,
    /// How long before expiry a token is renewed.
    pub token_call_back_time: Duration,
    /// Whether there is anything to renew a token with.
    pub can_renew_token: bool,
    /// The sign-in of an earlier run, by which the platform knows us again.
    pub known: Option<KnownSignIn>,
    /// What the agent chose in an earlier run.
    pub remembered: Remembered,
    /// Offer predictive projects.
    pub auto_call: bool,
    /// Leave a predictive project when its limit is reached.
    pub auto_call_overrun_out: bool,
    /// Offer raise hand.
    pub raise_hand: bool,
    /// Remind of meals and shifts.
    pub dining_remind: bool,
    /// Warn when a state lasts too long.
    pub status_warn: bool,
    /// Time zone of clock times in sentences.
    pub zone: TimeZone,
    /// Calls kept in the journal.
    pub journal_keep: usize,
    /// Sound devices of the config.
    pub devices: Devices,
    /// Ring aloud.
    pub ring: bool,
    /// How keypad digits are sent.
    pub keypad: KeypadWay,
    /// Whether `[panel]` says what fills the panel by itself.
    pub fills_panel: bool,
    /// Check devices and network all the time, and let nobody go ready before microphone and speaker are proven.
    pub check: bool,
    /// Sound is that of real devices, which only a person can prove.
    pub real_sound: bool,
    /// What is legal in the config and still worth telling.
    pub config_warnings: Vec<Message>,
    /// What becomes of an idle agent whose phone is away.
    pub phone_away: PhoneAway,
    /// Language of notices.
    pub locale: Locale,
}

impl Profile {
    /// Picks what matters out of the configuration. `known` is the text of [`Effect::RememberSignIn`] of an earlier run.
    ///
    /// [`Effect::RememberSignIn`]: super::Effect::RememberSignIn
    pub fn new(config: &Config, locale: Locale, known: Option<&str>, remembered: Remembered) -> Self {
        let platform = &config.platform;
        Self {
            ag_no: platform.ag_no.clone(),
            agent_phone: platform.agent_phone.clone(),
            webrtc: platform.webrtc,
            websocket: platform.websocket,
            sign_in_at_start: platform.sign_in_at_start,
            auto_force_login: platform.auto_force_login,
            login_type: platform.login_type,
            target: match platform.busy {
                BusyAtSignIn::No => TargetState::Ready,
                BusyAtSignIn::Yes => TargetState::Busy(None),
                BusyAtSignIn::Reason(id) => TargetState::Busy(Some(id)),
            },
            auto_queue: platform.auto_queue,
            show_que_sum: config.bar.show_que_sum,
            sign_out_on_exit: platform.sign_out_on_exit,
            call_nums: config.bar.call_nums.clone(),
            default_caller: config.bar.default_caller.clone(),
            ws_reconnect_time: platform.ws_reconnect_time,
            token_call_back_time: platform.token_call_back_time,
            can_renew_token: !platform.token_call_back.is_empty()
                || matches!(platform.token, TokenSource::Command(_) | TokenSource::File(_)),
            known: known.and_then(KnownSignIn::read),
            remembered,
            auto_call: config.bar.auto_call,
            auto_call_overrun_out: platform.auto_call_overrun_out,
            raise_hand: config.bar.raise_hand,
            dining_remind: config.bar.dining_remind,
            status_warn: config.bar.status_warn,
            zone: TimeZone::system(),
            journal_keep: config.journal.keep,
            devices: Devices {
                input: config.audio.input_device.clone(),
                output: config.audio.output_device.clone(),
                ring: config.audio.ring_device.clone(),
            },
            ring: config.audio.ring,
            keypad: config.audio.keypad,
            fills_panel: config.panel.command.is_some() || config.panel.url.is_some(),
            check: platform.check,
            real_sound: config.audio.backend == AudioBackend::Device,
            config_warnings: config.warnings.clone(),
            phone_away: config.phone.away,
            locale,
        }
    }
}
