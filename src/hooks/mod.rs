//! Commands of the integrator at events (`[hooks]`): bounded in time and number, never in the way of a call.
//!
//! An event's name, one of its categories, or `all` is a hook's key. The command gets the event as JSON on standard
//! input, its name in `WINCALL_EVENT`, and `{Field}` of its arguments is a field of the platform's message. What it says
//! goes to the log. Of each hook at most [`AT_ONCE`] run at the same time, so their order is not kept, and [`WAITING`] more
//! wait; one that hangs holds up no other. A hook can open an address instead ([`HookAction::Open`]).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::{broadcast, oneshot},
    task::{self, JoinHandle, JoinSet},
};

use crate::{
    app::PublishedEvent,
    config::{HookAction, Template},
    domain::EVERY_EVENT,
    process::{self, Finished, Limits, ProcessError},
};

/// Commands of one hook that run at the same time.
pub const AT_ONCE: usize = 4;

/// Commands of one hook that wait for their turn; what comes when so many do is dropped.
pub const WAITING: usize = 64;

/// What one command may take.
const LIMITS: Limits = Limits { time: Duration::from_secs(10), output: 4096 };

/// Opens an address with the program that the desktop has for it.
const OPENER: &str = "xdg-open";

/// When the program ends, this is left for what has begun.
const LAST: Duration = Duration::from_secs(1);

/// What is configured.
#[derive(Clone, Debug)]
pub struct Hooks {
    hooks: Vec<Hook>,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Hook {
    /// Name, category or [`EVERY_EVENT`].
    event: String,
    program: String,
    args: Vec<Template>,
    /// Started to stay.
    apart: bool,
}

/// The hooks at work.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Hooks {
    /// `None` if there are none.
    pub fn new(config: &BTreeMap<String, HookAction>) -> Option<Self> {
        let hook = |(event, action): (&String, &HookAction)| {
            let event = event.clone();
            match action {
                HookAction::Run(argv) => {
                    let (program, args) = argv.split_first()?;
                    let args = args.iter().map(|arg| Template::parse(arg)).collect();
                    Some(Hook { event, program: program.clone(), args, apart: false })
                }
                HookAction::Open(address) => {
                    let args = vec![Template::parse(address)];
                    Some(Hook { event, program: OPENER.to_owned(), args, apart: true })
                }
            }
        };
        let hooks: Vec<Hook> = config.iter().filter_map(hook).collect();
        (!hooks.is_empty()).then_some(Self { hooks, limits: LIMITS })
    }

    /// Works on an event stream until told to stop.
    pub fn start(self, events: broadcast::Receiver<Arc<PublishedEvent>>) -> Running {
        let (stop, stopped) = oneshot::channel();
        Running { stop, task: tokio::spawn(work(self, events, stopped)) }
    }
}

impl Running {
    /// Takes no more events, and leaves a moment to what has begun, at most as much as this. What then still runs is
    /// ended.
    pub async fn finish(self, most: Duration) {
        drop(self.stop);
        let mut task = self.task;
        if tokio::time::timeout(LAST.min(most), &mut task).await.is_err() {
            tracing::warn!("hooks that were still running were ended with the program");
            task.abort();
        }
    }
}

async fn work(hooks: Hooks, mut events: broadcast::Receiver<Arc<PublishedEvent>>, mut stop: oneshot::Receiver<()>) {
    let Hooks { hooks, limits } = hooks;
    let mut queues: Vec<Queue> = hooks.into_iter().map(Queue::new).collect();
    let mut running = JoinSet::new();
    let mut open = true;
    while open || queues.iter().any(Queue::has_work) {
        for queue in &mut queues {
            while let Some(event) = queue.next() {
                let task = running.spawn(run(queue.hook.clone(), event, limits));
                queue.running.push(task.id());
            }
        }
        tokio::select! {
            event = events.recv(), if open => match event {
                Ok(event) => queues.iter_mut().for_each(|queue| queue.add(&event)),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    queues.iter_mut().for_each(|queue| queue.drop_some(missed));
                }
                Err(broadcast::error::RecvError::Closed) => open = false,
            },
            Some(ended) = running.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(%error, "a hook's task failed");
                        error.id()
                    }
                };
                queues.iter_mut().for_each(|queue| queue.running.retain(|task| *task != id));
            }
            _ = &mut stop, if open => {
                open = false;
                while let Ok(event) = events.try_recv() {
                    queues.iter_mut().for_each(|queue| queue.add(&event));
                }
            }
        }
        queues.iter_mut().for_each(Queue::tell_when_calm);
    }
}

