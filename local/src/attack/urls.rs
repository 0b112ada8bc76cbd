//! Signed URLs, in the hands of somebody who has one and wants more: another key, another verb, other content, more
//! time.
//!
//! That a URL ends with the session that signed it is not tried here: the shortest session lasts 15 minutes. The
//! gateway's own tests move its clock to see it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shared::clock::Clock;
use uuid::Uuid;

use super::{
    AttackError, Report,
    cast::{PLANTED, Scene},
    powers::{assume, credentials, tags},
    table::{Named, Who},
};
use crate::story::client::promise;

const LASTS: Duration = Duration::from_secs(60);

pub(super) async fn attack(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    report.begin("a signed upload");
    upload(scene, report).await?;
    report.end();
    report.begin("a signed download");
    download(scene, report).await?;
    report.end();
    Ok(())
}

/// The address without its query, and the query.
fn halves(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

async fn upload(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let owner = &scene.someone(Who::Owner)?.visitor;
    let name = format!("planted-upload-{}.txt", Uuid::new_v4().simple());
    scene.plant("a document's name", &name);
    let added = owner.post("/documents", &promise(&name, PLANTED)).await;
    let document = added.text("/document/document_id");
    let upload = added.json().get("upload").cloned().unwrap_or_default();
    let url = upload.get("url").and_then(Value::as_str).unwrap_or_default();
    scene.plant_url(url);
    let headers: Vec<(String, String)> = upload
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(name, _)| {
            !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host")
        })
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let content = PLANTED.as_bytes().to_vec();
    let (path, query) = halves(url);
    let elsewhere = |from: &str, to: &str| format!("{}?{query}", path.replace(from, to));
    let other_key = elsewhere(&document, &Uuid::new_v4().to_string());
    let other_tenant = elsewhere(&scene.attacked.tenant_id, &scene.attacking.tenant_id);
    let longer_life = url.replace("X-Amz-Expires=", "X-Amz-Expires=9");
    let unsigned = url.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    let mut longer = content.clone();
    longer.push(b'!');
    let mut as_long = content.clone();
    as_long.reverse();
    let other_checksum: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let is_checksum = name.to_ascii_lowercase().contains("checksum-sha256");
            let other = promise("x", "something else");
            let other = other.get("checksum_sha256").and_then(Value::as_str).unwrap_or_default().to_owned();
            (name.clone(), if is_checksum { other } else { value.clone() })
        })
        .collect();
    for (what, method, url, headers, content, expect) in [
        ("another key", Method::PUT, other_key.as_str(), &headers, &content, 403),
        ("another tenant's prefix", Method::PUT, &other_tenant, &headers, &content, 403),
        ("a read", Method::GET, url, &Vec::new(), &Vec::new(), 403),
        ("a deletion", Method::DELETE, url, &Vec::new(), &Vec::new(), 403),
        ("a longer life", Method::PUT, &longer_life, &headers, &content, 403),
        ("another signature", Method::PUT, &unsigned, &headers, &content, 403),
        ("a longer body", Method::PUT, url, &headers, &longer, 403),
        ("another checksum", Method::PUT, url, &other_checksum, &content, 403),
        ("no checksum", Method::PUT, url, &Vec::new(), &content, 403),
        ("other content of the same length", Method::PUT, url, &headers, &as_long, 400),
        ("what was promised", Method::PUT, url, &headers, &content, 200),
    ] {
        let answer = owner.use_url(method, url, headers, content.clone()).await;
        report.tried(what, &expect.to_string(), &answer.status.to_string());
    }
    Ok(())
}

async fn download(scene: &Scene<'_>, report: &mut Report<'_>) -> Result<(), AttackError> {
    let owner = &scene.someone(Who::Owner)?.visitor;
    let target = scene.target(Named::Receiver).await?;
    let other = scene.target(Named::Receiver).await?;
    let opened = owner.get(&format!("/documents/{}", target.document)).await;
    let url = opened.text("/download/url");
    scene.plant_url(&url);
    let (path, query) = halves(&url);
    let other_key = format!("{}?{query}", path.replace(&target.document, &other.document));
    let longer_life = url.replace("X-Amz-Expires=", "X-Amz-Expires=9");
    for (what, method, url, expect) in [
        ("another key", Method::GET, other_key.as_str(), 403),
        ("an upload", Method::PUT, &url, 403),
        ("a deletion", Method::DELETE, &url, 403),
        ("a longer life", Method::GET, &longer_life, 403),
        ("no signature", Method::GET, path, 403),
        ("what it is for", Method::GET, &url, 200),
    ] {
        let answer = owner.use_url(method, url, &[], Vec::new()).await;
        report.tried(what, &expect.to_string(), &answer.status.to_string());
    }
    // Signed as the function signs, by a session of the tenant's own, and by one of another tenant.
    let bucket = scene.details.output("ContentBucketName");
    let key = format!("/{bucket}/{}/{}", scene.attacked.tenant_id, target.document);
    let own = credentials(scene, "Documents").ok_or_else(|| AttackError::Scene("no Documents".to_owned()))?;
    let role = scene.details.output("TenantDataRoleArn");
    let failed = |source| AttackError::Call { step: "sign a URL", source };
    let now = Clock::system().now();
    for (whose, tenant, at, expect) in [
        ("signed now", &scene.attacked, now, "200"),
        ("signed an hour ago, for a minute", &scene.attacked, now - Duration::from_secs(3600), "403"),
        ("signed by another tenant's session", &scene.attacking, now, "403"),
    ] {
        let tags = tags(&tenant.tenant_id, Some(&tenant.policy_store_id));
        let session = if scene.tokens_decide() {
            let who = if tenant.tenant_id == scene.attacked.tenant_id { Who::Owner } else { Who::Foreigner };
            own.by_token(role, &scene.someone(who)?.token).await
        } else {
            assume(&own, role, &tags, None).await
        };
        let session = session.map_err(failed)?;
        let url = session.presigned("GET", &key, at, LASTS).map_err(failed)?;
        scene.plant_url(&url);
        report.tried(
            whose,
            expect,
            &owner.use_url(Method::GET, &url, &[], Vec::new()).await.status.to_string(),
        );
    }
    Ok(())
}
