//! `AssumeRoleWithWebIdentity`: the provider, the audience and the tags, each demanded and each missing.

use iam::{
    AssumeError, Assumed, Context, Federate, Policy, PrincipalKind, Role, Tags, WebIdentity,
    assume_role_with_web_identity,
};
use serde_json::{Value, json};

use super::policy;

const TARGET: &str = "arn:aws:iam::123456789012:role/tenant/data";
const ISSUER: &str = "cognito-idp.us-east-1.amazonaws.com/us-east-1_pool";
const PROVIDER: &str =
    "arn:aws:iam::123456789012:oidc-provider/cognito-idp.us-east-1.amazonaws.com/us-east-1_pool";
const TENANT: &str = "0190a0b0c0d0e0f00190a0b0c0d0e0f0";

fn role(statements: Value) -> Role {
    Role {
        arn: TARGET.to_owned(),
        id: Some("AROATARGET".to_owned()),
        trust: Policy { name: "trust".to_owned(), ..policy(statements) },
        tags: Tags::default(),
        session_seconds_max: 3_600,
    }
}

/// As the product's roles trust: the two actions apart, each with the tag, one with the audience.
fn trust(provider: &str) -> Value {
    let tag = json!({ "StringLike": { "aws:RequestTag/tenant_id": "?*" } });
    let mut both = tag.clone();
    both["StringEquals"] = json!({ format!("{ISSUER}:aud"): "client" });
    let principal = json!({ "Federated": provider });
    json!([
        { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": both },
        { "Effect": "Allow", "Principal": principal, "Action": "sts:TagSession", "Condition": tag },
    ])
}

fn identity(audience: &str, tags: &[(&str, &str)]) -> WebIdentity {
    WebIdentity {
        provider: PROVIDER.to_owned(),
        issuer: ISSUER.to_owned(),
        audience: audience.to_owned(),
        subject: "somebody".to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        transitive_tag_keys: Vec::new(),
    }
}

fn judge(identity: &WebIdentity, role: &Role, seconds: Option<u32>) -> Result<Assumed, AssumeError> {
    let session_name = "somebody".to_owned();
    let input = Federate { session_name, duration_seconds: seconds, ..Federate::default() };
    assume_role_with_web_identity(identity, role, &input, &Context::new())
}

fn allows(identity: &WebIdentity, role: &Role) -> bool {
    judge(identity, role, None).unwrap().is_allowed()
}

#[test]
fn a_token_of_the_provider_for_the_client_and_with_the_tag_opens_a_session_with_it() {
    let role = role(trust(PROVIDER));
    let assumed = judge(&identity("client", &[("tenant_id", TENANT)]), &role, Some(900)).unwrap();
    assert!(assumed.is_allowed());
    let actions: Vec<&str> = assumed.decisions.iter().map(|one| one.action.as_str()).collect();
    assert_eq!(actions, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]);
    assert_eq!(assumed.session.tags().get("tenant_id"), Some(TENANT));
    assert_eq!(assumed.duration_seconds, 900);
    assert!(matches!(assumed.session.kind(), PrincipalKind::AssumedRole { .. }));
}

#[test]
fn everything_that_is_demanded_is_missed() {
    let tag = &[("tenant_id", TENANT)][..];
    let mut elsewhere = trust(PROVIDER);
    elsewhere[0]["Principal"] = json!({ "AWS": "arn:aws:iam::123456789012:root" });
    let mut untagged = trust(PROVIDER);
    untagged.as_array_mut().unwrap().pop();
    for (why, identity, trust) in [
        ("another audience", identity("other", tag), trust(PROVIDER)),
        ("no tag", identity("client", &[]), trust(PROVIDER)),
        ("another tag", identity("client", &[("tenant", TENANT)]), trust(PROVIDER)),
        ("an empty tag", identity("client", &[("tenant_id", "")]), trust(PROVIDER)),
        ("another pool's provider", identity("client", tag), trust(&format!("{PROVIDER}2"))),
        ("the account is trusted, and no provider", identity("client", tag), elsewhere),
        ("tags are not let in", identity("client", tag), untagged),
    ] {
        let judged = judge(&identity, &role(trust), None);
        assert!(!judged.is_ok_and(|assumed| assumed.is_allowed()), "{why}");
    }
    assert!(allows(&identity("client", tag), &role(trust(PROVIDER))));
}

/// The reference lists no such key for sts:TagSession: whether AWS would set it there nobody here can say.
#[test]
fn the_audience_is_not_known_where_tags_are_let_in() {
    let mut trust = trust(PROVIDER);
    trust[1]["Condition"] = trust[0]["Condition"].clone();
    let judged = judge(&identity("client", &[("tenant_id", TENANT)]), &role(trust), None);
    assert!(matches!(judged, Err(AssumeError::Undecidable(_))), "{judged:?}");
}

#[test]
fn limits_are_those_of_no_chain() {
    let role = role(trust(PROVIDER));
    let sound = identity("client", &[("tenant_id", TENANT)]);
    for (seconds, expected) in [(900, true), (3_600, true), (899, false), (3_601, false)] {
        assert_eq!(judge(&sound, &role, Some(seconds)).is_ok(), expected, "{seconds} s");
    }
    let twice = identity("client", &[("tenant_id", TENANT), ("Tenant_Id", TENANT)]);
    assert!(matches!(judge(&twice, &role, None), Err(AssumeError::Tags(_))));
    let foreign = WebIdentity { provider: PROVIDER.replace("123456789012", "999999999999"), ..sound };
    assert!(matches!(judge(&foreign, &role, None), Err(AssumeError::Invalid(_))));
}
