//! The confused deputy: roles that are lent to one function for one purpose, asked for by others, without what has to
//! be said, or with something else.
//!
//! The seller account lends its roles to one role each of the product's account, and only to whoever says the
//! ExternalId of this deployment. The tenant roles of the product's account are lent to the functions that need them,
//! and only with a tenant's tags.

use super::{
    AttackError, Report,
    bearers::OF_CALLERS,
    cast::Scene,
    powers::{assume, credentials, tags, tenant_roles},
};
use crate::{
    account::FUNCTIONS,
    aws::{CallError, Root},
};

/// To whom the seller's roles are lent.
const LENT: [(&str, &str); 3] = [
    ("RegistrationRoleArn", "Signup"),
    ("AgreementsRoleArn", "Subscriptions"),
    ("MeteringRoleArn", "Metering"),
];

pub(super) async fn attack(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let seller = &scene.details.seller;
    scene.plant("the ExternalId", &seller.external_id);
    for (output, arn) in seller.outputs.iter().filter(|(output, _)| output.ends_with("RoleArn")) {
        report.begin(&format!("the seller's {}", output.trim_end_matches("Arn")));
        let rightful = LENT.iter().find(|(name, _)| name == output).map_or("", |(_, function)| function);
        let own = credentials(scene, rightful)
            .ok_or_else(|| AttackError::Scene(format!("nobody is known whom {output} is lent to")))?;
        let id = seller.external_id.as_str();
        let wrong = format!("{id}x");
        report.tried("its function, with the ExternalId", "lent", &ask(&own, arn, &[], Some(id)).await);
        for (what, said) in [
            ("without an ExternalId", None),
            ("with a longer one", Some(wrong.as_str())),
            ("with a shorter one", id.get(1..)),
            ("with a star", Some("**")),
        ] {
            report.tried(&format!("its function, {what}"), "refused", &ask(&own, arn, &[], said).await);
        }
        for function in FUNCTIONS.into_iter().filter(|function| *function != rightful) {
            let Some(other) = credentials(scene, function) else { continue };
            report.tried(
                &format!("{function}, with the ExternalId"),
                "refused",
                &ask(&other, arn, &[], Some(id)).await,
            );
        }
        report.end();
    }
    for (role, arn) in tenant_roles(scene.details) {
        report.begin(&format!("Tenant{role}Role"));
        lent_with_tags(scene, role, arn, report).await?;
        report.end();
    }
    Ok(())
}

/// A tenant role: with all of a tenant's tags to its functions, and otherwise to nobody.
async fn lent_with_tags(
    scene: &Scene<'_>,
    role: &str,
    arn: &str,
    report: &mut Report<'_>,
) -> Result<(), AttackError> {
    let (id, store) = (scene.attacking.tenant_id.as_str(), &scene.attacking.policy_store_id);
    let whole = tags(id, (role != "Mapping").then_some(store));
    let (mut lent_to, mut refused) = (None, Vec::new());
    for function in FUNCTIONS {
        let Some(own) = credentials(scene, function) else { continue };
        match ask(&own, arn, &whole, None).await {
            got if got == "lent" => {
                lent_to = Some(own);
                break;
            }
            got => refused.push((function, got)),
        }
    }
    if lent_to.is_none() && scene.tokens_decide() && OF_CALLERS.contains(&role) {
        for (function, got) in refused {
            report.tried(&format!("{function}, with all tags"), "refused", &got);
        }
        return Ok(());
    }
    let own = lent_to.ok_or_else(|| AttackError::Scene(format!("no function is lent Tenant{role}Role")))?;
    let session = assume(&own, arn, &whole, None).await;
    let session = session.map_err(|source| AttackError::Call { step: "make a session", source })?;
    let slashed = format!("{id}/");
    let short = id.get(1..).unwrap_or_default();
    let with = |tenant: &'static str| vec![("tenant_id", tenant), ("policy_store_id", store.as_str())];
    let mut further = whole.clone();
    further.push(("admin", "yes"));
    for (what, said) in [
        ("no tags", vec![]),
        ("the store alone", vec![("policy_store_id", store.as_str())]),
        ("an empty tenant", with("")),
        ("a star for a tenant", with("*")),
        (
            "a slash behind the tenant",
            vec![("tenant_id", slashed.as_str()), ("policy_store_id", store.as_str())],
        ),
        ("a shorter tenant", vec![("tenant_id", short), ("policy_store_id", store.as_str())]),
        ("a tag that is none of ours", further),
    ] {
        report.tried(what, "refused", &ask(&own, arn, &said, None).await);
    }
    report.tried("a session of its own, for another tenant", "refused", &{
        let other =
            tags(&scene.attacked.tenant_id, (role != "Mapping").then_some(&scene.attacked.policy_store_id));
        ask(&session, arn, &other, None).await
    });
    for function in ["Signup", "Subscriptions"] {
        let Some(other) = credentials(scene, function) else { continue };
        report.tried(&format!("{function}, with all tags"), "refused", &ask(&other, arn, &whole, None).await);
    }
    let seller = Root {
        access_key_id: scene.details.seller.admin.access_key_id.clone(),
        secret_access_key: scene.details.seller.admin.secret_access_key.clone(),
        session_token: None,
        ..scene.root.clone()
    };
    report.tried("the seller's root, with all tags", "refused", &ask(&seller, arn, &whole, None).await);
    Ok(())
}

async fn ask(who: &Root, role: &str, tags: &[(&str, &str)], external_id: Option<&str>) -> String {
    match assume(who, role, tags, external_id).await {
        Ok(_) => "lent".to_owned(),
        Err(error) if error.is_access_denied() => "refused".to_owned(),
        // A tag or an ExternalId that STS itself does not take is as refused.
        Err(CallError::Refused { status: 400, body, .. }) if body.contains("Validation") => {
            "refused".to_owned()
        }
        Err(error) => error.to_string(),
    }
}
