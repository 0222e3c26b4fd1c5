//! Names of events, as scripts and hooks know them: those of the vendor's SDK (protocol `cti.md` 4.2) and the
//! program's own.

/// Every event's name.
pub const EVENT_NAMES: &[&str] = &[
    "ws",
    "phoneHangup",
    "phoneCallOut",
    "phoneRingCalled",
    "phoneRingQueue",
    "phoneRingOutbound",
    "phoneRingChanSPY",
    "phoneRingConsult",
    "phoneRingAutoCall",
    "phoneConnect",
    "phoneSelfConnect",
    "phoneConsultOut",
    "phoneConsultConnect",
    "phoneConsultBack",
    "phoneConsultFail",
    "phone3WaySuccess",
    "phone3WayBack",
    "phoneChanSPYSuccess",
    "phoneBreakinSuccess",
    "phoneTransferSuccess",
    "phoneInterceptSuccess",
    "phoneTransfer",
    "phoneTransfered",
    "phoneOtherRing",
    "agentLogout",
    "agentUnbusy",
    "agentSysBusy",
    "agentSysUnbusy",
    "agentSysOccupy",
    "agentSysAftDeal",
    "agentOlUnbusy",
    "agentOlBusy",
    "agentAutoCallOverrun",
    "initstate",
    "ivr",
    "updateQueue",
    "updateCaller",
    "errorLogoff",
    "errorUnbusy",
    "errorBusy",
    "forceLogoff",
    "wsLogout",
    "wsLogoutWithoutReconnect",
    "unknown",
    "callStarted",
    "callUpdated",
    "callEnded",
    "callHeld",
    "callResumed",
    "linkUp",
    "linkDown",
    "sipRegistered",
    "sipFailed",
    "mediaUp",
    "mediaLost",
    "deviceFailed",
    "deviceMoved",
    "devicesReady",
    "devicesChanged",
    "speakingMuted",
    "microphoneSilent",
    "qualityWarning",
    "qualityWarningCleared",
    "tokenExpiring",
    "healthChanged",
];

/// Every category (`eventType`).
pub const EVENT_CATEGORIES: &[&str] =
    &["phone", "phoneRing", "agent", "update", "error", "call", "link", "sip", "media", "token", "health"];

/// Stands for every event.
pub const EVERY_EVENT: &str = "all";

/// The name or category most like a mistyped one; `None` if it is one.
pub fn unknown_event(typed: &str) -> Option<&'static str> {
    let known = || EVENT_NAMES.iter().chain(EVENT_CATEGORIES).chain(&[EVERY_EVENT]).copied();
    if known().any(|name| name == typed) {
        return None;
    }
    known().min_by_key(|name| strsim::damerau_levenshtein(&name.to_lowercase(), &typed.to_lowercase()))
}
