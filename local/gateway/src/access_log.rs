//! One JSON line a request: who did what to which resource, and what was decided.
//!
//! Never a secret: no key, token, signature, query string or body is given to this module.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// What is known of a request when it has been answered. Fields in the order in which people read them.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Entry {
    pub(crate) time: String,
    pub(crate) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) actions: Vec<String>,
    pub(crate) resources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    pub(crate) decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) status: u16,
    pub(crate) duration_us: u64,
}

/// The most actions or resources that one line names; a transaction has up to 100.
const NAMED_MAX: usize = 110;

/// The line of a request under way. It is written when the request ends, and also when its client leaves first:
/// what was sent on then may have happened.
pub(crate) struct Line<'a> {
    log: &'a AccessLog,
    began: Instant,
    pub(crate) entry: Entry,
    ended: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn begin(log: &'a AccessLog, entry: Entry) -> Self {
        Self { log, began: Instant::now(), entry, ended: false }
    }

    /// The request has its answer, with this status; 0 for none.
    pub(crate) fn end(mut self, status: u16) {
        self.entry.status = status;
        self.ended = true;
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.entry.decision = "abandoned";
            self.entry.reason = Some("the client left before it had its answer".to_owned());
        }
        self.entry.duration_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.entry.actions.truncate(NAMED_MAX);
        self.entry.resources.truncate(NAMED_MAX);
        self.log.write(&self.entry);
    }
}

/// The file, or nothing.
pub(crate) struct AccessLog(Option<Mutex<File>>);

impl AccessLog {
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(path.map(open).transpose()?.map(Mutex::new)))
    }

    /// Appends one line, in one write, before the answer is sent: who has the answer can read the line.
    fn write(&self, entry: &Entry) {
        let Some(file) = &self.0 else { return };
        let Ok(mut line) = serde_json::to_vec(entry) else { return };
        line.push(b'\n');
        let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        if let Err(error) = written {
            tracing::warn!(%error, "the access log cannot be written");
        }
    }
}
