//! Programs that the account starts: each in a process group of its own, none of which outlives it.
//!
//! A group is ended by its id, so that what a program started ends with it, and nothing else does. Dropping
//! a [`Group`] ends it at once; that covers errors, panics and a cancelled start.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

use crate::progress::Step;

/// How long a program that was asked to stop may take before it is ended.
const GRACE: Duration = Duration::from_secs(3);
/// How many of a failed program's last lines an error shows; the log has them all.
const LAST_LINES: usize = 12;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started at all.
    #[error("cannot start `{program}`")]
    Start {
        /// What was to be started.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ran and reported failure.
    #[error("`{program}` failed ({status}); everything it said is in {log}:\n{last_lines}")]
    Failed {
        /// What ran.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The file that holds its whole output.
        log: String,
        /// The end of its output.
        last_lines: String,
    },
    /// Its output could not be read or kept.
    #[error("lost the output of `{program}`")]
    Output {
        /// What ran.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A running program and all that it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    /// Starts `command` in a process group of its own.
    pub(crate) fn start(command: &mut Command) -> Result<Self, ProcessError> {
        let program = name_of(command);
        let child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ProcessError::Start { program, source })?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id })
    }

    /// The program itself, to take its streams.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the program ends of itself.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // Reaped: the system may give the id to another group now.
        self.id = None;
        Ok(status)
    }

    /// Asks the group to stop, then ends what is left of it.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        // Waiting reaps the leader, after which its id is nobody's; so what it started is ended first, as
        // soon as the leader is seen to have gone, or when its time is up.
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        self.signal(Signal::KILL);
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // It may have ended already, which is what was wanted.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Runs `command` to its end, tells `step` what it says, keeps that in `log`, and answers its standard output.
///
/// # Errors
/// [`ProcessError`] when it cannot be started, or ends with anything but success.
pub(crate) async fn run(command: &mut Command, log: &Path, step: &Step) -> Result<String, ProcessError> {
    let program = name_of(command);
    let lost = |source| ProcessError::Output { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command)?;
    let (stdout, stderr) = (group.child().stdout.take(), group.child().stderr.take());
    let (out_log, err_log) = (append(log).await.map_err(lost)?, append(log).await.map_err(lost)?);
    let (out, err) = tokio::join!(follow(stdout, out_log, step), follow(stderr, err_log, step));
    let (out, err) = (out.map_err(lost)?, err.map_err(lost)?);
    let status = group.ended().await.map_err(lost)?;
    if status.success() {
        return Ok(out.into_iter().collect::<Vec<_>>().join("\n"));
    }
    let said = if err.is_empty() { out } else { err };
    let skipped = said.len().saturating_sub(LAST_LINES);
    let last_lines =
        said.into_iter().skip(skipped).map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
    Err(ProcessError::Failed { program, status, log: log.display().to_string(), last_lines })
}

/// Opens `log` for appending, with the folder that it is in.
pub(crate) async fn append(log: &Path) -> io::Result<File> {
    if let Some(folder) = log.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    OpenOptions::new().create(true).append(true).open(log).await
}

/// Most lines of one program's output that are kept in memory.
const KEPT_LINES: usize = 2_000;

async fn follow(
    stream: Option<impl AsyncRead + Unpin>,
    mut log: File,
    step: &Step,
) -> io::Result<VecDeque<String>> {
    let mut kept = VecDeque::new();
    let Some(stream) = stream else { return Ok(kept) };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line).into_owned();
        log.write_all(format!("{line}\n").as_bytes()).await?;
        if !line.trim().is_empty() {
            step.says(&line);
        }
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    log.flush().await?;
    Ok(kept)
}

fn name_of(command: &Command) -> String {
    let program = PathBuf::from(command.as_std().get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let first = command.as_std().get_args().next().map(|a| format!(" {}", a.display())).unwrap_or_default();
    format!("{}{first}", name.display())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::progress::Progress;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn log() -> PathBuf {
        std::env::temp_dir().join(format!("strongroom-process-{}.log", uuid::Uuid::new_v4().simple()))
    }

    /// Reads what the group says until nobody is left who could say more.
    async fn until_all_are_gone(mut stdout: impl AsyncRead + Unpin) {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stdout.read_to_end(&mut rest)).await;
        read.expect("something of the group still lives").unwrap();
    }

    /// A program whose own child holds its output open for minutes.
    fn with_a_child() -> (Group, tokio::process::ChildStdout) {
        let mut group = Group::start(shell("sleep 300 & wait").stdout(Stdio::piped())).unwrap();
        let stdout = group.child().stdout.take().unwrap();
        (group, stdout)
    }

    #[tokio::test]
    async fn dropping_a_group_ends_what_its_program_started() {
        let (group, stdout) = with_a_child();
        drop(group);
        until_all_are_gone(stdout).await;
    }

    #[tokio::test]
    async fn stopping_a_group_ends_even_those_who_ignore_the_request() {
        let mut group =
            Group::start(shell("trap '' TERM; echo up; sleep 300").stdout(Stdio::piped())).unwrap();
        let mut stdout = group.child().stdout.take().unwrap();
        let mut up = [0; 3];
        stdout.read_exact(&mut up).await.unwrap();
        group.stop().await;
        until_all_are_gone(stdout).await;
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_with_its_last_words_and_its_log() {
        let (step, log) = (Progress::quiet().step("test"), log());
        let said = run(&mut shell("echo one; echo two"), &log, &step).await.unwrap();
        assert_eq!(said, "one\ntwo");
        let error = run(&mut shell("echo why >&2; exit 3"), &log, &step).await.unwrap_err().to_string();
        assert!(
            error.contains("why") && error.contains("3") && error.contains(&log.display().to_string()),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "one\ntwo\nwhy\n");
        std::fs::remove_file(log).unwrap();
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = Group::start(&mut Command::new("/no/such/program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `program`");
    }
}
