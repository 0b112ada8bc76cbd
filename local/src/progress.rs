//! What a person sees while the account comes up: one line a step, with its seconds.
//!
//! On a terminal the line of the step under way is redrawn every second with the last thing that its
//! program said; elsewhere (a test, a CI log) only finished steps and a sign of life every 20 s are printed.
//! Everything goes to standard error, because standard output belongs to results.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// Seconds between two signs of life where lines cannot be redrawn.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// Columns that a step's line may fill before it is cut.
const WIDTH: usize = 100;

/// Where progress is told.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    begun: Instant,
    quiet: bool,
    redraws: bool,
}

impl Progress {
    /// Tells standard error, redrawing where that is a terminal.
    #[must_use]
    pub fn shown() -> Self {
        Self { begun: Instant::now(), quiet: false, redraws: io::stderr().is_terminal() }
    }

    /// Tells nobody.
    #[must_use]
    pub fn quiet() -> Self {
        Self { begun: Instant::now(), quiet: true, redraws: false }
    }

    /// Time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Begins a step; it ends when the answer is [`Step::done`] or dropped.
    pub(crate) fn step(&self, title: &'static str) -> Step {
        let last_words = Arc::new(Mutex::new(String::new()));
        let begun = Instant::now();
        let ticker =
            (!self.quiet).then(|| tokio::spawn(tick(title, begun, self.redraws, last_words.clone())));
        Step { title, begun, last_words, ticker, progress: *self }
    }

    /// One remark, on a line of its own.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            self.line(&format!("          {text}"));
        }
    }

    fn line(&self, text: &str) {
        let clear = if self.redraws { "\r\x1b[2K" } else { "" };
        // Nobody to tell is no reason to stop.
        let _ = writeln!(io::stderr(), "{clear}{text}");
    }
}

/// A step under way.
#[derive(Debug)]
pub(crate) struct Step {
    title: &'static str,
    begun: Instant,
    last_words: Arc<Mutex<String>>,
    ticker: Option<tokio::task::JoinHandle<()>>,
    progress: Progress,
}

impl Step {
    /// What the step's program just said; shown behind the step's title.
    pub(crate) fn says(&self, words: &str) {
        if let Ok(mut last) = self.last_words.lock() {
            last.clear();
            last.extend(words.trim().chars().filter(|c| !c.is_control()).take(WIDTH));
        }
    }

    /// The step is finished; `result` says what came of it, in a few words.
    pub(crate) fn done(mut self, result: &str) {
        self.stop_ticking();
        if !self.progress.quiet {
            let seconds = self.begun.elapsed().as_secs_f32();
            let result = if result.is_empty() { String::new() } else { format!(" · {result}") };
            self.progress.line(&format!("{seconds:7.1} s {}{result}", self.title));
        }
    }

    fn stop_ticking(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.abort();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.stop_ticking();
    }
}

/// Shows a step's seconds and last words until it is aborted.
async fn tick(title: &'static str, begun: Instant, redraws: bool, last_words: Arc<Mutex<String>>) {
    let mut beat = tokio::time::interval(if redraws { Duration::from_secs(1) } else { SIGN_OF_LIFE });
    if !redraws {
        beat.tick().await;
    }
    loop {
        beat.tick().await;
        let words = last_words.lock().map(|words| words.clone()).unwrap_or_default();
        let text = format!("{:7.0} s {title} … {words}", begun.elapsed().as_secs_f32());
        let text: String = text.chars().take(WIDTH).collect();
        let _ = if redraws {
            write!(io::stderr(), "\r\x1b[2K{text}").and_then(|()| io::stderr().flush())
        } else {
            writeln!(io::stderr(), "{text}")
        };
    }
}
