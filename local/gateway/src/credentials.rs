//! Whose access key is this: the root's, an execution role's session of a function, or a session of our own STS.
//!
//! INVARIANT: every map is bounded, and a key that is not in one of them belongs to nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::execution::ExecutionKey;
use http::Method;
use iam::{Policy, Principal, PrincipalKind};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::kept::Epoch;

/// More sessions than a load test opens in an hour; the oldest goes first.
const SESSIONS_MAX: usize = 10_000;
const FUNCTIONS_MAX: usize = 1_000;
const PAGES_MAX: usize = 50;
const UNKNOWN_MAX: usize = 256;
/// How long a key that nobody holds stays unknown without asking again.
const UNKNOWN_KEEP: Duration = Duration::from_secs(1);
/// How long the list of functions is believed; a function that was deleted keeps its session that long.
const FUNCTIONS_KEEP: Duration = Duration::from_secs(30);

/// Who makes a request.
#[derive(Debug)]
pub(crate) struct Caller {
    /// As IAM sees it, with its session tags.
    pub(crate) principal: Principal,
    /// The function at the root of the chain of sessions, if it began with one.
    pub(crate) function: Option<String>,
    /// Policies passed when the session was made; each can only take away.
    pub(crate) session_policies: Vec<Policy>,
    /// Whether the engine made the session, for a function.
    pub(crate) execution_role: bool,
    /// When the session began; none for the root.
    pub(crate) issued: Option<OffsetDateTime>,
}

impl Caller {
    /// Whether it is the account's root.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self.principal.kind(), PrincipalKind::Root)
    }

    /// The name of its role, without path; none for the root.
    pub(crate) fn role_name(&self) -> Option<&str> {
        match self.principal.kind() {
            PrincipalKind::AssumedRole { role, .. } => role.resource().rsplit('/').next(),
            _ => None,
        }
    }

    /// The ARN of its role, with path; none for the root.
    pub(crate) fn role_arn(&self) -> Option<String> {
        match self.principal.kind() {
            PrincipalKind::AssumedRole { role, .. } => Some(role.to_string()),
            _ => None,
        }
    }

    /// Whether it is a function in its execution role, rather than in a role that it assumed.
    pub(crate) fn is_execution_role(&self) -> bool {
        self.execution_role
    }

    /// For the log: the role's name, or `root`.
    pub(crate) fn label(&self) -> &str {
        self.role_name().unwrap_or("root")
    }
}

/// A key's secret half, and whose it is.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) caller: Arc<Caller>,
    /// None for the root and for execution roles, whose sessions the engine never ends.
    pub(crate) expires: Option<OffsetDateTime>,
}

/// Every credential of one account.
pub(crate) struct Credentials {
    engine: Arc<Engine>,
    epoch: Epoch,
    clock: Clock,
    root_key: String,
    root: Arc<Credential>,
    functions: Mutex<Functions>,
    /// One list is asked for at a time; the others wait for it.
    asking: tokio::sync::Mutex<()>,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Functions {
    by_key: HashMap<String, Arc<Credential>>,
    asked: Option<(Instant, u64)>,
    unknown: HashMap<String, (Instant, u64)>,
}

#[derive(Default)]
struct Sessions {
    by_key: HashMap<String, Arc<Credential>>,
    in_order: std::collections::VecDeque<String>,
}

impl Credentials {
    pub(crate) fn new(
        engine: Arc<Engine>,
        epoch: Epoch,
        clock: Clock,
        (key, secret): (&str, &str),
        root: Principal,
    ) -> Self {
        let caller = Caller {
            principal: root,
            function: None,
            session_policies: Vec::new(),
            execution_role: false,
            issued: None,
        };
        let root =
            Credential { secret: secret.to_owned(), token: None, caller: Arc::new(caller), expires: None };
        Self {
            engine,
            epoch,
            clock,
            root_key: key.to_owned(),
            root: Arc::new(root),
            functions: Mutex::default(),
            asking: tokio::sync::Mutex::new(()),
            sessions: Mutex::default(),
        }
    }

    /// The credential of an access key, if it is the root's or that of a session of ours.
    pub(crate) fn held(&self, key: &str) -> Option<Arc<Credential>> {
        if key == self.root_key {
            return Some(self.root.clone());
        }
        lock(&self.sessions).by_key.get(key).cloned()
    }

