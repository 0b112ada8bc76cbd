//! What a gateway must be told before it starts; it reads no environment and no file.

use std::path::PathBuf;

use crate::clock::Clock;

/// Where the engine is, which accounts it plays, and who their roots are.
#[derive(Clone)]
pub struct Config {
    /// Where ministack listens, such as `http://127.0.0.1:4566`. It need not be up yet.
    pub engine_url: String,
    /// The port of the AWS endpoint on 127.0.0.1; 0 takes one that the system hands out.
    pub aws_port: u16,
    /// The port of the API endpoint on 127.0.0.1; 0 takes one that the system hands out.
    pub api_port: u16,
    /// The twelve digits of the account that the product runs in.
    pub account: String,
    /// The region that the stack is deployed to.
    pub region: String,
    /// The access key id of the account's root, to which everything is allowed.
    pub root_access_key: String,
    /// The secret of that key.
    pub root_secret_key: String,
    /// The account that sells the product on AWS Marketplace: a second one, behind the same endpoint.
    pub seller: AccountRoot,
    /// The file that access log lines are appended to; none, and no log is kept.
    pub access_log: Option<PathBuf>,
    /// The session tag that the log shows as the tenant.
    pub tenant_tag: String,
    /// The clock that signatures and sessions are held to.
    pub clock: Clock,
}

/// An account, and the key of its root.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRoot {
    /// Its twelve digits.
    pub account: String,
    /// The access key id of its root, to which everything in this account is allowed.
    pub access_key: String,
    /// The secret of that key.
    pub secret_key: String,
}

impl Config {
    /// The local account's usual values (account 123456789012, us-east-1, root `test`/`test`; seller 444455556666,
    /// root `seller`/`seller`; ports as handed out, no log) in front of the engine at `engine_url`.
    pub fn new(engine_url: impl Into<String>) -> Self {
        Self {
            engine_url: engine_url.into(),
            aws_port: 0,
            api_port: 0,
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            root_access_key: "test".to_owned(),
            root_secret_key: "test".to_owned(),
            seller: AccountRoot {
                account: "444455556666".to_owned(),
                access_key: "seller".to_owned(),
                secret_key: "seller".to_owned(),
            },
            access_log: None,
            tenant_tag: "tenant_id".to_owned(),
            clock: Clock::system(),
        }
    }

    /// Every account, the product's first.
    pub(crate) fn accounts(&self) -> [AccountRoot; 2] {
        let product = AccountRoot {
            account: self.account.clone(),
            access_key: self.root_access_key.clone(),
            secret_key: self.root_secret_key.clone(),
        };
        [product, self.seller.clone()]
    }
}
