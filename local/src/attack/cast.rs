//! Who takes part: a tenant that is attacked, one to attack from, and one whose subscription is over.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AttackError,
    holdings::Holdings,
    table::{Named, Target, Who},
};
use crate::{
    account::{self, Details, Role, Tenant, User},
    aws::Root,
    story::client::{Visitor, promise},
};

/// How long a change may take to be seen that is bound to happen: a mapping row is kept for a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// Time between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// What the documents hold.
pub(super) const PLANTED: &str = "planted-content-of-the-attacked-tenant";

/// Somebody who has signed in.
pub(super) struct Someone {
    pub(super) visitor: Visitor,
    pub(super) user_id: String,
    /// Their ID token.
    pub(super) token: String,
    /// Their access token.
    pub(super) access_token: String,
}

/// Everything that the attack works on.
pub(super) struct Scene<'a> {
    pub(super) details: &'a Details,
    pub(super) root: Root,
    /// The tenant that is attacked.
    pub(super) attacked: Tenant,
    /// The tenant to attack from.
    pub(super) attacking: Tenant,
    people: Vec<(Who, Someone)>,
    /// What must be in no log and in no answer to anybody else.
    planted: RefCell<BTreeSet<(&'static str, String)>>,
}

impl<'a> Scene<'a> {
    /// Opens the tenants and signs everybody in. The suspended one is in use before it is suspended.
    pub(super) async fn set(details: &'a Details) -> Result<Self, AttackError> {
        let root = details.root()?;
        let name = |name: &str| format!("{name}-{}", Uuid::new_v4().simple());
        let cast = [("ada", Role::Admin), ("ben", Role::User), ("cleo", Role::User), ("dean", Role::User)];
        let attacked = account::open_tenant_with(details, &name("attacked"), &cast).await?;
        let attacking = account::open_tenant(details, &name("attacking")).await?;
        let suspended = account::open_tenant(details, &name("suspended")).await?;
        let mut scene =
            Self { details, root, attacked, attacking, people: Vec::new(), planted: RefCell::default() };
        let seats = [
            (Who::Admin, &scene.attacked, 0),
            (Who::Owner, &scene.attacked, 1),
            (Who::Receiver, &scene.attacked, 2),
            (Who::Stranger, &scene.attacked, 3),
            (Who::ForeignAdmin, &scene.attacking, 0),
            (Who::Foreigner, &scene.attacking, 1),
            (Who::Suspended, &suspended, 0),
        ];
        let mut people = Vec::new();
        for (who, tenant, nth) in seats {
            let user = tenant
                .users
                .get(nth)
                .ok_or_else(|| AttackError::Scene("a tenant lacks a user".to_owned()))?;
            people.push((who, scene.signed_in(user).await?));
        }
        scene.people = people;
        scene.suspend(&suspended).await?;
        Ok(scene)
    }

    async fn signed_in(&self, user: &User) -> Result<Someone, AttackError> {
        let unknown = Visitor::unknown(self.details)?;
        let answer = unknown.sign_in(self.details, &user.email, &user.password).await;
        let token = answer.text("/AuthenticationResult/IdToken");
        let access_token = answer.text("/AuthenticationResult/AccessToken");
        if token.is_empty() || access_token.is_empty() {
            return Err(AttackError::Scene(format!("a user cannot sign in: {}", answer.summary())));
        }
        self.plant("a password", &user.password);
        self.plant("a token", &token);
        self.plant("an access token", &access_token);
        self.plant("an address", &user.email);
        let visitor = unknown.bearing(Some(&token));
        Ok(Someone { visitor, user_id: user.user_id.clone(), token, access_token })
    }

    /// Ends the tenant's subscription, as the Marketplace's events would in its mapping row.
    async fn suspend(&self, tenant: &Tenant) -> Result<(), AttackError> {
        let before = self.someone(Who::Suspended)?.visitor.get("/documents").await.summary();
        if before != "200" {
            return Err(AttackError::Scene(format!("before its subscription ends a tenant works: {before}")));
        }
        let update = json!({
            "TableName": self.details.output("TenantsTableName"),
            "Key": { "tenant_id": { "S": tenant.tenant_id } },
            "UpdateExpression": "SET subscription_state = :suspended",
            "ConditionExpression": "attribute_exists(tenant_id)",
            "ExpressionAttributeValues": { ":suspended": { "S": "suspended" } },
        });
        let done = self.root.json("dynamodb", "DynamoDB_20120810.UpdateItem", &update).await;
        done.map(drop).map_err(|source| AttackError::Call { step: "suspend a tenant", source })
    }

