//! From what is known to what is in order and what is not.

use jiff::Timestamp;

use super::{HealthItem, HealthLevel, HealthView, band};
use crate::{
    app::{
        LinkState, MediaState, SipState, State,
        state::{Device, Phase, Trips},
    },
    config::Codec,
    domain::AgentState,
    i18n::Message,
};

/// A sound that is hard to follow (ITU-T G.107 annex B: "many users dissatisfied" begins below), MOS.
const POOR_MOS: f32 = 3.5;
/// After so many commands in a row without an answer, the platform is taken for gone.
const PLATFORM_GONE: u32 = 2;

/// How one thing is, without a language.
#[derive(Debug)]
pub(in crate::app) struct Fact {
    pub(in crate::app) name: &'static str,
    pub(in crate::app) level: HealthLevel,
    text: Message,
    hint: Option<Message>,
    confirmed: Option<Timestamp>,
    until: Option<Timestamp>,
    value_ms: Option<u64>,
}

impl Fact {
    fn new(name: &'static str, level: HealthLevel, text: Message) -> Self {
        Self { name, level, text, hint: None, confirmed: None, until: None, value_ms: None }
    }

    fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(Message::new(hint));
        self
    }

    /// With a round trip that is measured, in words.
    fn trip(mut self, trips: &Trips) -> Self {
        self.value_ms = trips.usual();
        if let Some(ms) = self.value_ms {
            let (words, level) = band(ms);
            self.level = self.level.max(level);
            self.text = Message::new(words).with("ms", ms);
            if level > HealthLevel::Ok {
                self.hint = Some(Message::new("health.do_network"));
            }
        }
        self
    }
}

impl State {
    /// Everything that a call needs, in words.
    pub(in crate::app) fn health_view(&self) -> HealthView {
        let locale = self.profile.locale;
        let item = |fact: Fact| HealthItem {
            name: fact.name,
            level: fact.level,
            text: fact.text.render(locale),
            hint: fact.hint.map(|hint| hint.render(locale)),
            since: self.health.since.get(fact.name).map_or(self.began, |(_, since)| *since),
            confirmed: fact.confirmed,
            until: fact.until,
            value_ms: fact.value_ms,
        };
        let items: Vec<_> = self.health_facts().into_iter().map(item).collect();
        HealthView {
            level: items.iter().map(|item| item.level).max().unwrap_or_default(),
            check: self.profile.check,
            ready_refused: self.ready_refused().map(|why| why.render(locale)),
            items,
            test: self.health.test,
        }
    }

    /// Everything that a call needs, in the order of the way from here to the caller.
    pub(in crate::app) fn health_facts(&self) -> Vec<Fact> {
        vec![
            self.config_fact(),
            self.token_fact(),
            self.platform_fact(),
            self.link_fact(),
            self.sip_fact(),
            self.microphone_fact(),
            self.speaker_fact(),
            self.ring_fact(),
            self.media_fact(),
            self.quality_fact(),
        ]
    }

    /// Why the agent may not go ready (`check = true`): microphone and speaker are not proven.
    pub(in crate::app) fn ready_refused(&self) -> Option<Message> {
        let health = &self.health;
        if !self.profile.check || !self.session.web_phone || health.anyway {
            return None;
        }
        for device in [&health.microphone, &health.speaker] {
            if let Device::Failed(why) = device {
                return Some(Message::new("health.gate_broken").with("what", why.render(self.profile.locale)));
            }
        }
        if health.microphone == Device::Untried || health.speaker == Device::Untried {
            return Some(Message::new("health.gate_untried"));
        }
        (!self.sound_is_proven()).then(|| Message::new("health.gate_unproven"))
    }

    /// Whether these devices have passed the test in this shift. Files and silence prove themselves by opening.
    fn sound_is_proven(&self) -> bool {
        let health = &self.health;
        !self.profile.real_sound
            || self.remembered.proven_sound.as_ref().is_some_and(|proven| {
                health.microphone.name() == Some(&proven.input) && health.speaker.name() == Some(&proven.output)
            })
    }

