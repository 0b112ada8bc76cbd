//! Every file of `events/` is a real event of its trigger, and the built function takes it: under AWS's own
//! Runtime Interface Emulator, with the ids in it replaced by those of this account.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use shared::metering::Hour;
use tests::{Person, World, now, world};
use tokio::process::{Child, Command};

/// The ids that stand in the files.
const TENANT: &str = "0123456789abcdef0123456789abcdef";
const USER: &str = "6f1c2a9e-8f0b-4a57-9d53-0c3a5e0f7b11";
const ADMIN: &str = "0d1c6e2a-5b7f-4c3e-8a94-7e2f1b0c9d44";
const RECEIVER: &str = "b8a9d0c4-3f6e-4f0a-8d3b-5f1f6f0f2c22";
const DOCUMENT: &str = "3b1f8c52-7d1e-4c1b-9a55-2f9b8f2d7a33";
const CLIENT: &str = "1h2j3k4l5m6n7o8p9q0r1s2t3u";
const BUCKET: &str = "strongroom-content-example";
const SELLER: &str = "444455556666";
const PRODUCT: &str = "4f9w2k7d1s8m5x3q6b0r8tzna";
/// A licence, and the tenant who registered it.
const LICENSE: &str = "arn:aws:license-manager::294406891311:license:l-0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const LICENSED: &str = "fedcba9876543210fedcba9876543210";
/// The day of hours that are asked for: today, since nobody may ask for hours of long ago.
const DAY: &str = "2026-11-22T";
const TOKEN: &str = "EXAMPLE%2Bopaque%2Ftoken%3D%3D";

/// File and expected status, in an order that makes sense; `None` for what answers no HTTP status.
const EVENTS: &[(&str, &str, Option<u16>)] = &[
    ("documents", "documents-add.json", Some(201)),
    ("documents", "documents-list.json", Some(200)),
    ("documents", "documents-list.refused.json", Some(401)),
    ("documents", "documents-open.json", Some(200)),
    ("shares", "shares-create.json", Some(201)),
    ("shares", "shares-list.json", Some(200)),
    ("shares", "shares-end.json", Some(204)),
    ("uploads", "uploads-object-created.json", None),
    ("documents", "documents-delete.json", Some(204)),
    ("deletions", "deletions-order.json", None),
    ("signup", "signup-describe.json", Some(200)),
    ("signup", "signup-welcome.json", Some(200)),
    ("signup", "signup-arrive.json", Some(200)),
    ("signup", "signup-arrive.refused.json", Some(400)),
    ("signup", "signup-register.refused.json", Some(400)),
    ("signup", "signup-follow.refused.json", Some(404)),
    ("users", "users-invite.json", Some(201)),
    ("users", "users-list.json", Some(200)),
    ("users", "users-remove.refused.json", Some(409)),
    ("departures", "departures-order.json", None),
    ("usage", "usage-show.json", Some(200)),
    ("usage", "usage-show.refused.json", Some(403)),
    ("token-tags", "token-tags-authentication.json", None),
    ("onboarding", "onboarding-open.json", None),
    ("onboarding", "onboarding-close.json", None),
    ("subscriptions", "subscriptions-agreement-created.json", None),
    ("subscriptions", "subscriptions-license-updated.json", None),
    ("subscriptions", "subscriptions-agreement-amended.json", None),
    ("subscriptions", "subscriptions-agreement-ended.json", None),
    ("subscriptions", "subscriptions-license-deprovisioned.json", None),
    ("subscriptions", "subscriptions-reconcile.json", None),
    ("metering", "metering-run.json", None),
    ("metering", "metering-licenses.json", None),
    ("metering", "metering-slice.json", None),
    ("metering", "metering-last.json", None),
];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

#[test]
fn every_event_is_tried_here() {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    let mut tried: Vec<_> = EVENTS.iter().map(|(_, file, _)| (*file).to_owned()).collect();
    tried.sort_unstable();
    assert_eq!(files, tried, "add a new event to EVENTS in tests/it/events.rs");
}

/// A function under the emulator; stopped when dropped.
struct Emulated {
    url: String,
    _process: Child,
}

