//! Where tokens decide: what a function's credentials are worth without a caller's token, what each token opens, and
//! tokens that say something else than the user pool would.
//!
//! Some of the tokens are signed with the pool's own key, which is taken out of the local account: they show that the
//! roles' trust looks at what a token says, and not only at who has signed it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AttackError, Report,
    cast::{Scene, Someone},
    matrix::{OtherPool, UNAUTHORIZED, forge},
    powers::{Places, against, assume, credentials, reached, tags, tenant_roles},
    table::Who,
    tokens::claims_of,
    with,
};
use crate::{
    account::WITH_CALLERS,
    aws::{CallError, Root},
    story::client::Visitor,
};

/// The tenant roles that a caller's token opens.
pub(super) const OF_CALLERS: [&str; 4] = ["Data", "Sharing", "Directory", "Usage"];
const REFUSED: &str = "refused";
const TAGS: &str = "https://aws.amazon.com/tags";

pub(super) async fn attack(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let places = Places::of(scene).await?;
    for function in WITH_CALLERS {
        report.begin(&format!("{function}: its own credentials, without a caller's token"));
        alone(scene, function, report).await?;
        report.end();
    }
    report.begin("Users: somebody made up in the user pool");
    made_up(scene, report).await?;
    report.end();
    opened(scene, &places, report).await?;
    report.begin("tokens shown to STS");
    shown(scene, report).await?;
    report.end();
    Ok(())
}

/// Every tenant role, with every set of tags of either tenant.
async fn alone(scene: &Scene<'_>, function: &str, report: &mut Report<'_>) -> Result<(), AttackError> {
    let own = credentials(scene, function)
        .ok_or_else(|| AttackError::Scene(format!("{function} has no credentials")))?;
    for (role, arn) in tenant_roles(scene.details) {
        for (whose, tenant) in [("the attacked", &scene.attacked), ("another", &scene.attacking)] {
            for (what, tags) in [
                ("both tags", tags(&tenant.tenant_id, Some(&tenant.policy_store_id))),
                ("the tenant's tag", tags(&tenant.tenant_id, None)),
                ("no tags", Vec::new()),
            ] {
                let got = said(assume(&own, arn, &tags, None).await);
                report.tried(&format!("Tenant{role}Role with {what} of {whose} tenant"), REFUSED, &got);
            }
        }
    }
    Ok(())
}

/// The users function may make accounts, and so may whoever has stolen its credentials: of any tenant, with a password
/// of their choice. They can sign in then, and must get no token, because no session has written them into a directory.
async fn made_up(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let own = credentials(scene, "Users")
        .ok_or_else(|| AttackError::Scene("Users has no credentials".to_owned()))?;
    let email = format!("made-up-{}@attacked.example", Uuid::new_v4().simple());
    let (mailed, password) = (crate::account::password(), crate::account::password());
    let pool = &scene.details.user_pool_id;
    let made = json!({
        "UserPoolId": pool,
        "Username": email,
        "UserAttributes": [
            { "Name": "email", "Value": email },
            { "Name": "email_verified", "Value": "true" },
            { "Name": "custom:tenant_id", "Value": scene.attacked.tenant_id },
        ],
        "MessageAction": "SUPPRESS",
        "TemporaryPassword": mailed,
    });
    let admin = json!({ "UserPoolId": pool, "Username": email, "GroupName": "TENANT_ADMINS" });
    for (operation, asked) in [("AdminCreateUser", made), ("AdminAddUserToGroup", admin)] {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        let done = own.json("cognito-idp", &target, &asked).await;
        report.tried(operation, "done", &done.map_or_else(|error| error.to_string(), |_| "done".to_owned()));
    }
    let visitor = Visitor::unknown(scene.details)?;
    let challenge = visitor.sign_in(scene.details, &email, &mailed).await;
    report.tried("signing in", "NEW_PASSWORD_REQUIRED", &challenge.text("/ChallengeName"));
    let signed_in = visitor.chooses_password(scene.details, &challenge, &email, &password).await;
    report.tried("with a password of their own", "no token", token(signed_in.has_token()));
    let again = visitor.sign_in(scene.details, &email, &password).await;
    let is_signed_in = !again.text("/AuthenticationResult/IdToken").is_empty();
    report.tried("again", "no token", token(is_signed_in));
    let said = again.text("/__type");
    report.tried("what Cognito says", "UserLambdaValidationException", &said);
    Ok(())
}

const fn token(is_there: bool) -> &'static str {
    if is_there { "a token" } else { "no token" }
}