    fn config_fact(&self) -> Fact {
        match self.profile.config_warnings.first() {
            None => Fact::new("config", HealthLevel::Ok, Message::new("health.config_ok")),
            Some(warning) => Fact::new("config", HealthLevel::Warn, warning.clone()).hint("health.do_config"),
        }
    }

    fn token_fact(&self) -> Fact {
        let session = &self.session;
        let fact = |level, text| Fact::new("token", level, Message::new(text));
        let fact = if session.worthless_told {
            fact(HealthLevel::Fail, "health.token_expired").hint("health.do_token")
        } else if let Some(why) = &session.renewal_told {
            Fact::new("token", HealthLevel::Warn, why.clone()).hint("health.do_token")
        } else if session.expiring_told && !self.profile.can_renew_token {
            fact(HealthLevel::Warn, "health.token_expiring").hint("health.do_token")
        } else if session.tenant_known {
            fact(HealthLevel::Ok, "health.token_ok")
        } else {
            fact(HealthLevel::Off, "health.not_yet")
        };
        Fact { until: session.token_expires, ..fact }
    }

    fn platform_fact(&self) -> Fact {
        let platform = &self.health.platform;
        let fact = match &platform.error {
            Some(error) => {
                let gone = platform.failures >= PLATFORM_GONE;
                let level = if gone { HealthLevel::Fail } else { HealthLevel::Warn };
                Fact::new("platform", level, error.clone()).hint("health.do_platform")
            }
            None if platform.answered.is_none() => {
                Fact::new("platform", HealthLevel::Off, Message::new("health.not_yet"))
            }
            None => {
                let mut fact = Fact::new("platform", HealthLevel::Ok, Message::new("health.up")).trip(&platform.trips);
                // A command is work besides the way: only what an agent would wait for is worth a word.
                fact.level = fact.level.min(HealthLevel::Warn);
                if fact.value_ms.is_some_and(|ms| ms < 480) {
                    (fact.level, fact.hint) = (HealthLevel::Ok, None);
                }
                fact
            }
        };
        Fact { confirmed: platform.answered, ..fact }
    }

    fn link_fact(&self) -> Fact {
        let fact = |level, text: Message| Fact::new("link", level, text);
        let why = |other| self.link.last_error.clone().unwrap_or_else(|| Message::new(other));
        if !self.profile.websocket {
            return fact(HealthLevel::Off, Message::new("health.not_used"));
        }
        match self.link.state {
            LinkState::Up => match self.health.link_late_ms {
                Some(ms) => {
                    let text = Message::new("health.link_late").with("seconds", ms / 1000);
                    fact(HealthLevel::Warn, text).hint("health.do_link_late")
                }
                None => fact(HealthLevel::Ok, Message::new("health.up")).trip(&self.health.link),
            },
            LinkState::Connecting => fact(HealthLevel::Warn, why("health.connecting")),
            LinkState::GivenUp => fact(HealthLevel::Fail, why("health.down")).hint("health.do_reconnect"),
            LinkState::Down if self.session.phase == Phase::Out && !self.session.wanted => {
                fact(HealthLevel::Off, Message::new("health.signed_out"))
            }
            LinkState::Down => fact(HealthLevel::Fail, why("health.down")).hint("health.do_wait"),
        }
    }

    fn sip_fact(&self) -> Fact {
        let fact = |level, text: Message| Fact::new("sip", level, text);
        let why = |other| self.sip.last_error.clone().unwrap_or_else(|| Message::new(other));
        let fact = match self.sip.state {
            _ if !self.session.web_phone => fact(HealthLevel::Off, Message::new("health.other_phone")),
            SipState::Off if self.agent.state == AgentState::SignedOut => {
                fact(HealthLevel::Off, Message::new("health.signed_out"))
            }
            SipState::Off => fact(HealthLevel::Off, Message::new("health.not_yet")),
            SipState::Registering => fact(HealthLevel::Warn, why("health.registering")),
            SipState::Registered => fact(HealthLevel::Ok, Message::new("health.registered")).trip(&self.health.sip),
            SipState::Failed => fact(HealthLevel::Fail, why("health.down")).hint("health.do_sip"),
        };
        let (confirmed, until) = self.health.granted.unzip();
        Fact { confirmed, until, ..fact }
    }

