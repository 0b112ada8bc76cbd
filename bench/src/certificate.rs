//! The certificate of the stub, made at each run and trusted by nobody else.
//!
//! A root and a leaf, both on P-256: AWS's leaves have RSA keys, whose signatures take fewer instructions to verify.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    version::TLS13,
};

/// What a stub shows, and what its callers are to trust.
pub(crate) struct Certificate {
    /// The root in PEM.
    pub(crate) root: String,
    /// TLS 1.3 and HTTP/1.1, as AWS's endpoints speak with these SDKs.
    pub(crate) server: ServerConfig,
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("no certificate could be made")]
    Make(#[from] rcgen::Error),
    /// TLS does not take it.
    #[error("the certificate cannot be used")]
    Use(#[from] tokio_rustls::rustls::Error),
}

impl Certificate {
    /// A new one for 127.0.0.1.
    pub(crate) fn make() -> Result<Self, CertificateError> {
        // Two names: some take a certificate whose issuer is called as it is itself for one that signed itself.
        let named = |mut params: CertificateParams, name: &str| {
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut root = named(CertificateParams::default(), "Root of the benchmark");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = named(CertificateParams::new(vec!["127.0.0.1".to_owned()])?, "Stub of the benchmark");
        let leaf = leaf.signed_by(&key, &root)?;
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { root: root.pem(), server })
    }
}
