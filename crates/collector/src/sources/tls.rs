//! Trust over TLS: which servers we believe, and with which certificate they believe us.

use crate::settings::Tls;
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use std::{fs, path::Path, sync::Arc};

/// The bytes of the files that the settings name, so that a change of any of them is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    ca: Option<Vec<u8>>,
    cert: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl Files {
    pub(super) fn read(settings: &Tls) -> Result<Self, String> {
        Ok(Self {
            ca: bytes(settings.ca_file.as_deref(), "ca_file")?,
            cert: bytes(settings.cert_file.as_deref(), "cert_file")?,
            key: bytes(settings.key_file.as_deref(), "key_file")?,
        })
    }
}

fn bytes(path: Option<&Path>, what: &str) -> Result<Option<Vec<u8>>, String> {
    path.map(|path| {
        fs::read(path).map_err(|error| format!("cannot read {what} {}: {error}", path.display()))
    })
    .transpose()
}

/// What a connection needs. Each error names the setting.
pub(super) fn config(files: &Files, server_name: Option<&str>) -> Result<ClientConfig, String> {
    let roots = roots(files)?;
    let builder = builder()?;
    let builder = match server_name {
        None => builder.with_root_certificates(roots),
        Some(name) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Named::new(roots, name)?)),
    };
    let (Some(cert), Some(key)) = (&files.cert, &files.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(cert, "cert_file")?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("key_file: {error}"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("cert_file and key_file: {error}"))
}

/// For a client that speaks `http` alone: it trusts nobody, and spares the reading of the system's certificates.
pub(super) fn unused() -> Result<ClientConfig, String> {
    Ok(builder()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The cryptography is named here, so that nothing depends on what the process may have installed.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, String> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(format!("{what} holds no certificate in PEM")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// The certificates of `ca_file`, or those that this machine trusts, which may be none: then no server is believed.
fn roots(files: &Files) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = &files.ca else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in certificates(ca, "ca_file")? {
        roots
            .add(certificate)
            .map_err(|error| format!("ca_file: {error}"))?;
    }
    Ok(roots)
}

/// The usual checks, with the name from the settings in place of the URL's host.
#[derive(Debug)]
struct Named {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl Named {
    fn new(roots: RootCertStore, name: &str) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| format!("ca_file: {error}"))?;
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("server_name {name:?} is neither a host name nor an address"))?;
        Ok(Self { inner, name })
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
