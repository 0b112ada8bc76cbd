//! What a call does not say of its resources and IAM needs to know: key schemas, owners, aliases, tags, policies.
//!
//! `iam::requests::derive` asks in the middle of a pure computation, and the engine answers over the network. So a
//! derivation is tried with what is known, what it missed is asked for, and it is tried again: at most a few times.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use iam::requests::{Call, Directory, Needed, Underivable, derive};
use iam::{Policy, Tags};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use verifiedpermissions::VerifiedPermissions;

use crate::accounts::Accounts;
use crate::engine::{Engine, EngineError};
use crate::kept::{Epoch, Kept};

const RESOURCES_MAX: usize = 1024;
/// A transaction names at most 100 items; each could be of another table.
const ROUNDS_MAX: usize = 4;
const MISSED_MAX: usize = 200;

/// Table or index (`None` is the table itself) to its partition key attribute.
type KeySchema = HashMap<Option<String>, String>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Missed {
    Table(String),
    Bucket(String),
    KeyAlias(String),
}

/// A bucket, as an account sees it: one of another account is not there.
#[derive(Debug, Clone)]
struct Bucket {
    exists: bool,
    policy: Option<Arc<Policy>>,
}

/// The resources of one account.
pub(crate) struct Resources {
    engine: Arc<Engine>,
    verified_permissions: Arc<VerifiedPermissions>,
    tables: Kept<String, Option<Arc<KeySchema>>>,
    buckets: Kept<String, Bucket>,
    queues: Kept<String, Option<Arc<Policy>>>,
    buses: Kept<String, Option<Arc<Policy>>>,
    keys: Kept<String, Option<Arc<Policy>>>,
    key_aliases: Kept<String, Option<String>>,
}

/// Why the authorization requests of a call are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    /// IAM's derivation refuses it.
    #[error(transparent)]
    Underivable(#[from] Underivable),
    /// The engine did not say.
    #[error("`{what}` cannot be looked up: {source}")]
    Engine {
        /// The resource.
        what: String,
        /// Why not.
        source: EngineError,
    },
    /// The resource's own policy is not one that the evaluator takes.
    #[error("the policy of `{what}` is not usable: {why}")]
    Policy {
        /// The resource.
        what: String,
        /// Why not.
        why: String,
    },
}

impl Resources {
    pub(crate) fn new(
        engine: Arc<Engine>,
        epoch: &Epoch,
        verified_permissions: Arc<VerifiedPermissions>,
    ) -> Self {
        Self {
            engine,
            verified_permissions,
            tables: Kept::new(epoch.clone(), RESOURCES_MAX),
            buckets: Kept::new(epoch.clone(), RESOURCES_MAX),
            queues: Kept::new(epoch.clone(), RESOURCES_MAX),
            buses: Kept::new(epoch.clone(), RESOURCES_MAX),
            keys: Kept::new(epoch.clone(), RESOURCES_MAX),
            key_aliases: Kept::new(epoch.clone(), RESOURCES_MAX),
        }
    }

    /// The authorization requests that AWS makes of a call of this account's. Only buckets are looked for in the
    /// other accounts too: their names are one world.
    pub(crate) async fn needed(&self, call: &Call, accounts: &Accounts) -> Result<Vec<Needed>, Unknown> {
        let mut known = Known {
            verified_permissions: &self.verified_permissions,
            tables: BTreeMap::new(),
            buckets: BTreeMap::new(),
            key_aliases: BTreeMap::new(),
            missed: Mutex::new(BTreeSet::new()),
        };
        let mut derived = derive(call, &known);
        for _ in 0..ROUNDS_MAX {
            let missed = std::mem::take(known.missed.get_mut().unwrap_or_else(PoisonError::into_inner));
            if missed.is_empty() {
                break;
            }
            for one in missed {
                match one {
                    Missed::Table(name) => {
                        let schema = self.table(&name).await?;
                        known.tables.insert(name, schema);
                    }
                    Missed::Bucket(name) => {
                        let owner = owner_of_bucket(accounts, &name).await?;
                        known.buckets.insert(name, owner);
                    }
                    Missed::KeyAlias(name) => {
                        let key = self.key_of_alias(&name).await?;
                        known.key_aliases.insert(name, key);
                    }
                }
            }
            derived = derive(call, &known);
        }
        Ok(derived?)
    }

