//! What a person or a script may ask.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;

use crate::i18n::Message;

/// A request to the program, from a key, the mouse or the control socket.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sign in; with `force`, take over a sign-in elsewhere.
    SignIn { force: bool },
    /// Sign out.
    SignOut,
    /// Go ready.
    Ready,
    /// Go busy, with a reason's number where one is wanted.
    Busy { reason: Option<i64> },
    /// Call an outside number. Unset options are filled in from what the agent chose and the config.
    Dial { number: String, caller_id: Option<String>, queue_id: Option<i64>, user_data: Option<String> },
    /// Call another agent.
    DialAgent { ag_no: String },
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
    /// End the program; signs out only if configured to. Hangs up nothing by itself.
    Quit,
}

/// What fills the right-hand panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelContent {
    /// Plain text.
    Text(String),
    /// A small subset of Markdown.
    Markdown(String),
    /// Name and value pairs, in order.
    Fields(Vec<(String, String)>),
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
    /// [`Command::ChooseCallerId`].
    ChooseCallerId,
}

impl Action {
    /// Every action, in the order of help and palette.
    pub const ALL: [Action; 15] = [
        Action::SignIn,
        Action::SignOut,
        Action::Ready,
        Action::Busy,
        Action::Dial,
        Action::DialAgent,
        Action::Answer,
        Action::Reject,
        Action::HangUp,
        Action::Hold,
        Action::Unhold,
        Action::Mute,
        Action::Unmute,
        Action::SendDtmf,
        Action::ChooseCallerId,
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
