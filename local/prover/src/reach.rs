//! What each session reaches: every action, on everything, of everybody, put in every way.

use std::collections::{BTreeMap, BTreeSet};

use iam::{Decision, Policies, Request, evaluate};

use crate::promises::{Promises, PromisesError};
use crate::questions::{self, Asked, Choice, Owner, Target, variants};
use crate::sessions::{self, Session, by_statement, environment, policies, principal};
use crate::tenants::Tenants;
use crate::world::{Mentions, Role, World};

/// A right that a session has, by what it is called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Right {
    /// The statements that allow it.
    pub(crate) by: BTreeSet<String>,
    /// Choices with which it is allowed, and all that there were.
    allowed: BTreeMap<String, BTreeSet<String>>,
    tried: BTreeMap<String, BTreeSet<String>>,
}

/// `(service:Action, THING, whose)`: whose is `own`, or empty where there is no question of it.
pub(crate) type Rights = BTreeMap<(String, String, &'static str), Right>;

/// Something reached that nobody declared, before it is put into words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reached {
    pub(crate) role: String,
    pub(crate) noun: String,
    pub(crate) by: String,
    pub(crate) action: String,
}

/// What came of asking.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    pub(crate) rights: BTreeMap<String, Rights>,
    /// By which sessions, in the order in which they were made, and whose it is.
    pub(crate) wrong: BTreeMap<Reached, Vec<(String, BTreeSet<String>)>>,
    pub(crate) stale: Vec<String>,
    pub(crate) questions: u64,
}