    /// The policy of a resource of this account, where its service has such policies and this one has one.
    pub(crate) async fn policy_of(&self, resource: &str) -> Result<Option<Arc<Policy>>, Unknown> {
        let Ok(arn) = resource.parse::<iam::Arn>() else { return Ok(None) };
        match arn.service() {
            "s3" => {
                let bucket = arn.resource().split('/').next().unwrap_or_default();
                Ok(self.bucket(bucket).await?.policy)
            }
            "sqs" => self.queue(arn.resource()).await,
            "events" => self.bus(arn.resource().strip_prefix("event-bus/").unwrap_or_default()).await,
            "kms" => self.key(arn.resource().strip_prefix("key/").unwrap_or_default()).await,
            _ => Ok(None),
        }
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<KeySchema>>, Unknown> {
        let ask = async {
            let headers = [
                ("content-type", "application/x-amz-json-1.0"),
                ("x-amz-target", "DynamoDB_20120810.DescribeTable"),
            ];
            let body = json!({ "TableName": name }).to_string();
            match self.engine.ask("dynamodb", Method::POST, "/", &headers, body).await {
                Ok(body) => {
                    let answer: Value = serde_json::from_slice(&body)
                        .map_err(|_| engine(name, EngineError::Unreadable("DescribeTable".to_owned())))?;
                    Ok(Some(Arc::new(key_schema(&answer))))
                }
                Err(EngineError::Status { status: 400, body, .. })
                    if says(&body, "ResourceNotFoundException") =>
                {
                    Ok(None)
                }
                Err(source) => Err(engine(name, source)),
            }
        };
        self.tables.get_or(name.to_owned(), ask).await
    }

    async fn bucket(&self, name: &str) -> Result<Bucket, Unknown> {
        let ask = async {
            let path = format!("/{}?policy", utf8_percent_encode(name, NON_ALPHANUMERIC));
            match self.engine.ask("s3", Method::GET, &path, &[], String::new()).await {
                Ok(json) => {
                    let policy =
                        Policy::parse(&format!("policy of bucket {name}"), &String::from_utf8_lossy(&json));
                    let policy = policy.map_err(|error| unusable(name, &error))?;
                    Ok(Bucket { exists: true, policy: Some(Arc::new(policy)) })
                }
                Err(EngineError::Status { status: 404, body, .. }) if says(&body, "NoSuchBucketPolicy") => {
                    Ok(Bucket { exists: true, policy: None })
                }
                // Of nobody, or of another account.
                Err(EngineError::Status { status: 404 | 403, .. }) => {
                    Ok(Bucket { exists: false, policy: None })
                }
                Err(source) => Err(engine(name, source)),
            }
        };
        self.buckets.get_or(name.to_owned(), ask).await
    }

    async fn queue(&self, name: &str) -> Result<Option<Arc<Policy>>, Unknown> {
        let ask = async {
            let url = self.json("sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": name }), name).await?;
            // A queue that is not there has no policy; the service will say that it is not there.
            let Some(url) = url else { return Ok(None) };
            let url = url.get("QueueUrl").and_then(Value::as_str);
            let url = url.ok_or_else(|| engine(name, EngineError::Unreadable("GetQueueUrl".to_owned())))?;
            let body = json!({ "QueueUrl": url, "AttributeNames": ["Policy"] });
            let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", &body, name).await?;
            policy(&format!("queue {name}"), answer.as_ref(), "/Attributes/Policy")
        };
        self.queues.get_or(name.to_owned(), ask).await
    }

    async fn bus(&self, name: &str) -> Result<Option<Arc<Policy>>, Unknown> {
        let ask = async {
            let answer =
                self.json("events", "AWSEvents.DescribeEventBus", &json!({ "Name": name }), name).await?;
            policy(&format!("event bus {name}"), answer.as_ref(), "/Policy")
        };
        self.buses.get_or(name.to_owned(), ask).await
    }

    async fn key(&self, id: &str) -> Result<Option<Arc<Policy>>, Unknown> {
        let ask = async {
            let body = json!({ "KeyId": id, "PolicyName": "default" });
            let answer = self.json("kms", "TrentService.GetKeyPolicy", &body, id).await?;
            policy(&format!("key {id}"), answer.as_ref(), "/Policy")
        };
        self.keys.get_or(id.to_owned(), ask).await
    }

    async fn key_of_alias(&self, alias: &str) -> Result<Option<String>, Unknown> {
        let ask = async {
            let body = json!({ "KeyId": format!("alias/{alias}") });
            let answer = self.json("kms", "TrentService.DescribeKey", &body, alias).await?;
            let id = answer.as_ref().and_then(|answer| answer.pointer("/KeyMetadata/KeyId"));
            Ok(id.and_then(Value::as_str).map(str::to_owned))
        };
        self.key_aliases.get_or(alias.to_owned(), ask).await
    }

    /// Asks about `what` in the JSON protocol; none if the service says that it is not there.
    async fn json(
        &self,
        service: &str,
        target: &str,
        body: &Value,
        what: &str,
    ) -> Result<Option<Value>, Unknown> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        match self.engine.ask(service, Method::POST, "/", &headers, body.to_string()).await {
            Err(EngineError::Status { status: 400, body, .. })
                if ["NotFound", "NonExistent", "DoesNotExist"].iter().any(|code| says(&body, code)) =>
            {
                Ok(None)
            }
            Err(source) => Err(engine(what, source)),
            Ok(answer) => serde_json::from_slice(&answer)
                .map(Some)
                .map_err(|_| engine(what, EngineError::Unreadable(target.to_owned()))),
        }
    }
}

