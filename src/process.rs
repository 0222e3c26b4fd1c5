//! Programs of the integrator: started without a shell, bounded in time and output, and ended together with everything
//! that they started themselves.

use std::{
    io,
    process::{ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use crate::i18n::{Locale, Message};

/// What of standard error is kept, bytes.
const COMPLAINT: usize = 4096;

/// Most characters of the sentence that a program leaves on standard error.
const SENTENCE: usize = 200;

/// A program has ended, but something it started holds its output: that gets this long to say the rest.
const LEFT_OVER: Duration = Duration::from_millis(200);

/// Programs that run now.
static RUNNING: Mutex<Running> = Mutex::new(Running { over: false, groups: Vec::new() });

/// How much a program may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time from start to end.
    pub time: Duration,
    /// Bytes of standard output.
    pub output: usize,
}

/// What a program left that ended well.
#[derive(Debug)]
pub struct Finished {
    /// Standard output, up to the limit.
    pub output: Vec<u8>,
    /// There was more, and the program was ended for it.
    pub cut: bool,
    /// First line of standard error, printable.
    pub complaint: String,
}

/// Why a program is of no use.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// It cannot be started.
    #[error("{}", self.message().render(Locale::En))]
    Start {
        /// The program.
        program: String,
        /// The system's word.
        source: io::Error,
    },
    /// It took too long and was ended.
    #[error("{}", self.message().render(Locale::En))]
    TooSlow {
        /// The program.
        program: String,
        /// What it was given.
        limit: Duration,
    },
    /// It ended with a failure.
    #[error("{}", self.message().render(Locale::En))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// First line of standard error, printable, perhaps empty.
        complaint: String,
    },
}

impl ProcessError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            ProcessError::Start { program, source } => {
                Message::new("process.start").with("program", program).with("reason", source)
            }
            ProcessError::TooSlow { program, limit } => Message::new("process.too_slow")
                .with("program", program)
                .with("limit", humantime::format_duration(*limit)),
            ProcessError::Failed { program, status, complaint } if complaint.is_empty() => {
                Message::new("process.failed_silently").with("program", program).with("status", status)
            }
            ProcessError::Failed { program, status, complaint } => Message::new("process.failed")
                .with("program", program)
                .with("status", status)
                .with("complaint", complaint),
        }
    }
}

/// Runs a program to its end; `argv` is what it is, never a line for a shell. Dropping the future ends the program. What
/// it has started ends with it.
///
/// # Errors
/// [`ProcessError`]. A program that says more than the limit is no error; it is ended and [`Finished::cut`] says so.
pub async fn run(
    argv: &[String],
    env: &[(&str, &str)],
    input: &[u8],
    limits: Limits,
) -> Result<Finished, ProcessError> {
    run_with(argv, env, input, limits, Children::End).await
}

/// As [`run`], but what a program has started stays when the program itself ends well.
///
/// # Errors
/// As [`run`].
pub async fn run_and_leave(
    argv: &[String],
    env: &[(&str, &str)],
    input: &[u8],
    limits: Limits,
) -> Result<Finished, ProcessError> {
    run_with(argv, env, input, limits, Children::Stay).await
}

/// Starts a program in a session of its own, so that it outlives us, and waits a while for its verdict: one that still
/// runs after `patience` has none, and stays.
///
/// # Errors
/// [`ProcessError::Start`] and [`ProcessError::Failed`].
pub async fn start_apart(argv: &[String], patience: Duration) -> Result<(), ProcessError> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed_to_start = |source| ProcessError::Start { program: program.clone(), source };
    let mut command = Command::new("setsid");
    command.args(argv).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = tokio::task::spawn_blocking(move || lock(&RUNNING).start_apart(&mut command)).await;
    let mut child = started.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed_to_start)?;
    match tokio::time::timeout(patience, child.wait()).await {
        Err(_) => Ok(()),
        Ok(Err(source)) => Err(failed_to_start(source)),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(ProcessError::Failed { program, status, complaint: String::new() }),
    }
}

/// What becomes of what a program has started when it has ended well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    End,
    Stay,
}

