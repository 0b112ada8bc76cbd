//! Which sorts of policy must allow, in one account and across two.

use iam::{Context, Decision, Policies, Policy, Principal, Request, evaluate};
use serde_json::{Value, json};

use super::Answer::{Allowed, Denied, Refused, Undecidable};
use super::{ACCOUNT, ROLE, answer, policy, session};

const OBJECT: &str = "arn:aws:s3:::b/k";
const OTHER_ACCOUNT: &str = "999999999999";

fn allow(action: &str) -> Policy {
    policy(json!([{"Effect": "Allow", "Action": action, "Resource": "*"}]))
}

fn deny() -> Policy {
    policy(json!([{"Sid": "Never", "Effect": "Deny", "Action": "*", "Resource": "*"}]))
}

fn bucket_policy(effect: &str, principal: &Value) -> Policy {
    policy(
        json!([{"Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}]),
    )
}

fn get(principal: &Principal, owner: &str) -> Request {
    Request::new(principal.clone(), "s3:GetObject", OBJECT, owner, Context::new()).unwrap()
}

#[test]
fn in_one_account_every_sort_of_policy_has_its_say() {
    let (get_ok, put_ok) = (allow("s3:GetObject"), allow("s3:PutObject"));
    let none = Policies::default();
    let identity = Policies { identity: vec![get_ok.clone()], ..none.clone() };
    for (policies, expected, why) in [
        (none.clone(), Refused, "nothing allows"),
        (identity.clone(), Allowed, "the identity allows"),
        (Policies { identity: vec![put_ok.clone()], ..none.clone() }, Refused, "it allows something else"),
        (
            Policies { identity: vec![put_ok.clone(), get_ok.clone()], ..none.clone() },
            Allowed,
            "one of two allows",
        ),
        (
            Policies { identity: vec![get_ok.clone(), deny()], ..none.clone() },
            Denied,
            "an explicit deny wins",
        ),
        (Policies { boundary: Some(get_ok.clone()), ..identity.clone() }, Allowed, "within the boundary"),
        (Policies { boundary: Some(put_ok.clone()), ..identity.clone() }, Refused, "outside the boundary"),
        (Policies { boundary: Some(get_ok.clone()), ..none.clone() }, Refused, "a boundary grants nothing"),
        (Policies { boundary: Some(deny()), ..identity.clone() }, Denied, "a boundary may deny"),
        (Policies { session: vec![get_ok.clone()], ..identity.clone() }, Allowed, "within the session"),
        (Policies { session: vec![put_ok.clone()], ..identity.clone() }, Refused, "outside the session"),
        (
            Policies { session: vec![put_ok.clone(), get_ok.clone()], ..identity.clone() },
            Allowed,
            "one session policy is enough",
        ),
        (
            Policies { session: vec![get_ok.clone()], ..none.clone() },
            Refused,
            "a session policy grants nothing",
        ),
        (
            Policies { session: vec![deny(), get_ok.clone()], ..identity.clone() },
            Denied,
            "a session policy may deny",
        ),
    ] {
        assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &policies)), expected, "{why}");
    }
}

#[test]
fn a_resources_policy_reaches_callers_by_different_strengths() {
    let (role, this_session) =
        (json!({"AWS": ROLE}), json!({"AWS": "arn:aws:sts::123456789012:assumed-role/data/one"}));
    let (account, root) = (json!({"AWS": ACCOUNT}), json!({"AWS": "arn:aws:iam::123456789012:root"}));
    let (everyone, another) = (json!("*"), json!({"AWS": "arn:aws:iam::123456789012:role/other"}));
    let another_session = json!({"AWS": "arn:aws:sts::123456789012:assumed-role/data/two"});
    let (narrow, get_ok) = (Some(allow("s3:PutObject")), allow("s3:GetObject"));
    // (principal, alone, beside an identity policy, behind a narrow boundary, behind a narrow session policy)
    for (principal, alone, beside, behind, why) in [
        (&role, Allowed, Allowed, Refused, "a role: limited by boundary and session"),
        (&this_session, Allowed, Allowed, Allowed, "the session itself: limited by neither"),
        (&everyone, Allowed, Allowed, Undecidable, "everyone: whether it is limited is not documented"),
        (&account, Refused, Allowed, Refused, "the account: only passes the question on"),
        (&root, Refused, Allowed, Refused, "its root: the same"),
        (&another, Refused, Allowed, Refused, "another role"),
        (&another_session, Refused, Allowed, Refused, "another session"),
    ] {
        let resource = Some(bucket_policy("Allow", principal));
        let only = Policies { resource: resource.clone(), ..Policies::default() };
        let both = Policies { identity: vec![get_ok.clone()], ..only.clone() };
        let bounded = Policies { boundary: narrow.clone(), ..only.clone() };
        let scoped = Policies { session: narrow.clone().into_iter().collect(), ..only.clone() };
        let denied = Policies { identity: vec![deny()], ..only.clone() };
        let ask = |policies: &Policies| answer(&evaluate(&get(&session(&[]), ACCOUNT), policies));
        assert_eq!(ask(&only), alone, "alone; {why}");
        assert_eq!(ask(&both), beside, "beside; {why}");
        assert_eq!(ask(&bounded), behind, "bounded; {why}");
        assert_eq!(ask(&scoped), behind, "scoped; {why}");
        assert_eq!(ask(&denied), Denied, "denied; {why}");
    }
}

