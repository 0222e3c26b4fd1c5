//! The words of `ctl`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::control::condition::Condition;

/// `ctl`.
#[derive(Args, Clone, Debug)]
pub struct CtlArgs {
    /// What to do.
    #[command(subcommand)]
    pub word: Word,
}

/// `ctl ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum Word {
    /// Agent, link, registration, call, sound
    Status {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Print events as they come
    Events {
        /// As JSON, one event a line
        #[arg(long)]
        json: bool,
        /// End after so many
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// End after so many seconds; exit code 1 if --count or --until is not reached
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
        /// End after the first event of this name or category
        #[arg(long, value_name = "NAME")]
        until: Option<String>,
    },
    /// Wait for a condition; also for the phone bar to start
    Wait {
        /// signed-in, idle, busy, wrap-up, ringing, talking, held, consulting, three-way, spying, whispering,
        /// barging, no-call, registered, link-up, link-down
        condition: Condition,
        /// Seconds
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
        timeout: Duration,
    },
    /// Free agents, or those in a call
    Agents {
        /// Those in a call
        #[arg(long)]
        in_call: bool,
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Who waits in the queue
    Queue {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Predictive projects
    Projects {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Calls of this and earlier runs, newest first
    Journal {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
        /// Most of them
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
        /// Only calls with all of these words in number, name, area, skill group or caller ID
        search: Vec<String>,
    },
    /// Sound devices in use and at hand; or use others
    Devices {
        /// Microphone by name or id; default follows the system
        #[arg(long, value_name = "DEVICE")]
        input: Option<String>,
        /// Speaker
        #[arg(long, value_name = "DEVICE")]
        output: Option<String>,
        /// Where calls ring
        #[arg(long, value_name = "DEVICE")]
        ring: Option<String>,
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// One request whose answer is only yes or no.
    #[command(flatten)]
    Do(Act),
    /// Call any method of the control socket and print its result
    Call {
        /// Such as Agent.callOut
        method: String,
        /// Parameters as a JSON object
        params: Option<String>,
    },
}

/// `ctl` words that are one request without a printed result.
#[derive(Clone, Debug, Subcommand)]
pub enum Act {
    /// Sign in
    Login {
        /// Take over a sign-in elsewhere
        #[arg(long)]
        force: bool,
    },
    /// Sign out
    Logout,
    /// Go ready
    Ready {
        /// Also where microphone and speaker are not proven (`check = true`)
        #[arg(long)]
        anyway: bool,
    },
    /// Go busy
    Busy {
        /// Reason by number or name
        reason: Option<String>,
    },
    /// Call an outside number
    Dial {
        /// The number, or a tel: link
        number: String,
        /// Caller ID to show
        #[arg(long, value_name = "NUMBER")]
        caller_id: Option<String>,
        /// Skill group
        #[arg(long, value_name = "ID")]
        queue: Option<i64>,
        /// Passed through the platform with the call
        #[arg(long, value_name = "TEXT")]
        user_data: Option<String>,
    },
    /// Call another agent
    DialAgent {
        /// Agent number
        ag_no: String,
    },
    /// Give up an outbound call that is not answered yet
    CancelDial,
    /// Answer the ringing call
    Answer,
    /// Refuse the ringing call
    Reject,
    /// End the call
    Hangup,
    /// Put the other side on hold
    Hold,
    /// Resume
    Unhold,
    /// Mute the microphone
    Mute,
    /// Unmute it
    Unmute,
    /// Send keypad digits
    Dtmf {
        /// 0-9 * # A-D
        digits: String,
    },
    /// Call somebody while the other side waits
    Consult {
        /// Whom
        #[command(flatten)]
        party: Party,
        /// Caller ID to show
        #[arg(long, value_name = "NUMBER")]
        caller_id: Option<String>,
    },
    /// Back to the other side; the consulted party is dropped
    ConsultReturn,
    /// Connect the other side with the consulted party and leave
    ConsultTransfer,
    /// Join all three
    ThreeWay,
    /// Drop the third party
    ThreeWayReturn,
    /// Give the call away without asking first
    Transfer(TransferTo),
    /// Send the other side to the satisfaction survey
    Evaluate,
    /// Let the other side answer an IVR flow during the call
    Interact {
        /// The flow
        code: String,
        /// Passed to it
        param: Option<String>,
    },
    /// Listen to an agent's call
    Spy {
        /// Agent number
        ag_no: String,
    },
    /// Speak to the monitored agent alone
    Whisper {
        /// Agent number [default: the one who is listened to]
        ag_no: Option<String>,
    },
    /// Only listen again
    WhisperCancel,
    /// Join the monitored call
    Barge {
        /// Agent number [default: the one who is listened to]
        ag_no: Option<String>,
    },
    /// Disconnect the monitored call
    Disconnect {
        /// Agent number [default: the one who is listened to]
        ag_no: Option<String>,
    },
    /// Bind another phone
    Bind {
        /// Its number
        phone: String,
        /// It is a phone of its own; the built-in one is not used any more
        #[arg(long, conflicts_with = "web")]
        external: bool,
        /// It is the built-in phone
        #[arg(long)]
        web: bool,
    },
    /// Change between dynamic and static sign-in
    Mode {
        /// dynamic: signed out by the platform when the link stays away; static: not
        #[arg(value_parser = ["dynamic", "static"])]
        mode: String,
    },
    /// Enter a predictive project
    Join {
        /// Its id
        id: String,
    },
    /// Leave the predictive project
    Leave,
    /// Use the token in this file from now on
    Token {
        /// File whose first line is "type + space + token"; - for standard input
        file: PathBuf,
    },
    /// Fill or empty the right-hand panel
    Panel {
        /// What to do.
        #[command(subcommand)]
        word: PanelWord,
    },
}

/// An outside number or an agent.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub struct Party {
    /// Outside number
    pub number: Option<String>,
    /// An agent, by number
    #[arg(long, value_name = "AGNO")]
    pub agent: Option<String>,
}

/// Where a call is given to.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("to").required(true).args(["number", "agent", "queue", "ivr"]))]
pub struct TransferTo {
    /// Outside number
    pub number: Option<String>,
    /// An agent, by number
    #[arg(long, value_name = "AGNO")]
    pub agent: Option<String>,
    /// A skill group, by id
    #[arg(long, value_name = "ID")]
    pub queue: Option<i64>,
    /// A node of an IVR flow
    #[arg(long, num_args = 2, value_names = ["CODE", "NODE"])]
    pub ivr: Option<Vec<String>>,
    /// The tenant of the skill group or the flow, if that is another one
    #[arg(long, value_name = "ID", conflicts_with_all = ["number", "agent"])]
    pub vcc_id: Option<i64>,
    /// Caller ID to show to an outside number
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["agent", "queue", "ivr"])]
    pub caller_id: Option<String>,
}

/// `ctl panel ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum PanelWord {
    /// Show a text, or fields
    Set {
        /// The text; - for standard input
        #[arg(required_unless_present = "field", conflicts_with = "field")]
        text: Option<String>,
        /// The text is Markdown
        #[arg(long, conflicts_with = "field")]
        markdown: bool,
        /// A line with name and value (repeatable)
        #[arg(long, value_name = "NAME=VALUE")]
        field: Vec<String>,
    },
    /// Empty it
    Clear,
}

/// Seconds with or without a fraction, up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) | Err(_) => Err("write seconds, 0 to 86400".into()),
    }
}
