//! Who can make which session with a token: of every identity provider of the stacks and of another, for the client that
//! is meant and for another, with every set of tags that a token could say.
//!
//! Judged whole by [`iam::assume_role_with_web_identity`]. That a provider's list of clients holds but one is not relied
//! on: a second client is added there by a line, and the roles' trust should not open for it.

use iam::{AssumeError, Federate, WebIdentity, assume_role_with_web_identity};

use crate::promises::Promises;
use crate::sessions::{Made, Session, by_statement, environment};
use crate::tenants::{Tagged, Tenants};
use crate::world::{Provider, Role, World};

const OTHER_CLIENT: &str = "some-other-client-of-the-same-pool";

/// Asks for every session of every role that names a provider.
pub(crate) fn make(world: &World, promises: &Promises, tenants: &Tenants, made: &mut Made) {
    let space = tenants.tag_space();
    for role in &world.roles {
        // Providers that the trust names and no stack makes: somebody else's, whose tokens nobody here has a say in.
        let foreign = role.trusted.federated.iter().filter(|arn| world.provider(arn).is_none());
        let foreign: Vec<Provider> = foreign.filter_map(|arn| Provider::foreign(arn)).collect();
        for provider in world.providers.iter().chain(&foreign) {
            let clients = provider.clients.iter().map(String::as_str).chain([OTHER_CLIENT]);
            for client in clients {
                made.questions += u64::try_from(space.len()).unwrap_or(u64::MAX);
                if role.trusted.federated.contains(&provider.arn) || role.trusted.unclear {
                    ask(world, role, provider, client, promises, &space, made);
                }
            }
        }
        for arn in role.trusted.federated.iter().filter(|arn| !arn.contains(":oidc-provider/")) {
            let what = format!("can make a session of {}, which this proof does not judge", role.name);
            made.wrong.push((
                format!("whoever {arn} vouches for"),
                what,
                format!("the trust policy of {}", role.name),
            ));
        }
    }
    for (name, declared) in &promises.role {
        for provider in &declared.vouched_by {
            let possible = made.lent.contains(&(provider.clone(), name.clone()));
            if !possible && world.role(name).is_some() {
                made.stale.push(format!("{name} is declared to be vouched for by {provider}, and cannot be"));
            }
        }
    }
}

fn ask(
    world: &World,
    role: &Role,
    provider: &Provider,
    client: &str,
    promises: &Promises,
    space: &[Tagged],
    made: &mut Made,
) {
    let target = role.as_iam();
    let input = Federate { session_name: "prover".to_owned(), ..Federate::default() };
    for tagged in space {
        let identity = WebIdentity {
            provider: provider.arn.clone(),
            issuer: provider.issuer.clone(),
            audience: client.to_owned(),
            subject: "somebody".to_owned(),
            tags: tagged.tags.clone(),
            transitive_tag_keys: Vec::new(),
        };
        let asked = assume_role_with_web_identity(&identity, &target, &input, &environment(&world.region));
        let (by, undecided) = match asked {
            Ok(assumed) if assumed.is_allowed() => (by_first(&assumed.decisions), None),
            Ok(_) | Err(AssumeError::Invalid(_) | AssumeError::Tags(_) | AssumeError::Root) => continue,
            Err(AssumeError::Undecidable(why)) => (by_statement(&why.cited), Some(why.unknown)),
        };
        match fault(role, provider, client, tagged, promises) {
            None => drop(made.lent.insert((provider.name.clone(), role.name.clone()))),
            Some((who, what)) => {
                let what = match undecided {
                    None => what,
                    Some(why) => format!("{what}; or cannot, which cannot be decided: {why}"),
                };
                let one = (who, what, by);
                if !made.wrong.contains(&one) {
                    made.wrong.push(one);
                }
            }
        }
        let session = Session { role: role.name.clone(), tagged: tagged.clone() };
        if !made.sessions.contains(&session) {
            made.sessions.push(session);
        }
    }
}

/// The statement that lets the token in; that its tags are let in as well is another's.
fn by_first(decisions: &[iam::AssumeDecision]) -> String {
    match decisions.first().map(|one| &one.decision) {
        Some(iam::Decision::Allowed { by }) => by.last().map(by_statement).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Who can do what that nobody declared; `None` if it is declared.
fn fault(
    role: &Role,
    provider: &Provider,
    client: &str,
    tagged: &Tagged,
    promises: &Promises,
) -> Option<(String, String)> {
    let name = &role.name;
    let who = format!("whoever {} vouches for", provider.name);
    let declared = promises.role.get(name);
    if !declared.is_some_and(|declared| declared.vouched_by.contains(&provider.name)) {
        let what = format!("can make a session of {name}, {}, which is not declared", tagged.called);
        return Some((who, what));
    }
    if client == OTHER_CLIENT {
        return Some((format!("{who} to another client"), format!("can make a session of {name}")));
    }
    let keys = tagged.tags.iter().map(|(key, _)| key.as_str());
    let wanted = declared.and_then(|declared| declared.tenant.as_ref());
    let right = wanted.is_none_or(|wanted| {
        tagged.well_formed
            && keys.collect::<std::collections::BTreeSet<_>>() == wanted.iter().map(String::as_str).collect()
    });
    (!right).then(|| (who, format!("can make a session of {name} {}", tagged.called)))
}
