//! What a person or a script may ask.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{DeviceWish, Probe};
use crate::{
    config::LoginType,
    cti::codes::ReplyCode,
    domain::{Callee, Destination, Preference},
    i18n::Message,
    panel::PanelContent,
};

/// A request to the program, from a key, the mouse or the control socket.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sign in; with `force`, take over a sign-in elsewhere.
    SignIn { force: bool },
    /// Sign out.
    SignOut,
    /// Go ready.
    Ready,
    /// Go ready although microphone and speaker are not proven (`check = true`).
    ReadyAnyway,
    /// Look now at everything that a call needs.
    CheckHealth,
    /// Begin or end the test of microphone and speaker.
    TestSound { on: bool },
    /// Go busy, with a reason's number where one is wanted.
    Busy { reason: Option<i64> },
    /// Call an outside number. Unset options are filled in from what the agent chose and the config.
    Dial { number: String, caller_id: Option<String>, queue_id: Option<i64>, user_data: Option<String> },
    /// Call another agent.
    DialAgent { ag_no: String, caller_id: Option<String> },
    /// Give up an outbound call that is not answered yet.
    CancelDial,
    /// Answer the ringing call.
    Answer,
    /// Refuse the ringing call.
    Reject,
    /// End the call, whatever its phase.
    HangUp,
    /// Put the other side on hold.
    Hold,
    /// Resume.
    Unhold,
    /// Stop sending what the microphone hears.
    Mute,
    /// Send it again.
    Unmute,
    /// Send keypad digits (0-9, *, #, A-D), in order, none lost.
    SendDtmf { digits: String },
    /// Call somebody while the other side waits.
    Consult { callee: Callee, caller_id: Option<String> },
    /// Back from a consultation to the other side; the consulted party is dropped, answered or not.
    ConsultReturn,
    /// Connect the other side with the consulted party and leave.
    ConsultTransfer,
    /// Join all three.
    ThreeWay,
    /// Drop the third party and go on with the other side.
    ThreeWayReturn,
    /// Give the call away without asking first.
    Transfer { to: Destination, caller_id: Option<String> },
    /// Send the other side to the satisfaction survey.
    Evaluate,
    /// Let the other side answer an IVR flow during the call.
    Interact { ivr_code: String, ivr_param: Option<String> },
    /// Listen to an agent's call.
    Spy { ag_no: String },
    /// Speak to the monitored agent alone; unset: the one who is listened to.
    Whisper { ag_no: Option<String> },
    /// Only listen again.
    WhisperCancel,
    /// Join the monitored call; unset: the one that is listened to.
    Barge { ag_no: Option<String> },
    /// Tear the monitored call down; unset: the one that is listened to.
    Disconnect { ag_no: Option<String> },
    /// Bind another phone; whether it is the web phone, where that changes.
    ChangePhone { phone: String, web_phone: Option<bool> },
    /// Change between dynamic and static sign-in.
    SwitchMode { login_type: LoginType },
    /// Forget the state that was wanted after the call.
    ForgetAfterCall,
    /// Enter a predictive project, by its id.
    JoinProject { id: String },
    /// Leave the predictive project.
    LeaveProject,
    /// Ask for a break.
    RaiseHand(BreakWish),
    /// What became of break requests has been read.
    ReadBreakNews,
    /// Go busy with a reminder's reason now.
    TakeReminder { id: String },
    /// Remind again in two minutes.
    SnoozeReminder { id: String },
    /// The reminder has been read.
    DismissReminder { id: String },
    /// The overtime warning has been seen; it is quiet until the next state.
    AcknowledgeOvertime,
    /// Take a customer out of the queue; the fields are those of the row, or the integrator's.
    TakeFromQueue { fields: Map<String, Value> },
    /// Ask the platform for something and answer with what it says.
    LookUp(LookUp),
    /// Keep one of the lists fresh while somebody looks at it; none: nobody looks.
    Watch(Option<Watched>),
    /// Forget every call of the journal, on disk too.
    ClearJournal,
    /// Use other sound devices from now on, in a call too, and remember it.
    SetDevices(DeviceWish),
    /// Play something to try a sound device.
    TestDevice(Probe),
    /// Remember a choice about the screen.
    Prefer(Preference),
    /// Choose the caller ID by value or name.
    ChooseCallerId { value: String },
    /// Answer calls by themselves from now on.
    SetAutoAnswer { on: bool },
    /// Use this token from now on.
    SetToken { token: SecretString },
    /// Fill the right-hand panel.
    SetPanel { content: PanelContent },
    /// Empty the right-hand panel.
    ClearPanel,
    /// Notices have been read.
    DismissNotices,
    /// Reconnect the link and the registration now instead of waiting.
    ReconnectNow,
    /// End the program: the call on the built-in phone is hung up, and the agent signed out if that is configured.
    Quit,
    /// The same without waiting for the platform's answers.
    QuitNow,
}

/// What can be looked up (`Info.*` of the SDK, protocol `cti.md` 2.2, 2.8, 2.9).
#[derive(Clone, Debug, PartialEq)]
pub enum LookUp {
    /// `Info.getAgentList`: free agents.
    FreeAgents,
    /// `Info.getOnlineAgent`: agents in a call.
    AgentsOnLine,
    /// `Info.getAgentListByAgNum`.
    FreeAgentsByNumber(Map<String, Value>),
    /// `Info.getQueue`: skill groups.
    SkillGroups,
    /// `Info.getAgentBaseInfo`: the agent's own record.
    OwnRecord,
    /// `Info.getBusyReason`.
    BusyReasons,
    /// `Info.getCallNum`: outside numbers to consult.
    OutsideNumbers,
    /// `Info.getQueueSum`: customers waiting.
    QueueSum(Option<Vec<Value>>),
    /// Who waits.
    QueueDetail,
    /// `Info.getQueueUpNum`.
    QueueUpNum(Map<String, Value>),
    /// `Info.getwarnRuleList`.
    WarnRuleList,
    /// `Agent.getCallList`: caller IDs.
    CallerIds,
    /// `Agent.getPro`: predictive projects.
    Projects,
    /// `Agent.getBusyInfo`: restrictions of busy reasons.
    BusyInfo,
}

