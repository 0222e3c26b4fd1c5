//! What is known of the sign-in: how far it has come, as whom, and what is wanted.

use std::time::Instant;

use jiff::Timestamp;

use crate::{
    app::{Profile, RequestId},
    config::LoginType,
    domain::TargetState,
    i18n::Message,
    softphone::Account,
};

/// How far sign-in has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::app) enum Phase {
    /// Not signed in.
    #[default]
    Out,
    /// `/agent/rtcInfo` is under way.
    FetchingPhone,
    /// `/agent/login` is under way.
    LoggingIn,
    /// Waiting for the platform's greeting (MT 0) on the link.
    Linking,
    /// The first ready or busy is under way.
    Setting,
    /// Signed in.
    In,
    /// `/agent/logout` is under way.
    Leaving,
}

/// The sign-in: its progress, its identity, and what is wanted.
#[derive(Debug)]
pub(in crate::app) struct Session {
    pub(in crate::app) phase: Phase,
    /// The phone's number: the config's at first, then the one the agent changed to.
    pub(in crate::app) phone: String,
    /// That phone is the built-in one.
    pub(in crate::app) web_phone: bool,
    /// The config's at first, then what the agent switched to or a sign-in that was taken over had.
    pub(in crate::app) login_type: LoginType,
    /// The sign-in of an earlier run has not been tried yet, and is as this one is to be.
    pub(in crate::app) may_rejoin: bool,
    /// It is being tried; the platform has not said that it knows it.
    pub(in crate::app) rejoining: bool,
    /// The link's first connection was made with `reset=true`, and so are its later ones (protocol `cti.md` 3.1).
    pub(in crate::app) by_reset: bool,
    /// A change of the phone under way.
    pub(in crate::app) change: Option<PhoneChange>,
    /// The kind of sign-in that is being switched to.
    pub(in crate::app) switching: Option<LoginType>,
    /// The platform has given the tenant, so look-ups make sense.
    pub(in crate::app) tenant_known: bool,
    /// Signed out by the platform while away, and coming back by itself.
    pub(in crate::app) coming_back: bool,
    /// A sign-in elsewhere has been ended for this one, which is done once only.
    pub(in crate::app) ended_other: bool,
    /// Keep trying until it works.
    pub(in crate::app) wanted: bool,
    /// Take over a sign-in elsewhere.
    pub(in crate::app) force: bool,
    /// Failed attempts in a row.
    pub(in crate::app) failures: u32,
    /// When the first of them failed.
    pub(in crate::app) failing_since: Option<Instant>,
    /// The request of the present step; an answer to an earlier attempt's is not for this one.
    pub(in crate::app) step: Option<RequestId>,
    /// The answer to our own sign-in was lost, so the platform may hold one that is ours without our knowing.
    pub(in crate::app) login_unanswered: bool,
    /// The last sign-in was refused; the next token is reason enough to try again.
    pub(in crate::app) refused: bool,
    /// When the platform last made us sign in again, so that it cannot do so in a circle.
    pub(in crate::app) again_at: Option<Instant>,
    /// The token source has been asked and has not answered.
    pub(in crate::app) renewing: bool,
    /// When it was asked last.
    pub(in crate::app) renewed_at: Option<Instant>,
    /// Why it gave none, as told last.
    pub(in crate::app) renewal_told: Option<Message>,
    /// When the token expires, where the platform said so.
    pub(in crate::app) token_expires: Option<Timestamp>,
    /// `tokenExpiring` has been published for this token.
    pub(in crate::app) expiring_told: bool,
    /// The platform has said of the token in use that it is worth nothing.
    pub(in crate::app) worthless: bool,
    /// That the token is worth nothing has been told.
    pub(in crate::app) worthless_told: bool,
    /// `RegID`.
    pub(in crate::app) reg_id: Option<String>,
    /// `agSta` of the sign-in reply.
    pub(in crate::app) login_state: Option<String>,
    /// The first ready or busy has been accepted, or was not needed.
    pub(in crate::app) state_set: bool,
    /// State wanted after sign-in: the config's at first, then the last one the agent worked in.
    pub(in crate::app) target: Option<TargetState>,
    /// Tenant id (`vccId`).
    pub(in crate::app) vcc_id: Option<String>,
    /// Tenant code (`vccCode`).
    pub(in crate::app) vcc_code: Option<String>,
    /// Registered with, or to be registered with.
    pub(in crate::app) account: Option<Account>,
    /// When the platform was last asked for it again.
    pub(in crate::app) account_asked_at: Option<Instant>,
    /// Why the agent was signed out, if not by the agent.
    pub(in crate::app) signed_out_because: Option<Message>,
}

impl Session {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            phase: Phase::Out,
            vcc_code: None,
            phone: profile.agent_phone.clone(),
            web_phone: profile.webrtc,
            login_type: profile.login_type,
            may_rejoin: profile.known.as_ref().is_some_and(|known| {
                known.phone.as_ref() == Some(&profile.agent_phone) && known.kind == Some(profile.login_type.number())
            }),
            rejoining: false,
            by_reset: false,
            change: None,
            switching: None,
            tenant_known: false,
            coming_back: false,
            ended_other: false,
            wanted: false,
            force: false,
            failures: 0,
            failing_since: None,
            step: None,
            login_unanswered: false,
            refused: false,
            again_at: None,
            renewing: false,
            renewed_at: None,
            renewal_told: None,
            token_expires: None,
            expiring_told: false,
            worthless: false,
            worthless_told: false,
            reg_id: profile.known.as_ref().map(|known| known.reg_id.clone()),
            login_state: None,
            state_set: false,
            target: Some(profile.target),
            vcc_id: None,
            account: None,
            account_asked_at: None,
            signed_out_because: None,
        }
    }
}

/// A change of the phone in the middle of the shift.
#[derive(Debug)]
pub(in crate::app) struct PhoneChange {
    pub(in crate::app) phone: String,
    /// `isWebrtc` as it was asked for.
    pub(in crate::app) asked: Option<bool>,
    /// To register with, if the new phone is the built-in one.
    pub(in crate::app) account: Option<Account>,
    /// The platform has bound it; a call keeps its own phone to the end.
    pub(in crate::app) accepted: bool,
}
