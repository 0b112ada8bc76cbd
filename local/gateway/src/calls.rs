//! Which AWS calls were made for one request of the API, so that a test can count them.
//!
//! On AWS one trace id runs from API Gateway through the function to its calls. The engine starts a new one at
//! every invocation (and only with active tracing), and hands the API's only to the event. So a call is joined to
//! an API request in one of two ways: it carries that request's own trace id; or it comes from a function to which
//! exactly one API request is under way at that moment. Where several are, it is joined to none: a count is either
//! right or missing, never guessed.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::call::Asked;

const CALLS_MAX: usize = 20_000;
const JOINED_MAX: usize = 10_000;

/// The calls of late, and the API requests under way.
#[derive(Default)]
pub(crate) struct Calls(Mutex<State>);

#[derive(Default)]
struct State {
    ring: VecDeque<Made>,
    under_way: Vec<(Arc<str>, Option<String>)>,
    /// From the engine's trace id to the API's.
    joined: HashMap<String, Arc<str>>,
}

struct Made {
    trace: Option<String>,
    request: Option<Arc<str>>,
    asked: Asked,
}

/// How often one operation was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    service: String,
    operation: String,
    count: u64,
}

/// An API request under way; over when dropped.
pub(crate) struct UnderWay {
    calls: Arc<Calls>,
    trace: Arc<str>,
}

/// The root of a trace header (`Root=1-…;Parent=…`), or a bare root.
pub(crate) fn root(header: &str) -> Option<&str> {
    let root = header.split(';').map(str::trim).find_map(|part| part.strip_prefix("Root=")).unwrap_or(header);
    let mut parts = root.split('-');
    let hex = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let valid =
        parts.next() == Some("1") && hex(parts.next(), 8) && hex(parts.next(), 24) && parts.next().is_none();
    valid.then_some(root)
}

/// Whether an order's trace is a root, as invocations have it.
///
/// # Errors
/// In words, when it is not: no call would ever meet the order.
pub(crate) fn must_be_root(trace: &str) -> Result<(), String> {
    if root(trace) == Some(trace) {
        return Ok(());
    }
    Err("`trace` must be the root of an x-amzn-trace-id, such as 1-67891233-abcdef012345678912345678"
        .to_owned())
}

impl Calls {
    /// Notes a call that a function has made.
    pub(crate) fn made(&self, trace: Option<&str>, function: Option<&str>, asked: &Asked) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = state.request_of(trace, function);
        if state.ring.len() >= CALLS_MAX {
            state.ring.pop_front();
        }
        state.ring.push_back(Made { trace: trace.map(str::to_owned), request, asked: asked.clone() });
    }

    /// The function that a call with this trace comes from, where one alone can have made it: a call that is not signed
    /// does not say. `None` without a trace, which every call of a function has.
    pub(crate) fn function_of(&self, trace: Option<&str>) -> Option<String> {
        let trace = trace?;
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = match state.joined.get(trace) {
            Some(request) => Some(request.as_ref()),
            None => state.under_way.iter().map(|(own, _)| own.as_ref()).find(|own| *own == trace),
        };
        let mut of = state.under_way.iter().filter(|(own, _)| request.is_none_or(|one| one == own.as_ref()));
        match (of.next(), of.next()) {
            (Some((_, function)), None) => function.clone(),
            _ => None,
        }
    }

    /// Notes that an API request begins, and which function it goes to, if that is known.
    pub(crate) fn begin(self: &Arc<Self>, trace: &str, function: Option<String>) -> UnderWay {
        let trace: Arc<str> = Arc::from(trace);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way.push((trace.clone(), function));
        UnderWay { calls: self.clone(), trace }
    }

    /// The calls made for one trace, each as `service:operation`, in their order.
    pub(crate) fn in_order(&self, trace: &str) -> Vec<String> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of =
            |made: &&Made| made.request.as_deref() == Some(trace) || made.trace.as_deref() == Some(trace);
        let named = |made: &Made| format!("{}:{}", made.asked.service, made.asked.operation);
        state.ring.iter().filter(of).map(named).collect()
    }

    /// The calls made for one trace, of the API or of the engine.
    pub(crate) fn of(&self, trace: &str) -> Vec<Count> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for made in &state.ring {
            if made.request.as_deref() == Some(trace) || made.trace.as_deref() == Some(trace) {
                *counts.entry((made.asked.service.clone(), made.asked.operation.clone())).or_default() += 1;
            }
        }
        counts.into_iter().map(|((service, operation), count)| Count { service, operation, count }).collect()
    }
}

