//! The Security Token Service: `AssumeRole`, `AssumeRoleWithWebIdentity` and `GetCallerIdentity`, by the deployed
//! roles' own policies.
//!
//! A role may be another account's: its own account is asked for it, and the session that results acts there.
//!
//! Stricter than AWS in one point: within one account AWS is content when the trust policy names the caller's role
//! itself; here the caller's own policy must allow it too, as AWS demands across accounts. A stack that works here
//! works there, and a permission that was forgotten shows here first. As on AWS, the root assumes no role.

use std::sync::Arc;

use iam::{
    Assume, AssumeError, Assumed, Context, Federate, Policy, Principal, PrincipalKind, assume_role,
    assume_role_with_web_identity,
};
use time::{Duration, OffsetDateTime};

use crate::access_log::Entry;
use crate::accounts::{Account, Accounts};
use crate::authorize::{bearing, instant_text};
use crate::credentials::Caller;
use crate::refusal::Refusal;
use crate::roles::{RoleError, RoleFacts, Roles};
use crate::xml::escape;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const VERSION: &str = "2011-06-15";
/// AWS's own limits: 50 tags, 10 managed session policies.
const TAGS_MAX: usize = 50;
const POLICY_ARNS_MAX: usize = 10;

/// What this STS works with.
pub(crate) struct Sts<'a> {
    pub(crate) accounts: &'a Accounts,
    /// The account that the caller acts in.
    pub(crate) home: &'a Account,
    pub(crate) now: OffsetDateTime,
    pub(crate) request_id: &'a str,
}

