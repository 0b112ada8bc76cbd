//! Every route × every token × everybody: what comes of it, and that nothing of the attacked tenant's changes.
//!
//! The rightful user goes first, on something of their own; then all who may; then, on something that is still there
//! to be taken, all who may not, between two looks at everything that the tenant has.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::{
    AttackError, Report,
    cast::{PLANTED, Scene, Someone},
    routes,
    table::{OPEN, OpenRow, Row, TABLE, Target, Who},
    tokens::{Forge, Pool, claims_of},
};
use crate::{
    account,
    story::client::{Answer, Visitor},
};

pub(super) const UNAUTHORIZED: &str = "401 unauthorized";

pub(super) async fn attack(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let deployed = routes::deployed();
    // The one function that met the tenant before keeps its row a while.
    scene.see_suspended("/documents").await?;
    let other = OtherPool::make(scene).await?;
    let forged = forged(scene, &other).await;
    other.remove(scene).await;
    let forged = forged?;
    report.begin("tokens");
    let sound = scene.someone(Who::Owner)?.visitor.bearing(Some(&forged.sound));
    report.tried("a sound token under the pool's key", "200", &sound.get("/documents").await.summary());
    report.end();
    for row in TABLE.iter().filter(|row| deployed.contains_key(row.route)) {
        report.begin(row.route);
        one(scene, row, &forged, report).await?;
        report.end();
    }
    for row in OPEN.iter().filter(|row| deployed.contains_key(row.route)) {
        report.begin(row.route);
        open(scene, row, &forged, report).await?;
        report.end();
    }
    Ok(())
}

/// A route that asks for a token.
async fn one(
    scene: &Scene<'_>,
    row: &Row,
    forged: &Forged,
    report: &mut Report<'_>,
) -> Result<(), AttackError> {
    let deletes_document = row.route == "DELETE /documents/{document_id}";
    let mut gone = Vec::new();
    for (who, expect) in row.allowed {
        let target = scene.target(row.named).await?;
        let answer = knock(&scene.someone(*who)?.visitor, row, &target, "").await;
        report.tried(who.name(), expect, &answer.summary());
        if deletes_document {
            gone.push(target.document);
        }
    }
    let target = scene.target(row.named).await?;
    let before = scene.quiet(&gone).await?;
    let owner = scene.someone(Who::Owner)?;
    for (what, token) in &forged.tokens {
        let answer = knock(&owner.visitor.bearing(token.as_deref()), row, &target, "").await;
        report.tried(what, UNAUTHORIZED, &kept(&answer, &target));
    }
    // What names the tenant to a client of another, it could try to name here.
    let naming = format!("tenant_id={0}&custom:tenant_id={0}", scene.attacked.tenant_id);
    let nothing = || uuid::Uuid::new_v4().to_string();
    let absent = Target { document: nothing(), user: nothing(), ..target.clone() };
    for (who, expect) in row.elsewhere.iter().chain(row.refused) {
        let someone = scene.someone(*who)?;
        let is_foreign = matches!(who, Who::Foreigner | Who::ForeignAdmin | Who::Suspended);
        let query = if is_foreign { naming.as_str() } else { "" };
        let answer = knock(&someone.visitor, row, &target, query).await;
        report.tried(who.name(), expect, &kept(&answer, &target));
        if answer.status == 404 {
            let nothing = knock(&someone.visitor, row, &absent, query).await;
            let alike = (nothing.status, &nothing.body) == (answer.status, &answer.body);
            let said = if alike { "the same" } else { "something else" };
            report.tried(&format!("{}, asked for what is not there", who.name()), "the same", said);
        }
    }
    let changed = scene.quiet(&[]).await?.changed_since(&before);
    report.tried("what the tenant has, after all of them", "as it was", &told(&changed));
    Ok(())
}

/// A route to which everybody may come: no token opens or closes anything there.
async fn open(
    scene: &Scene<'_>,
    row: &OpenRow,
    forged: &Forged,
    report: &mut Report<'_>,
) -> Result<(), AttackError> {
    let before = scene.quiet(&[]).await?;
    let path = row.route.split(' ').nth(1).unwrap_or_default();
    let path = path.replace("{registration}", &format!("{}.{}", scene.attacked.tenant_id, "made-up"));
    let foreigner = scene.someone(Who::Foreigner)?;
    let owner = scene.someone(Who::Owner)?;
    let known = [("a user", Some(owner.token.clone())), ("a stranger", Some(foreigner.token.clone()))];
    for (what, token) in forged.tokens.iter().take(2).cloned().chain(known) {
        let visitor = owner.visitor.bearing(token.as_deref());
        let answer = match row.form {
            Some(form) => visitor.post_form(&path, form).await,
            None => visitor.get(&path).await,
        };
        report.tried(what, row.answer, &kept(&answer, &Target::default()));
    }
    let changed = scene.quiet(&[]).await?.changed_since(&before);
    report.tried("what the tenant has, after all of them", "as it was", &told(&changed));
    Ok(())
}

