//! What a person reads once the account is up: where it is, who is in it, and commands to paste.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::details::{Details, Role};

/// The content that the pasted command promises: what `printf hello` prints.
const CONTENT: &str = "hello";

/// The whole text. Passwords are in it: they open nothing but this account.
#[must_use]
pub fn greeting(details: &Details) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, details);
    text
}

fn write(text: &mut String, details: &Details) -> std::fmt::Result {
    writeln!(text, "\nAPI            {}", details.api_url)?;
    writeln!(text, "AWS endpoint   {}", details.aws_endpoint_url)?;
    writeln!(text, "everything     target/local/account.json\n")?;
    writeln!(text, "{:<8} {:<6} {:<22} {:<27} user id", "tenant", "role", "e-mail", "password")?;
    for tenant in &details.tenants {
        for user in &tenant.users {
            let role = match user.role {
                Role::Admin => "admin",
                Role::User => "user",
            };
            writeln!(
                text,
                "{:<8} {role:<6} {:<22} {:<27} {}",
                tenant.name, user.email, user.password, user.user_id
            )?;
        }
    }
    let Some(user) =
        details.tenants.iter().flat_map(|tenant| &tenant.users).find(|user| user.role == Role::User)
    else {
        return Ok(());
    };
    let checksum = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, CONTENT.as_bytes()));
    let (api, aws) = (&details.api_url, &details.aws_endpoint_url);
    writeln!(text, "\nSign in, add a document, list it:\n")?;
    writeln!(
        text,
        "TOKEN=$(curl -s {aws}/ -H 'Content-Type: application/x-amz-json-1.1' \
         -H 'X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth' \
         -d '{{\"ClientId\":\"{}\",\"AuthFlow\":\"USER_PASSWORD_AUTH\",\"AuthParameters\":{{\"USERNAME\":\"{}\",\"PASSWORD\":\"{}\"}}}}' \
         | sed -E 's/.*\"IdToken\": *\"([^\"]+)\".*/\\1/')",
        details.user_pool_client_id, user.email, user.password
    )?;
    writeln!(
        text,
        "curl -i -X POST {api}/documents -H \"Authorization: $TOKEN\" -H 'Content-Type: application/json' \
         -d '{{\"document_name\":\"hello.txt\",\"content_type\":\"text/plain\",\"size_bytes\":{},\"checksum_sha256\":\"{checksum}\"}}'",
        CONTENT.len()
    )?;
    writeln!(text, "curl -i {api}/documents -H \"Authorization: $TOKEN\"")?;
    writeln!(text, "\nSign a new tenant up, or be AWS Marketplace yourself:\n")?;
    writeln!(text, "cargo run -q -p local -- signup")?;
    writeln!(text, "cargo run -q -p local -- marketplace subscribe")?;
    writeln!(text, "\nThe AWS CLI, and any SDK, as the account's root:\n")?;
    writeln!(
        text,
        "export AWS_ENDPOINT_URL={aws} AWS_DEFAULT_REGION={} AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        details.region, details.admin.access_key_id, details.admin.secret_access_key
    )?;
    writeln!(text, "aws dynamodb scan --table-name {}", details.output("DocumentsTableName"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::details::{Credentials, Seller, Tenant, User};

    fn details() -> Details {
        let user = |email: &str, role| User {
            email: email.to_owned(),
            user_id: "6f1d".to_owned(),
            password: "aA1-x".to_owned(),
            role,
        };
        let key =
            |id: &str| Credentials { access_key_id: id.to_owned(), secret_access_key: "s3cret".to_owned() };
        let users = vec![user("ada@amber.example", Role::Admin), user("ben@amber.example", Role::User)];
        Details {
            api_url: "http://127.0.0.1:1".to_owned(),
            aws_endpoint_url: "http://127.0.0.1:2".to_owned(),
            region: "us-east-1".to_owned(),
            user_pool_id: "pool".to_owned(),
            user_pool_client_id: "client".to_owned(),
            admin: key("test"),
            outputs: [("DocumentsTableName".to_owned(), "documents".to_owned())].into(),
            seller: Seller {
                account_id: "444455556666".to_owned(),
                admin: key("seller"),
                external_id: "s3cret".to_owned(),
                product_id: "prod-1".to_owned(),
                product_code: "code".to_owned(),
                outputs: std::collections::BTreeMap::new(),
            },
            tenants: vec![Tenant {
                name: "amber".to_owned(),
                tenant_id: "0".repeat(32),
                policy_store_id: "ps".to_owned(),
                users,
            }],
            access_log: "access".into(),
            folder: "folder".into(),
            engine_log: "engine".into(),
            functions: "functions".into(),
            tools: "tools".into(),
            pid: 1,
            fingerprint: String::new(),
        }
    }

    #[test]
    fn the_text_has_the_url_every_user_and_three_commands() {
        let text = greeting(&details());
        assert!(text.contains("http://127.0.0.1:1\n"));
        assert!(text.contains("ada@amber.example") && text.contains("ben@amber.example"));
        assert_eq!(text.lines().filter(|line| line.contains("curl ")).count(), 3);
        assert!(text.contains(r#""USERNAME":"ben@amber.example","PASSWORD":"aA1-x""#), "signs in as a user");
    }

    #[test]
    fn account_json_reads_back_and_its_debug_form_has_no_secret() {
        let details = details();
        let text = serde_json::to_string(&details).unwrap();
        let read: Details = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let shown = format!("{details:?}");
        assert!(!shown.contains("aA1-x") && !shown.contains("s3cret"), "{shown}");
    }
}
