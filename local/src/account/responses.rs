//! What the engine leaves out of the template, put in by hand: the API's own error answers.
//!
//! API Gateway takes `GatewayResponses` from the API's OpenAPI body; the engine ignores that part of it,
//! though it knows the calls that do the same. So they are read from the deployed template and made with
//! those calls. Nothing is invented here: what the template does not say is not set.

use serde_json::{Map, Value, json};

use super::{AccountError, deploy};
use crate::{aws::Root, progress::Progress};

/// Sets the gateway responses that the deployed template asks for, and deploys the stage anew.
pub(super) async fn complete(
    root: &Root,
    api_id: &str,
    stage: &str,
    progress: Progress,
) -> Result<(), AccountError> {
    let step = progress.step("gateway responses");
    let refused = |source| AccountError::Call { step: "could not set the gateway responses", source };
    let wanted = [
        ("Action", "GetTemplate"),
        ("Version", "2010-05-15"),
        ("StackName", deploy::STACK),
        ("TemplateStage", "Processed"),
    ];
    let answer = root.query("cloudformation", &wanted).await.map_err(refused)?;
    let responses = in_template(&answer)?;
    for (kind, response) in &responses {
        let path = format!("/restapis/{api_id}/gatewayresponses/{kind}");
        let status = response.get("statusCode").map(|status| status.to_string().trim_matches('"').to_owned());
        let body = json!({
            "statusCode": status,
            "responseParameters": response.get("responseParameters").unwrap_or(&Value::Null),
            "responseTemplates": response.get("responseTemplates").unwrap_or(&Value::Null),
        });
        root.rest("apigateway", http::Method::PUT, &path, &body).await.map_err(refused)?;
    }
    let path = format!("/restapis/{api_id}/deployments");
    root.rest("apigateway", http::Method::POST, &path, &json!({ "stageName": stage }))
        .await
        .map_err(refused)?;
    step.done(&format!("{} set by call: the engine leaves them out of the template", responses.len()));
    Ok(())
}

/// The gateway responses in a `GetTemplate` answer.
fn in_template(answer: &str) -> Result<Map<String, Value>, AccountError> {
    let missing = |what: &str| AccountError::Template(format!("as deployed has no {what}"));
    let document = roxmltree::Document::parse(answer).map_err(|_| missing("XML form"))?;
    let body = document.descendants().find(|node| node.tag_name().name() == "TemplateBody");
    let body = body.and_then(|node| node.text()).ok_or_else(|| missing("body"))?;
    let template: Value = serde_json::from_str(body).map_err(|_| missing("JSON form"))?;
    let resources =
        template.get("Resources").and_then(Value::as_object).ok_or_else(|| missing("resources"))?;
    resources
        .values()
        .filter(|resource| resource.get("Type").is_some_and(|kind| kind == "AWS::ApiGateway::RestApi"))
        .find_map(|api| api.pointer("/Properties/Body/x-amazon-apigateway-gateway-responses"))
        .and_then(Value::as_object)
        .cloned()
        .ok_or_else(|| missing("gateway responses"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(template: &str) -> String {
        format!(
            "<GetTemplateResponse xmlns='http://x/'><TemplateBody>{}</TemplateBody></GetTemplateResponse>",
            template.replace('"', "&quot;").replace('\'', "&#x27;")
        )
    }

    #[test]
    fn the_responses_are_those_of_the_deployed_api() {
        let template = r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue"},"Api":{"Type":"AWS::ApiGateway::RestApi","Properties":{"Body":{
            "x-amazon-apigateway-gateway-responses":{"THROTTLED":{"statusCode":"429","responseParameters":{"h":"'v'"}}}}}}}}"#;
        let found = in_template(&answer(template)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found["THROTTLED"]["responseParameters"]["h"], "'v'");
    }

    #[test]
    fn a_template_without_them_is_an_error_and_not_an_api_without_problem_documents() {
        for (answer, why) in [
            (
                answer(
                    r#"{"Resources":{"Api":{"Type":"AWS::ApiGateway::RestApi","Properties":{"Body":{}}}}}"#,
                ),
                "none in the body",
            ),
            (answer(r#"{"Resources":{}}"#), "no API"),
            (answer("Resources: {}"), "not JSON"),
            ("<A/>".to_owned(), "no template"),
        ] {
            assert!(in_template(&answer).is_err(), "{why}");
        }
    }
}