async fn run_with(
    argv: &[String],
    env: &[(&str, &str)],
    input: &[u8],
    limits: Limits,
    children: Children,
) -> Result<Finished, ProcessError> {
    let (program, args) = argv.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
    let failed_to_start = |source| ProcessError::Start { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    // On a thread for slow work: a worker may be raised to carry sound, and a program inherits the priority of the thread
    // that starts it.
    let started = tokio::task::spawn_blocking(move || lock(&RUNNING).start(&mut command)).await;
    let (mut child, group) = started.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed_to_start)?;
    let (stdin, mut stdout, mut stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut output, mut complaint, mut cut) = (Vec::new(), Vec::new(), false);

    let talk = async {
        let tell = async {
            if let Some(mut stdin) = stdin {
                // A program need not read what it is told.
                if let Err(error) = stdin.write_all(input).await {
                    tracing::debug!(%error, program, "did not read its standard input");
                }
            }
        };
        let hear = async {
            cut = keep(stdout.as_mut(), limits.output, &mut output).await;
            if cut {
                group.end();
            }
        };
        let complain = async {
            if keep(stderr.as_mut(), COMPLAINT, &mut complaint).await {
                tracing::debug!(program, "says a lot on standard error");
            }
        };
        tokio::join!(tell, hear, complain);
    };
    let ended = tokio::time::timeout(limits.time, async {
        let mut talk = std::pin::pin!(talk);
        tokio::select! {
            status = child.wait() => {
                if tokio::time::timeout(LEFT_OVER, &mut talk).await.is_err() {
                    tracing::debug!(program, "something it started still holds its output");
                }
                status
            }
            () = &mut talk => child.wait().await,
        }
    })
    .await;
    if children == Children::Stay && !cut && matches!(&ended, Ok(Ok(status)) if status.success()) {
        group.forget();
        // A pipe without a reader would end them at the next line they write.
        tokio::spawn(async move { tokio::join!(drain(stdout), drain(stderr)) });
    } else {
        // Also what it left running goes. The leader is reaped by now, but its number is not given away this soon.
        drop(group);
    }

    let complaint = first_line(&complaint);
    match ended {
        Err(_) => Err(ProcessError::TooSlow { program: program.to_owned(), limit: limits.time }),
        Ok(Err(source)) => Err(failed_to_start(source)),
        Ok(Ok(status)) if cut || status.success() => Ok(Finished { output, cut, complaint }),
        Ok(Ok(status)) => Err(ProcessError::Failed { program: program.to_owned(), status, complaint }),
    }
}

/// Keeps what comes, up to a limit; true if there was more. A pipe that is full beyond it is left to its writer's end.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, limit: usize, kept: &mut Vec<u8>) -> bool {
    let Some(pipe) = pipe else { return false };
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = pipe.take(most).read_to_end(kept).await {
        tracing::debug!(%error, "a program's output cannot be read");
    }
    let more = kept.len() > limit;
    kept.truncate(limit);
    more
}

/// Reads to the end what nobody wants to know.
async fn drain(pipe: Option<impl AsyncRead + Unpin>) {
    let Some(mut pipe) = pipe else { return };
    if let Err(error) = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await {
        tracing::debug!(%error, "the output of what a program left cannot be read");
    }
}

/// The first line that says something, printable, not too long.
fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SENTENCE).collect()
}

/// Ends every program that runs, with all that it started, and starts none any more: for the end of our own, where
/// nothing may be dropped that would end them.
pub fn end_all() {
    let groups = lock(&RUNNING).end();
    for group in groups {
        end(group);
    }
}

/// The programs that run, by their groups.
struct Running {
    over: bool,
    groups: Vec<Pid>,
}

impl Running {
    fn start(&mut self, command: &mut Command) -> io::Result<(Child, Group)> {
        if self.over {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        self.groups.extend(group);
        Ok((child, Group(group)))
    }

    fn start_apart(&self, command: &mut Command) -> io::Result<Child> {
        if self.over { Err(io::Error::from(io::ErrorKind::Interrupted)) } else { command.spawn() }
    }

    fn end(&mut self) -> Vec<Pid> {
        self.over = true;
        std::mem::take(&mut self.groups)
    }
}

fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(group: Pid) {
    if let Err(error) = kill_process_group(group, Signal::KILL)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(%error, "a program cannot be ended");
    }
}

/// A program and all it started; ended when dropped.
struct Group(Option<Pid>);

impl Group {
    fn end(&self) {
        if let Some(group) = self.0 {
            end(group);
        }
    }

