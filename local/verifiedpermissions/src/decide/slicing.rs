//! The slice against the whole: over random stores, hierarchies and questions, showing Cedar only
//! the policies that can matter changes neither the answer, nor its reasons, nor its errors.

use std::collections::HashSet;
use std::str::FromStr;
use std::time::Instant;

use cedar_policy::{Context, Entities, Entity, EntityUid};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Answer, Question, Reading, decide};
use crate::{Limits, VerifiedPermissions};

const NOON: time::OffsetDateTime = time::macros::datetime!(2026-01-01 12:00 UTC);

/// An account with one store, and calls that must succeed on it.
struct Ours {
    service: VerifiedPermissions,
    store: String,
}

impl Ours {
    /// Validation is off: policies that err when they are evaluated are part of the point.
    fn new() -> Self {
        let limits = Limits { policies_per_resource_bytes_max: usize::MAX, ..Limits::without_rates() };
        let service = VerifiedPermissions::with_limits("123456789012", "us-east-1", limits, || NOON);
        let mut ours = Self { service, store: String::new() };
        let made = ours.call("CreatePolicyStore", json!({ "validationSettings": { "mode": "OFF" } }));
        ours.store = made["policyStoreId"].as_str().unwrap().to_owned();
        ours
    }

    fn call(&self, operation: &str, mut body: Value) -> Value {
        if !self.store.is_empty() {
            body["policyStoreId"] = self.store.clone().into();
        }
        let reply = self.service.call(operation, body.to_string().as_bytes());
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200, "{operation} {body}: {answer}");
        answer
    }

    fn policy(&self, statement: &str) {
        self.call("CreatePolicy", json!({ "definition": { "static": { "statement": statement } } }));
    }

    fn template(&self, statement: &str) -> String {
        let made = self.call("CreatePolicyTemplate", json!({ "statement": statement }));
        made["policyTemplateId"].as_str().unwrap().to_owned()
    }

    fn link(&self, template: &str, principal: usize, resource: usize) {
        let definition = json!({ "templateLinked": {
            "policyTemplateId": template,
            "principal": { "entityType": "User", "entityId": principal.to_string() },
            "resource": { "entityType": "Thing", "entityId": resource.to_string() },
        } });
        self.call("CreatePolicy", json!({ "definition": definition }));
    }

    fn policies(&self) -> Vec<Value> {
        let listed = self.call("ListPolicies", json!({ "maxResults": 50 }));
        listed["policies"].as_array().unwrap().iter().map(|policy| policy["policyId"].clone()).collect()
    }

    fn ask(&self, question: &Question, entities: &Entities, reading: Reading) -> Answer {
        let account = self.service.lock();
        decide(&account.stores[&self.store], question.clone(), entities, reading).unwrap()
    }
}

fn uid(kind: &str, id: usize) -> EntityUid {
    EntityUid::from_str(&format!("{kind}::\"{id}\"")).unwrap()
}

const ENTITIES: usize = 6;

/// Scopes and conditions that between them match, miss and err.
fn statement() -> impl Strategy<Value = String> {
    let scope = |kind: &'static str, variable: &'static str| {
        (0..5_usize, 0..ENTITIES).prop_map(move |(form, id)| match form {
            0 => variable.to_owned(),
            1 => format!("{variable} == {kind}::\"{id}\""),
            2 => format!("{variable} in {kind}::\"{id}\""),
            3 => format!("{variable} is {kind} in {kind}::\"{id}\""),
            _ => format!("{variable} is {kind}"),
        })
    };
    let action = prop_oneof![
        Just("action".to_owned()),
        Just("action == Action::\"0\"".to_owned()),
        Just("action in [Action::\"0\", Action::\"1\"]".to_owned()),
    ];
    let condition = prop_oneof![
        4 => Just(""),
        1 => Just("when { principal.absent }"),
        1 => Just("when { principal in resource }"),
        1 => Just("unless { resource in Thing::\"2\" }"),
    ];
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid")];
    (effect, scope("User", "principal"), action, scope("Thing", "resource"), condition).prop_map(
        |(effect, principal, action, resource, condition)| {
            format!("{effect} ({principal}, {action}, {resource}) {condition};")
        },
    )
}