    fn microphone_fact(&self) -> Fact {
        let fact = self.device_fact("microphone", &self.health.microphone);
        if fact.level == HealthLevel::Ok && self.health.microphone_silent {
            return Fact { level: HealthLevel::Warn, text: Message::new("health.microphone_silent"), ..fact }
                .hint("health.do_mute_switch");
        }
        fact
    }

    fn speaker_fact(&self) -> Fact {
        self.device_fact("speaker", &self.health.speaker)
    }

    fn device_fact(&self, name: &'static str, device: &Device) -> Fact {
        let fact = |level, text: Message| Fact::new(name, level, text);
        match device {
            _ if !self.session.web_phone => fact(HealthLevel::Off, Message::new("health.other_phone")),
            Device::Untried => fact(HealthLevel::Off, Message::new("health.untried")),
            Device::Failed(why) => fact(HealthLevel::Fail, why.clone()).hint("health.do_device"),
            // A file backend without a file has no name, and a file that is nowhere on a disk none that says anything.
            Device::Opens { name, at } if name.is_empty() || name.starts_with("/proc/self/fd/") => {
                Fact { confirmed: Some(*at), ..fact(HealthLevel::Ok, Message::new("health.ring_ok")) }
            }
            Device::Opens { name, at } => {
                let unproven = self.profile.check && !self.sound_is_proven();
                let (level, text) =
                    if unproven { (HealthLevel::Warn, "health.unproven") } else { (HealthLevel::Ok, "health.opens") };
                let fact = Fact { confirmed: Some(*at), ..fact(level, Message::new(text).with("device", name)) };
                if unproven { fact.hint("health.do_test") } else { fact }
            }
        }
    }

    fn ring_fact(&self) -> Fact {
        let fact = |level, text: Message| Fact::new("ring_device", level, text);
        match &self.health.ring {
            _ if !self.session.web_phone => fact(HealthLevel::Off, Message::new("health.other_phone")),
            _ if !self.profile.ring => fact(HealthLevel::Off, Message::new("health.ring_off")),
            Some(why) => fact(HealthLevel::Warn, why.clone()).hint("health.do_ring"),
            None if self.health.speaker == Device::Untried => fact(HealthLevel::Off, Message::new("health.untried")),
            None => fact(HealthLevel::Ok, Message::new("health.ring_ok")),
        }
    }

    fn media_fact(&self) -> Fact {
        let fact = |level, text: Message| Fact::new("media", level, text);
        match self.media.state {
            MediaState::None => fact(HealthLevel::Off, Message::new("health.no_call")),
            MediaState::Connecting => fact(HealthLevel::Off, Message::new("health.connecting")),
            MediaState::Up => {
                let codec = match self.media.codec {
                    // As people write it, and the card of the call.
                    Some(Codec::Opus) => "Opus",
                    other => other.map_or("", Codec::name),
                };
                let rtt = self.media.stats.and_then(|stats| stats.rtt_ms).map(|ms| ms.round() as u64);
                Fact { value_ms: rtt, ..fact(HealthLevel::Ok, Message::new("health.media_up").with("codec", codec)) }
            }
            MediaState::Lost => {
                let why = self.health.media_lost.clone().unwrap_or_else(|| Message::new("health.down"));
                fact(HealthLevel::Fail, why).hint("health.do_media")
            }
        }
    }

    fn quality_fact(&self) -> Fact {
        let fact = |level, text: Message| Fact::new("quality", level, text);
        match self.media.stats.filter(|_| self.media.state == MediaState::Up) {
            None => fact(HealthLevel::Off, Message::new("health.no_call")),
            Some(stats) => {
                let text = |key| {
                    Message::new(key)
                        .with("mos", format!("{:.1}", stats.mos))
                        .with("loss", format!("{:.1}", stats.loss_pct))
                };
                if stats.mos > 0.0 && stats.mos < POOR_MOS {
                    fact(HealthLevel::Warn, text("health.quality_poor")).hint("health.do_network")
                } else {
                    fact(HealthLevel::Ok, text("health.quality_good"))
                }
            }
        }
    }
}
