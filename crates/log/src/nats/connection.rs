//! Making the connection, and refusing servers that cannot carry a log.

use super::{
    api::{Api, Failure, chain},
    settings::{Login, Settings, wrong},
};
use crate::LogError;
use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, jetstream::ErrorCode,
};
use serde::Deserialize;
use std::{path::Path, time::Duration};

/// The first release whose atomic batches take message ids and whose expectations hold within them.
const NEEDED: (u64, u64, u64) = (2, 12, 1);
/// The JetStream API level that brought atomic batches: that of the whole cluster, not of one server.
const NEEDED_LEVEL: u64 = 2;
/// How a server without JetStream answers.
const DISABLED: [ErrorCode; 2] = [
    ErrorCode::JETSTREAM_NOT_ENABLED,
    ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
];
/// The longest pause between two attempts to connect again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Connects, logs in and checks that the server can carry a log.
pub(super) async fn connect(settings: &Settings, shard: &str, role: &str) -> Result<Api, LogError> {
    let api = Api {
        client: log_in(settings, shard, role).await?,
        timeout: settings.request_timeout(),
    };
    check_version(&api.client)?;
    check_level(&api).await?;
    Ok(api)
}

/// Connects to NATS for what travels beside the log, such as pushes: the login needs no rights on the log's streams, and
/// nothing is asked of them. `role` is as for [`NatsLog::connect`](super::NatsLog::connect).
///
/// # Errors
/// [`LogError::Unavailable`] when no server can be reached; [`LogError::Refused`] when a setting is wrong.
pub async fn log_in(settings: &Settings, shard: &str, role: &str) -> Result<Client, LogError> {
    settings.check()?;
    options(settings, shard, role)
        .await?
        .connect(settings.urls.as_slice())
        .await
        .map_err(|error| explain(settings, &error))
}

async fn options(settings: &Settings, shard: &str, role: &str) -> Result<ConnectOptions, LogError> {
    if role.is_empty() || !role.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(wrong(
            "role",
            format!("{role:?} cannot be one; use letters, digits and hyphens"),
        ));
    }
    let name = settings
        .connection_name
        .clone()
        .unwrap_or_else(|| format!("headroom-{shard}-{role}"));
    let options = ConnectOptions::new()
        .name(name)
        // Answers to one role can be kept from the others by its subscribe permissions.
        .custom_inbox_prefix(format!("_INBOX.{role}"))
        .request_timeout(Some(settings.request_timeout()))
        .connection_timeout(settings.request_timeout())
        .ping_interval(Duration::from_secs(5))
        .max_reconnects(None)
        .reconnect_delay_callback(pause)
        .event_callback(tell);
    let options = match settings.login().await? {
        Login::Nobody => options,
        Login::Credentials(text) => options
            .credentials(&text.0)
            .map_err(|error| wrong("credentials_file", error))?,
        Login::Nkey(seed) => options.nkey(seed.0),
        Login::User(user, password) => options.user_and_password(user, password.0),
        Login::Token(token) => options.token(token.0),
    };
    certificates(settings, options)
}

fn certificates(
    settings: &Settings,
    mut options: ConnectOptions,
) -> Result<ConnectOptions, LogError> {
    let Some(tls) = &settings.tls else {
        return Ok(options);
    };
    options = options.require_tls(true);
    if let Some(ca) = &tls.ca_file {
        readable("tls.ca_file", ca)?;
        options = options.add_root_certificates(ca.clone());
    }
    if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
        readable("tls.cert_file", cert)?;
        readable("tls.key_file", key)?;
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    Ok(options)
}

fn readable(setting: &str, path: &Path) -> Result<(), LogError> {
    std::fs::File::open(path).map(drop).map_err(|error| {
        wrong(
            setting,
            format!("{} cannot be read: {error}", path.display()),
        )
    })
}

/// The pause before attempt number `attempt`: at once, then 20 ms and twice as much each time.
fn pause(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(2)).unwrap_or(u32::MAX);
    match attempt {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_millis(20)
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(LONGEST_PAUSE),
    }
}

