//! The AWS calls of each request, as the gateway's access log has them: which, how many, and how long each took.
//!
//! A call belongs to the invocation whose trace it carries, so nothing is counted for a request that somebody else
//! made. What is said here of a call is what the gateway saw: its time is the engine's and the gateway's, not AWS's.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;

use super::ScaleError;

/// The log, from where it was last read.
#[derive(Debug)]
pub(super) struct CallLog {
    path: PathBuf,
    read: u64,
    /// What the table of mapping rows ends with in an ARN.
    mappings: String,
}

/// What was called for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Made {
    /// The calls that are the request's work, each as `service:operation`, in their order.
    pub(super) work: Vec<String>,
    /// Sessions that were opened for it.
    pub(super) sessions: u32,
    /// Times that the tenant's mapping row was read.
    pub(super) mapping_reads: u32,
    /// How long all of them took, one after the other.
    pub(super) waited: Duration,
}

#[derive(Deserialize)]
struct Line {
    trace: Option<String>,
    function: Option<String>,
    service: String,
    operation: String,
    resources: Vec<String>,
    tenant: Option<String>,
    duration_us: u64,
}

impl CallLog {
    /// The log of this account, from here on.
    pub(super) fn from_now(details: &local::account::Details) -> Result<Self, ScaleError> {
        let read = std::fs::metadata(&details.access_log).map_err(ScaleError::Log)?.len();
        let mappings = format!(":table/{}", details.output("TenantsTableName"));
        Ok(Self { path: details.access_log.clone(), read, mappings })
    }

    /// What was called since it was last read, by trace.
    pub(super) fn by_trace(&mut self) -> Result<HashMap<String, Made>, ScaleError> {
        let mut all: HashMap<String, Made> = HashMap::new();
        for line in self.lines()? {
            if let Some(trace) = line.trace.clone().filter(|_| line.function.is_some()) {
                all.entry(trace).or_default().add(&line, &self.mappings);
            }
        }
        Ok(all)
    }

    /// How many calls functions made since then in sessions of each tenant.
    pub(super) fn by_tenant(&mut self) -> Result<HashMap<String, u32>, ScaleError> {
        let mut all = HashMap::new();
        for line in self.lines()? {
            if let Some(tenant) = line.tenant.filter(|_| line.function.is_some()) {
                *all.entry(tenant).or_default() += 1;
            }
        }
        Ok(all)
    }

    fn lines(&mut self) -> Result<Vec<Line>, ScaleError> {
        let mut file = File::open(&self.path).map_err(ScaleError::Log)?;
        file.seek(SeekFrom::Start(self.read)).map_err(ScaleError::Log)?;
        let mut lines = Vec::new();
        for text in BufReader::new(file).split(b'\n') {
            let text = text.map_err(ScaleError::Log)?;
            // The last one may be half written; it is nobody's whose answer has come.
            let Ok(line) = serde_json::from_slice(&text) else { break };
            self.read = self.read.saturating_add(u64::try_from(text.len()).unwrap_or_default() + 1);
            lines.push(line);
        }
        Ok(lines)
    }
}

impl Made {
    fn add(&mut self, line: &Line, mappings: &str) {
        self.waited += Duration::from_micros(line.duration_us);
        if line.service == "sts" {
            self.sessions += 1;
        } else if line.resources.iter().any(|resource| resource.ends_with(mappings)) {
            self.mapping_reads += 1;
        } else {
            self.work.push(format!("{}:{}", line.service, line.operation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(trace: &str, service: &str, operation: &str, resource: &str) -> String {
        serde_json::json!({
            "trace": trace, "function": "documents", "service": service, "operation": operation,
            "resources": [format!("arn:aws:x:::{resource}")], "tenant": "t", "duration_us": 5,
        })
        .to_string()
    }

    #[test]
    fn sessions_and_mapping_rows_are_counted_apart_from_a_requests_work() {
        let path = std::env::temp_dir().join(format!("calls-{}.jsonl", std::process::id()));
        let mut log = CallLog { path: path.clone(), read: 0, mappings: ":table/tenants".to_owned() };
        let lines = [
            line("a", "sts", "AssumeRole", "role/data"),
            line("a", "dynamodb", "GetItem", ":table/tenants"),
            line("a", "dynamodb", "GetItem", ":table/documents"),
            line("b", "dynamodb", "Query", ":table/documents/index/by-owner"),
        ];
        std::fs::write(&path, lines.join("\n") + "\n{\"half\":").unwrap();
        let all = log.by_trace().unwrap();
        let work = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let waited = Duration::from_micros(15);
        let first = Made { work: work(&["dynamodb:GetItem"]), sessions: 1, mapping_reads: 1, waited };
        assert_eq!(all["a"], first);
        assert_eq!(all["b"].work, work(&["dynamodb:Query"]));

        // From where it was left, half a line included.
        let rest = lines.join("\n") + "\n" + &line("c", "s3", "HeadObject", "bucket/key") + "\n";
        std::fs::write(&path, rest).unwrap();
        let all = log.by_trace().unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["c"]);
        std::fs::remove_file(&path).unwrap();
    }
}
