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

/// Deploys `template` as `samconfig` says, and answers the stack's outputs.
pub(super) async fn deploy(
    paths: &Paths,
    tools: &Path,
    root: &Root,
    template: &Path,
    samconfig: &Path,
    progress: Progress,
) -> Result<BTreeMap<String, String>, AccountError> {
    let step = progress.step("stack (sam deploy)");
    let mut command = Command::new(tools.join("sam"));
    command
        .args(["deploy", "--config-env", "local", "--no-progressbar", "--config-file"])
        .arg(samconfig)
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
        .env("AWS_CONFIG_FILE", paths.own("no-aws-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", paths.own("no-aws-credentials"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("SAM_CLI_TELEMETRY", "0")
        // The engine answers at once; five seconds between two looks are for AWS.
        .env("SAM_CLI_POLL_DELAY", "0.2");
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"] {
        command.env_remove(name);
    }
    let log = paths.own("deploy.log");
    let deployed = process::run(&mut command, &log, &step).await;
    deployed.map_err(|source| AccountError::Program { step: "could not deploy the stack", source })?;
    let refused = |source| AccountError::Call { step: "could not read the stack's outputs", source };
    let outputs = describe(root, STACK).await.map_err(refused)?.outputs;
    step.done(STACK);
    Ok(outputs)
}

/// What a stack has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// Such as `CREATE_COMPLETE`.
    pub(super) status: String,
    /// Why, where it says so.
    pub(super) reason: String,
    /// Its outputs, by name.
    pub(super) outputs: BTreeMap<String, String>,
}

/// Looks at a stack.
pub(super) async fn describe(root: &Root, stack: &str) -> Result<Stack, CallError> {
    let asked = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", stack)];
    let answer = root.query("cloudformation", &asked).await?;
    described(&answer)
        .ok_or_else(|| CallError::Answer { operation: "DescribeStacks".to_owned(), missing: "stack" })
}

/// The stack in a `DescribeStacks` answer.
fn described(xml: &str) -> Option<Stack> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let text = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.descendants().find(|child| child.tag_name().name() == name)?.text().map(str::to_owned)
    };
    let members = document.descendants().filter(|node| node.tag_name().name() == "member");
    let pairs = members
        .filter(|node| node.parent().is_some_and(|list| list.tag_name().name() == "Outputs"))
        .filter_map(|node| Some((text(node, "OutputKey")?, text(node, "OutputValue")?)));
    Some(Stack {
        status: text(document.root(), "StackStatus")?,
        reason: text(document.root(), "StackStatusReason").unwrap_or_default(),
        outputs: pairs.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_read_with_what_xml_escaped() {
        let answer = "<R xmlns='http://x/'><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>\
                      <member><OutputKey>A</OutputKey><OutputValue>x&amp;&#x27;</OutputValue></member>\
                      <member><OutputKey>B</OutputKey><Description>d</Description><OutputValue>2</OutputValue></member>\
                      </Outputs></member></Stacks></R>";
        let outputs = [("A", "x&'"), ("B", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected =
            Stack { status: "CREATE_COMPLETE".to_owned(), reason: String::new(), outputs: outputs.into() };
        assert_eq!(described(answer), Some(expected));
    }

    #[test]
    fn a_stack_that_failed_has_its_reason() {
        let answer = "<R><member><StackStatus>ROLLBACK_COMPLETE</StackStatus><StackStatusReason>no</StackStatusReason></member></R>";
        let stack = described(answer).unwrap();
        assert_eq!((stack.status.as_str(), stack.reason.as_str()), ("ROLLBACK_COMPLETE", "no"));
    }

    #[test]
    fn an_answer_without_a_stack_is_none() {
        assert_eq!(described("{}"), None);
        assert_eq!(described("<R/>"), None);
    }
}
