//! What is logged, and what never is.

use tests::{wish, world};

#[tokio::test]
async fn logs_tell_who_did_what_and_hold_no_secret() {
    let world = world().await;
    let tenant = world.fresh_tenant("logs").await;
    let (ben, cleo) = (world.sign_in(&tenant, 1).await, world.sign_in(&tenant, 2).await);
    let (name, content) = ("planted-document-name.txt", b"planted-content".as_slice());
    let added = ben.post("/documents", &wish(name, content)).await.expect(201).json();
    let id = added["document"]["document_id"].as_str().unwrap();
    let _ = ben.upload(&added["upload"], content).await.expect(200);
    let opened = ben.get(&format!("/documents/{id}")).await.expect(200).json();
    let download = opened["download"]["url"].as_str().unwrap();
    let _ = ben.use_url(reqwest::Method::GET, download, b"").await.expect(200);
    let _ = ben.share(id, &cleo).await.expect(201);
    assert_eq!(cleo.delete(&format!("/documents/{id}")).await.refusal(), "403 forbidden");
    let _ = ben.delete(&format!("/documents/{id}")).await.expect(204);
    assert_eq!(world.somebody(Some("planted.token.value")).get("/documents").await.status, 401);

    let requests = world
        .see("the line of the deletion", async || {
            let requests: Vec<serde_json::Value> = world
                .logs()
                .await
                .iter()
                .filter(|line| line.contains(&tenant.tenant_id))
                .filter_map(|line| serde_json::from_str(line).ok())
                .filter(|line: &serde_json::Value| line["message"] == "request")
                .collect();
            let deleted = |line: &serde_json::Value| {
                line["route"] == "DELETE /documents/{document_id}" && line["outcome"] == 204
            };
            requests.iter().any(deleted).then_some(requests)
        })
        .await;
    let forbidden = requests.iter().find(|line| line["outcome"] == 403).expect("the refusal is logged");
    for field in ["request_id", "route", "tenant", "user", "duration_ms"] {
        assert!(!forbidden[field].is_null(), "{field} in {forbidden}");
    }
    assert_eq!(forbidden["user"], cleo.user_id.as_str());

    let access = std::fs::read_to_string(&world.details.access_log).unwrap();
    assert!(access.contains(&tenant.tenant_id), "the access log tells of the tenant");
    let logs = world.logs().await;
    let parameter = |url: &str, name: &str| -> String {
        url.split(['?', '&']).find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    let upload = added["upload"]["url"].as_str().unwrap();
    for (secret, what) in [
        (ben.token.clone().unwrap(), "a token"),
        (tenant.users[1].password.clone(), "a password"),
        (parameter(upload, "X-Amz-Signature"), "the signature of an upload"),
        (parameter(download, "X-Amz-Signature"), "the signature of a download"),
        (parameter(download, "X-Amz-Security-Token"), "a session token"),
        (name.to_owned(), "a document's name"),
        ("planted-content".to_owned(), "content"),
        ("planted.token.value".to_owned(), "a refused token"),
    ] {
        assert!(!access.contains(&secret), "{what} is in the access log");
        assert!(!logs.iter().any(|line| line.contains(&secret)), "{what} is in a function's log");
    }
}