const TEMPLATES: [&str; 4] = [
    "permit (principal == ?principal, action, resource == ?resource);",
    "permit (principal in ?principal, action == Action::\"1\", resource in ?resource);",
    "forbid (principal == ?principal, action, resource in ?resource) when { resource.absent };",
    "permit (principal is User in ?principal, action, resource is Thing in ?resource);",
];

/// Parents have a smaller number than their child: no cycles.
fn entities() -> impl Strategy<Value = Entities> {
    let parents = || prop::collection::vec(prop::collection::hash_set(0..ENTITIES, 0..3), ENTITIES);
    (parents(), parents(), prop::collection::hash_set((any::<bool>(), 0..ENTITIES), 0..4)).prop_map(
        |(users, things, absent)| {
            let make = |user: bool, all: Vec<HashSet<usize>>| {
                let kind = if user { "User" } else { "Thing" };
                all.into_iter()
                    .enumerate()
                    .filter(|(id, _)| !absent.contains(&(user, *id)))
                    .map(|(id, above)| {
                        let above = above.into_iter().filter(|parent| *parent < id);
                        Entity::new_no_attrs(uid(kind, id), above.map(|id| uid(kind, id)).collect())
                    })
                    .collect::<Vec<_>>()
            };
            let all = [make(true, users), make(false, things)].concat();
            Entities::from_entities(all, None).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sliced_decision_is_the_whole_decision(
        statements in prop::collection::vec(statement(), 0..12),
        links in prop::collection::vec((0..TEMPLATES.len(), 0..ENTITIES, 0..ENTITIES), 0..12),
        entities in entities(),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        template_gone in 0..2 * TEMPLATES.len(),
    ) {
        let ours = Ours::new();
        for statement in &statements {
            ours.policy(statement);
        }
        let templates: Vec<String> = TEMPLATES.iter().map(|statement| ours.template(statement)).collect();
        for (template, principal, resource) in links {
            ours.link(&templates[template], principal, resource);
        }
        for index in removed {
            let ids = ours.policies();
            if !ids.is_empty() {
                ours.call("DeletePolicy", json!({ "policyId": ids[index.index(ids.len())] }));
            }
        }
        if let Some(template) = templates.get(template_gone) {
            ours.call("DeletePolicyTemplate", json!({ "policyTemplateId": template }));
        }
        for principal in 0..ENTITIES {
            for resource in 0..ENTITIES {
                for action in 0..2 {
                    let question = Question {
                        principal: uid("User", principal),
                        action: uid("Action", action),
                        resource: uid("Thing", resource),
                        context: Context::empty(),
                    };
                    let sliced = ours.ask(&question, &entities, Reading::Sliced);
                    let whole = ours.ask(&question, &entities, Reading::Whole);
                    prop_assert_eq!(sliced, whole, "{:?} {:?}", question, statements);
                }
            }
        }
        for id in ours.policies() {
            ours.call("DeletePolicy", json!({ "policyId": id }));
        }
        prop_assert!(ours.service.lock().stores[&ours.store].policies.holds_nothing());
    }
}

#[test]
fn a_decision_in_a_store_of_thousands_of_shares_costs_what_its_document_costs() {
    let ours = Ours::new();
    let template = ours.template(TEMPLATES[0]);
    for document in 0..20 {
        for user in 0..400 {
            ours.link(&template, user, document);
        }
    }
    let users = (0..500).map(|id| Entity::with_uid(uid("User", id)));
    let entities = Entities::from_entities(users, None).unwrap();
    let question = |principal| Question {
        principal: uid("User", principal),
        action: uid("Action", 0),
        resource: uid("Thing", 7),
        context: Context::empty(),
    };
    let time = |reading, times: u32| {
        let began = Instant::now();
        for round in 0..times {
            let answer = ours.ask(&question(usize::try_from(round).unwrap()), &entities, reading);
            assert!(answer.allowed && answer.determining.len() == 1);
        }
        began.elapsed() / times
    };
    assert!(!ours.ask(&question(450), &entities, Reading::Sliced).allowed, "the 451st was not shared with");
    let (sliced, whole) = (time(Reading::Sliced, 200), time(Reading::Whole, 3));
    println!("one decision among 8,000 links: sliced {sliced:?}, whole {whole:?}");
    assert!(sliced * 20 < whole, "sliced {sliced:?}, whole {whole:?}");
}