async fn tell(event: Event) {
    match event {
        Event::Connected => tracing::info!("connected to NATS"),
        Event::Disconnected => tracing::warn!("lost the connection to NATS; connecting again"),
        Event::ServerError(error) => tracing::warn!(%error, "NATS complains"),
        Event::ClientError(error) => tracing::warn!(%error, "the NATS connection failed"),
        other => tracing::info!(event = %other, "NATS connection"),
    }
}

/// What a failed connection means, and which setting to look at.
fn explain(settings: &Settings, error: &ConnectError) -> LogError {
    let servers = settings.urls.join(", ");
    let detail = chain(error);
    match error.kind() {
        ConnectErrorKind::ServerParse => wrong("urls", detail),
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            match settings.login_setting() {
                Some(setting) => wrong(setting, format!("{servers} refused this login: {detail}")),
                None => LogError::Refused(format!(
                    "{servers} wants a login ({detail}); set nats credentials_file, nkey_seed_file, user or token_env"
                )),
            }
        }
        ConnectErrorKind::Tls => wrong(
            "tls",
            format!("no secure connection to {servers}: {detail}"),
        ),
        _ if is_about_tls(error) => wrong(
            "tls",
            format!("no secure connection to {servers}: {detail}"),
        ),
        _ => LogError::Unavailable(format!("no connection to NATS at {servers}: {detail}")),
    }
}

/// Whether TLS is at the bottom of it: what fails in a handshake comes as an I/O error.
fn is_about_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(inner) = error {
        let io = inner.downcast_ref::<std::io::Error>();
        let within = io.and_then(std::io::Error::get_ref);
        if within.is_some_and(|within| within.is::<async_nats::rustls::Error>()) {
            return true;
        }
        error = inner.source();
    }
    false
}

fn check_version(client: &Client) -> Result<(), LogError> {
    let (major, minor, patch) = NEEDED;
    let info = client.server_info();
    if parse_version(&info.version).is_none_or(|found| found < NEEDED) {
        return Err(LogError::Refused(format!(
            "nats-server {} at {}:{} is too old; Headroom's log needs {major}.{minor}.{patch} or later",
            info.version, info.host, info.port
        )));
    }
    Ok(())
}

/// `2.12.1`, also with a suffix as `2.12.1-preview.2`, which counts as the release it leads to.
fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let release = text.trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = release.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    api: Level,
}

#[derive(Default, Deserialize)]
struct Level {
    #[serde(default)]
    level: u64,
}

async fn check_level(api: &Api) -> Result<(), LogError> {
    let info = api.client.server_info();
    let account: Account = match api.call("INFO", &()).await {
        Ok(account) => account,
        Err(Failure::Server(error)) if DISABLED.contains(&error.err_code) => {
            return Err(LogError::Refused(format!(
                "JetStream is not enabled at {}:{} for this account ({error}); enable it",
                info.host, info.port
            )));
        }
        Err(Failure::Unreached(_)) if !info.jetstream => {
            return Err(LogError::Refused(format!(
                "JetStream is not enabled at {}:{}; start nats-server with -js or a jetstream block",
                info.host, info.port
            )));
        }
        Err(other) => return Err(other.into()),
    };
    if account.api.level < NEEDED_LEVEL {
        return Err(LogError::Refused(format!(
            "the NATS cluster of {}:{} speaks JetStream API level {}; Headroom's log needs {NEEDED_LEVEL}, so bring \
             every server to 2.12.1 or later",
            info.host, info.port, account.api.level
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let cases = [
            ("2.9.10", Some((2, 9, 10))),
            ("2.12.1", Some((2, 12, 1))),
            ("v2.15.1-preview.2", Some((2, 15, 1))),
            ("2.12", None),
            ("nightly", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse_version(text), want, "{text}");
        }
        assert!(parse_version("2.9.10").unwrap() < NEEDED);
        assert!(parse_version("2.12.0").unwrap() < NEEDED);
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        assert_eq!(pause(1), Duration::ZERO);
        assert_eq!(pause(3), Duration::from_millis(40));
        assert_eq!(pause(usize::MAX), LONGEST_PAUSE);
    }
}
