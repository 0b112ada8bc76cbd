//! The decision, in AWS's order: an explicit deny anywhere, then every sort of policy that has to allow.
//!
//! Sources: IAM User Guide, "Policy evaluation logic" (one account), "Cross-account policy evaluation logic", and
//! "Permissions boundaries". Not modelled, because an account outside an organization has none: service and resource
//! control policies. A statement that bears on the request and cannot be judged makes the answer [`Undecidable`],
//! unless a statement that can be judged denies.

use crate::decision::{Cited, Decision, Gap, PolicyKind};
use crate::policy::{PolicyDocument, PolicyError};
use crate::principal::PrincipalKind;
use crate::request::{Request, service_of};
use crate::statement::{self, Grant};

/// A document with the name by which errors and decisions cite it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For people: a policy's name or ARN.
    pub name: String,
    /// What it says.
    pub document: PolicyDocument,
}

impl Policy {
    /// Parses a named document.
    ///
    /// # Errors
    /// As [`PolicyDocument::parse`].
    pub fn parse(name: &str, json: &str) -> Result<Self, PolicyError> {
        Ok(Self { name: name.to_owned(), document: PolicyDocument::parse(json)? })
    }
}

/// Every policy that bears on a request.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// Attached to the caller: inline and managed.
    pub identity: Vec<Policy>,
    /// The caller's permissions boundary.
    pub boundary: Option<Policy>,
    /// Session policies, inline and managed; empty means that none was passed when the session was made.
    pub session: Vec<Policy>,
    /// The resource's own policy, such as a bucket policy or a role's trust policy.
    pub resource: Option<Policy>,
}

/// What could not be decided, and where. Must be answered by refusing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cited}: {unknown}")]
pub struct Undecidable {
    /// The statement.
    pub cited: Cited,
    /// The thing that is not known, in words.
    pub unknown: String,
}

/// What the policies of one sort say, all statements read.
#[derive(Default)]
pub(crate) struct Verdict {
    denied: Option<Cited>,
    undecidable: Option<Undecidable>,
    /// The first allowing statement of each strength.
    account: Option<Cited>,
    role: Option<Cited>,
    everyone: Option<Cited>,
    direct: Option<Cited>,
}

impl Verdict {
    /// Reads every statement of every policy.
    pub(crate) fn of<'a>(
        kind: PolicyKind,
        policies: impl IntoIterator<Item = &'a Policy>,
        request: &Request,
    ) -> Self {
        let mut verdict = Self::default();
        for policy in policies {
            for (place, one) in policy.document.statements().iter().enumerate() {
                let cited =
                    Cited { kind, policy: policy.name.clone(), statement: place, sid: one.sid.clone() };
                match statement::applies(one, kind, request) {
                    Ok(None) => {}
                    Ok(Some(_)) if !one.allows => verdict.denied = verdict.denied.or(Some(cited)),
                    Ok(Some(Grant::Account)) => verdict.account = verdict.account.or(Some(cited)),
                    Ok(Some(Grant::Role)) => verdict.role = verdict.role.or(Some(cited)),
                    Ok(Some(Grant::Everyone)) => verdict.everyone = verdict.everyone.or(Some(cited)),
                    Ok(Some(Grant::Direct)) => verdict.direct = verdict.direct.or(Some(cited)),
                    Err(unknown) => {
                        verdict.undecidable = verdict.undecidable.or(Some(Undecidable { cited, unknown }));
                    }
                }
            }
        }
        verdict
    }

    /// Whether this sort of policy, alone, allows.
    pub(crate) fn allows(&self) -> Result<bool, Undecidable> {
        match &self.undecidable {
            Some(undecidable) if self.denied.is_none() => Err(undecidable.clone()),
            _ => Ok(self.denied.is_none() && self.allowed().is_some()),
        }
    }

    /// The strongest allowing statement.
    pub(crate) fn allowed(&self) -> Option<&Cited> {
        self.named().or(self.account.as_ref())
    }

    /// The strongest allowing statement that names the caller more closely than by its account.
    fn named(&self) -> Option<&Cited> {
        self.direct.as_ref().or(self.everyone.as_ref()).or(self.role.as_ref())
    }
}