impl Emulated {
    async fn start(world: &World, name: &str) -> Self {
        let details = world.details;
        let titled: String = name
            .split('-')
            .flat_map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)))
            .collect();
        // One that this account's mode does not deploy has no credentials of its own; what it does is the same.
        let is_deployed = local::account::deployed(details).any(|function| function == titled);
        let own = if is_deployed { world.function(&titled) } else { world.root() };
        let [invoke, runtime] = [free_port(), free_port()];
        let emulator = emulator(&details.tools);
        let seller_role = match name {
            "signup" => "RegistrationRoleArn",
            "metering" => "MeteringRoleArn",
            _ => "AgreementsRoleArn",
        };
        let process = Command::new(emulator)
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{invoke}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime}")])
            .arg(details.functions.join(name).join("bootstrap"))
            .env_clear()
            .envs(own.environment().iter().map(|(name, value)| (*name, value)))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "120")
            .env("AWS_REGION", &details.region)
            .env("AWS_ENDPOINT_URL", &details.aws_endpoint_url)
            .env("TENANTS_TABLE", details.output("TenantsTableName"))
            .env("USERS_TABLE", details.output("UsersTableName"))
            .env("DOCUMENTS_TABLE", details.output("DocumentsTableName"))
            .env("SHARES_TABLE", details.output("SharesTableName"))
            .env("USAGE_TABLE", details.output("UsageTableName"))
            .env("USAGE_ROLE_ARN", details.output("TenantUsageRoleArn"))
            .env("LEDGER_TABLE", details.output("LedgerTableName"))
            .env("DIMENSIONS", "documents_added=documents_added,storage_gib_hours=storage_gib_hours")
            .env("CONTENT_BUCKET", details.output("ContentBucketName"))
            .env("DELETIONS_QUEUE_URL", details.output("DeletionsQueueUrl"))
            .env("DEPARTURES_QUEUE_URL", details.output("DeparturesQueueUrl"))
            .env("MAPPING_ROLE_ARN", details.output("TenantMappingRoleArn"))
            .env("DATA_ROLE_ARN", details.output("TenantDataRoleArn"))
            .env("SHARING_ROLE_ARN", details.output("TenantSharingRoleArn"))
            .env("SETTLEMENT_ROLE_ARN", details.output("TenantSettlementRoleArn"))
            .env("DELETION_ROLE_ARN", details.output("TenantDeletionRoleArn"))
            .env("DIRECTORY_ROLE_ARN", details.output("TenantDirectoryRoleArn"))
            .env("DEPARTURE_ROLE_ARN", details.output("TenantDepartureRoleArn"))
            .env("TOKEN_LIFETIME_MINUTES", "60")
            .env("ERASURE_ROLE_ARN", details.output("TenantErasureRoleArn"))
            .env("ONBOARDING_TABLE", details.output("OnboardingTableName"))
            .env("ONBOARDING_QUEUE_URL", details.output("OnboardingQueueUrl"))
            .env("GRACE_PERIOD_DAYS", "30")
            .env("DELETION_PROTECTION", "false")
            .env("USER_POOL_ID", &details.user_pool_id)
            .env("USER_POOL_CLIENT_ID", &details.user_pool_client_id)
            .env("TENANT_SESSIONS", details.output("TenantSessions"))
            .env("MAX_SHARES_PER_DOCUMENT", "400")
            .env("SUBSCRIPTIONS_TABLE", details.output("SubscriptionsTableName"))
            .env("SUBSCRIPTION_EVENTS_QUEUE_URL", details.output("SubscriptionEventsQueueUrl"))
            .env("FINAL_METERING_QUEUE_URL", details.output("FinalMeteringQueueUrl"))
            .env("METERING_QUEUE_URL", details.output("MeteringQueueUrl"))
            .env("METERING_CALLS_PER_SECOND", "10")
            .env("ZERO_RECORDS", "true")
            .env("LATE_USAGE", "report")
            .env("SELLER_ROLE_ARN", &details.seller.outputs[seller_role])
            .env("REGISTRATION_KEY_ARN", details.output("RegistrationKeyArn"))
            .env("PRODUCT_NAME", "Strongroom")
            .env("SUPPORT_CONTACT", "help@vendor.example")
            .env("SELLER_EXTERNAL_ID", &details.seller.external_id)
            .env("SELLER_ACCOUNT_ID", &details.seller.account_id)
            .env("MARKETPLACE_REGION", &details.region)
            .env("PRODUCT_CODE", &details.seller.product_code)
            .env("PRODUCT_ID", &details.seller.product_id)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{invoke}/2015-03-31/functions/function/invocations");
        world
            .see("the emulator listening", async || {
                tokio::net::TcpStream::connect(("127.0.0.1", invoke)).await.ok().map(drop)
            })
            .await;
        Self { url, _process: process }
    }

    async fn invoke(&self, event: String) -> Value {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build().unwrap();
        let answer = tests::sent(client.post(&self.url).body(event)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Comes with aws-sam-cli, beside the programs of its environment.
fn emulator(programs: &Path) -> std::path::PathBuf {
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let lib = programs.parent().unwrap().join("lib");
    let python = std::fs::read_dir(lib).unwrap().next().unwrap().unwrap().path();
    python.join(format!("site-packages/samcli/local/rapid/aws-lambda-rie-{arch}"))
}

/// Today, as hours begin: `2026-11-22T`.
fn today() -> String {
    let hour = Hour::of(now().into()).to_string();
    hour.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// As a form sends it.
fn encoded(text: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://form/", [("", text)]).unwrap();
    url.query().unwrap().trim_start_matches('=').to_owned()
}

/// The event with this account's ids in it.
fn event(world: &World, file: &str, ben: &Person, cleo: &Person, document: &str) -> String {
    std::fs::read_to_string(folder().join(file))
        .unwrap()
        .replace(TENANT, &ben.tenant_id)
        .replace(USER, &ben.user_id)
        .replace(ADMIN, &world.tenant("amber").users[0].user_id)
        .replace(RECEIVER, &cleo.user_id)
        .replace("gwen@amber.example", &format!("gwen-{}@amber.example", uuid::Uuid::new_v4().simple()))
        .replace(DOCUMENT, document)
        .replace(DAY, &today())
        .replace(CLIENT, &world.details.user_pool_client_id)
        .replace(BUCKET, world.details.output("ContentBucketName"))
        .replace(SELLER, &world.details.seller.account_id)
        .replace(PRODUCT, &world.details.seller.product_code)
}

#[tokio::test]
async fn the_built_functions_take_every_event() {
    let world = world().await;
    let (ben, cleo) = (world.person("amber", 1).await, world.person("amber", 2).await);
    let document = ben.add("events.txt", b"forty-two").await;
    let _ = ben.get(&format!("/documents/{document}")).await.expect(200);
    let bought = world.bought(json!({})).await;
    let token = encoded(&bought.token);
    let buyer = world.registered("events").await;
    for function in [
        "documents",
        "shares",
        "uploads",
        "deletions",
        "signup",
        "users",
        "departures",
        "usage",
        "token-tags",
        "onboarding",
        "subscriptions",
        "metering",
    ] {
        // One sandbox a function, as in life; the order of the files matters only across functions.
        let emulated = Emulated::start(&world, function).await;
        for (_, file, status) in EVENTS.iter().filter(|(name, ..)| *name == function) {
            // What is deleted here must not be what the others need.
            let target = match *file {
                "documents-delete.json" => ben.add("events-gone.txt", b"forty-two").await,
                _ => document.clone(),
            };
            let event = event(&world, file, &ben, &cleo, &target)
                .replace(TOKEN, &token)
                .replace(LICENSE, buyer.license.as_str())
                .replace(LICENSED, &buyer.tenant.to_string());
            let answer = emulated.invoke(event).await;
            assert!(answer.get("errorType").is_none(), "{file}: {answer}");
            match status {
                Some(status) => assert_eq!(answer["statusCode"], *status, "{file}: {answer}"),
                None => assert!(
                    answer.is_null()
                        || answer == json!({ "batchItemFailures": [] })
                        // Nobody registered the demo tenant, so nobody may have it erased.
                        || answer["why"] == "unknown"
                        || answer["complete"] == true
                        || answer
                            .pointer("/response/claimsAndScopeOverrideDetails/idTokenGeneration")
                            .is_some_and(|token| token.to_string().contains(&ben.tenant_id))
                        // Cut into slices, of which there may be several by now; or run at once.
                        || answer["slices"].as_u64() >= Some(1)
                        || answer["licences"] == 1,
                    "{file}: done with: {answer}"
                ),
            }
        }
    }
}
