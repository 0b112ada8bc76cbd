//! Holds policies to promises: for each promise, whether somebody could do more than it says, or less.

use cedar_policy::{Policy, PolicySet, RequestEnv, Schema};

use crate::{
    case::{self, Case},
    extend::with_an_invented_action,
    policies::{Link, Policies, both, linked, widened},
    promises::Promises,
    solver::{Beyond, Prover, ProverError},
};

/// What is proved besides the promises, whatever they are.
const NOTHING_ERRS: &str = "no policy errs, whatever is asked";

/// Everything that was asked, promise by promise.
#[derive(Clone, Debug)]
pub struct Proof {
    /// In the order of the promises; last, that nothing errs.
    pub held: Vec<Held>,
}

/// What came of one promise.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its sentence.
    pub promise: String,
    /// Cases that break it; none if it is kept.
    pub broken: Vec<Case>,
}

impl Proof {
    /// Whether every promise is kept.
    pub fn holds(&self) -> bool {
        self.held.iter().all(|held| held.broken.is_empty())
    }

    /// What is wrong, a sentence each: the promise, and who breaks it.
    pub fn counterexamples(&self) -> impl Iterator<Item = String> {
        self.held
            .iter()
            .flat_map(|held| held.broken.iter().map(|case| format!("{}, and yet {case}", held.promise)))
    }
}

/// Asks everything, about every action there is and about one that there is not yet.
///
/// # Errors
/// Nothing was proved then: the solver failed, or did not know.
pub async fn prove(
    prover: &mut Prover,
    policies: &Policies,
    promises: &Promises,
) -> Result<Proof, ProverError> {
    let schema = with_an_invented_action(policies)?;
    let mut envs: Vec<RequestEnv> = schema.request_envs().collect();
    envs.sort_by(|one, other| one.action().cmp(other.action()).then_with(|| one.cmp(other)));
    let mut asking = Asking { prover, schema: &schema, envs: &envs, policies };
    let mut all = Vec::new();
    for may in &promises.may {
        let broken = asking.who_may(promises, &may.policy, |env| may.actions.contains(env.action())).await?;
        all.push(held(may.policy.annotation("promise"), broken));
    }
    let broken = asking.who_may(promises, &promises.rest, |env| !promises.lists(env.action())).await?;
    all.push(held(promises.rest.annotation("promise"), broken));
    all.push(held(promises.share.annotation("promise"), asking.what_a_share_adds(promises).await?));
    all.push(held(promises.removed.annotation("promise"), asking.what_removal_takes(promises).await?));
    all.push(held(Some(NOTHING_ERRS), asking.what_errs().await?));
    Ok(Proof { held: all })
}

fn held(sentence: Option<&str>, broken: Vec<Case>) -> Held {
    Held { promise: sentence.unwrap_or_default().to_owned(), broken: case::gathered(broken) }
}

/// Whom is asked, and about what.
struct Asking<'a> {
    prover: &'a mut Prover,
    schema: &'a Schema,
    envs: &'a [RequestEnv],
    policies: &'a Policies,
}

impl Asking<'_> {
    /// Holds actions to the policy that says who may do them: those and, whatever is shared, nobody else.
    async fn who_may(
        &mut self,
        promises: &Promises,
        promise: &Policy,
        is_about: impl Fn(&RequestEnv) -> bool,
    ) -> Result<Vec<Case>, ProverError> {
        let alone = self.policies.alone();
        let shared = self.policies.with_any_shares()?;
        let promised = both(PolicySet::new(), [promise.clone()])?;
        let promised_of_shared = both(promised.clone(), [widened(&promises.share)?])?;
        let mut broken = Vec::new();
        for env in self.envs.iter().filter(|env| is_about(env)) {
            let mut more = self.beyond(env, &alone, &promised).await?;
            if more.is_none() {
                more = self.beyond(env, &shared, &promised_of_shared).await?;
            }
            broken.extend(more.map(Beyond::allowed));
            let less = self.beyond(env, &promised, &alone).await?;
            broken.extend(less.map(Beyond::denied));
        }
        Ok(broken)
    }

    /// Holds the share template to its promise: with one share more, that much more is allowed.
    async fn what_a_share_adds(&mut self, promises: &Promises) -> Result<Vec<Case>, ProverError> {
        let links: Vec<Link> = self.policies.links();
        let mut broken = Vec::new();
        for link in &links {
            let shared = self.policies.with(link)?;
            let promised = linked(self.policies.alone(), &promises.share, link)?;
            for env in self.envs {
                let more = self.beyond(env, &shared, &promised).await?;
                broken.extend(more.map(|more| more.allowed().after(&link.to_string())));
                let less = self.beyond(env, &promised, &shared).await?;
                broken.extend(less.map(|less| less.denied().after(&link.to_string())));
            }
        }
        Ok(broken)
    }

    /// Holds the policy against a removed user to its promise: that much less is allowed, whatever is shared.
    async fn what_removal_takes(&mut self, promises: &Promises) -> Result<Vec<Case>, ProverError> {
        let removed = self.policies.with_removed()?;
        let promised = both(self.policies.with_any_shares()?, [promises.removed.clone()])?;
        let mut broken = Vec::new();
        for env in self.envs {
            let more = self.beyond(env, &removed, &promised).await?;
            broken.extend(more.map(Beyond::allowed));
            let less = self.beyond(env, &promised, &removed).await?;
            broken.extend(less.map(Beyond::denied));
        }
        Ok(broken)
    }

    async fn what_errs(&mut self) -> Result<Vec<Case>, ProverError> {
        let mut broken = Vec::new();
        for policy in self.policies.each()? {
            for env in self.envs {
                broken.extend(self.prover.error(self.schema, env, &policy).await?);
            }
        }
        Ok(broken)
    }

    async fn beyond(
        &mut self,
        env: &RequestEnv,
        one: &PolicySet,
        other: &PolicySet,
    ) -> Result<Option<Beyond>, ProverError> {
        self.prover.beyond(self.schema, env, one, other).await
    }
}