    /// The credential of an access key, if it is a function's; asks the engine for its functions when it could be.
    pub(crate) async fn of_function(&self, key: &str) -> Result<Option<Arc<Credential>>, EngineError> {
        if !key.starts_with("ASIA") {
            return Ok(None);
        }
        if let Some(answer) = self.known(key) {
            return Ok(answer);
        }
        let _one_at_a_time = self.asking.lock().await;
        if let Some(answer) = self.known(key) {
            return Ok(answer);
        }
        let epoch = self.epoch.now();
        let by_key = self.ask().await?;
        let mut functions = lock(&self.functions);
        functions.by_key = by_key;
        functions.asked = Some((Instant::now(), epoch));
        let found = functions.by_key.get(key).cloned();
        if found.is_none() {
            if functions.unknown.len() >= UNKNOWN_MAX {
                functions.unknown.clear();
            }
            functions.unknown.insert(key.to_owned(), (Instant::now(), epoch));
        }
        Ok(found)
    }

    /// `Some(None)`: known to be nobody's, for a moment yet.
    fn known(&self, key: &str) -> Option<Option<Arc<Credential>>> {
        let functions = lock(&self.functions);
        let now = self.epoch.now();
        let believed =
            functions.asked.is_some_and(|(at, epoch)| at.elapsed() < FUNCTIONS_KEEP && epoch == now);
        if let Some(found) = functions.by_key.get(key).filter(|_| believed) {
            return Some(Some(found.clone()));
        }
        let (at, epoch) = functions.unknown.get(key)?;
        (at.elapsed() < UNKNOWN_KEEP && *epoch == now).then_some(None)
    }

    async fn ask(&self) -> Result<HashMap<String, Arc<Credential>>, EngineError> {
        let mut by_key = HashMap::new();
        let mut path = "/2015-03-31/functions/".to_owned();
        for _ in 0..PAGES_MAX {
            let body = self.engine.ask("lambda", Method::GET, &path, &[], String::new()).await?;
            let page: Page = serde_json::from_slice(&body)
                .map_err(|_| EngineError::Unreadable("ListFunctions".to_owned()))?;
            for function in page.functions {
                // A function whose role cannot be read, or is of another account, has no credential, rather than
                // someone else's.
                if let Some((key, credential)) = function.credential(self.clock.now())
                    && credential.caller.principal.account() == self.root.caller.principal.account()
                    && by_key.len() < FUNCTIONS_MAX
                {
                    by_key.insert(key, Arc::new(credential));
                }
            }
            let Some(marker) = page.next_marker.filter(|marker| !marker.is_empty()) else { break };
            let marker = percent_encoding::utf8_percent_encode(&marker, percent_encoding::NON_ALPHANUMERIC);
            path = format!("/2015-03-31/functions/?Marker={marker}");
        }
        Ok(by_key)
    }

    /// Keeps a session that our STS has granted, and answers its access key.
    pub(crate) fn issue(&self, caller: Caller, expires: OffsetDateTime) -> Option<(String, Arc<Credential>)> {
        let random = SystemRandom::new();
        let (mut key, mut secret, mut token) = ([0_u8; 16], [0_u8; 30], [0_u8; 96]);
        for bytes in [&mut key[..], &mut secret[..], &mut token[..]] {
            random.fill(bytes).ok()?;
        }
        let letters =
            key.iter().filter_map(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(usize::from(byte % 32)));
        let key = format!("ASIA{}", letters.map(|letter| char::from(*letter)).collect::<String>());
        let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let credential = Arc::new(Credential {
            secret: base64(&secret),
            token: Some(base64(&token)),
            caller: Arc::new(caller),
            expires: Some(expires),
        });
        let mut sessions = lock(&self.sessions);
        if sessions.in_order.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.in_order.pop_front()
        {
            sessions.by_key.remove(&oldest);
        }
        sessions.in_order.push_back(key.clone());
        sessions.by_key.insert(key.clone(), credential.clone());
        Some((key, credential))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    functions: Vec<Function>,
    #[serde(default)]
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Function {
    function_name: String,
    function_arn: String,
    role: String,
}

impl Function {
    fn credential(&self, now: OffsetDateTime) -> Option<(String, Credential)> {
        let key = ExecutionKey::of(&self.function_arn, &self.role);
        let session = self.function_name.get(..64).unwrap_or(&self.function_name);
        let caller = Caller {
            principal: Principal::assumed_role(&self.role, session).ok()?,
            function: Some(self.function_name.clone()),
            session_policies: Vec::new(),
            execution_role: true,
            issued: Some(now),
        };
        let credential = Credential {
            secret: key.secret_access_key,
            token: Some(key.session_token),
            caller: Arc::new(caller),
            expires: None,
        };
        Some((key.access_key_id, credential))
    }
}