impl Sts<'_> {
    /// Answers one operation with its XML.
    ///
    /// # Errors
    /// [`Refusal`]; every operation but two is refused by name.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        parameters: &[(String, String)],
        circumstances: &Context,
        entry: &mut Entry,
    ) -> Result<String, Refusal> {
        let parameters = Parameters::of(parameters)?;
        match (parameters.get("Action"), parameters.get("Version")) {
            (_, version) if version.is_some_and(|version| version != VERSION) => {
                Err(Refusal::Undecidable(format!("STS in another version than {VERSION}")))
            }
            (Some("GetCallerIdentity"), _) => {
                entry.actions = vec!["sts:GetCallerIdentity".to_owned()];
                entry.resources = vec![caller.principal.arn()];
                let (principal, _) = bearing(&self.home.roles, caller).await?;
                Ok(self.caller_identity(&principal))
            }
            (Some("AssumeRole"), _) => self.assume_role(caller, &parameters, circumstances, entry).await,
            (Some(other), _) => Err(Refusal::Undecidable(format!("the operation `sts:{other}`"))),
            (None, _) => {
                Err(Refusal::Invalid { code: "MissingAction", message: "no Action was given".to_owned() })
            }
        }
    }

    fn caller_identity(&self, principal: &Principal) -> String {
        let user_id = match principal.kind() {
            // `AROA…:SESSION`; where the engine says no id of the role, its ARN stands for it.
            PrincipalKind::AssumedRole { role, session, role_id } => {
                format!("{}:{session}", role_id.clone().unwrap_or_else(|| role.to_string()))
            }
            _ => principal.account().to_owned(),
        };
        self.reply(
            "GetCallerIdentity",
            &format!(
                "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
                escape(&principal.arn()),
                escape(&user_id),
                escape(principal.account())
            ),
        )
    }

    async fn assume_role(
        &self,
        caller: &Caller,
        parameters: &Parameters<'_>,
        circumstances: &Context,
        entry: &mut Entry,
    ) -> Result<String, Refusal> {
        parameters.nothing_but(&ASSUME_ROLE)?;
        let role_arn = parameters.must("RoleArn")?;
        entry.actions = vec!["sts:AssumeRole".to_owned()];
        entry.resources = vec![role_arn.to_owned()];
        let refused = |because: &str| {
            let user = caller.principal.arn();
            Refusal::Denied(format!(
                "User: {user} is not authorized to perform: sts:AssumeRole on resource: {role_arn}{because}"
            ))
        };
        let Some((account, facts)) = self.role(role_arn).await? else { return Err(refused("")) };
        let input = input(parameters, &account.roles).await?;
        let (principal, policies) = bearing(&self.home.roles, caller).await?;
        let assumed = assume_role(&principal, &policies, &facts.role, &input, circumstances);
        let assumed = assumed.map_err(refusal)?;
        entry.actions = assumed.decisions.iter().map(|one| one.action.clone()).collect();
        if !assumed.both_sides_allow() {
            let sentence = assumed.decisions.iter().find_map(|one| one.refusal.clone());
            return Err(sentence.map_or_else(
                || {
                    refused(
                        ": the local gateway demands, as AWS does across accounts, that the trust policy and the \
                         caller's identity policy both allow every action",
                    )
                },
                Refusal::Denied,
            ));
        }
        let source = input.source_identity.map_or_else(String::new, |identity| {
            format!("<SourceIdentity>{}</SourceIdentity>", escape(&identity))
        });
        let given = Given {
            function: caller.function.clone(),
            session_name: &input.session_name,
            session_policies: input.session_policies,
            more: source,
        };
        self.issue("AssumeRole", account, &facts.role, given, assumed)
    }

    /// Answers a request that nobody has signed, with its XML: the token in it is all that speaks for whoever sends it.
    /// `function` is the function that it comes from, where that is known.
    ///
    /// # Errors
    /// [`Refusal`]; every other operation needs a signature.
    pub(crate) async fn answer_unsigned(
        &self,
        function: Option<String>,
        parameters: &[(String, String)],
        circumstances: &Context,
        entry: &mut Entry,
    ) -> Result<String, Refusal> {
        let parameters = Parameters::of(parameters)?;
        if parameters.get("Version").is_some_and(|version| version != VERSION) {
            return Err(Refusal::Undecidable(format!("STS in another version than {VERSION}")));
        }
        parameters.nothing_but(&ASSUME_ROLE_WITH_WEB_IDENTITY)?;
        let role_arn = parameters.must("RoleArn")?;
        entry.actions = vec![format!("sts:{BY_TOKEN}")];
        entry.resources = vec![role_arn.to_owned()];
        let refused = || Refusal::Denied(format!("Not authorized to perform sts:{BY_TOKEN}"));
        let token = parameters.must("WebIdentityToken")?;
        let arn: iam::Arn = role_arn.parse().map_err(|_| invalid("RoleArn is not an ARN"))?;
        let account = self.accounts.get(arn.account()).ok_or_else(refused)?;
        let verified = account.providers.verified(&account.id, token, self.now).await?;
        let Some((account, facts)) = self.role(role_arn).await? else { return Err(refused()) };
        let (duration_seconds, session_policies) = narrowing(&parameters, &account.roles).await?;
        let session_name = parameters.must("RoleSessionName")?.to_owned();
        let input = Federate { session_name, duration_seconds, session_policies };
        let assumed = assume_role_with_web_identity(&verified.identity, &facts.role, &input, circumstances);
        let assumed = assumed.map_err(refusal)?;
        entry.actions = assumed.decisions.iter().map(|one| one.action.clone()).collect();
        if !assumed.is_allowed() {
            return Err(refused());
        }
        let more = format!(
            "<SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken><Provider>{}</Provider>\
             <Audience>{}</Audience>",
            escape(&verified.identity.subject),
            escape(&verified.issuer),
            escape(&verified.identity.audience)
        );
        let session_policies = input.session_policies;
        let given = Given { function, session_name: &input.session_name, session_policies, more };
        self.issue(BY_TOKEN, account, &facts.role, given, assumed)
    }

    /// A role of one of the accounts, by its ARN; none when there is no such role.
    async fn role(&self, role_arn: &str) -> Result<Option<(&Account, Arc<RoleFacts>)>, Refusal> {
        let arn: iam::Arn = role_arn.parse().map_err(|_| invalid("RoleArn is not an ARN"))?;
        let name = arn.resource().strip_prefix("role/").and_then(|path| path.rsplit('/').next());
        let account = self.accounts.get(arn.account()).filter(|_| arn.service() == "iam");
        let (Some(name), Some(account)) = (name, account) else { return Ok(None) };
        match account.roles.get(name).await {
            Ok(facts) if facts.role.arn == role_arn => Ok(Some((account, facts))),
            Ok(_) | Err(RoleError::Absent(_)) => Ok(None),
            Err(error) => Err(Refusal::Undecidable(error.to_string())),
        }
    }

    fn issue(
        &self,
        operation: &str,
        account: &Account,
        role: &iam::Role,
        given: Given<'_>,
        assumed: Assumed,
    ) -> Result<String, Refusal> {
        let expires = self.now + Duration::seconds(i64::from(assumed.duration_seconds));
        let session = Caller {
            principal: assumed.session,
            function: given.function,
            session_policies: given.session_policies,
            execution_role: false,
            issued: Some(self.now),
        };
        let user = format!(
            "<AssumedRoleId>{}:{}</AssumedRoleId><Arn>{}</Arn>",
            escape(role.id.as_deref().unwrap_or_default()),
            escape(given.session_name),
            escape(&session.principal.arn())
        );
        let (key, credential) = account
            .credentials
            .issue(session, expires)
            .ok_or_else(|| Refusal::Engine("the system has no random numbers".to_owned()))?;
        Ok(self.reply(
            operation,
            &format!(
                "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
                 <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
                 <AssumedRoleUser>{user}</AssumedRoleUser><PackedPolicySize>1</PackedPolicySize>{}",
                escape(&credential.secret),
                escape(credential.token.as_deref().unwrap_or_default()),
                instant_text(expires),
                given.more
            ),
        ))
    }

    fn reply(&self, operation: &str, result: &str) -> String {
        format!(
            "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
             <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{operation}Response>",
            self.request_id
        )
    }
}