impl State {
    fn request_of(&mut self, trace: Option<&str>, function: Option<&str>) -> Option<Arc<str>> {
        if let Some(trace) = trace {
            if let Some((own, _)) = self.under_way.iter().find(|(own, _)| own.as_ref() == trace) {
                return Some(own.clone());
            }
            if let Some(request) = self.joined.get(trace) {
                return Some(request.clone());
            }
        }
        let function = function?;
        let mut to_it = self.under_way.iter().filter(|(_, to)| to.as_deref().is_none_or(|to| to == function));
        let request = match (to_it.next(), to_it.next()) {
            (Some((request, _)), None) => request.clone(),
            _ => return None,
        };
        if let Some(trace) = trace {
            if self.joined.len() >= JOINED_MAX {
                self.joined.clear();
            }
            self.joined.insert(trace.to_owned(), request.clone());
        }
        Some(request)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.calls.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way.retain(|(trace, _)| !Arc::ptr_eq(trace, &self.trace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1-00000001-000000000000000000000001";
    const TWO: &str = "1-00000001-000000000000000000000002";
    const ENGINE: &str = "1-00000001-00000000000000000000000e";

    fn asked() -> Asked {
        Asked { service: "dynamodb".into(), operation: "GetItem".into() }
    }

    fn count(calls: &Calls, trace: &str) -> u64 {
        calls.of(trace).iter().map(|count| count.count).sum()
    }

    #[test]
    fn a_call_is_joined_to_the_only_request_of_its_function() {
        let calls = Arc::new(Calls::default());
        let _one = calls.begin(ONE, Some("documents".into()));
        let _two = calls.begin(TWO, Some("shares".into()));
        calls.made(Some(ENGINE), Some("documents"), &asked());
        calls.made(None, Some("uploads"), &asked());
        assert_eq!((count(&calls, ONE), count(&calls, TWO), count(&calls, ENGINE)), (1, 0, 1));
    }

    #[test]
    fn with_two_requests_to_one_function_only_its_own_trace_joins_a_call() {
        let calls = Arc::new(Calls::default());
        let _one = calls.begin(ONE, Some("documents".into()));
        let two = calls.begin(TWO, Some("documents".into()));
        calls.made(Some(ENGINE), Some("documents"), &asked());
        assert_eq!((count(&calls, ONE), count(&calls, TWO)), (0, 0), "ambiguous");
        calls.made(Some(TWO), Some("documents"), &asked());
        assert_eq!((count(&calls, ONE), count(&calls, TWO)), (0, 1), "carries the request's own trace");
        drop(two);
        calls.made(Some(ENGINE), Some("documents"), &asked());
        assert_eq!(count(&calls, ONE), 1, "the only one left");
    }

    #[test]
    fn only_well_formed_roots_are_traces() {
        let header = format!("Root={ONE};Parent=0000000000000001;Sampled=1");
        assert_eq!(root(&header), Some(ONE));
        assert_eq!(root(ONE), Some(ONE));
        for (bad, why) in [
            ("Root=1-2", "too short"),
            ("Root=2-00000001-000000000000000000000001", "version"),
            ("", "empty"),
        ] {
            assert_eq!(root(bad), None, "{why}");
        }
    }
}