/// What of one hook runs and waits, and how much did not find room.
struct Queue {
    hook: Hook,
    running: Vec<task::Id>,
    waiting: VecDeque<Arc<PublishedEvent>>,
    dropped: u64,
}

impl Queue {
    fn new(hook: Hook) -> Self {
        Self { hook, running: Vec::new(), waiting: VecDeque::new(), dropped: 0 }
    }

    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || !self.running.is_empty()
    }

    /// What may begin now.
    fn next(&mut self) -> Option<Arc<PublishedEvent>> {
        if self.running.len() < AT_ONCE { self.waiting.pop_front() } else { None }
    }

    fn add(&mut self, event: &Arc<PublishedEvent>) {
        if !self.hook.is_for(event) {
            return;
        }
        if self.waiting.len() < WAITING {
            self.waiting.push_back(event.clone());
        } else {
            self.drop_some(1);
        }
    }

    /// Told when it begins, and how many it were when it is over.
    fn drop_some(&mut self, number: u64) {
        if self.dropped == 0 {
            let event = &self.hook.event;
            tracing::warn!(event, "a hook is too slow for what happens; some events are left out");
        }
        self.dropped += number;
    }

    fn tell_when_calm(&mut self) {
        if self.dropped > 0 && self.waiting.is_empty() {
            tracing::warn!(event = self.hook.event, left_out = self.dropped, "a hook has caught up");
            self.dropped = 0;
        }
    }
}

impl Hook {
    fn is_for(&self, event: &PublishedEvent) -> bool {
        self.event == event.event_name || self.event == EVERY_EVENT || event.event_type.contains(&self.event.as_str())
    }

    /// The command with its places filled in.
    fn argv(&self, event: &PublishedEvent) -> Vec<String> {
        let args = self.args.iter().map(|arg| arg.argument(|name| field(event, name)));
        std::iter::once(self.program.clone()).chain(args).collect()
    }
}

/// A field of the platform's message, else of the event around it; nothing if there is none.
fn field(event: &PublishedEvent, name: &str) -> String {
    let plain = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    match (event.data.get(name), name) {
        (Some(value), _) => plain(value),
        (None, "eventName") => event.event_name.to_owned(),
        (None, "status") => event.status.clone(),
        (None, "time") => event.time.to_string(),
        (None, "seq") => event.seq.to_string(),
        (None, _) => String::new(),
    }
}

async fn run(hook: Hook, event: Arc<PublishedEvent>, limits: Limits) {
    let argv = hook.argv(&event);
    if hook.apart {
        match process::start_apart(&argv, limits.time).await {
            Ok(()) => tracing::info!(event = hook.event, "address opened"),
            Err(error) => tracing::warn!(event = hook.event, %error, "address not opened"),
        }
        return;
    }
    // Names, numbers and what came as JSON: nothing in an event fails to serialise.
    let json = serde_json::to_vec(&*event).unwrap_or_default();
    tell(&hook, process::run_and_leave(&argv, &[("WINCALL_EVENT", event.event_name)], &json, limits).await);
}

/// What a hook says is for the log alone.
fn tell(hook: &Hook, result: Result<Finished, ProcessError>) {
    let Hook { event, program, .. } = hook;
    match result {
        Ok(Finished { output, complaint, .. }) => {
            let output: String = String::from_utf8_lossy(&output).chars().filter(|c| !c.is_control()).collect();
            tracing::info!(event, program, output, complaint, "hook done");
        }
        Err(error) => tracing::warn!(event, %error, "hook failed"),
    }
}

#[cfg(test)]
mod tests;
