//! What is asked of the world.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::{CommandId, CommandOutcome, LinkId, PanelId, RequestId};
use crate::{
    cti,
    domain::{JournalChange, KnownSignIn, Remembered},
    panel::CallFacts,
    softphone,
};

/// Something for the shell to do. Results come back as events.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send an HTTP command.
    Request {
        /// To know the reply by.
        id: RequestId,
        /// What.
        request: cti::api::Request,
    },
    /// Send the HTTP command no more, if it is still under way: its connection is closed and its answer not awaited.
    Abandon(RequestId),
    /// Open the event websocket; an older one is closed first.
    OpenLink {
        /// To know its events by.
        id: LinkId,
        /// `RegID`.
        reg_id: String,
        /// `loginState` of the sign-in reply.
        login_state: Option<String>,
        /// `reset`, absent on the first connection.
        reset: Option<bool>,
    },
    /// Close the event websocket.
    CloseLink,
    /// The event websocket must give a sign of life at once, or is given up.
    ProveLink,
    /// Tell the softphone.
    Phone(softphone::Command),
    /// Run, or run anew, a timer.
    StartTimer {
        /// Which: also the reason it runs.
        timer: TimerId,
        /// How long.
        after: Duration,
    },
    /// Forget a timer.
    StopTimer(TimerId),
    /// Answer a command.
    Resolve {
        /// Which.
        id: CommandId,
        /// What became of it.
        outcome: CommandOutcome,
    },
    /// Tell scripts and hooks.
    Publish(SdkEvent),
    /// Keep this sign-in over a restart, so that the platform knows us again; `None`: forget it.
    RememberSignIn(Option<KnownSignIn>),
    /// Keep the agent's choices over a restart.
    Remember(Remembered),
    /// Keep this of the journal over a restart.
    Journal(JournalChange),
    /// Fill the right-hand panel by what is known of a call; an earlier run is ended.
    FillPanel {
        /// To know the result by.
        id: PanelId,
        /// What is known.
        facts: Box<CallFacts>,
    },
    /// What fills the panel is not wanted any more.
    StopPanel,
    /// Use this tenant code in look-ups from now on.
    SetTenant(String),
    /// Use this token for HTTP and the link from now on.
    UseToken(SecretString),
    /// Ask the token source again.
    RenewToken,
    /// End the program.
    Exit,
}

/// Timers, each named by the reason it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerId {
    /// The next attempt to open the event websocket.
    Reconnect,
    /// The platform has not said MT 0 after the websocket opened.
    LinkGreeting,
    /// The next attempt to sign in.
    SignIn,
    /// The platform should have told the state of the sign-in of an earlier run.
    Rejoin,
    /// The token should be renewed now.
    TokenRenewal,
    /// The call's phase waits for somebody else, and has done so for too long.
    CallDeadline,
    /// What has come for the next call while another one lasts has waited long enough.
    NextCall,
    /// The platform accepted the end of a call and should have said that it is over.
    StrayCall,
    /// An ended call has been shown long enough.
    ForgetCall,
    /// An unanswered command's deadline.
    CommandDeadline,
    /// The call is over and the platform has not said what the agent is now, though a state is wanted.
    AfterCall,
    /// The line of the call under way is to be written again.
    JournalCheckpoint,
    /// What was under way when the program was asked to end has had its time.
    Exit,
    /// Customers waiting are to be counted again.
    QueueSum,
    /// The list that is looked at is to be asked for again.
    Watched,
    /// Restrictions of busy reasons are to be asked for again.
    BusyInfo,
    /// News of break requests are to be asked for again.
    BreakNews,
    /// The schedule is to be asked for again.
    WorkTime,
    /// The next reminder is due.
    Reminder,
    /// Rules of overtime are to be asked for again.
    WarningRules,
    /// The platform is to be probed (`check = true`).
    Probe,
    /// The next overtime threshold is reached.
    Overtime,
    /// One of the lists (reasons, caller IDs, skill groups) is to be asked for again.
    Lists,
    /// The phone has been away for as long as nobody need know of.
    PhoneAway,
    /// The platform may be asked again for the phone's account.
    Account,
}

/// An event by the SDK's name, for scripts and hooks. Number and time are added where it is published.
#[derive(Clone, Debug, PartialEq)]
pub struct SdkEvent {
    /// `eventName`.
    pub name: &'static str,
    /// `eventType`.
    pub kind: Vec<&'static str>,
    /// `status`, the SDK's label, empty if none.
    pub status: String,
    /// `data`: the platform's message untouched, or the program's own facts.
    pub data: Value,
}
