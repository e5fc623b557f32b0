//! TLS to clouds: which authorities count, and the one place that builds a `rustls` configuration.

use std::{fmt, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::sync::OnceCell;

use super::cache::{Key, key};

/// A PEM text or file that holds no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificates {
    /// Not PEM at all.
    #[error("is not PEM with certificates (`-----BEGIN CERTIFICATE-----`)")]
    NotPem,
    /// PEM, but a certificate in it is none.
    #[error("has a certificate that cannot be read: {0}")]
    NotCertificate(String),
    /// The file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file holds no certificates.
    #[error("{path} {fault}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: Box<Self>,
    },
}

/// Whom to believe on the other end of a connection.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tls {
    authorities: Vec<CertificateDer<'static>>,
    insecure: bool,
}

impl Tls {
    /// The system's authorities and those in `ca_pem`; nobody is checked when `insecure`.
    ///
    /// # Errors
    /// When `ca_pem` holds no certificates.
    pub fn new(ca_pem: Option<&str>, insecure: bool) -> Result<Self, BadCertificates> {
        Ok(Self {
            authorities: match ca_pem {
                Some(pem) => certificates(pem.as_bytes())?,
                None => Vec::new(),
            },
            insecure,
        })
    }

    /// Two connections may be shared only where this is equal.
    pub(super) fn key(&self) -> Key {
        let insecure = [u8::from(self.insecure)];
        key(std::iter::once(insecure.as_slice())
            .chain(self.authorities.iter().map(|ca| ca.as_ref())))
    }

    /// The configuration for connections.
    pub(super) async fn config(&self, roots: &Roots) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let mut config = if self.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(BelieveAll(provider)))
                .with_no_client_auth()
        } else {
            let mut store = RootCertStore::clone(roots.store().await.as_ref());
            for authority in &self.authorities {
                store.add(authority.clone())?;
            }
            builder.with_root_certificates(store).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("authorities", &self.authorities.len())
            .field("insecure", &self.insecure)
            .finish()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadCertificates> {
    let found: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| BadCertificates::NotPem)?;
    if found.is_empty() {
        return Err(BadCertificates::NotPem);
    }
    let mut trial = RootCertStore::empty();
    for certificate in &found {
        trial
            .add(certificate.clone())
            .map_err(|error| BadCertificates::NotCertificate(error.to_string()))?;
    }
    Ok(found)
}

/// The system's authorities, read once and late, and the operator's.
#[derive(Default)]
pub(super) struct Roots {
    extra: Vec<CertificateDer<'static>>,
    store: OnceCell<Arc<RootCertStore>>,
}

impl Roots {
    pub(super) fn with_files(files: &[PathBuf]) -> Result<Self, BadCertificates> {
        let mut extra = Vec::new();
        for path in files {
            let pem = std::fs::read(path).map_err(|error| BadCertificates::Unreadable {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            extra.extend(certificates(&pem).map_err(|fault| BadCertificates::InFile {
                path: path.clone(),
                fault: Box::new(fault),
            })?);
        }
        Ok(Self {
            extra,
            store: OnceCell::new(),
        })
    }

    async fn store(&self) -> Arc<RootCertStore> {
        let load = || async {
            let system =
                tokio::task::spawn_blocking(|| rustls_native_certs::load_native_certs().certs)
                    .await
                    .unwrap_or_default();
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(system.into_iter().chain(self.extra.iter().cloned()));
            Arc::new(store)
        };
        self.store.get_or_init(load).await.clone()
    }
}

/// What a TLS error means to a person, and what would help.
pub(super) fn explain(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return format!("TLS failed: {error}");
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "rustls adds cases, and its own words do for them"
    )]
    match fault {
        // A CA that was made anew under its old name shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its TLS certificate is of an unknown CA; give the CA's certificate as `ca_cert`, \
             or name its file in `[openstack] ca_files`, for a server of `[auth]` in its own `ca_file`"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its TLS certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its TLS certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its TLS certificate is for another name".to_owned()
        }
        other => format!("its TLS certificate does not check out: {other}"),
    }
}

/// Checks nothing, as the caller asked for by `insecure`.
#[derive(Debug)]
struct BelieveAll(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_that_is_none_is_refused() {
        assert_eq!(Tls::new(Some("hello"), false), Err(BadCertificates::NotPem));
        assert_eq!(Tls::new(Some(""), false), Err(BadCertificates::NotPem));
        let broken = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        assert!(matches!(
            Tls::new(Some(broken), false),
            Err(BadCertificates::NotCertificate(_))
        ));
    }

    #[test]
    fn connections_are_shared_only_where_trust_is_equal() {
        let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
        let tls = |pem: Option<&str>, insecure| Tls::new(pem, insecure).unwrap().key();
        let pem = ca.cert.pem();
        assert_eq!(tls(Some(&pem), false), tls(Some(&pem), false));
        assert_ne!(tls(Some(&pem), false), tls(None, false));
        assert_ne!(tls(None, true), tls(None, false));
    }
}
