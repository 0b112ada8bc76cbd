//! Turns what tenants used into records of the Marketplace's bill.
//!
//! What a run does is [`shared::metering::run`]'s, which knows no AWS; here is the world that it runs in, and what
//! wakes it:
//!
//! | woken by | with | does |
//! |---|---|---|
//! | the schedules, or an operator | `{"meter":{"scheduled":"2026-11-22T11:15:00Z","back":2}}` | cuts all licences into slices, one message each; answers with their number |
//! | an operator | the same with `"licenses":["arn:…"]` | runs over these licences at once; answers with the run's [`Report`] |
//! | an operator | `{"release":{"tenant_id":"…","slot":"2026-11-22T10#0","dimension":"…"}}` | has a quarantined record sent once more; answers with the run's report |
//! | its queue | `{"slice":{"scheduled":…,"back":…,"segment":0,"segments":3}}` | runs over one slice |
//! | the queue of last meterings | [`FinalMeteringOrder`](shared::subscriptions::FinalMeteringOrder) | meters one licence that ended, its open hour included |
//!
//! The schedule's own time says which hours are closed. Everything may be done twice, at the same time, or be cut
//! off anywhere: what is in the ledger decides what is left to do. A message whose work is not finished goes back
//! and comes again after a time that grows with every try; after the queue's own limit it is a dead letter, which
//! a redrive takes up.
//!
//! Control plane: it reads across tenants, and only what they used; their documents, policies and mapping rows it
//! cannot reach.

mod figures;
mod input;
mod last;
mod pace;
mod release;
mod slices;
mod world;

use std::time::Duration;

use lambda_runtime::{Context, Error, LambdaEvent};
use serde_json::Value;
use shared::{
    clock::Clock,
    config,
    marketplace::{billing::Billing, seller::SellerSession},
    metering::{
        Job, Limits, Report, Second, Settings,
        hour::{Hour, WRITE_LASTS_S, grace_s},
        run,
    },
    problem::chain,
    queue::OwnQueue,
    subscriptions::Subscriptions,
};

use input::{Input, Meter};
use pace::Pace;
use world::{Source, Tables, World};

/// How the names of its sessions of the seller account begin.
const SESSION: &str = "strongroom-metering";

/// Time kept at the end of an invocation: for the last call to be answered and recorded, and for putting a message
/// back.
const KEPT_FOR_ANSWER: Duration = Duration::from_secs(30);

/// What lives as long as the execution environment.
pub struct App {
    clock: Clock,
    subscriptions: Subscriptions,
    tables: Tables,
    billing: Billing,
    pace: Pace,
    settings: Settings,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    slices: OwnQueue,
    last: OwnQueue,
}

impl App {
    /// `base` carries the function's own credentials; `clock` says which hours are closed and until when they may be
    /// billed.
    #[must_use]
    pub fn new(base: &shared::aws::SdkConfig, config: config::Metering, clock: Clock) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the control plane: its own queue, and tables of which no tenant owns a row"
        )]
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(base), aws_sdk_sqs::Client::new(base));
        // Sessions last as long as STS's clock says, which no local account moves.
        let session = SellerSession::new(base, Clock::system(), &config.seller, SESSION);
        Self {
            clock,
            subscriptions: Subscriptions::new(dynamodb.clone(), config.subscriptions_table),
            tables: Tables { dynamodb, usage: config.usage_table, ledger: config.ledger_table },
            billing: Billing::new(session),
            pace: Pace::new(config.calls_per_second),
            settings: Settings {
                rules: config.rules,
                grace_s: grace_s(WRITE_LASTS_S),
                limits: Limits { waiting_records: WAITING_RECORDS, ..Limits::default() },
            },
            slices: OwnQueue::new(base, config.metering_queue_url.clone()),
            last: OwnQueue::new(base, config.final_metering_queue_url),
            sqs,
            queue_url: config.metering_queue_url,
        }
    }

    /// Carries out what it was woken for.
    ///
    /// # Errors
    /// When the input is none of those of this module, or a run that was asked for directly could not begin. Of
    /// messages never: what is not finished is in the answer.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let LambdaEvent { payload, context } = event;
        let done = match serde_json::from_value(payload)? {
            Input::Messages { records } => {
                return Ok(serde_json::to_value(self.take(records, &context).await)?);
            }
            Input::Asked { meter } => self.meter(&meter, &context).await,
            Input::Release { release } => match self.release(&release, &context).await {
                Ok(report) => serde_json::to_value(report).map_err(Into::into),
                Err(error) => Err(error.into()),
            },
        };
        done.inspect_err(|error| {
            let error = chain(error.as_ref());
            tracing::error!(request_id = context.request_id, outcome = "failed", error, "metering");
        })
    }

    async fn meter(&self, meter: &Meter, context: &Context) -> Result<Value, Error> {
        let Some(licenses) = &meter.licenses else {
            let slices = self.fan_out(meter).await?;
            tracing::info!(request_id = context.request_id, slices, back = meter.back, "metering begins");
            return Ok(serde_json::json!({ "slices": slices }));
        };
        let mut licences = Vec::new();
        for license in licenses {
            let licence = self.subscriptions.licence(license).await?;
            licences.push(licence.ok_or("no licence that can have been used")?);
        }
        let job = self.job(meter.scheduled, meter.back, context);
        Ok(serde_json::to_value(self.run("licences", Source::These(licences), job, context).await)?)
    }

    fn job(&self, scheduled: Second, back: u32, context: &Context) -> Job {
        let stop_at = self.clock.at(context.deadline() - KEPT_FOR_ANSWER);
        Job { scheduled, through: Hour::MAX, back, stop_at: Second::from(stop_at) }
    }

    /// One run, and the line of log that says what it did.
    async fn run(&self, kind: &'static str, source: Source, job: Job, context: &Context) -> Report {
        let begun = tokio::time::Instant::now();
        let world = World { app: self, source };
        let report = Box::pin(run(&world, job, &self.settings)).await;
        let now = Second::from(self.clock.now());
        figures::log(&context.request_id, kind, &report, now, begun.elapsed());
        report
    }
}

/// Records that wait in memory: forty requests, so that the last one of them being half empty costs little; sending
/// begins long before a slice is looked through, and what was looked through meanwhile counts towards the next call.
const WAITING_RECORDS: usize = 1_000;
