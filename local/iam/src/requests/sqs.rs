//! Amazon SQS over its JSON protocol: one queue a call, batches authorized as their single form.
//!
//! Sources: Service Authorization Reference, "Actions, resources, and condition keys for Amazon SQS"; SQS Developer
//! Guide, "Amazon SQS API permissions" (batch actions are covered by the single ones).

use super::body::Body;
use super::{Call, Needed, Underivable};

/// How an operation names its queue.
enum Queue {
    Url,
    Name,
    SourceArn,
    None,
}

/// `(operation, action, queue)`.
const OPERATIONS: &[(&str, &str, Queue)] = &[
    ("AddPermission", "AddPermission", Queue::Url),
    ("ChangeMessageVisibility", "ChangeMessageVisibility", Queue::Url),
    ("ChangeMessageVisibilityBatch", "ChangeMessageVisibility", Queue::Url),
    ("CreateQueue", "CreateQueue", Queue::Name),
    ("DeleteMessage", "DeleteMessage", Queue::Url),
    ("DeleteMessageBatch", "DeleteMessage", Queue::Url),
    ("DeleteQueue", "DeleteQueue", Queue::Url),
    ("GetQueueAttributes", "GetQueueAttributes", Queue::Url),
    ("GetQueueUrl", "GetQueueUrl", Queue::Name),
    ("ListDeadLetterSourceQueues", "ListDeadLetterSourceQueues", Queue::Url),
    ("ListMessageMoveTasks", "ListMessageMoveTasks", Queue::SourceArn),
    ("ListQueueTags", "ListQueueTags", Queue::Url),
    ("ListQueues", "ListQueues", Queue::None),
    ("PurgeQueue", "PurgeQueue", Queue::Url),
    ("ReceiveMessage", "ReceiveMessage", Queue::Url),
    ("RemovePermission", "RemovePermission", Queue::Url),
    ("SendMessage", "SendMessage", Queue::Url),
    ("SendMessageBatch", "SendMessage", Queue::Url),
    ("SetQueueAttributes", "SetQueueAttributes", Queue::Url),
    ("TagQueue", "TagQueue", Queue::Url),
    ("UntagQueue", "UntagQueue", Queue::Url),
];

pub(super) fn derive(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let (_, action, queue) = OPERATIONS
        .iter()
        .find(|(operation, ..)| *operation == call.operation)
        .ok_or_else(|| call.unknown_operation())?;
    let body = Body::of(call)?;
    let needed = match queue {
        Queue::None => call.needs(action, "*"),
        Queue::Name => {
            let owner = body.optional("QueueOwnerAWSAccountId")?.unwrap_or(&call.account);
            on(call, action, owner, body.string("QueueName")?)?
        }
        Queue::Url => {
            let (account, name) = account_and_name(body.string("QueueUrl")?)
                .ok_or_else(|| body.not("QueueUrl", "a URL that ends in /ACCOUNT/NAME"))?;
            on(call, action, account, name)?
        }
        Queue::SourceArn => {
            let arn: crate::Arn =
                body.string("SourceArn")?.parse().map_err(|_| body.not("SourceArn", "an ARN"))?;
            if arn.service() != "sqs" || arn.region() != call.region {
                return Err(body.not("SourceArn", "the ARN of a queue of this region"));
            }
            on(call, action, arn.account(), arn.resource())?
        }
    };
    // CreateQueue spells the member in lower case, TagQueue does not.
    let mut tags = body.tags("tags")?;
    tags.extend(body.tags("Tags")?);
    Ok(vec![needed.with_request_tags(&tags).with_tag_keys_if_absent(&tags, &body.strings("TagKeys")?)])
}

/// The last two segments of a queue's URL.
fn account_and_name(url: &str) -> Option<(&str, &str)> {
    let (before, name) = url.rsplit_once('/')?;
    let (_, account) = before.rsplit_once('/')?;
    Some((account, name))
}

fn on(call: &Call, action: &str, account: &str, name: &str) -> Result<Needed, Underivable> {
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    let is_account = account.len() == 12 && account.chars().all(|one| one.is_ascii_digit());
    if !is_account || name.is_empty() || !name.chars().all(plain) {
        return Err(call.unreadable(format!("`{account}/{name}` does not name a queue")));
    }
    let mut needed = call.needs(action, format!("arn:aws:sqs:{}:{account}:{name}", call.region));
    account.clone_into(&mut needed.resource_account);
    Ok(needed)
}

impl Needed {
    fn with_tag_keys_if_absent(self, tags: &[(String, String)], keys: &[String]) -> Self {
        if tags.is_empty() { self.with_tag_keys(keys) } else { self }
    }
}