    /// Leaves what is left of it alone.
    fn forget(mut self) {
        let group = self.0.take();
        lock(&RUNNING).groups.retain(|other| Some(*other) != group);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        lock(&RUNNING).groups.retain(|group| Some(*group) != self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LIMITS: Limits = Limits { time: Duration::from_secs(20), output: 1000 };

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    async fn said(script: &str, input: &str) -> Result<Finished, ProcessError> {
        run(&shell(script), &[("WINCALL_EVENT", "ring")], input.as_bytes(), LIMITS).await
    }

    fn is_alive(pid: &str) -> bool {
        // A process that is dead and not yet collected counts as gone.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    async fn dies(pid: &str) {
        let begun = Instant::now();
        while is_alive(pid) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{pid} lives on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn written(path: &std::path::Path) -> String {
        let begun = Instant::now();
        loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text,
                Ok(_) | Err(_) => assert!(begun.elapsed() < Duration::from_secs(10), "nothing in {}", path.display()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn input_environment_and_output_pass() {
        let finished = said("cat; printf ' %s' \"$WINCALL_EVENT\"; echo oh >&2", "{\"a\":1}").await.unwrap();
        assert_eq!(finished.output, b"{\"a\":1} ring");
        assert_eq!(finished.complaint, "oh");
        assert!(!finished.cut);
    }

    #[tokio::test]
    async fn arguments_are_never_a_shells() {
        let argv = ["printf", "%s", "$(id); `id` > /tmp/x"].map(str::to_owned);
        let finished = run(&argv, &[], b"", LIMITS).await.unwrap();
        assert_eq!(finished.output, b"$(id); `id` > /tmp/x");
    }

    #[tokio::test]
    async fn failures_are_told_with_the_first_line_of_standard_error() {
        let error = said("printf '\\n\\033[2Jno such customer\\nmore\\n' >&2; exit 3", "").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("[2Jno such customer") && text.contains("exit status: 3"), "{text}");
        assert!(!text.contains("more") && !text.contains('\u{1b}'), "{text}");
        let missing = run(&["/no/such/program".to_owned()], &[], b"", LIMITS).await.unwrap_err();
        assert!(matches!(missing, ProcessError::Start { .. }), "{missing}");
        assert!(matches!(run(&[], &[], b"", LIMITS).await, Err(ProcessError::Start { .. })));
        for error in [error, missing] {
            assert_ne!(error.message().render(Locale::En), error.message().render(Locale::ZhCn));
        }
    }

    #[tokio::test]
    async fn one_that_never_stops_talking_is_cut_and_ended() {
        let finished = said("echo complaint >&2; exec yes", "").await.unwrap();
        assert!(finished.cut);
        assert_eq!(finished.output.len(), 1000);
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("sleep 1000 & echo $! > {}/child; wait", dir.path().display());
        let limits = Limits { time: Duration::from_millis(500), ..LIMITS };
        let error = run(&shell(&script), &[], b"", limits).await.unwrap_err();
        assert!(matches!(error, ProcessError::TooSlow { .. }), "{error}");
        dies(&written(&dir.path().join("child")).await).await;
    }

    #[tokio::test]
    async fn what_is_not_wanted_any_more_is_ended_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("sleep 1000 & echo $! > {}/child; wait", dir.path().display());
        let task = tokio::spawn(async move { run(&shell(&script), &[], b"", LIMITS).await.is_ok() });
        let child = written(&dir.path().join("child")).await;
        assert!(is_alive(&child));
        task.abort();
        dies(&child).await;
    }

    #[tokio::test]
    async fn at_the_end_everything_goes_and_nothing_is_started_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Running { over: false, groups: Vec::new() };
        let script = format!("trap '' TERM HUP INT; sleep 1000 & echo $! > {}/child; wait", dir.path().display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]).process_group(0);
        let (_child, group) = running.start(&mut command).unwrap();
        let child = written(&dir.path().join("child")).await;
        // A task that hangs drops nothing.
        std::mem::forget(group);
        running.end().into_iter().for_each(end);
        dies(&child).await;
        assert!(running.start(&mut command).is_err());
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_holds_nobody_up_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("sleep 1000 & echo $! > {}/child; echo done", dir.path().display());
        let begun = Instant::now();
        let finished = said(&script, "").await.unwrap();
        assert_eq!(finished.output, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(10));
        dies(&written(&dir.path().join("child")).await).await;
    }

    fn end_process(pid: &str) {
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn what_a_program_leaves_behind_may_stay_if_it_ends_well_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let script = |code: u8| {
            let (child, said) = (path("child"), path("said"));
            // It speaks after the pipe of its parent is done with.
            format!(
                "(while ! [ -e '{}' ]; do sleep 0.02; done; echo x; echo y >&2; echo so > '{}'; exec sleep 1000) & \
                 echo $! > '{}'; exit {code}",
                path("go").display(),
                said.display(),
                child.display()
            )
        };
        run_and_leave(&shell(&script(0)), &[], b"", LIMITS).await.unwrap();
        let child = written(&path("child")).await;
        std::fs::write(path("go"), "").unwrap();
        assert_eq!(written(&path("said")).await, "so\n");
        assert!(is_alive(&child));
        end_process(&child);

        std::fs::remove_file(path("go")).unwrap();
        std::fs::remove_file(path("child")).unwrap();
        run_and_leave(&shell(&script(1)), &[], b"", LIMITS).await.unwrap_err();
        dies(&written(&path("child")).await).await;
    }

    #[tokio::test]
    async fn what_is_started_apart_has_its_own_session_and_no_time_limit() {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("echo $$ > {}/pid; exec sleep 1000", dir.path().display());
        start_apart(&shell(&script), Duration::from_millis(1)).await.unwrap();
        let pid = written(&dir.path().join("pid")).await;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
        let session = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3));
        assert_eq!(session, Some(pid.trim()), "it leads a session");
        assert!(is_alive(&pid));
        end_process(&pid);

        let failed = start_apart(&shell("exit 3"), Duration::from_secs(20)).await.unwrap_err();
        assert!(matches!(failed, ProcessError::Failed { .. }), "{failed}");
        let missing = start_apart(&["/no/such/program".to_owned()], Duration::from_secs(20)).await;
        assert!(missing.is_err());
    }
}
