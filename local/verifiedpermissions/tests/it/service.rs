//! The harness: an account with a clock that the test moves.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use verifiedpermissions::{Limits, VerifiedPermissions};

pub(crate) const JSON_SCHEMA: &str = include_str!("../../../../shared/cedar/documents.schema.json");
pub(crate) const ADD_DOCUMENT: &str = include_str!("../../../../shared/cedar/policies/add-document.cedar");
pub(crate) const OWNER: &str = include_str!("../../../../shared/cedar/policies/owner.cedar");
pub(crate) const TENANT_ADMIN: &str = include_str!("../../../../shared/cedar/policies/tenant-admin.cedar");
pub(crate) const SHARE: &str = include_str!("../../../../shared/cedar/share-template.cedar");

pub(crate) struct Service {
    pub(crate) account: VerifiedPermissions,
    now: Arc<Mutex<OffsetDateTime>>,
}

impl Service {
    /// No request rates: most tests are not about them.
    pub(crate) fn new() -> Self {
        Self::with(Limits::without_rates())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let now = Arc::new(Mutex::new(time::macros::datetime!(2026-11-22 12:00 UTC)));
        let clock = Arc::clone(&now);
        let clock = move || *clock.lock().unwrap();
        Self { account: VerifiedPermissions::with_limits("123456789012", "us-east-1", limits, clock), now }
    }

    pub(crate) fn wait(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }

    fn raw(&self, operation: &str, body: &Value) -> (u16, Value, Option<String>) {
        let reply = self.account.call(operation, body.to_string().as_bytes());
        (reply.status, serde_json::from_slice(&reply.body).unwrap(), reply.error_type)
    }

    /// A call that must succeed.
    pub(crate) fn ok(&self, operation: &str, body: Value) -> Value {
        let (status, answer, error_type) = self.raw(operation, &body);
        assert_eq!(status, 200, "{operation} {body}: {answer}");
        assert_eq!(error_type, None);
        answer
    }

    /// A call that must be refused with this error; the answer is its body.
    pub(crate) fn refused(&self, operation: &str, body: Value, error: &str) -> Value {
        let (status, answer, error_type) = self.raw(operation, &body);
        assert_eq!(status, 400, "{operation} {body}: {answer}");
        assert_eq!(error_type.as_deref(), Some(error), "{operation} {body}: {answer}");
        assert!(answer["__type"].as_str().unwrap().ends_with(&format!("#{error}")), "{answer}");
        assert!(!answer["message"].as_str().unwrap().is_empty());
        answer
    }

    /// A new store without schema: its id.
    pub(crate) fn store(&self, mode: &str) -> String {
        let made = self.ok("CreatePolicyStore", json!({ "validationSettings": { "mode": mode } }));
        text(&made, "policyStoreId")
    }

    /// A STRICT store with the product's schema: its id.
    pub(crate) fn documents_store(&self) -> String {
        let store = self.store("STRICT");
        self.ok("PutSchema", json!({ "policyStoreId": store, "definition": { "cedarJson": JSON_SCHEMA } }));
        store
    }

    /// A static policy: its id.
    pub(crate) fn policy(&self, store: &str, statement: &str) -> String {
        let made = self.ok("CreatePolicy", static_policy(store, statement));
        text(&made, "policyId")
    }

    /// A template: its id.
    pub(crate) fn template(&self, store: &str, statement: &str) -> String {
        let made = self.ok("CreatePolicyTemplate", json!({ "policyStoreId": store, "statement": statement }));
        text(&made, "policyTemplateId")
    }

    /// A share of the product: its policy's id.
    pub(crate) fn share(&self, store: &str, template: &str, user: &str, document: &str) -> String {
        text(&self.ok("CreatePolicy", share(store, template, user, document)), "policyId")
    }
}

pub(crate) fn static_policy(store: &str, statement: &str) -> Value {
    json!({ "policyStoreId": store, "definition": { "static": { "statement": statement } } })
}

pub(crate) fn share(store: &str, template: &str, user: &str, document: &str) -> Value {
    json!({ "policyStoreId": store, "definition": { "templateLinked": {
        "policyTemplateId": template,
        "principal": entity("User", user),
        "resource": entity("Document", document),
    } } })
}

/// An entity of the product.
pub(crate) fn entity(kind: &str, id: &str) -> Value {
    json!({ "entityType": format!("DocumentsAPI::{kind}"), "entityId": id })
}

/// An action of the product.
pub(crate) fn action(id: &str) -> Value {
    json!({ "actionType": "DocumentsAPI::Action", "actionId": id })
}

pub(crate) fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned()
}

/// Every item of a list operation, page by page.
pub(crate) fn all(service: &Service, operation: &str, name: &str, mut body: Value) -> Vec<Value> {
    let mut items = Vec::new();
    for _ in 0..100 {
        let page = service.ok(operation, body.clone());
        items.extend(page[name].as_array().unwrap().iter().cloned());
        match page.get("nextToken") {
            None => return items,
            Some(token) => body["nextToken"] = token.clone(),
        }
    }
    panic!("{operation} does not end");
}
