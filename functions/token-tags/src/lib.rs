//! Tells the user pool what its ID tokens say to STS of their bearer: the pool's trigger before it issues tokens.
//!
//! Deployed only where tokens open tenants' sessions. Whoever must not have tags gets no token at all: the pool issues
//! none when its trigger fails, and answers with what the trigger said. Those are fixed words, which name nobody.
//!
//! It faces no tenant: nobody but the pool invokes it, and what it reads of the bearer is the pool's own.

use aws_lambda_events::event::cognito::{
    ClaimsAndScopeOverrideDetailsV2, CognitoEventUserPoolsPreTokenGenV2, CognitoIdTokenGenerationV2,
};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::SdkConfig,
    config,
    problem::chain,
    tenancy::{
        caller::TENANT_ADMINS,
        tags::{self, Bearer, TagSource, Withheld},
    },
};

/// What lives as long as the execution environment.
pub struct App {
    source: TagSource,
}

/// Why the pool issues no token, in words for the one who signs in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("your organisation's subscription is not active")]
    Suspended,
    #[error("you are not a user of an organisation")]
    Stranger,
    #[error("signing in is not possible at the moment")]
    Unavailable,
}

impl App {
    /// `base` carries the function's own credentials.
    #[must_use]
    pub fn new(base: &SdkConfig, config: config::TokenTags) -> Self {
        Self { source: TagSource::new(base, config.tenants_table, config.users_table) }
    }

    /// Answers one event: the same with the claim in it.
    ///
    /// # Errors
    /// When no token must be issued.
    pub async fn handle(
        &self,
        event: LambdaEvent<CognitoEventUserPoolsPreTokenGenV2>,
    ) -> Result<CognitoEventUserPoolsPreTokenGenV2, Error> {
        let request_id = event.context.request_id.as_str();
        let mut event = event.payload;
        let Some(bearer) = bearer(&event) else {
            tracing::warn!(request_id, outcome = "stranger", "token");
            return Err(Refused::Stranger.into());
        };
        let Bearer { tenant, user, .. } = bearer;
        match self.source.claim(bearer).await {
            Ok(claim) => {
                say(&mut event, &claim)?;
                tracing::info!(request_id, %tenant, %user, outcome = "tagged", "token");
                Ok(event)
            }
            Err(withheld) => {
                let (refused, outcome) = match &withheld {
                    Withheld::Unreadable(_) | Withheld::Malformed => (Refused::Unavailable, "failed"),
                    Withheld::NotUsable => (Refused::Suspended, "suspended"),
                    Withheld::NoTenant | Withheld::NotAUser => (Refused::Stranger, "stranger"),
                    Withheld::NotAnAdministrator => (Refused::Stranger, "not_an_administrator"),
                };
                match refused {
                    Refused::Unavailable => {
                        tracing::error!(request_id, %tenant, %user, outcome, error = chain(&withheld), "token");
                    }
                    _ => {
                        tracing::warn!(request_id, %tenant, %user, outcome, error = chain(&withheld), "token")
                    }
                }
                Err(refused.into())
            }
        }
    }
}

/// For whom it is, by the pool's own attributes and groups.
fn bearer(event: &CognitoEventUserPoolsPreTokenGenV2) -> Option<Bearer> {
    let attribute = |name: &str| event.request.user_attributes.get(name);
    Some(Bearer {
        tenant: attribute("custom:tenant_id")?.parse().ok()?,
        user: attribute("sub")?.parse().ok()?,
        administers: event
            .request
            .group_configuration
            .groups_to_override
            .iter()
            .any(|group| group == TENANT_ADMINS),
    })
}

/// Puts the claim into the ID token. The groups stay as they are, which has to be said: the pool takes what the answer
/// has of them in place of its own.
fn say(event: &mut CognitoEventUserPoolsPreTokenGenV2, claim: &tags::Claim) -> Result<(), serde_json::Error> {
    let mut id_token = CognitoIdTokenGenerationV2::default();
    id_token.claims_to_add_or_override.insert(tags::CLAIM.to_owned(), serde_json::to_value(claim)?);
    let mut details = ClaimsAndScopeOverrideDetailsV2::default();
    details.group_override_details = event.request.group_configuration.clone();
    details.id_token_generation = Some(id_token);
    event.response.claims_and_scope_override_details = Some(details);
    Ok(())
}