/// A list that is kept fresh while it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Agents and skill groups, to consult with or to transfer to.
    Directory,
    /// Agents in a call, to listen to.
    OnLine,
    /// Who waits.
    Queue,
    /// Who approves breaks, by a part of name or number.
    Approvers(String),
    /// The agent's break requests.
    BreakRequests,
    /// Predictive projects.
    Projects,
    /// Sound devices: they are tested while somebody looks.
    Devices,
}

/// A break as it is asked for, not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreakWish {
    /// Busy reason's number.
    pub reason: Option<i64>,
    /// First minute, `HH:MM`.
    pub from: String,
    /// Last minute, `HH:MM`.
    pub to: String,
    /// Why, at most 256 characters.
    pub remark: String,
    /// The approver's number, as in [`Approver::number`](super::Approver::number).
    pub approver: String,
}

/// A kind of action, to say whether it is possible now. One key, one palette line, one control-socket word each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// [`Command::SignIn`].
    SignIn,
    /// [`Command::SignOut`].
    SignOut,
    /// [`Command::Ready`].
    Ready,
    /// [`Command::Busy`].
    Busy,
    /// [`Command::Dial`].
    Dial,
    /// [`Command::DialAgent`].
    DialAgent,
    /// [`Command::CancelDial`].
    CancelDial,
    /// [`Command::Answer`].
    Answer,
    /// [`Command::Reject`].
    Reject,
    /// [`Command::HangUp`].
    HangUp,
    /// [`Command::Hold`].
    Hold,
    /// [`Command::Unhold`].
    Unhold,
    /// [`Command::Mute`].
    Mute,
    /// [`Command::Unmute`].
    Unmute,
    /// [`Command::SendDtmf`].
    SendDtmf,
    /// [`Command::Consult`].
    Consult,
    /// [`Command::ConsultReturn`].
    ConsultReturn,
    /// [`Command::ConsultTransfer`].
    ConsultTransfer,
    /// [`Command::ThreeWay`].
    ThreeWay,
    /// [`Command::ThreeWayReturn`].
    ThreeWayReturn,
    /// [`Command::Transfer`].
    Transfer,
    /// [`Command::Evaluate`].
    Evaluate,
    /// [`Command::Interact`].
    Interact,
    /// [`Command::Spy`].
    Spy,
    /// [`Command::Whisper`].
    Whisper,
    /// [`Command::WhisperCancel`].
    WhisperCancel,
    /// [`Command::Barge`].
    Barge,
    /// [`Command::Disconnect`].
    Disconnect,
    /// [`Command::ChooseCallerId`].
    ChooseCallerId,
    /// [`Command::ChangePhone`].
    ChangePhone,
    /// [`Command::SwitchMode`].
    SwitchMode,
    /// [`Command::JoinProject`].
    JoinProject,
    /// [`Command::LeaveProject`].
    LeaveProject,
    /// [`Command::RaiseHand`].
    RaiseHand,
    /// [`Command::TakeFromQueue`].
    TakeFromQueue,
}

impl Action {
    /// Every action, in the order of help and palette.
    pub const ALL: [Action; 35] = [
        Action::SignIn,
        Action::SignOut,
        Action::Ready,
        Action::Busy,
        Action::Dial,
        Action::DialAgent,
        Action::CancelDial,
        Action::Answer,
        Action::Reject,
        Action::HangUp,
        Action::Hold,
        Action::Unhold,
        Action::Mute,
        Action::Unmute,
        Action::SendDtmf,
        Action::Consult,
        Action::ConsultReturn,
        Action::ConsultTransfer,
        Action::ThreeWay,
        Action::ThreeWayReturn,
        Action::Transfer,
        Action::Evaluate,
        Action::Interact,
        Action::Spy,
        Action::Whisper,
        Action::WhisperCancel,
        Action::Barge,
        Action::Disconnect,
        Action::ChooseCallerId,
        Action::ChangePhone,
        Action::SwitchMode,
        Action::JoinProject,
        Action::LeaveProject,
        Action::RaiseHand,
        Action::TakeFromQueue,
    ];
}

/// Identifies a command while it is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What became of a command: the platform's answer as JSON (null where there is none), or the refusal.
pub type CommandOutcome = Result<Value, Refusal>;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What kind of refusal.
    pub kind: RefusalKind,
    /// In a sentence.
    pub message: Message,
    /// The platform's own code and text, where it answered.
    pub platform: Option<(i64, String)>,
}

impl Refusal {
    /// A sign-in was refused because the agent is signed in elsewhere: it can be taken over.
    pub fn is_signed_in_elsewhere(&self) -> bool {
        self.platform.as_ref().is_some_and(|(code, _)| ReplyCode::of(*code) == Some(ReplyCode::SignedInAlready))
    }
}

/// What kind of refusal, for the JSON-RPC error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It makes no sense in this state.
    NotNow,
    /// Its arguments are wrong.
    Invalid,
    /// The same is already under way.
    Pending,
    /// The platform said no.
    Platform,
    /// The platform cannot be reached or did not answer.
    Unreachable,
}