/// What a session is issued with, beside what IAM has made of it.
struct Given<'a> {
    function: Option<String>,
    session_name: &'a str,
    session_policies: Vec<Policy>,
    /// What the answer says beside the credentials.
    more: String,
}

fn refusal(error: AssumeError) -> Refusal {
    match error {
        AssumeError::Undecidable(unknown) => Refusal::Undecidable(unknown.to_string()),
        AssumeError::Tags(error) => invalid(&error.to_string()),
        AssumeError::Invalid(message) => invalid(&message),
        AssumeError::Root => Refusal::Denied(error.to_string()),
    }
}

/// The duration and the session policies that are asked for; managed ones are those of the role's account.
async fn narrowing(
    parameters: &Parameters<'_>,
    roles: &Roles,
) -> Result<(Option<u32>, Vec<Policy>), Refusal> {
    let duration = parameters.get("DurationSeconds").map(str::parse).transpose();
    let mut session_policies = Vec::new();
    if let Some(json) = parameters.get("Policy") {
        let policy = Policy::parse("session policy", json);
        session_policies.push(policy.map_err(|error| Refusal::Invalid {
            code: "MalformedPolicyDocument",
            message: error.to_string(),
        })?);
    }
    for arn in parameters.list("PolicyArns", ".arn", POLICY_ARNS_MAX)? {
        let policy = roles.managed(arn).await;
        session_policies.push(policy.map_err(|error| Refusal::Undecidable(error.to_string()))?);
    }
    Ok((duration.map_err(|_| invalid("DurationSeconds is not a number"))?, session_policies))
}

