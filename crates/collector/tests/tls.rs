//! Whom a source trusts over TLS, and by what it is trusted.

mod support;

use headroom_collector::Collector;
use headroom_log::memory::MemoryLog;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};
use support::{
    apply, failed, observed, policy,
    server::{Reply, Server},
    settings, start, status, until,
};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `name`, and its key, both in PEM.
fn issued(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A server with a certificate for `name`; with `clients`, it wants theirs too.
fn server_config(authority: &Authority, name: &str, clients: bool) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if clients {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let (certificate, key) = issued(authority, name);
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    builder.with_single_cert(chain, key).unwrap()
}

/// What comes first of a scrape of `url`: the reading, or the failure.
async fn outcome(url: String, tls: Value) -> String {
    let log = Arc::new(MemoryLog::new());
    apply(&*log, "web", policy("web", "2s", &[("load", "load")])).await;
    let main = json!({"main": {"openmetrics": {"endpoints": [url], "tls": tls}}});
    let running = start(Collector::new(log.clone(), &settings(main), "c1", status()).unwrap());
    let said = until(&*log, "an outcome", |events| {
        let event = events.first()?;
        let reading = observed(event).map(|seen| format!("{:?}", seen.readings[0].measured));
        reading.or_else(|| failed(event).map(|failed| format!("{:?}", failed.failure)))
    })
    .await;
    running.end().await;
    said
}

fn written_to(folder: &Path, name: &str, pem: &str) -> Value {
    let path = folder.join(name);
    std::fs::write(&path, pem).unwrap();
    json!(path)
}

#[tokio::test]
async fn trust_is_given_and_taken_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| written_to(folder.path(), name, pem);
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let page = |_: &String| Reply::text("load 5\n");
    let server = Server::start_tls(server_config(&ours, "127.0.0.1", false), page).await;
    let named = Server::start_tls(server_config(&ours, "prom.example", false), page).await;
    let strict = Server::start_tls(server_config(&ours, "127.0.0.1", true), page).await;
    let plain = Server::start(page).await;
    let ca = file("ca.pem", &ours.pem());
    let (cert, key) = issued(&ours, "collector");
    let (cert, key) = (file("cert.pem", &cert), file("key.pem", &key));
    let (stranger, stranger_key) = issued(&theirs, "collector");
    let (stranger, stranger_key) = (file("s.pem", &stranger), file("s.key", &stranger_key));
    let cases = [
        (
            "a trusted server",
            &server,
            json!({"ca_file": ca}),
            "Total(5.0)",
        ),
        (
            "a server of another authority",
            &server,
            json!({"ca_file": file("their.pem", &theirs.pem())}),
            "UnknownIssuer",
        ),
        (
            "a server that the system does not know",
            &server,
            json!({}),
            "UnknownIssuer",
        ),
        (
            "a server of another name",
            &named,
            json!({"ca_file": ca}),
            "not valid for name",
        ),
        (
            "a server of the name that is set",
            &named,
            json!({"ca_file": ca, "server_name": "prom.example"}),
            "Total(5.0)",
        ),
        (
            "a server of another name than is set",
            &server,
            json!({"ca_file": ca, "server_name": "prom.example"}),
            "not valid for name",
        ),
        (
            "a server of another authority with the name that is set",
            &named,
            json!({"ca_file": file("their.pem", &theirs.pem()), "server_name": "prom.example"}),
            "UnknownIssuer",
        ),
        (
            "a server that knows us",
            &strict,
            json!({"ca_file": ca, "cert_file": cert, "key_file": key}),
            "Total(5.0)",
        ),
        (
            "a server that wants to know us",
            &strict,
            json!({"ca_file": ca}),
            "Unreachable",
        ),
        (
            "a server that knows others",
            &strict,
            json!({"ca_file": ca, "cert_file": stranger, "key_file": stranger_key}),
            "Unreachable",
        ),
        (
            "a server that speaks no TLS and waits for a request",
            &plain,
            json!({"ca_file": ca}),
            "TimedOut",
        ),
        (
            "a file that is not there",
            &server,
            json!({"ca_file": "/nowhere/ca.pem"}),
            "cannot read ca_file /nowhere/ca.pem",
        ),
        (
            "a file that is no certificate",
            &server,
            json!({"ca_file": file("no.pem", "hello")}),
            "ca_file holds no certificate",
        ),
    ];
    let outcomes = cases.map(async |(name, server, tls, want)| {
        let said = outcome(format!("https://{}", server.address), tls).await;
        assert!(said.contains(want), "{name}: {said}");
    });
    futures::future::join_all(outcomes).await;
}