/// The account that has this bucket; none if nobody has.
///
/// # Errors
/// As the engine does not say.
pub(crate) async fn owner_of_bucket(accounts: &Accounts, name: &str) -> Result<Option<String>, Unknown> {
    for account in accounts.iter() {
        if account.resources.bucket(name).await?.exists {
            return Ok(Some(account.id.clone()));
        }
    }
    Ok(None)
}

/// The policy that stands as text at `place` of an answer.
fn policy(of: &str, answer: Option<&Value>, place: &str) -> Result<Option<Arc<Policy>>, Unknown> {
    let Some(text) = answer.and_then(|answer| answer.pointer(place)).and_then(Value::as_str) else {
        return Ok(None);
    };
    let policy = Policy::parse(&format!("policy of {of}"), text);
    Ok(Some(Arc::new(policy.map_err(|error| unusable(of, &error))?)))
}

/// What is known so far, and what was missed.
struct Known<'a> {
    verified_permissions: &'a VerifiedPermissions,
    tables: BTreeMap<String, Option<Arc<KeySchema>>>,
    /// The owner of each.
    buckets: BTreeMap<String, Option<String>>,
    key_aliases: BTreeMap<String, Option<String>>,
    missed: Mutex<BTreeSet<Missed>>,
}

impl Known<'_> {
    fn miss(&self, one: Missed) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < MISSED_MAX {
            missed.insert(one);
        }
    }
}

impl Directory for Known<'_> {
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String> {
        let Some(schema) = self.tables.get(table) else {
            self.miss(Missed::Table(table.to_owned()));
            return None;
        };
        schema.as_ref()?.get(&index.map(str::to_owned)).cloned()
    }

    fn policy_store_tags(&self, policy_store_id: &str) -> Option<Tags> {
        Tags::of_resource(self.verified_permissions.tags_of_store(policy_store_id)).ok()
    }

    fn policy_store_of_alias(&self, alias: &str) -> Option<String> {
        self.verified_permissions.store_of_alias(&format!("policy-store-alias/{alias}"))
    }

    fn bucket_account(&self, bucket: &str) -> Option<String> {
        let Some(owner) = self.buckets.get(bucket) else {
            self.miss(Missed::Bucket(bucket.to_owned()));
            return None;
        };
        owner.clone()
    }

    fn kms_key_of_alias(&self, alias: &str) -> Option<String> {
        let Some(key) = self.key_aliases.get(alias) else {
            self.miss(Missed::KeyAlias(alias.to_owned()));
            return None;
        };
        key.clone()
    }
}

fn key_schema(answer: &Value) -> KeySchema {
    let partition_key = |of: &Value| {
        let keys = of.get("KeySchema")?.as_array()?;
        let hash = keys.iter().find(|key| key.get("KeyType").and_then(Value::as_str) == Some("HASH"))?;
        hash.get("AttributeName")?.as_str().map(str::to_owned)
    };
    let mut schema = KeySchema::new();
    let Some(table) = answer.get("Table") else { return schema };
    if let Some(key) = partition_key(table) {
        schema.insert(None, key);
    }
    for list in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        for index in table.get(list).and_then(Value::as_array).into_iter().flatten() {
            if let (Some(name), Some(key)) =
                (index.get("IndexName").and_then(Value::as_str), partition_key(index))
            {
                schema.insert(Some(name.to_owned()), key);
            }
        }
    }
    schema
}

fn says(body: &[u8], code: &str) -> bool {
    String::from_utf8_lossy(body).contains(code)
}

fn engine(what: &str, source: EngineError) -> Unknown {
    Unknown::Engine { what: what.to_owned(), source }
}

fn unusable(what: &str, why: &dyn std::error::Error) -> Unknown {
    Unknown::Policy { what: what.to_owned(), why: why.to_string() }
}
