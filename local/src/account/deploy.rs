//! Deploying the template, with the same `sam deploy` that deploys it to AWS.

use std::{collections::BTreeMap, path::Path};

use tokio::process::Command;

use super::{AccountError, python};
use crate::{
    aws::{CallError, Root},
    paths::Paths,
    process,
    progress::Progress,
};

/// The stack's name; `samconfig.toml` says the same in its stage `local`.
pub(super) const STACK: &str = "strongroom-local";

/// Deploys `template` and answers the stack's outputs.
pub(super) async fn deploy(
    paths: &Paths,
    tools: &Path,
    root: &Root,
    template: &Path,
    progress: Progress,
) -> Result<BTreeMap<String, String>, AccountError> {
    let step = progress.step("stack (sam deploy)");
    let mut command = Command::new(tools.join("sam"));
    command
        .args(["deploy", "--config-env", "local", "--no-progressbar", "--config-file"])
        .arg(paths.root().join("samconfig.toml"))
        .arg("--template-file")
        .arg(template)
        .current_dir(paths.root())
        .env("PATH", python::path_with(tools))
        .env("AWS_ENDPOINT_URL", &root.endpoint)
        .env("AWS_ACCESS_KEY_ID", &root.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &root.secret_access_key)
        .env("AWS_DEFAULT_REGION", &root.region)
        .env("AWS_REGION", &root.region)
        // Nothing of the person's own AWS set-up may find its way in here.
        .env("AWS_CONFIG_FILE", paths.local("no-aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", paths.local("no-aws-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("SAM_CLI_TELEMETRY", "0")
        // The engine answers at once; five seconds between two looks are for AWS.
        .env("SAM_CLI_POLL_DELAY", "0.2");
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"] {
        command.env_remove(name);
    }
    let log = paths.local("deploy.log");
    let deployed = process::run(&mut command, &log, &step).await;
    deployed.map_err(|source| AccountError::Program { step: "could not deploy the stack", source })?;
    let asked = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", STACK)];
    let refused = |source| AccountError::Call { step: "could not read the stack's outputs", source };
    let answer = root.query("cloudformation", &asked).await.map_err(refused)?;
    let missing = || CallError::Answer { operation: "DescribeStacks".to_owned(), missing: "outputs" };
    let outputs = outputs(&answer).ok_or_else(missing).map_err(refused)?;
    step.done(STACK);
    Ok(outputs)
}

/// The outputs in a `DescribeStacks` answer.
fn outputs(xml: &str) -> Option<BTreeMap<String, String>> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let text = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children().find(|child| child.tag_name().name() == name)?.text().map(str::to_owned)
    };
    let members = document.descendants().filter(|node| node.tag_name().name() == "member");
    let pairs = members.filter_map(|node| Some((text(node, "OutputKey")?, text(node, "OutputValue")?)));
    Some(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_with_what_xml_escaped() {
        let answer = "<R xmlns='http://x/'><Outputs><member><OutputKey>A</OutputKey><OutputValue>x&amp;&#x27;</OutputValue></member>\
                      <member><OutputKey>B</OutputKey><Description>d</Description><OutputValue>2</OutputValue></member></Outputs></R>";
        let found = outputs(answer).unwrap();
        assert_eq!(found.get("A").map(String::as_str), Some("x&'"));
        assert_eq!(found.get("B").map(String::as_str), Some("2"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn an_answer_that_is_no_xml_has_no_outputs() {
        assert_eq!(outputs("{}"), None);
    }
}