/// What is asked for.
async fn input(parameters: &Parameters<'_>, roles: &Roles) -> Result<Assume, Refusal> {
    let text = |name: &str| parameters.get(name).map(str::to_owned);
    let (duration_seconds, session_policies) = narrowing(parameters, roles).await?;
    let keys = parameters.list("Tags", ".Key", TAGS_MAX)?;
    let mut tags = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let value = parameters.get(&format!("Tags.member.{}.Value", place + 1));
        let value = value.ok_or_else(|| invalid(&format!("the tag `{key}` has no Value")))?;
        tags.push(((*key).to_owned(), value.to_owned()));
    }
    let transitive = parameters.list("TransitiveTagKeys", "", TAGS_MAX)?;
    Ok(Assume {
        session_name: parameters.must("RoleSessionName")?.to_owned(),
        duration_seconds,
        tags,
        transitive_tag_keys: transitive.into_iter().map(str::to_owned).collect(),
        external_id: text("ExternalId"),
        source_identity: text("SourceIdentity"),
        session_policies,
    })
}

fn invalid(message: &str) -> Refusal {
    Refusal::Invalid { code: "ValidationError", message: message.to_owned() }
}

/// The parameters of a query-protocol request, each name once.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

/// What `AssumeRole` may carry; lists by their first word.
const ASSUME_ROLE: [&str; 12] = [
    "Action",
    "Version",
    "RoleArn",
    "RoleSessionName",
    "DurationSeconds",
    "Policy",
    "PolicyArns",
    "Tags",
    "TransitiveTagKeys",
    "ExternalId",
    "SourceIdentity",
    "AWSAccessKeyId",
];

/// The operation that takes a token in place of a signature.
pub(crate) const BY_TOKEN: &str = "AssumeRoleWithWebIdentity";

/// What it may carry. `ProviderId` is for providers that speak OAuth 2.0 only.
const ASSUME_ROLE_WITH_WEB_IDENTITY: [&str; 8] = [
    "Action",
    "Version",
    "RoleArn",
    "RoleSessionName",
    "WebIdentityToken",
    "DurationSeconds",
    "Policy",
    "PolicyArns",
];

impl<'a> Parameters<'a> {
    fn of(pairs: &'a [(String, String)]) -> Result<Self, Refusal> {
        let mut names = std::collections::BTreeSet::new();
        for (name, _) in pairs {
            if !names.insert(name.as_str()) {
                return Err(Refusal::Undecidable(format!("the parameter `{name}`, given twice")));
            }
        }
        Ok(Self(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()))
    }

    fn get(&self, wanted: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
    }

    fn must(&self, wanted: &str) -> Result<&'a str, Refusal> {
        let value = self.get(wanted).filter(|value| !value.is_empty());
        value.ok_or_else(|| invalid(&format!("the parameter {wanted} is missing")))
    }

    /// `NAME.member.1SUFFIX`, `NAME.member.2SUFFIX`, … without a gap.
    fn list(&self, name: &str, suffix: &str, max: usize) -> Result<Vec<&'a str>, Refusal> {
        let mut values = Vec::new();
        while let Some(value) = self.get(&format!("{name}.member.{}{suffix}", values.len() + 1)) {
            values.push(value);
            if values.len() > max {
                return Err(invalid(&format!("{name} has more than {max} members")));
            }
        }
        let prefix = format!("{name}.member.");
        let there = self.0.iter().filter(|(key, _)| {
            key.strip_prefix(&prefix).is_some_and(|rest| suffix.is_empty() || rest.ends_with(suffix))
        });
        if there.count() != values.len() {
            return Err(invalid(&format!("the members of {name} are not numbered from 1 without a gap")));
        }
        Ok(values)
    }

    /// A parameter that is not known might narrow the session, so it is not ignored.
    fn nothing_but(&self, known: &[&str]) -> Result<(), Refusal> {
        let known = |name: &str| known.contains(&name.split('.').next().unwrap_or_default());
        match self.0.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(Refusal::Undecidable(format!("the parameter `{name}` of STS"))),
            None => Ok(()),
        }
    }
}
