//! Which of the Marketplace's services is meant: names on the wire only.

/// Two services that sign as `aws-marketplace`, told apart by the prefix of their target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Marketplace Metering: `AWSMPMeteringService`, awsJson1.1.
    Metering,
    /// Marketplace Agreement: `AWSMPCommerceService_v20200301`, rpc-v2-cbor, and awsJson1.0 beside it.
    Agreements,
}

impl Service {
    /// By the target prefix of `X-Amz-Target`, which is also the service's name in an rpc-v2-cbor path.
    pub fn of_target(prefix: &str) -> Option<Self> {
        match prefix {
            "AWSMPMeteringService" => Some(Self::Metering),
            "AWSMPCommerceService_v20200301" => Some(Self::Agreements),
            _ => None,
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Metering => "com.amazonaws.marketplacemetering",
            Self::Agreements => "com.amazonaws.marketplaceagreement",
        }
    }

    pub(crate) fn json(self) -> &'static str {
        match self {
            Self::Metering => "application/x-amz-json-1.1",
            Self::Agreements => "application/x-amz-json-1.0",
        }
    }
}
