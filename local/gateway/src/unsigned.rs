//! What AWS serves to somebody who has signed nothing; everything else needs a signature.

use http::Method;
use http::request::Parts;
use iam::requests::is_public_cognito;

/// Whether a request could be one of the query protocol, which its body says.
pub(crate) fn is_query(parts: &Parts) -> bool {
    let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    parts.method == Method::POST
        && parts.uri.path_and_query().is_some_and(|path| path == "/")
        && !parts.headers.contains_key("x-amz-target")
        && kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// The engine's own word on how it is.
const HEALTH: [&str; 3] = ["/_ministack/health", "/_ministack/ready", "/_localstack/health"];

/// Whether a request without a signature is sent on; the answer names what it is, for the log.
pub(crate) fn served(parts: &Parts) -> Option<(&'static str, String)> {
    let path = parts.uri.path();
    if let Some(target) = parts.headers.get("x-amz-target") {
        let operation = target.to_str().ok()?.strip_prefix("AWSCognitoIdentityProviderService.")?;
        let public = parts.method == Method::POST && path == "/" && is_public_cognito(operation);
        return public.then(|| ("cognito-idp", operation.to_owned()));
    }
    if parts.method == Method::OPTIONS {
        // A browser's preflight: it changes nothing, and the bucket's own CORS rules answer it.
        return Some(("unsigned", "OPTIONS".to_owned()));
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return None;
    }
    if HEALTH.contains(&path) {
        return Some(("engine", "Health".to_owned()));
    }
    let (pool, rest) = path.strip_prefix('/')?.split_once('/')?;
    let known = matches!(rest, ".well-known/jwks.json" | ".well-known/openid-configuration");
    // REGION_ID: a bucket's name holds no underscore.
    (known && pool.contains('_')).then(|| ("cognito-idp", "Keys".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, path: &str, target: Option<&str>) -> Parts {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn signing_in_and_public_keys_need_no_signature() {
        let sign_in = Some("AWSCognitoIdentityProviderService.InitiateAuth");
        for (method, path, target) in [
            ("POST", "/", sign_in),
            ("GET", "/us-east-1_abc/.well-known/jwks.json", None),
            ("GET", "/_ministack/health", None),
            ("OPTIONS", "/bucket/key", None),
        ] {
            assert!(served(&parts(method, path, target)).is_some(), "{method} {path}");
        }
    }

    #[test]
    fn everything_else_does() {
        for (method, path, target, why) in [
            (
                "POST",
                "/",
                Some("AWSCognitoIdentityProviderService.AdminGetUser"),
                "an administrator's operation",
            ),
            ("POST", "/", Some("DynamoDB_20120810.GetItem"), "another service"),
            ("POST", "/_ministack/reset", None, "the engine's own controls"),
            ("GET", "/bucket/.well-known/jwks.json", None, "an object that is called so"),
            ("GET", "/bucket/key", None, "an object"),
            ("PUT", "/_ministack/health", None, "another method"),
        ] {
            assert!(served(&parts(method, path, target)).is_none(), "{why}");
        }
    }
}