#[test]
fn a_deny_reaches_by_session_role_account_and_everyone() {
    for (principal, expected) in [
        (json!({"AWS": ROLE}), Denied),
        (json!({"AWS": ACCOUNT}), Denied),
        (json!("*"), Denied),
        (json!({"AWS": "arn:aws:sts::123456789012:assumed-role/data/one"}), Denied),
        (json!({"AWS": "arn:aws:iam::123456789012:role/other"}), Allowed),
        (json!({"AWS": OTHER_ACCOUNT}), Allowed),
        (json!({"Service": "lambda.amazonaws.com"}), Allowed),
        (json!({"Federated": "accounts.google.com"}), Allowed),
        (json!({"CanonicalUser": "79a59df9"}), Undecidable),
        (json!({"AWS": "AROAEXAMPLEEXAMPLE"}), Undecidable),
    ] {
        let policies = Policies {
            identity: vec![allow("s3:GetObject")],
            resource: Some(bucket_policy("Deny", &principal)),
            ..Policies::default()
        };
        assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &policies)), expected, "{principal}");
    }
}

#[test]
fn not_principal_is_decided_only_where_it_has_one_meaning() {
    let (this, role, root) =
        ("arn:aws:sts::123456789012:assumed-role/data/one", ROLE, "arn:aws:iam::123456789012:root");
    for (effect, names, expected) in [
        ("Deny", json!([this, role, root]), Allowed),
        ("Deny", json!(["arn:aws:iam::123456789012:role/other"]), Denied),
        ("Deny", json!([role, root]), Undecidable),
        ("Deny", json!([root]), Undecidable),
        ("Allow", json!([role]), Undecidable),
    ] {
        let resource = policy(
            json!([{"Effect": effect, "NotPrincipal": {"AWS": names}, "Action": "*", "Resource": "*"}]),
        );
        let policies = Policies {
            identity: vec![allow("s3:GetObject")],
            resource: Some(resource),
            ..Policies::default()
        };
        assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &policies)), expected, "{effect} {names}");
    }
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let get_ok = vec![allow("s3:GetObject")];
    for (identity, principal, expected, why) in [
        (get_ok.clone(), Some(json!({"AWS": ACCOUNT})), Allowed, "both"),
        (get_ok.clone(), Some(json!({"AWS": ROLE})), Allowed, "both"),
        (get_ok.clone(), None, Refused, "no resource policy"),
        (get_ok.clone(), Some(json!({"AWS": OTHER_ACCOUNT})), Refused, "it names another"),
        (vec![], Some(json!({"AWS": ROLE})), Refused, "no identity policy"),
        (vec![], Some(json!("*")), Refused, "not even for everyone"),
    ] {
        let resource = principal.as_ref().map(|principal| bucket_policy("Allow", principal));
        let policies = Policies { identity, resource, ..Policies::default() };
        assert_eq!(answer(&evaluate(&get(&session(&[]), OTHER_ACCOUNT), &policies)), expected, "{why}");
    }
}

#[test]
fn the_root_of_the_account_is_allowed_at_home_unless_a_resource_denies_it() {
    let root = Principal::root(ACCOUNT).unwrap();
    let none = Policies::default();
    assert_eq!(evaluate(&get(&root, ACCOUNT), &none).unwrap(), Decision::Allowed { by: vec![] });
    let guarded = Policies { resource: Some(bucket_policy("Deny", &json!("*"))), ..none.clone() };
    assert_eq!(answer(&evaluate(&get(&root, ACCOUNT), &guarded)), Denied);
    assert_eq!(answer(&evaluate(&get(&root, OTHER_ACCOUNT), &none)), Refused);
    let open = Policies { resource: Some(bucket_policy("Allow", &json!({"AWS": ACCOUNT}))), ..none };
    assert_eq!(answer(&evaluate(&get(&root, OTHER_ACCOUNT), &open)), Allowed);
}