    /// Waits until the function behind `path` has noticed that the tenant is suspended; each keeps its row a while.
    pub(super) async fn see_suspended(&self, path: &str) -> Result<(), AttackError> {
        let begun = Instant::now();
        loop {
            let seen = self.someone(Who::Suspended)?.visitor.get(path).await.summary();
            if seen == "403 suspended" {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(AttackError::Scene(format!("a suspended tenant goes on: {seen}")));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Whether callers' sessions are had for their tokens.
    pub(super) fn tokens_decide(&self) -> bool {
        self.details.output("TenantSessions") == "token"
    }

    pub(super) fn someone(&self, who: Who) -> Result<&Someone, AttackError> {
        let found = self.people.iter().find(|(known, _)| *known == who).map(|(_, someone)| someone);
        found.ok_or_else(|| AttackError::Scene(format!("{} is missing", who.name())))
    }

    /// Notes what must not be seen anywhere.
    pub(super) fn plant(&self, what: &'static str, secret: &str) {
        if secret.len() >= 12 {
            self.planted.borrow_mut().insert((what, secret.to_owned()));
        }
    }

    /// What must not be seen anywhere.
    pub(super) fn planted(&self) -> Vec<(&'static str, String)> {
        self.planted.borrow().iter().cloned().collect()
    }

    /// Something to ask for: a document of the owner's with its content, shared with the receiver; and a user.
    pub(super) async fn target(&self, named: Named) -> Result<Target, AttackError> {
        let (owner, receiver) = (self.someone(Who::Owner)?, self.someone(Who::Receiver)?);
        let mark = Uuid::new_v4().simple().to_string();
        let planted = format!("planted-name-{mark}.txt");
        self.plant("a document's name", &planted);
        self.plant("content", PLANTED);
        let added = owner.visitor.post("/documents", &promise(&planted, PLANTED)).await;
        let document = added.text("/document/document_id");
        let upload = added.json().get("upload").cloned().unwrap_or_default();
        self.plant_url(upload.get("url").and_then(Value::as_str).unwrap_or_default());
        let uploaded = owner.visitor.upload(&upload, PLANTED.as_bytes().to_vec()).await;
        let share = json!({ "document_id": document, "user_id": receiver.user_id });
        let shared = owner.visitor.post("/shares", &share).await;
        let all = [added.summary(), uploaded.summary(), shared.summary()];
        if all != ["201", "200", "201"] {
            return Err(AttackError::Scene(format!("a document was not added and shared: {all:?}")));
        }
        let user = match named {
            Named::Receiver => receiver.user_id.clone(),
            Named::Admin => self.someone(Who::Admin)?.user_id.clone(),
            Named::Newcomer => {
                let invite = json!({ "email": format!("new-{mark}@attacked.example"), "role": "member" });
                let invited = self.someone(Who::Admin)?.visitor.post("/users", &invite).await;
                invited.text("/user/user_id")
            }
        };
        Ok(Target { document, user, address: format!("guest-{mark}@attacked.example"), planted })
    }

    /// A document of somebody's own, without its content.
    pub(super) async fn added_by(&self, who: Who) -> Result<Target, AttackError> {
        let planted = format!("planted-name-{}.txt", Uuid::new_v4().simple());
        self.plant("a document's name", &planted);
        let added = self.someone(who)?.visitor.post("/documents", &promise(&planted, PLANTED)).await;
        let document = added.text("/document/document_id");
        if document.is_empty() {
            return Err(AttackError::Scene(format!("a document was not added: {}", added.summary())));
        }
        Ok(Target { document, planted, ..Target::default() })
    }

    /// What makes a signed URL work is as secret as what it leads to.
    pub(super) fn plant_url(&self, url: &str) {
        for part in url.split(['?', '&']) {
            if let Some((name @ ("X-Amz-Signature" | "X-Amz-Security-Token"), value)) = part.split_once('=') {
                let what =
                    if name == "X-Amz-Signature" { "a URL's signature" } else { "a URL's session token" };
                self.plant(what, value);
            }
        }
    }

    /// What the attacked tenant has.
    pub(super) async fn holdings(&self) -> Result<Holdings, AttackError> {
        Holdings::of(&self.root, self.details, &self.attacked).await
    }

    /// The same once nothing of it moves any more: what was allowed before may still be settled in its own time.
    /// `gone` has been deleted, and is waited for.
    pub(super) async fn quiet(&self, gone: &[String]) -> Result<Holdings, AttackError> {
        let begun = Instant::now();
        let mut before = self.holdings().await?;
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let now = self.holdings().await?;
            let left: Vec<String> = gone.iter().flat_map(|document| now.places_of(document)).collect();
            if left.is_empty() && now.changed_since(&before).is_empty() {
                return Ok(now);
            }
            if begun.elapsed() > PATIENCE {
                let still = now.changed_since(&before);
                return Err(AttackError::Scene(format!(
                    "the attacked tenant does not come to rest: {still:?} change, {left:?} hold what was deleted"
                )));
            }
            before = now;
        }
    }
}
