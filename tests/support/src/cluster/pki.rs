//! The cluster's certificate authority.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// Signs the certificates of the API server and of its users, and keeps them in a folder.
pub(super) struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The two files of a certificate.
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// The two files of the key under service account tokens.
pub(super) struct TokenKey {
    pub(super) private: PathBuf,
    pub(super) public: PathBuf,
}

impl Authority {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test cluster");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self {
            folder: folder.to_owned(),
            issuer,
        };
        authority.write("ca.crt", &authority.issuer.pem())?;
        Ok(authority)
    }

    /// The file of the authority's own certificate.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// A certificate for the API server.
    pub(super) fn server(&self) -> Result<Identity> {
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        self.issue("apiserver", params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate by which the API server knows a user: its common name is the user's, its
    /// organization the group. (There can be more than one, but not in this library's certificates.)
    pub(super) fn user(&self, file: &str, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, user);
        if let Some(group) = group {
            name.push(DnType::OrganizationName, group);
        }
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        self.issue(file, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The key that service account tokens are signed with.
    pub(super) fn token_key(&self) -> Result<TokenKey> {
        let key = KeyPair::generate()?;
        Ok(TokenKey {
            private: self.write("service-account.key", &key.serialize_pem())?,
            public: self.write("service-account.pub", &key.public_key_pem())?,
        })
    }

    fn issue(&self, file: &str, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate: self.write(&format!("{file}.crt"), &certificate.pem())?,
            key: self.write(&format!("{file}.key"), &key.serialize_pem())?,
        })
    }

    fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}