fn told(changed: &[String]) -> String {
    if changed.is_empty() { "as it was".to_owned() } else { format!("changed: {}", changed.join(", ")) }
}

/// What came back, and whether it holds anything that was planted.
fn kept(answer: &Answer, target: &Target) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let planted = [target.planted.as_str(), target.document.as_str(), PLANTED];
    // Their own document may be called as they asked for.
    let leaks = answer.status != 201 && planted.iter().any(|text| !text.is_empty() && body.contains(text));
    if leaks { format!("{} with something of the tenant's", answer.summary()) } else { answer.summary() }
}

async fn knock(visitor: &Visitor, row: &Row, target: &Target, query: &str) -> Answer {
    let (method, path) = row.route.split_once(' ').unwrap_or_default();
    let path = path.replace("{document_id}", &target.document).replace("{user_id}", &target.user);
    let method = method.parse().unwrap_or(Method::GET);
    let query = [row.query, query].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
    visitor.send(method, &format!("{path}?{query}"), (row.body)(target).as_ref()).await
}

/// The tokens that are none, and one that is.
struct Forged {
    tokens: Vec<(&'static str, Option<String>)>,
    sound: String,
}

async fn forged(scene: &Scene<'_>, other: &OtherPool) -> Result<Forged, AttackError> {
    let owner: &Someone = scene.someone(Who::Owner)?;
    let (pool, tokens) = forge(scene, other, owner).await?;
    Ok(Forged { tokens, sound: pool.token(&claims_of(&owner.token)?) })
}

/// Tokens that are none, each with what is wrong with it, and the pool whose key is the right one.
pub(super) async fn forge(
    scene: &Scene<'_>,
    other: &OtherPool,
    owner: &Someone,
) -> Result<(Pool, Vec<(&'static str, Option<String>)>), AttackError> {
    let ours = account::pool_key(scene.details, &scene.details.user_pool_id).map_err(AttackError::Key)?;
    let pool = Pool::of(&ours, &owner.token)?;
    let theirs = account::pool_key(scene.details, &other.id).map_err(AttackError::Key)?;
    let other_pool = Pool::named(&theirs, other.header(scene).await?)?;
    let forge = Forge {
        pool: &pool,
        other: &other_pool,
        other_pool_id: &other.id,
        id_token: &owner.token,
        access_token: &owner.access_token,
        now_s: shared::clock::epoch_s(shared::clock::Clock::system().now()),
    };
    let tokens = forge.all()?;
    for (_, token) in &tokens {
        scene.plant("a refused token", token.as_deref().unwrap_or_default());
    }
    Ok((pool, tokens))
}

/// A second user pool of the same account: somebody else's, whose tokens are signed as well as ours.
pub(super) struct OtherPool {
    id: String,
}

impl OtherPool {
    pub(super) async fn make(scene: &Scene<'_>) -> Result<Self, AttackError> {
        let made = cognito(scene, "CreateUserPool", &json!({ "PoolName": "somebody-elses" })).await?;
        let id = made.pointer("/UserPool/Id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let pool = Self { id };
        // Its keys are made when they are first asked for.
        pool.header(scene).await.map(|_| pool)
    }

    /// The header of its tokens.
    async fn header(&self, scene: &Scene<'_>) -> Result<Value, AttackError> {
        let url = format!("{}/{}/.well-known/jwks.json", scene.details.aws_endpoint_url, self.id);
        let keys: BTreeMap<String, Value> =
            serde_json::from_slice(&scene.someone(Who::Owner)?.visitor.fetch(&url).await.body)
                .map_err(|_| AttackError::Token("the other pool's keys"))?;
        // The second one signs ID tokens.
        let kid = keys.get("keys").and_then(|keys| keys.pointer("/1/kid")).cloned().unwrap_or_default();
        Ok(json!({ "alg": "RS256", "kid": kid }))
    }

    pub(super) async fn remove(self, scene: &Scene<'_>) {
        // What is left of it goes with the account.
        let _ = cognito(scene, "DeleteUserPool", &json!({ "UserPoolId": self.id })).await;
    }
}

async fn cognito(scene: &Scene<'_>, operation: &str, body: &Value) -> Result<Value, AttackError> {
    let target = format!("AWSCognitoIdentityProviderService.{operation}");
    let answer = scene.root.json("cognito-idp", &target, body).await;
    answer.map_err(|source| AttackError::Call { step: "make another user pool", source })
}
