//! Every way to log in and every certificate setting, against servers that really demand them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use headroom_log::{
    Log, LogError,
    nats::{NatsLog, Secret, Settings, Tls},
};
use headroom_tests::{
    facts::observed,
    servers::nats::{self, Node},
};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Connects and writes once, so that what passes is more than a handshake.
async fn works(settings: Settings) -> Result<(), LogError> {
    let log = NatsLog::connect(settings, "s", "tests").await?;
    log.append(vec![observed("web", 1)]).await.map(drop)
}

async fn assert_refused(settings: Settings, words: &[&str]) {
    match works(settings).await {
        Err(LogError::Refused(detail)) => {
            for word in words {
                assert!(detail.contains(word), "{detail:?} should say {word:?}");
            }
        }
        other => panic!("this should be refused with {words:?}: {other:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    Some(path)
}

fn base(node: &Node) -> Settings {
    nats::settings(vec![node.url()], 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_logs_in_with_a_password_from_anywhere() {
    let users = "authorization { users: [{user: planner, password: \"to and fro\"}] }";
    let Some(node) = nats::single(users).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let user = Settings {
        user: Some("planner".to_owned()),
        ..base(&node)
    };
    let secret = |text: &str| Some(Secret(text.to_owned()));

    works(Settings {
        password: secret("to and fro"),
        ..user.clone()
    })
    .await
    .expect("written out");
    let file = write(folder.path(), "password", "to and fro\n");
    works(Settings {
        password_file: file.clone(),
        ..user.clone()
    })
    .await
    .expect("from a file");
    // A variable that is there in any test run; what is in it is no password here.
    let variable = Settings {
        password_env: Some("PATH".to_owned()),
        ..user.clone()
    };
    assert_refused(variable, &["nats setting user", "refused this login"]).await;
    let absent = Settings {
        password_env: Some("HEADROOM_NO_SUCH".to_owned()),
        ..user.clone()
    };
    assert_refused(absent, &["password_env", "HEADROOM_NO_SUCH"]).await;

    let wrong = Settings {
        password: secret("fro and to"),
        ..user.clone()
    };
    assert!(
        !format!("{wrong:?}").contains("fro and to"),
        "a password is never printed"
    );
    assert_refused(wrong, &["nats setting user", "refused this login"]).await;
    assert_refused(base(&node), &["wants a login", "credentials_file"]).await;
    assert_refused(user.clone(), &["user", "no password"]).await;
    let two = Settings {
        password: secret("a"),
        token: secret("b"),
        ..user.clone()
    };
    assert_refused(two, &["token", "beside user"]).await;
    let gone = Settings {
        password_file: Some(folder.path().join("gone")),
        ..user
    };
    assert_refused(gone, &["password_file", "cannot be read"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_logs_in() {
    let Some(node) = nats::single("authorization { token: \"open sesame\" }").unwrap() else {
        return;
    };
    let token = |text: &str| Settings {
        token: Some(Secret(text.to_owned())),
        ..base(&node)
    };
    works(token("open sesame")).await.expect("the right one");
    assert_refused(token("open barley"), &["nats setting token"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nkey_logs_in() {
    let (known, unknown) = (KeyPair::new_user(), KeyPair::new_user());
    let users = format!(
        "authorization {{ users: [{{nkey: {}}}] }}",
        known.public_key()
    );
    let Some(node) = nats::single(&users).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &str| Settings {
        nkey_seed_file: write(folder.path(), name, text),
        ..base(&node)
    };
    works(with("known", &format!("{}\n", known.seed().unwrap())))
        .await
        .expect("the known one");
    assert_refused(
        with("unknown", &unknown.seed().unwrap()),
        &["nkey_seed_file"],
    )
    .await;
    assert_refused(with("nonsense", "SUNONSENSE"), &["nkey_seed_file"]).await;
}

/// A token as NATS signs them: what `claims` say of `subject`, vouched for by `issuer`.
fn signed(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: &Value) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let body = part(json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "name": name,
        "sub": subject.public_key(), "nats": claims,
    }));
    let text = format!("{header}.{body}");
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

fn account(issuer: &KeyPair, account: &KeyPair, name: &str, jetstream: bool) -> String {
    let mut limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    });
    if jetstream {
        for limit in ["mem_storage", "disk_storage", "streams", "consumer"] {
            limits[limit] = json!(-1);
        }
    }
    signed(
        issuer,
        account,
        name,
        &json!({ "type": "account", "version": 2, "limits": limits }),
    )
}

fn credentials(issuer: &KeyPair, user: &KeyPair) -> String {
    let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        signed(issuer, user, "planner", &claims),
        user.seed().unwrap()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file_logs_in() {
    let (operator, system, brain) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
    );
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}",
        signed(
            &operator,
            &operator,
            "tests",
            &json!({ "type": "operator", "version": 2 })
        ),
        system.public_key(),
        system.public_key(),
        account(&operator, &system, "SYS", false),
        brain.public_key(),
        account(&operator, &brain, "BRAIN", true),
    );
    let Some(node) = nats::single(&config).unwrap() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &str| Settings {
        credentials_file: write(folder.path(), name, text),
        ..base(&node)
    };
    works(with("good", &credentials(&brain, &KeyPair::new_user())))
        .await
        .expect("a user of the account");
    let stranger = credentials(&KeyPair::new_account(), &KeyPair::new_user());
    assert_refused(with("stranger", &stranger), &["credentials_file"]).await;
    assert_refused(with("nonsense", "nothing"), &["credentials_file"]).await;
}

/// Certificates for one test, in files.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let certificates = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (authority, names) in [
            ("ca", ["server", "client"]),
            ("other-ca", ["other-server", "other-client"]),
        ] {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let issuer =
                CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
            write(certificates.folder.path(), authority, &issuer.pem());
            for name in names {
                let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
                params.extended_key_usages = vec![
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ];
                let key = rcgen::KeyPair::generate().unwrap();
                let certificate = params.signed_by(&key, &issuer).unwrap();
                write(certificates.folder.path(), name, &certificate.pem());
                write(
                    certificates.folder.path(),
                    &format!("{name}.key"),
                    &key.serialize_pem(),
                );
            }
        }
        certificates
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The block of a server's configuration.
    fn server(&self, verify: bool) -> String {
        format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: {verify} }}",
            self.path("server"),
            self.path("server.key"),
            self.path("ca"),
        )
    }

    fn client(&self, ca: &str, own: Option<&str>) -> Option<Tls> {
        Some(Tls {
            ca_file: Some(self.path(ca)),
            cert_file: own.map(|name| self.path(name)),
            key_file: own.map(|name| self.path(&format!("{name}.key"))),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_connects_to_a_server_that_it_trusts_only() {
    let certificates = Certificates::new();
    let Some(node) = nats::single(&certificates.server(false)).unwrap() else {
        return;
    };
    let with = |tls| Settings { tls, ..base(&node) };
    works(with(certificates.client("ca", None)))
        .await
        .expect("the right authority");
    assert_refused(
        with(certificates.client("other-ca", None)),
        &["nats setting tls"],
    )
    .await;
    assert_refused(
        with(certificates.client("gone", None)),
        &["tls.ca_file", "cannot be read"],
    )
    .await;

    let Some(plain) = nats::single("").unwrap() else {
        return;
    };
    let settings = Settings {
        tls: certificates.client("ca", None),
        ..base(&plain)
    };
    assert_refused(settings, &["nats setting tls"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_needs_a_certificate_that_the_server_trusts() {
    let certificates = Certificates::new();
    let Some(node) = nats::single(&certificates.server(true)).unwrap() else {
        return;
    };
    let with = |own| Settings {
        tls: certificates.client("ca", own),
        ..base(&node)
    };
    works(with(Some("client")))
        .await
        .expect("a certificate of the server's authority");
    assert_refused(with(None), &["nats setting tls"]).await;
    assert_refused(with(Some("other-client")), &["nats setting tls"]).await;
    let mut half = with(Some("client"));
    half.tls.as_mut().unwrap().key_file = None;
    assert_refused(half, &["nats setting tls", "cert_file and key_file"]).await;
}

#[test]
fn settings_are_read_strictly_and_checked_by_name() {
    let read = |value: Value| serde_json::from_value::<Settings>(value);
    let full = json!({
        "urls": ["nats://a:4222", "nats://b:4222"], "credentials_file": "a.creds", "connection_name": "x",
        "replicas": 3, "max_age_seconds": 3600, "request_timeout_ms": 1000, "tls": { "ca_file": "ca.pem" },
    });
    let settings = read(full).unwrap();
    assert_eq!((settings.urls.len(), settings.replicas), (2, 3));
    assert_eq!(read(json!({})).unwrap().max_age_seconds, 7 * 24 * 3600);
    for (bad, name) in [
        (json!({ "url": "nats://a" }), "url"),
        (json!({ "tls": { "ca": "ca.pem" } }), "ca"),
        (json!({ "replicas": -1 }), "-1"),
    ] {
        let error = read(bad).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_tried() {
    let cases = [
        (
            Settings {
                urls: Vec::new(),
                ..Settings::default()
            },
            "urls",
        ),
        (
            Settings {
                replicas: 2,
                ..Settings::default()
            },
            "replicas",
        ),
        (
            Settings {
                max_age_seconds: 0,
                ..Settings::default()
            },
            "max_age_seconds",
        ),
        (
            Settings {
                request_timeout_ms: 0,
                ..Settings::default()
            },
            "request_timeout_ms",
        ),
        (
            Settings {
                urls: vec!["http://%".to_owned()],
                ..Settings::default()
            },
            "urls",
        ),
    ];
    for (settings, name) in cases {
        assert_refused(settings, &["nats setting", name]).await;
    }
    let shard = NatsLog::connect(Settings::default(), "a.b", "tests").await;
    assert!(
        matches!(&shard, Err(LogError::Refused(detail)) if detail.contains("shard")),
        "{shard:?}"
    );
    let role = NatsLog::connect(Settings::default(), "a", "a>").await;
    assert!(
        matches!(&role, Err(LogError::Refused(detail)) if detail.contains("role")),
        "{role:?}"
    );
}
