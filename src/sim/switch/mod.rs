//! The platform's telephone switch: registrar and caller over SIP/WebSocket, encrypted audio legs, and a mixer that
//! decides who hears whom. (Stand-in: every account counts as registered, auto-answered legs answer at once.)

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use super::log::Log;

/// How the switch is started.
pub struct SwitchSettings {
    pub listen: SocketAddr,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub domain: String,
    pub log: Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartyId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Voice {
    Tone(f32),
    Echo,
    Speech,
    Silence,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    pub hz: Option<f32>,
    pub dbfs: Option<f32>,
    pub packets_in: u64,
    pub packets_out: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SwitchFaults {
    pub drop_sip: bool,
    pub stall_sip: bool,
    pub rtp_loss_pct: f32,
    pub rtp_jitter_ms: u32,
    pub rtp_reorder_pct: f32,
    pub rtp_blackhole: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchEvent {
    Registered { user: String },
    Unregistered { user: String },
    Ringing { leg: LegId },
    Answered { leg: LegId },
    Failed { leg: LegId, status: u16 },
    Ended { leg: LegId },
}

pub struct Switch {
    address: SocketAddr,
    events: mpsc::UnboundedSender<SwitchEvent>,
    next: AtomicU64,
}

impl Switch {
    pub async fn start(settings: SwitchSettings, events: mpsc::UnboundedSender<SwitchEvent>) -> io::Result<Switch> {
        let listener = tokio::net::TcpListener::bind(settings.listen).await?;
        Ok(Switch { address: listener.local_addr()?, events, next: AtomicU64::new(1) })
    }

    fn tell(&self, event: SwitchEvent) {
        self.events.send(event).ok();
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    pub fn set_account(&self, user: &str, _password: &str) {
        self.tell(SwitchEvent::Registered { user: user.to_owned() });
    }

    pub fn is_registered(&self, _user: &str) -> bool {
        true
    }

    pub fn call(&self, _user: &str, _from: &str, auto_answer: bool) -> LegId {
        let leg = LegId(self.next.fetch_add(1, Ordering::Relaxed));
        self.tell(SwitchEvent::Ringing { leg });
        if auto_answer {
            self.tell(SwitchEvent::Answered { leg });
        }
        leg
    }

    pub fn hang_up(&self, leg: LegId) {
        self.tell(SwitchEvent::Ended { leg });
    }

    pub fn add_party(&self, _voice: Voice) -> PartyId {
        PartyId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub fn remove_party(&self, _party: PartyId) {}

    pub fn party_of(&self, leg: LegId) -> PartyId {
        PartyId(leg.0)
    }

    pub fn route(&self, _listener: PartyId, _speakers: &[PartyId]) {}

    pub fn heard(&self, _party: PartyId) -> Heard {
        Heard::default()
    }

    pub fn set_faults(&self, _faults: SwitchFaults) {}

    #[allow(clippy::unused_async)]
    pub async fn stop(self) {}
}