/// Each role with a caller's token: its own tenant's, and nothing of another's; and no role of what has no caller.
async fn opened(scene: &Scene<'_>, places: &Places, report: &mut Report<'_>) -> Result<(), AttackError> {
    let foreigner = scene.someone(Who::ForeignAdmin)?;
    for (role, arn) in tenant_roles(scene.details) {
        report.begin(&format!("Tenant{role}Role, by another tenant's administrator's token"));
        match by_token(scene, arn, &foreigner.token).await {
            Ok(session) if OF_CALLERS.contains(&role) => {
                scene.plant("a session's token", session.session_token.as_deref().unwrap_or_default());
                let allowed = reached(&session, places, &scene.attacking).await;
                report.tried(
                    "its own tenant",
                    "reached",
                    if allowed > 0 { "reached" } else { "not reached" },
                );
                against(&session, places, &scene.attacked, report).await;
                let other = tags(&scene.attacked.tenant_id, Some(&scene.attacked.policy_store_id));
                for (other_role, other_arn) in tenant_roles(scene.details) {
                    let got = said(assume(&session, other_arn, &other, None).await);
                    report.tried(&format!("Tenant{other_role}Role with it"), REFUSED, &got);
                }
            }
            outcome => {
                let expect = if OF_CALLERS.contains(&role) { "opened" } else { REFUSED };
                report.tried("the role", expect, &said(outcome));
            }
        }
        report.end();
    }
    Ok(())
}

/// Tokens that are none, and tokens that say something else: to STS, and to the API.
async fn shown(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let owner: &Someone = scene.someone(Who::Owner)?;
    let data = scene.details.output("TenantDataRoleArn");
    let other = OtherPool::make(scene).await?;
    let made = forge(scene, &other, owner).await;
    let (pool, forged) = match made {
        Ok(made) => made,
        Err(error) => {
            other.remove(scene).await;
            return Err(error);
        }
    };
    let sound = claims_of(&owner.token)?;
    let own = pool.token(&sound);
    let got = by_token(scene, data, &own).await;
    report.tried("a sound token under the pool's key", "opened", &said(got));
    // The use of a token is the API's to look at; and STS makes nothing of an attribute of the user's.
    let not_for_sts = |what: &str| what.contains("tenant") || what.contains("with the ID token's claims");
    for (what, token) in forged.iter().filter(|(what, _)| !not_for_sts(what)) {
        let Some(token) = token else { continue };
        report.tried(what, REFUSED, &said(by_token(scene, data, token).await));
    }
    other.remove(scene).await;
    let principal = |tags: Value| with(sound.clone(), TAGS, json!({ "principal_tags": tags }));
    let (id, store) = (scene.attacked.tenant_id.as_str(), scene.attacked.policy_store_id.as_str());
    let mut without = sound.clone();
    without.as_object_mut().map(|claims| claims.remove(TAGS));
    for (what, claims) in [
        ("no tags", without.clone()),
        ("tags that are a word", with(sound.clone(), TAGS, json!(id))),
        ("the tenant's tag alone", principal(json!({ "tenant_id": [id] }))),
        ("the store's tag alone", principal(json!({ "policy_store_id": [store] }))),
        ("an empty tenant's tag", principal(json!({ "tenant_id": [""], "policy_store_id": [store] }))),
        ("an empty store's tag", principal(json!({ "tenant_id": [id], "policy_store_id": [""] }))),
        ("two tenants' tags", principal(json!({ "tenant_id": [id, id], "policy_store_id": [store] }))),
        ("a tenant's tag with a star", principal(json!({ "tenant_id": ["*"], "policy_store_id": [store] }))),
        (
            "a tenant's tag with a slash",
            principal(json!({ "tenant_id": [format!("{id}/")], "policy_store_id": [store] })),
        ),
        (
            "a shorter tenant's tag",
            principal(json!({ "tenant_id": [id.get(1..)], "policy_store_id": [store] })),
        ),
        (
            "a tag that is none of ours",
            principal(json!({ "tenant_id": [id], "policy_store_id": [store], "admin": ["yes"] })),
        ),
    ] {
        let token = pool.token(&claims);
        scene.plant("a refused token", &token);
        report.tried(
            &format!("{what}, under the pool's key"),
            REFUSED,
            &said(by_token(scene, data, &token).await),
        );
    }
    let theirs = json!({
        "tenant_id": [scene.attacking.tenant_id], "policy_store_id": [scene.attacking.policy_store_id],
    });
    for (what, claims) in [("without tags", without), ("with another tenant's tags", principal(theirs))] {
        let token = pool.token(&claims);
        scene.plant("a refused token", &token);
        let answer = owner.visitor.bearing(Some(&token)).get("/documents").await;
        report.tried(&format!("the API with a token {what}"), UNAUTHORIZED, &answer.summary());
    }
    let answer = owner.visitor.bearing(Some(&own)).get("/documents").await;
    report.tried("the API with a sound one", "200", &answer.summary());
    Ok(())
}

/// Shows STS a token, as anybody may: without a signature.
async fn by_token(scene: &Scene<'_>, role: &str, token: &str) -> Result<Root, CallError> {
    scene.root.by_token(role, token).await
}

fn said(outcome: Result<Root, CallError>) -> String {
    match outcome {
        Ok(_) => "opened".to_owned(),
        Err(error) if error.is_access_denied() => REFUSED.to_owned(),
        // What STS says of a token, or of tags, that it does not take.
        Err(CallError::Refused { status: 400, body, .. })
            if ["InvalidIdentityToken", "ExpiredTokenException", "ValidationError"]
                .iter()
                .any(|code| body.contains(code)) =>
        {
            REFUSED.to_owned()
        }
        Err(error) => error.to_string(),
    }
}