/// Asks for every session that can be made.
pub(crate) fn ask(
    world: &World,
    promises: &Promises,
    tenants: &Tenants,
    asked: &[Asked<'_>],
    sessions: &[Session],
) -> Result<Reach, PromisesError> {
    let mut reach = Reach::default();
    let mut spoken_of: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for session in sessions {
        let Some(role) = world.role(&session.role) else { continue };
        let Some(principal) = principal(role, &session.tagged) else { continue };
        let declared = match promises.role.get(&role.name) {
            Some(declared) => declared.rights(&role.name)?,
            None => BTreeSet::new(),
        };
        let of = Of {
            world,
            tenants,
            session,
            role,
            declared,
            is_tenants: promises
                .role
                .get(&role.name)
                .map_or_else(|| crate::is_of_tenants(role), |declared| declared.tenant.is_some()),
            tenant: tenants.of_session(&session.tagged.tags),
            principal,
            policies: policies(role),
            environment: environment(&world.region).with("kms:CallerAccount", role.account.clone()),
        };
        let mut rights = Rights::new();
        let mut skipped = 0;
        // What neither a policy of the role's nor one of the thing's names is answered without the evaluator.
        let spoken_of = spoken_of
            .entry(&role.name)
            .or_insert_with(|| asked.iter().map(|one| role.speaks_of(&one.action)).collect());
        for (one, spoken_of) in asked.iter().zip(spoken_of) {
            if !one.resources_decide && !*spoken_of {
                skipped += count(&one.targets);
                continue;
            }
            of.action(one, &mut rights, &mut reach);
        }
        reach.questions += skipped;
        let all = reach.rights.entry(role.name.clone()).or_default();
        for (key, right) in rights {
            all.entry(key).or_default().join(right);
        }
    }
    strangers(world, tenants, asked, &mut reach);
    for role in
        world.roles.iter().filter(|role| !promises.role.is_empty() && !promises.role.contains_key(&role.name))
    {
        reach.stale.push(format!("{} is in a template, and is not declared", role.name));
    }
    for (name, declared) in &promises.role {
        let Some(role) = world.role(name) else {
            reach.stale.push(format!("{name} is declared, and no template has it"));
            continue;
        };
        let nothing = Rights::new();
        let rights = reach.rights.get(name).unwrap_or(&nothing);
        let has: BTreeSet<(String, String)> =
            rights.iter().map(|((action, thing, _), right)| (action.clone(), right.limited(thing))).collect();
        for (action, thing) in declared.rights(name)?.difference(&has) {
            reach.stale.push(format!("{name} is declared to do {action} on {thing}, and cannot"));
        }
        for managed in declared.managed.difference(&role.managed) {
            reach.stale.push(format!("{name} is declared to have {managed}, and has not"));
        }
    }
    for role in &world.roles {
        let declared = promises.role.get(&role.name).map(|declared| &declared.managed);
        for managed in
            role.managed.iter().filter(|one| declared.is_none_or(|declared| !declared.contains(*one)))
        {
            let reached = Reached {
                role: role.name.clone(),
                noun: String::new(),
                by: managed.clone(),
                action: "do whatever that policy says, now or later".to_owned(),
            };
            reach.wrong.insert(reached, vec![(String::new(), BTreeSet::new())]);
        }
    }
    Ok(reach)
}

/// Asks what a thing's own policy grants across accounts, to roles that no stack knows: nothing, it should be.
fn strangers(world: &World, tenants: &Tenants, asked: &[Asked<'_>], reach: &mut Reach) {
    let nothing = Mentions::new();
    for stranger in sessions::strangers(world) {
        let environment = environment(&world.region).with("kms:CallerAccount", stranger.account.clone());
        for one in asked.iter().filter(|one| one.resources_decide) {
            for target in &one.targets {
                let (Some(policy), Some(account)) = (target.policy, &target.account) else { continue };
                // A role of the thing's own account is IAM's to limit, and whoever may do everything there may do this.
                if *account == stranger.account {
                    continue;
                }
                let policies = Policies { resource: Some(policy.clone()), ..stranger.policies.clone() };
                let ways = variants(&one.action, one.facts, target, &nothing, tenants, None, &world.region);
                for (context, _) in ways {
                    reach.questions += 1;
                    let mut whole = environment.clone();
                    whole.extend(&context);
                    let principal = stranger.principal.clone();
                    let request = Request::new(principal, &one.action, &target.resource, account, whole);
                    let by = match request.map(|request| evaluate(&request, &policies)) {
                        Ok(Ok(Decision::Allowed { by })) => by.last().map(by_statement),
                        Ok(Err(why)) => Some(by_statement(&why.cited)),
                        Ok(Ok(_)) | Err(_) => None,
                    };
                    let Some(by) = by else { continue };
                    let (role, noun) = (stranger.called.clone(), target.thing.clone());
                    let reached = Reached { role, noun, by, action: one.action.clone() };
                    reach.wrong.insert(reached, vec![(String::new(), BTreeSet::new())]);
                }
            }
        }
    }
}

fn count(targets: &[Target<'_>]) -> u64 {
    u64::try_from(targets.len()).unwrap_or(u64::MAX)
}

/// One session, about to be asked.
struct Of<'a> {
    world: &'a World,
    tenants: &'a Tenants,
    session: &'a Session,
    role: &'a Role,
    declared: BTreeSet<(String, String)>,
    is_tenants: bool,
    tenant: Option<&'a str>,
    principal: iam::Principal,
    policies: Policies,
    environment: iam::Context,
}

impl Of<'_> {
    /// One action on everything. What is said of one thing is judged together, because that is what people read.
    fn action(&self, asked: &Asked<'_>, rights: &mut Rights, reach: &mut Reach) {
        let mut reached = Vec::new();
        let mut together: BTreeMap<(&str, bool), Right> = BTreeMap::new();
        for target in &asked.targets {
            let Some(right) = self.target(asked, target, reach) else { continue };
            let own = matches!(&target.owner, Owner::Tenant(id) if Some(id.as_str()) == self.tenant);
            together.entry((&target.thing, self.is_tenants && own)).or_default().join(right.clone());
            reached.push((target, right, self.is_tenants && own));
        }
        for (target, right, own) in reached.iter().filter(|(_, _, own)| !own) {
            let Some(all) = together.get(&(target.thing.as_str(), *own)) else { continue };
            let may_be_declared = !self.is_tenants || target.owner == Owner::Nobody;
            let called = all.limited(&target.thing);
            if !may_be_declared || !self.declared.contains(&(asked.action.clone(), called)) {
                let by: Vec<&str> = right.by.iter().map(String::as_str).collect();
                self.wrong(asked, target, &by.join(" and "), reach);
            }
        }
        for ((thing, own), right) in together {
            let whose = if own { "own" } else { "" };
            rights.entry((asked.action.clone(), thing.to_owned(), whose)).or_default().join(right);
        }
    }

    /// One action on one thing, in every way; `None` if none is allowed.
    fn target(&self, asked: &Asked<'_>, target: &Target<'_>, reach: &mut Reach) -> Option<Right> {
        let region = &self.world.region;
        let ways = variants(
            &asked.action,
            asked.facts,
            target,
            &self.role.mentions,
            self.tenants,
            self.tenant,
            region,
        );
        let policies =
            target.policy.map(|policy| Policies { resource: Some(policy.clone()), ..self.policies.clone() });
        let mut right = Right::default();
        let mut undecided: Option<String> = None;
        for (context, choice) in ways {
            reach.questions += 1;
            let mut whole = self.environment.clone();
            whole.extend(&context);
            let account = target.account.as_ref().unwrap_or(&self.role.account);
            let resource = target.resource.replace("{account}", account);
            let request = Request::new(self.principal.clone(), &asked.action, &resource, account, whole);
            let Ok(request) = request else {
                undecided = Some(format!("`{}` is no resource that can be asked about", target.resource));
                continue;
            };
            let decision = evaluate(&request, policies.as_ref().unwrap_or(&self.policies));
            right.tried(&choice);
            match decision {
                Ok(Decision::Allowed { by }) => {
                    right.by.extend(by.first().map(by_statement));
                    right.allowed(&choice);
                }
                Ok(_) => {}
                Err(why) => {
                    undecided = Some(format!(
                        "{}, which cannot be decided ({})",
                        by_statement(&why.cited),
                        why.unknown
                    ));
                }
            }
        }
        if let Some(why) = undecided {
            self.wrong(asked, target, &why, reach);
        }
        (!right.by.is_empty()).then_some(right)
    }

    fn wrong(&self, asked: &Asked<'_>, target: &Target<'_>, by: &str, reach: &mut Reach) {
        let (noun, whose) = match &target.owner {
            Owner::Tenant(id) if Some(id.as_str()) == self.tenant => (&target.noun, "its own".to_owned()),
            Owner::Tenant(id) => (&target.noun, self.tenants.whose(id)),
            Owner::Everyone => (&target.noun, "every tenant's".to_owned()),
            Owner::Nobody | Owner::Outside => (&target.thing, String::new()),
        };
        let reached = Reached {
            role: self.role.name.clone(),
            noun: noun.clone(),
            by: by.to_owned(),
            action: asked.action.clone(),
        };
        let called = &self.session.tagged.called;
        let sessions = reach.wrong.entry(reached).or_default();
        match sessions.last_mut() {
            Some((last, owners)) if last == called => {
                owners.insert(whose);
            }
            _ => sessions.push((called.clone(), BTreeSet::from([whose]))),
        }
    }
}

impl Right {
    fn tried(&mut self, choice: &Choice) {
        for (key, value) in choice {
            self.tried.entry(key.clone()).or_default().insert(value.clone());
        }
    }

    fn allowed(&mut self, choice: &Choice) {
        for (key, value) in choice {
            self.allowed.entry(key.clone()).or_default().insert(value.clone());
        }
    }

    fn join(&mut self, other: Self) {
        self.by.extend(other.by);
        for (key, values) in other.allowed {
            self.allowed.entry(key).or_default().extend(values);
        }
        for (key, values) in other.tried {
            self.tried.entry(key).or_default().extend(values);
        }
    }

    /// The thing, with what the request has to look like where not every request is allowed.
    pub(crate) fn limited(&self, thing: &str) -> String {
        let limits: Vec<String> = self
            .allowed
            .iter()
            .filter(|(key, values)| self.tried.get(*key) != Some(values))
            .map(|(key, values)| {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                format!("{key} of {}", values.join(" | "))
            })
            .collect();
        if limits.is_empty() { thing.to_owned() } else { format!("{thing} [{}]", limits.join("; ")) }
    }
}

/// Everything that there is to ask, and what came of it.
pub(crate) fn everything<'a>(
    world: &'a World,
    facts: &'a crate::facts::Facts,
    tenants: &Tenants,
) -> Vec<Asked<'a>> {
    questions::all(world, facts, tenants)
}
