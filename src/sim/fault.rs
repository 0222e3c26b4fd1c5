//! What can be put in the platform's way, by name (contract: `sim` admin interface).

/// What a fault does by its nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cuts links without a close frame and refuses new ones while it lasts.
    DropWs,
    /// Links stay open and nothing goes in or out.
    StallWs,
    /// Connections of commands are closed without an answer.
    RefuseHttp,
    /// Commands wait this long, ms.
    HttpDelay,
    /// Commands are answered with this HTTP status and no JSON.
    HttpStatus,
    /// Commands are answered with an HTML page.
    HttpHtml,
    /// Commands are answered with 200 and JSON that means nothing, or the given text.
    HttpGarbage,
    /// SIP connections are cut and refused.
    DropSip,
    /// SIP connections stay open and nothing goes in or out.
    StallSip,
    /// Share of RTP packets lost, percent.
    RtpLoss,
    /// Jitter of RTP packets, ms.
    RtpJitter,
    /// Share of RTP packets out of order, percent.
    RtpReorder,
    /// No RTP at all.
    RtpBlackhole,
    /// RTP packets go back as they are, past jitter buffer and mixer, as an echo server's do.
    RtpReflect,
    /// Mean length of a burst of lost RTP packets.
    RtpBurst,
    /// Share of RTP packets that come twice, percent.
    RtpDuplicate,
    /// What the RTP path carries, kbit/s.
    RtpRate,
    /// RTP packets come this much later, ms.
    RtpDelay,
    /// Pushes come late, by kind; those of one link stay in order.
    DelayPush,
    /// INVITE, BYE and CANCEL come late; those of different calls may overtake each other.
    DelaySip,
    /// Pushes do not say which call they are about, as some platforms do not.
    NoCallId,
    /// INVITEs name this caller instead of the customer: a gateway, as on many platforms.
    SipFrom,
    /// Replaced by a sign-in elsewhere: the link closes with 3405 (or the code given).
    Kick,
    /// Busy by a supervisor.
    ForceBusy,
    /// Ready by a supervisor.
    ForceIdle,
    /// Signed out by a supervisor.
    ForceLogoff,
    /// Tokens expire, the given number of seconds from now.
    ExpireToken,
    /// The phones have new passwords, told when asked for; what is registered stays so.
    PhonePassword,
    /// The link closes with this code.
    CloseCode,
    /// A frame that is not JSON, or the given text.
    GarbageFrame,
    /// The platform restarts: "keep" or "forget" its sign-ins; out of reach for as long as the fault lasts.
    Restart,
}

impl Fault {
    /// The fault with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "drop_ws" => Fault::DropWs,
            "stall_ws" => Fault::StallWs,
            "refuse_http" => Fault::RefuseHttp,
            "http_delay_ms" => Fault::HttpDelay,
            "http_status" => Fault::HttpStatus,
            "http_html" => Fault::HttpHtml,
            "http_garbage" => Fault::HttpGarbage,
            "drop_sip" => Fault::DropSip,
            "stall_sip" => Fault::StallSip,
            "rtp_loss_pct" => Fault::RtpLoss,
            "rtp_jitter_ms" => Fault::RtpJitter,
            "rtp_reorder_pct" => Fault::RtpReorder,
            "rtp_blackhole" => Fault::RtpBlackhole,
            "rtp_reflect" => Fault::RtpReflect,
            "rtp_burst" => Fault::RtpBurst,
            "rtp_duplicate_pct" => Fault::RtpDuplicate,
            "rtp_rate_kbps" => Fault::RtpRate,
            "rtp_delay_ms" => Fault::RtpDelay,
            "delay_push_ms" => Fault::DelayPush,
            "delay_sip_ms" => Fault::DelaySip,
            "no_call_id" => Fault::NoCallId,
            "sip_from" => Fault::SipFrom,
            "kick" => Fault::Kick,
            "force_busy" => Fault::ForceBusy,
            "force_idle" => Fault::ForceIdle,
            "force_logoff" => Fault::ForceLogoff,
            "expire_token" => Fault::ExpireToken,
            "phone_password" => Fault::PhonePassword,
            "close_code" => Fault::CloseCode,
            "garbage_frame" => Fault::GarbageFrame,
            "restart" => Fault::Restart,
            _ => return None,
        })
    }

    /// Whether it happens at once and is over.
    pub(super) fn is_momentary(self) -> bool {
        match self {
            Fault::Kick
            | Fault::ForceBusy
            | Fault::ForceIdle
            | Fault::ForceLogoff
            | Fault::ExpireToken
            | Fault::PhonePassword
            | Fault::CloseCode
            | Fault::GarbageFrame
            | Fault::Restart => true,
            Fault::DropWs
            | Fault::StallWs
            | Fault::RefuseHttp
            | Fault::HttpDelay
            | Fault::HttpStatus
            | Fault::HttpHtml
            | Fault::HttpGarbage
            | Fault::DropSip
            | Fault::StallSip
            | Fault::RtpLoss
            | Fault::RtpJitter
            | Fault::RtpReorder
            | Fault::RtpBlackhole
            | Fault::RtpReflect
            | Fault::RtpBurst
            | Fault::RtpDuplicate
            | Fault::RtpRate
            | Fault::RtpDelay
            | Fault::DelayPush
            | Fault::DelaySip
            | Fault::NoCallId
            | Fault::SipFrom => false,
        }
    }

    /// Whether it is the switch's, SIP or sound.
    pub(super) fn concerns_switch(self) -> bool {
        [
            Fault::DropSip,
            Fault::StallSip,
            Fault::RtpLoss,
            Fault::RtpJitter,
            Fault::RtpReorder,
            Fault::RtpBlackhole,
            Fault::RtpReflect,
            Fault::RtpBurst,
            Fault::RtpDuplicate,
            Fault::RtpRate,
            Fault::RtpDelay,
            Fault::DelaySip,
        ]
        .contains(&self)
    }
}

/// Which way a fault of RTP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the platform to the agents' phones.
    ToAgent,
    /// From the agents' phones to the platform.
    FromAgent,
}

impl Way {
    /// The ways that a direction's name stands for.
    pub fn from_name(name: &str) -> Option<&'static [Way]> {
        Some(match name {
            "both" => &[Way::ToAgent, Way::FromAgent],
            "to_agent" => &[Way::ToAgent],
            "from_agent" => &[Way::FromAgent],
            _ => return None,
        })
    }
}