#[test]
fn a_service_is_allowed_by_the_resource_only() {
    let service = Principal::service("events.amazonaws.com", ACCOUNT).unwrap();
    for (principal, expected) in [
        (json!({"Service": "events.amazonaws.com"}), Allowed),
        (json!({"Service": ["lambda.amazonaws.com", "events.amazonaws.com"]}), Allowed),
        (json!({"Service": "lambda.amazonaws.com"}), Refused),
        (json!({"AWS": ACCOUNT}), Refused),
    ] {
        let policies = Policies { resource: Some(bucket_policy("Allow", &principal)), ..Policies::default() };
        assert_eq!(answer(&evaluate(&get(&service, ACCOUNT), &policies)), expected, "{principal}");
    }
    assert_eq!(answer(&evaluate(&get(&service, ACCOUNT), &Policies::default())), Refused);
}

#[test]
fn a_users_own_arn_in_a_resources_policy_is_not_limited_by_its_boundary() {
    let user = Principal::user("arn:aws:iam::123456789012:user/team/bob").unwrap();
    for (name, expected) in [("team/bob", Allowed), ("bob", Refused), ("team/alice", Refused)] {
        let policies = Policies {
            boundary: Some(allow("s3:PutObject")),
            resource: Some(bucket_policy(
                "Allow",
                &json!({"AWS": format!("arn:aws:iam::123456789012:user/{name}")}),
            )),
            ..Policies::default()
        };
        assert_eq!(answer(&evaluate(&get(&user, ACCOUNT), &policies)), expected, "{name}");
    }
}

#[test]
fn a_kms_key_must_allow_in_its_own_policy() {
    let key = "arn:aws:kms:us-east-1:123456789012:key/k";
    let decrypt = Request::new(session(&[]), "kms:Decrypt", key, ACCOUNT, Context::new()).unwrap();
    let identity = Policies { identity: vec![allow("kms:Decrypt")], ..Policies::default() };
    assert_eq!(answer(&evaluate(&decrypt, &identity)), Refused);
    let key_policy = policy(
        json!([{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}]),
    );
    assert_eq!(answer(&evaluate(&decrypt, &Policies { resource: Some(key_policy), ..identity })), Allowed);
}

#[test]
fn a_document_in_the_wrong_place_is_undecidable() {
    let with_principal = bucket_policy("Allow", &json!("*"));
    let without_principal = allow("s3:GetObject");
    let without_resource = policy(json!([{"Effect": "Allow", "Action": "s3:GetObject"}]));
    for policies in [
        Policies { identity: vec![with_principal.clone()], ..Policies::default() },
        Policies { identity: vec![without_resource], ..Policies::default() },
        Policies {
            identity: vec![without_principal.clone()],
            session: vec![with_principal.clone()],
            ..Policies::default()
        },
        Policies {
            identity: vec![without_principal.clone()],
            boundary: Some(with_principal),
            ..Policies::default()
        },
        Policies { resource: Some(without_principal), ..Policies::default() },
    ] {
        assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &policies)), Undecidable, "{policies:?}");
    }
}

#[test]
fn an_explicit_deny_is_an_answer_even_beside_something_unknown() {
    let odd = policy(
        json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Odd": {"a:b": "c"}}}]),
    );
    let policies = Policies { identity: vec![odd.clone()], ..Policies::default() };
    assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &policies)), Undecidable);
    let denied = Policies { identity: vec![odd, deny()], ..Policies::default() };
    assert_eq!(answer(&evaluate(&get(&session(&[]), ACCOUNT), &denied)), Denied);
}

#[test]
fn refusals_read_like_awss() {
    let ask = |policies: &Policies| {
        let get = get(&session(&[]), ACCOUNT);
        evaluate(&get, policies).unwrap().refusal(&get)
    };
    let user = "User: arn:aws:sts::123456789012:assumed-role/data/one is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k ";
    let identity = Policies { identity: vec![allow("s3:GetObject")], ..Policies::default() };
    let narrow = allow("s3:PutObject");
    for (policies, because) in [
        (Policies::default(), "because no identity-based policy allows the s3:GetObject action"),
        (
            Policies { boundary: Some(narrow.clone()), ..identity.clone() },
            "because no permissions boundary allows the s3:GetObject action",
        ),
        (
            Policies { session: vec![narrow], ..identity.clone() },
            "because no session policy allows the s3:GetObject action",
        ),
        (
            Policies { identity: vec![deny()], ..identity.clone() },
            "with an explicit deny in an identity-based policy",
        ),
        (
            Policies { resource: Some(bucket_policy("Deny", &json!("*"))), ..identity.clone() },
            "with an explicit deny in a resource-based policy",
        ),
    ] {
        assert_eq!(ask(&policies), Some(format!("{user}{because}")));
    }
    assert_eq!(ask(&identity), None);
    let denied = Policies { identity: vec![deny()], ..identity };
    let decision = evaluate(&get(&session(&[]), ACCOUNT), &denied).unwrap();
    assert_eq!(decision.to_string(), "denied by identity-based policy `p`, statement 0 (`Never`)");
}