/// Decides one request.
///
/// In one account either the caller's or the resource's policies must allow (for role trust and KMS keys the
/// resource's must); across accounts both must. A boundary and session policies must allow too, except where the
/// resource's policy names the very session, the user or everyone.
///
/// # Errors
/// [`Undecidable`] when a statement that bears on the request uses something this crate does not know.
pub fn evaluate(request: &Request, policies: &Policies) -> Result<Decision, Undecidable> {
    let service = service_of(request.action());
    let name = request.action().to_lowercase();
    let is_trust = matches!(
        name.as_str(),
        "sts:assumerole"
            | "sts:tagsession"
            | "sts:setsourceidentity"
            | "sts:assumerolewithsaml"
            | "sts:assumerolewithwebidentity"
    );
    let resource_must_allow = is_trust || (service == "kms" && request.resource() != "*");
    decide(request, policies, resource_must_allow)
}

/// Whether the caller's own policies allow: identity policies, and boundary and session policies where there are some.
pub(crate) fn identity_allows(request: &Request, policies: &Policies) -> Result<bool, Undecidable> {
    let sorts: [(PolicyKind, Vec<&Policy>, bool); 3] = [
        (PolicyKind::Identity, policies.identity.iter().collect(), true),
        (PolicyKind::Boundary, policies.boundary.iter().collect(), false),
        (PolicyKind::Session, policies.session.iter().collect(), false),
    ];
    for (kind, sort, needed) in sorts {
        if (needed || !sort.is_empty()) && !Verdict::of(kind, sort, request).allows()? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn decide(
    request: &Request,
    policies: &Policies,
    resource_must_allow: bool,
) -> Result<Decision, Undecidable> {
    let identity = Verdict::of(PolicyKind::Identity, &policies.identity, request);
    let boundary = Verdict::of(PolicyKind::Boundary, &policies.boundary, request);
    let session = Verdict::of(PolicyKind::Session, &policies.session, request);
    let resource = Verdict::of(PolicyKind::Resource, &policies.resource, request);
    let all = [&identity, &boundary, &session, &resource];
    if let Some(by) = all.iter().find_map(|verdict| verdict.denied.as_ref()) {
        return Ok(Decision::ExplicitlyDenied { by: by.clone() });
    }
    if let Some(undecidable) = all.iter().find_map(|verdict| verdict.undecidable.as_ref()) {
        return Err(undecidable.clone());
    }
    let refused = |kind| Ok(Decision::ImplicitlyDenied { gap: Gap(kind) });
    let allowed = |by: Vec<&Cited>| Ok(Decision::Allowed { by: by.into_iter().cloned().collect() });

    if let PrincipalKind::Service { .. } = request.principal().kind() {
        // A service has no policies of its own.
        return resource.allowed().map_or_else(|| refused(PolicyKind::Resource), |by| allowed(vec![by]));
    }
    let is_root = matches!(request.principal().kind(), PrincipalKind::Root);
    let same_account = request.principal().account() == request.resource_account();
    if (!same_account || resource_must_allow) && resource.allowed().is_none() {
        return refused(PolicyKind::Resource);
    }
    if same_account && let Some(by) = &resource.direct {
        return allowed(vec![by]);
    }
    let mut by: Vec<&Cited> = Vec::new();
    if same_account && let Some(named) = resource.named() {
        by.push(named);
    } else if let Some(identity) = identity.allowed() {
        by.push(identity);
    } else if !is_root {
        return refused(PolicyKind::Identity);
    }
    let limits = [
        (PolicyKind::Boundary, policies.boundary.is_some() && !is_root, &boundary),
        (PolicyKind::Session, !policies.session.is_empty(), &session),
    ];
    for (kind, present, limit) in limits {
        match (present, limit.allowed(), &resource.everyone) {
            (false, _, _) => {}
            (true, Some(allowing), _) => by.push(allowing),
            (true, None, Some(everyone)) if same_account => {
                let unknown =
                    format!("whether a {kind} policy limits what everyone is granted is not documented");
                return Err(Undecidable { cited: everyone.clone(), unknown });
            }
            (true, None, _) => return refused(kind),
        }
    }
    if !same_account || resource_must_allow {
        by.extend(resource.allowed());
        by.dedup();
    }
    allowed(by)
}
