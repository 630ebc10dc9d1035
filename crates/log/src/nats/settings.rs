//! How to reach NATS: the `nats` section of a service's configuration.

use crate::LogError;
use serde::Deserialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where NATS is, who we are there, and how the streams of a log are made.
///
/// At most one way to log in may be set: `credentials_file`, `nkey_seed_file`, `user` with a password, or a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Servers to try, as `nats://host:port` or `tls://host:port`. One of a cluster is enough; more survive its loss.
    pub urls: Vec<String>,
    /// A `.creds` file: a user's JWT and the seed that proves it.
    pub credentials_file: Option<PathBuf>,
    /// A file that holds nothing but the seed of a user nkey (`SU…`).
    pub nkey_seed_file: Option<PathBuf>,
    /// The user name.
    pub user: Option<String>,
    /// The password of `user`, written out. Prefer one of the next two.
    pub password: Option<Secret>,
    /// A file that holds the password of `user`.
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds the password of `user`.
    pub password_env: Option<String>,
    /// A token, written out. Prefer the next one.
    pub token: Option<Secret>,
    /// The environment variable that holds a token.
    pub token_env: Option<String>,
    /// Certificates. When set, an unencrypted connection is refused.
    pub tls: Option<Tls>,
    /// The name that the server's monitoring shows; `headroom-<shard>-<role>` unless set.
    pub connection_name: Option<String>,
    /// On how many servers each stream lives, when it is created here: 1, 3 or 5.
    pub replicas: usize,
    /// How long the log keeps events, in seconds, when it is created here: 7 days unless set.
    pub max_age_seconds: u64,
    /// How long an answer is waited for, in milliseconds.
    pub request_timeout_ms: u64,
}

/// Certificate files, PEM.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Authorities that the server's certificate may come from, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, where the server wants one. Needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// A word that must not be printed.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            credentials_file: None,
            nkey_seed_file: None,
            user: None,
            password: None,
            password_file: None,
            password_env: None,
            token: None,
            token_env: None,
            tls: None,
            connection_name: None,
            replicas: 1,
            max_age_seconds: 7 * 24 * 3600,
            request_timeout_ms: 5000,
        }
    }
}

/// A way to log in, read from where the settings say it is.
#[derive(Debug)]
pub(super) enum Login {
    /// The server wants none.
    Nobody,
    /// The text of a `.creds` file.
    Credentials(Secret),
    /// The seed of a user nkey.
    Nkey(Secret),
    /// A name and its password.
    User(String, Secret),
    /// A token.
    Token(Secret),
}

/// A complaint about one setting of the `nats` section.
pub(super) fn wrong(setting: &str, what: impl fmt::Display) -> LogError {
    LogError::Refused(format!("nats setting {setting}: {what}"))
}

impl Settings {
    /// How long an answer is waited for.
    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// How long the log keeps events.
    pub(super) fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds)
    }

    /// Checks what can be checked without a server.
    pub(super) fn check(&self) -> Result<(), LogError> {
        if self.urls.is_empty() {
            return Err(wrong(
                "urls",
                "is empty; name a server, as nats://host:4222",
            ));
        }
        if ![1, 3, 5].contains(&self.replicas) {
            return Err(wrong(
                "replicas",
                format!("is {}; it can be 1, 3 or 5", self.replicas),
            ));
        }
        if self.max_age_seconds == 0 {
            return Err(wrong(
                "max_age_seconds",
                "is 0, which would keep events forever; give a span",
            ));
        }
        if self.request_timeout_ms == 0 {
            return Err(wrong(
                "request_timeout_ms",
                "is 0, so nothing could ever be answered; 5000 is usual",
            ));
        }
        if let Some(tls) = &self.tls
            && tls.cert_file.is_some() != tls.key_file.is_some()
        {
            return Err(wrong(
                "tls",
                "cert_file and key_file belong together; set both or neither",
            ));
        }
        Ok(())
    }

    /// The settings that name a way to log in.
    fn ways(&self) -> Vec<&'static str> {
        [
            ("credentials_file", self.credentials_file.is_some()),
            ("nkey_seed_file", self.nkey_seed_file.is_some()),
            ("user", self.user.is_some()),
            ("token", self.token.is_some()),
            ("token_env", self.token_env.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name))
        .collect()
    }

    /// The setting to look at when a login is refused.
    pub(super) fn login_setting(&self) -> Option<&'static str> {
        self.ways().first().copied()
    }

    /// Reads the one way to log in.
    pub(super) async fn login(&self) -> Result<Login, LogError> {
        if let [first, second, ..] = self.ways()[..] {
            return Err(wrong(
                second,
                format!("is set beside {first}; keep one way to log in"),
            ));
        }
        if let Some(path) = &self.credentials_file {
            return read("credentials_file", path).await.map(Login::Credentials);
        }
        if let Some(path) = &self.nkey_seed_file {
            return word("nkey_seed_file", path).await.map(Login::Nkey);
        }
        if let Some(user) = &self.user {
            return Ok(Login::User(user.clone(), self.password().await?));
        }
        match (&self.token, &self.token_env) {
            (Some(token), _) => Ok(Login::Token(token.clone())),
            (None, Some(name)) => variable("token_env", name).map(Login::Token),
            (None, None) if self.has_password() => Err(wrong(
                "user",
                "is missing beside a password; set it or take the password away",
            )),
            (None, None) => Ok(Login::Nobody),
        }
    }

    fn has_password(&self) -> bool {
        self.password.is_some() || self.password_file.is_some() || self.password_env.is_some()
    }

    async fn password(&self) -> Result<Secret, LogError> {
        match (&self.password, &self.password_file, &self.password_env) {
            (Some(password), None, None) => Ok(password.clone()),
            (None, Some(path), None) => word("password_file", path).await,
            (None, None, Some(name)) => variable("password_env", name),
            (None, None, None) => Err(wrong(
                "user",
                "has no password; set password_file, password_env or password",
            )),
            _ => Err(wrong(
                "user",
                "has several passwords; keep one of password_file, password_env and password",
            )),
        }
    }
}

/// The only word of a file, without the line end that editors add.
async fn word(setting: &str, path: &Path) -> Result<Secret, LogError> {
    let text = read(setting, path).await?;
    Ok(Secret(text.0.trim().to_owned()))
}

async fn read(setting: &str, path: &Path) -> Result<Secret, LogError> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        wrong(
            setting,
            format!("{} cannot be read: {error}", path.display()),
        )
    })?;
    Ok(Secret(text))
}

fn variable(setting: &str, name: &str) -> Result<Secret, LogError> {
    std::env::var(name).map(Secret).map_err(|error| {
        wrong(
            setting,
            format!("environment variable {name} cannot be used: {error}"),
        )
    })
}
