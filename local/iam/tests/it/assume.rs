//! `AssumeRole`: limits, trust, the caller's own policies, tags and chains.

use iam::{Assume, AssumeError, Assumed, Context, Policies, Policy, Principal, Role, Tags, assume_role};
use serde_json::{Value, json};

use super::{ACCOUNT, policy};

const TARGET: &str = "arn:aws:iam::123456789012:role/tenant/data";
const CALLER: &str = "arn:aws:iam::123456789012:role/function";
const TENANT: &str = "0190a0b0c0d0e0f00190a0b0c0d0e0f0";

fn caller() -> Principal {
    Principal::assumed_role(CALLER, "function").unwrap()
}

fn role(trust: Value) -> Role {
    let trust = Policy { name: "trust".to_owned(), ..policy(trust) };
    Role {
        arn: TARGET.to_owned(),
        id: Some("AROATARGET".to_owned()),
        trust,
        tags: Tags::default(),
        session_seconds_max: 3_600,
    }
}

fn trusting(principal: &Value) -> Role {
    role(
        json!([{"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]),
    )
}

fn may_assume() -> Policies {
    super::identity(
        json!([{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "Resource": TARGET}]),
    )
}

fn tagged(tags: &[(&str, &str)]) -> Assume {
    Assume {
        session_name: "one".to_owned(),
        tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Assume::default()
    }
}

fn assume(
    caller: &Principal,
    policies: &Policies,
    role: &Role,
    input: &Assume,
) -> Result<Assumed, AssumeError> {
    assume_role(caller, policies, role, input, &Context::new())
}

/// AWS's answer, and the stricter one that asks both sides.
fn answers(policies: &Policies, role: &Role, input: &Assume) -> (bool, bool) {
    let assumed = assume(&caller(), policies, role, input).unwrap();
    (assumed.is_allowed(), assumed.both_sides_allow())
}

#[test]
fn the_trust_policy_must_allow_and_decides_whether_the_callers_must() {
    let nothing = Policies::default();
    for (principal, with_own, without_own, why) in [
        (
            json!({"AWS": CALLER}),
            (true, true),
            (true, false),
            "the role is named: its own policy is not needed by AWS",
        ),
        (
            json!({"AWS": "arn:aws:sts::123456789012:assumed-role/function/function"}),
            (true, true),
            (true, false),
            "the session",
        ),
        (json!("*"), (true, true), (true, false), "everyone"),
        (json!({"AWS": ACCOUNT}), (true, true), (false, false), "the account passes the question on"),
        (
            json!({"AWS": "arn:aws:iam::123456789012:root"}),
            (true, true),
            (false, false),
            "its root: the same",
        ),
        (
            json!({"AWS": "arn:aws:iam::123456789012:role/other"}),
            (false, false),
            (false, false),
            "another role",
        ),
        (
            json!({"AWS": "arn:aws:iam::123456789012:role/path/function"}),
            (false, false),
            (false, false),
            "another path",
        ),
        (json!({"AWS": "999999999999"}), (false, false), (false, false), "another account"),
        (json!({"Service": "lambda.amazonaws.com"}), (false, false), (false, false), "a service"),
    ] {
        let input = tagged(&[]);
        assert_eq!(answers(&may_assume(), &trusting(&principal), &input), with_own, "{principal}: {why}");
        assert_eq!(answers(&nothing, &trusting(&principal), &input), without_own, "{principal}: {why}");
    }
    let denied = super::identity(json!([{"Effect": "Deny", "Action": "sts:*", "Resource": "*"}]));
    assert_eq!(answers(&denied, &trusting(&json!({"AWS": CALLER})), &tagged(&[])), (false, false));
}

#[test]
fn from_another_account_both_sides_must_allow() {
    let stranger = Principal::assumed_role("arn:aws:iam::999999999999:role/seller", "seller").unwrap();
    let own = may_assume();
    for (principal, policies, expected) in [
        (json!({"AWS": "arn:aws:iam::999999999999:role/seller"}), &own, true),
        (json!({"AWS": "999999999999"}), &own, true),
        (json!({"AWS": "arn:aws:iam::999999999999:role/seller"}), &Policies::default(), false),
        (json!({"AWS": ACCOUNT}), &own, false),
    ] {
        let assumed = assume(&stranger, policies, &trusting(&principal), &tagged(&[])).unwrap();
        assert_eq!(assumed.is_allowed(), expected, "{principal}");
    }
}

#[test]
fn an_external_id_is_demanded() {
    let trust = role(json!([{
        "Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "secret-1"}}
    }]));
    for (id, expected) in [(Some("secret-1"), true), (Some("secret-2"), false), (None, false)] {
        let input = Assume { external_id: id.map(str::to_owned), ..tagged(&[]) };
        assert_eq!(answers(&may_assume(), &trust, &input).0, expected, "{id:?}");
    }
    let refused = assume(&caller(), &may_assume(), &trust, &tagged(&[])).unwrap();
    assert_eq!(
        refused.decisions[0].refusal.as_deref(),
        Some(
            "User: arn:aws:sts::123456789012:assumed-role/function/function is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/tenant/data"
        )
    );
}

#[test]
fn tags_need_a_permission_of_their_own() {
    let without =
        role(json!([{"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole"}]));
    assert_eq!(answers(&may_assume(), &without, &tagged(&[])), (true, true));
    assert_eq!(answers(&may_assume(), &without, &tagged(&[("t", "a")])), (false, false));
    assert_eq!(
        answers(&may_assume(), &trusting(&json!({"AWS": CALLER})), &tagged(&[("t", "a")])),
        (true, true)
    );
}

/// The trust policy of the post on ABAC: the tag is demanded of TagSession only.
#[test]
fn the_posts_trust_policy_lets_an_untagged_session_through() {
    let post = role(json!([
        {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:AssumeRole"},
        {
            "Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:TagSession",
            "Condition": {"StringLike": {"aws:RequestTag/TenantID": "*"}}
        }
    ]));
    assert_eq!(answers(&may_assume(), &post, &tagged(&[("TenantID", "yellow")])), (true, true));
    assert_eq!(answers(&may_assume(), &post, &tagged(&[])), (true, true), "the trap");
    assert_eq!(answers(&may_assume(), &post, &tagged(&[("Other", "x")])), (false, false));
}

/// A well-formed tenant on both actions, and no other tag.
fn ours() -> Role {
    let statement = |action: &str| {
        json!({
            "Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": action,
            "Condition": {
                "StringLike": {"aws:RequestTag/tenant_id": "?".repeat(32)},
                "StringNotLike": {"aws:RequestTag/tenant_id": ["*/*", "*:*", "*.*", "*+*", "*=*", "*-*", "*@*", "* *", "*_*"]},
                "ForAllValues:StringEquals": {"aws:TagKeys": ["tenant_id"]},
                "Null": {"aws:TagKeys": "false"}
            }
        })
    };
    role(json!([statement("sts:AssumeRole"), statement("sts:TagSession")]))
}

#[test]
fn our_trust_policy_demands_a_well_formed_tenant_on_both_actions() {
    let long = "a".repeat(33);
    let slashed = format!("{}/b", "a".repeat(30));
    let spaced = format!("{} b", "a".repeat(30));
    for (tags, expected, why) in [
        (vec![("tenant_id", TENANT)], true, "well-formed"),
        (vec![("Tenant_ID", TENANT)], false, "the list of keys counts case"),
        (vec![], false, "no tag"),
        (vec![("tenant_id", "")], false, "empty"),
        (vec![("tenant_id", &long)], false, "too long"),
        (vec![("tenant_id", &slashed)], false, "a slash"),
        (vec![("tenant_id", &spaced)], false, "a space"),
        (vec![("other", TENANT)], false, "another key"),
        (vec![("tenant_id", TENANT), ("other", "x")], false, "a key too many"),
    ] {
        assert_eq!(answers(&may_assume(), &ours(), &tagged(&tags)), (expected, expected), "{tags:?}: {why}");
    }
    let assumed = assume(&caller(), &may_assume(), &ours(), &tagged(&[("tenant_id", TENANT)])).unwrap();
    assert_eq!(assumed.session.tags().get("TENANT_ID"), Some(TENANT));
    assert_eq!(assumed.session.arn(), "arn:aws:sts::123456789012:assumed-role/data/one");
    assert_eq!(assumed.duration_seconds, 3_600);
}

#[test]
fn a_roles_own_tags_are_inherited_and_overridden_without_case() {
    let mut role = trusting(&json!({"AWS": CALLER}));
    role.tags = Tags::new([("Tenant_Id", "from-role"), ("kept", "yes")]).unwrap();
    let untagged = assume(&caller(), &may_assume(), &role, &tagged(&[])).unwrap();
    assert_eq!(untagged.session.tags().get("tenant_id"), Some("from-role"));
    let tagged = assume(&caller(), &may_assume(), &role, &tagged(&[("tenant_id", TENANT)])).unwrap();
    assert_eq!(tagged.session.tags().get("tenant_id"), Some(TENANT));
    assert_eq!(tagged.session.tags().get("kept"), Some("yes"));
    assert_eq!(tagged.session.tags().len(), 2);
}

#[test]
fn transitive_tags_go_on_and_cannot_be_passed_again() {
    let trust = trusting(&json!({"AWS": ACCOUNT}));
    let own = super::identity(json!([{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]));
    let input = Assume {
        transitive_tag_keys: vec!["tenant_id".to_owned()],
        ..tagged(&[("tenant_id", TENANT), ("other", "x")])
    };
    let first = assume(&caller(), &own, &trust, &input).unwrap().session;
    let second = assume(&first, &own, &trust, &tagged(&[])).unwrap();
    assert_eq!(second.session.tags().iter().collect::<Vec<_>>(), [("tenant_id", TENANT)]);
    assert_eq!(second.decisions.len(), 2, "inherited tags need TagSession too");
    let again = assume(&second.session, &own, &trust, &tagged(&[("TENANT_ID", "another")]));
    assert!(matches!(again, Err(AssumeError::Invalid(why)) if why.contains("tenant_id")));
    let unlisted = Assume { transitive_tag_keys: vec!["other".to_owned()], ..tagged(&[]) };
    assert!(
        matches!(assume(&caller(), &own, &trust, &unlisted), Err(AssumeError::Invalid(why)) if why.contains("other"))
    );
}

#[test]
fn a_source_identity_sticks_and_needs_both_sides_in_a_chain() {
    let input = Assume { source_identity: Some("bob".to_owned()), ..tagged(&[]) };
    let trust = trusting(&json!({"AWS": CALLER}));
    assert_eq!(answers(&may_assume(), &trust, &input), (true, true));
    assert_eq!(answers(&Policies::default(), &trust, &input), (false, false), "a chain needs both sides");
    let own = super::identity(json!([{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]));
    let bob = assume(&caller(), &own, &trusting(&json!({"AWS": ACCOUNT})), &input).unwrap().session;
    assert_eq!(bob.source_identity(), Some("bob"));
    let alice = Assume { source_identity: Some("alice".to_owned()), ..tagged(&[]) };
    let changed = assume(&bob, &own, &trusting(&json!({"AWS": ACCOUNT})), &alice);
    assert!(matches!(changed, Err(AssumeError::Invalid(why)) if why.contains("SourceIdentity")));
}

#[test]
fn limits_are_awss() {
    let trust = trusting(&json!({"AWS": CALLER}));
    let many: Vec<(String, String)> = (0..51).map(|number| (format!("k{number}"), String::new())).collect();
    let valid = tagged(&[("k", "v")]);
    assert!(assume(&caller(), &may_assume(), &trust, &valid).is_ok());
    let named = |name: &str| Assume { session_name: name.to_owned(), ..valid.clone() };
    let lasting = |seconds: u32| Assume { duration_seconds: Some(seconds), ..valid.clone() };
    let keyed = |key: &str, value: &str| tagged(&[(key, value)]);
    for (input, good, why) in [
        (named("a"), false, "one character"),
        (named(&"a".repeat(64)), true, "64 characters"),
        (named(&"a".repeat(65)), false, "65 characters"),
        (named("a b"), false, "a space"),
        (named("a/b"), false, "a slash would change the session's ARN"),
        (named("a_+=,.@-9"), true, "every sign"),
        (named("é9"), false, "AWS's \\w is ASCII"),
        (lasting(899), false, "too short"),
        (lasting(900), true, "the shortest"),
        (lasting(3_600), true, "the longest in a chain"),
        (lasting(3_601), false, "too long for a chain"),
        (keyed(&"k".repeat(128), &"v".repeat(256)), true, "the longest"),
        (keyed(&"k".repeat(129), "v"), false, "a key too long"),
        (keyed("k", &"v".repeat(257)), false, "a value too long"),
        (keyed("", "v"), false, "no key"),
        (keyed("k", ""), true, "an empty value"),
        (keyed("k", "a*"), false, "no wildcards"),
        (keyed("k", "a?"), false, "no wildcards"),
        (keyed("k", "${a}"), false, "no variables"),
        (keyed("k", "a\tb"), false, "no tab"),
        (keyed("k", "é ٣_.:/=+-@"), true, "letters, numbers, spaces and signs"),
        (keyed("k", "a\u{301}"), false, "a combining mark is no letter"),
        (keyed("Aws:k", "v"), false, "a reserved prefix"),
        (tagged(&[("k", "1"), ("K", "2")]), false, "one key in two cases"),
        (Assume { tags: many.clone(), ..tagged(&[]) }, false, "51 tags"),
        (Assume { tags: many[..50].to_vec(), ..tagged(&[]) }, true, "50 tags"),
        (
            Assume { external_id: Some("x".to_owned()), ..valid.clone() },
            false,
            "an external id of one character",
        ),
        (
            Assume { external_id: Some("x y".to_owned()), ..valid.clone() },
            false,
            "an external id with a space",
        ),
        (
            Assume { source_identity: Some("x".to_owned()), ..valid.clone() },
            false,
            "a source identity of one character",
        ),
    ] {
        assert_eq!(assume(&caller(), &may_assume(), &trust, &input).is_ok(), good, "{why}");
    }
}

#[test]
fn only_a_chain_is_limited_to_an_hour() {
    let user = Principal::user("arn:aws:iam::123456789012:user/bob").unwrap();
    let mut role = trusting(&json!({"AWS": "arn:aws:iam::123456789012:user/bob"}));
    role.session_seconds_max = 7_200;
    for (seconds, good) in [(7_200, true), (7_201, false), (43_201, false)] {
        let input = Assume { duration_seconds: Some(seconds), ..tagged(&[]) };
        assert_eq!(assume(&user, &Policies::default(), &role, &input).is_ok(), good, "{seconds}");
    }
}

#[test]
fn the_root_of_an_account_assumes_nothing_and_a_service_what_trusts_it() {
    let root = Principal::root(ACCOUNT).unwrap();
    let open = trusting(&json!("*"));
    assert_eq!(assume(&root, &Policies::default(), &open, &tagged(&[])).unwrap_err(), AssumeError::Root);
    let service = Principal::service("lambda.amazonaws.com", ACCOUNT).unwrap();
    for (name, expected) in [("lambda.amazonaws.com", true), ("events.amazonaws.com", false)] {
        let trust = trusting(&json!({"Service": name}));
        let assumed = assume(&service, &Policies::default(), &trust, &tagged(&[])).unwrap();
        assert_eq!(assumed.is_allowed(), expected, "{name}");
    }
}

#[test]
fn a_trust_policy_that_cannot_be_judged_is_an_error() {
    let odd = role(
        json!([{"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:*", "Condition": {"Odd": {"a:b": "c"}}}]),
    );
    assert!(matches!(assume(&caller(), &may_assume(), &odd, &tagged(&[])), Err(AssumeError::Undecidable(_))));
    let with_resource =
        role(json!([{"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "sts:*", "Resource": "*"}]));
    assert!(matches!(
        assume(&caller(), &may_assume(), &with_resource, &tagged(&[])),
        Err(AssumeError::Undecidable(_))
    ));
}
