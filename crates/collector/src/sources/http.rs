//! One careful GET: credentials read at use, a bound on time and size, no redirects, and a failure for everything else.

use super::{Deadline, excerpt, tls};
use crate::settings::{Access, BasicAuth, SettingsError, Tls};
use headroom_model::body::CollectionFailure;
use reqwest::{
    Client, RequestBuilder, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect,
};
use std::{
    collections::BTreeMap,
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest body that is read: a page of 5,000 replicas or 100,000 series is well below it.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// An idle connection is kept this long: longer than most intervals, shorter than the patience of most servers.
const IDLE: Duration = Duration::from_secs(60);

/// What every request of a source has in common.
#[derive(Debug)]
pub(super) struct Http {
    bearer_token_file: Option<PathBuf>,
    basic_auth: Option<BasicAuth>,
    headers: HeaderMap,
    tls: Tls,
    /// The set time-out of one request.
    pub(super) timeout: Duration,
    requests: Arc<Semaphore>,
    /// For `http` and for `https`: only the latter needs to know whom to trust.
    clients: Mutex<[Option<(tls::Files, Client)>; 2]>,
}

/// An answer that came whole.
#[derive(Debug)]
pub(super) struct Fetched<'a> {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
    /// Held until the body is dealt with, so that few large ones are in memory at a time.
    _place: SemaphorePermit<'a>,
}

impl Http {
    /// Checks the settings; `place` names them in errors.
    pub(super) fn new(
        place: &str,
        access: Access<'_>,
        requests: &Arc<Semaphore>,
    ) -> Result<Self, SettingsError> {
        Self {
            bearer_token_file: access.bearer_token_file.clone(),
            basic_auth: access.basic_auth.clone(),
            headers: headers(place, access.headers)?,
            tls: access.tls.clone(),
            timeout: timeout(place, access.timeout_seconds)?,
            requests: Arc::clone(requests),
            clients: Mutex::default(),
        }
        .checked(place)
    }

    fn checked(self, place: &str) -> Result<Self, SettingsError> {
        if self.bearer_token_file.is_some() && self.basic_auth.is_some() {
            return Err(SettingsError::new(
                format!("{place}.bearer_token_file"),
                "there is a basic_auth too",
                "a request has one of the two: leave the other out",
            ));
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            return Err(SettingsError::new(
                format!("{place}.tls"),
                "cert_file and key_file belong together",
                "set both or none",
            ));
        }
        Ok(self)
    }

    /// Whether any TLS setting is there, so that `https` is meant where nothing else is said.
    pub(super) fn speaks_tls(&self) -> bool {
        self.tls != Tls::default()
    }

    /// Fetches a page. Waiting for a place among the requests under way counts, so that a turn always ends in time.
    pub(super) async fn get(
        &self,
        url: Url,
        accept: &'static str,
        deadline: Deadline,
    ) -> Result<Fetched<'_>, CollectionFailure> {
        tokio::time::timeout_at(deadline.at, self.fetch(url, accept))
            .await
            .unwrap_or(Err(CollectionFailure::TimedOut {
                after_ms: deadline.after_ms,
            }))
    }

    async fn fetch(
        &self,
        url: Url,
        accept: &'static str,
    ) -> Result<Fetched<'_>, CollectionFailure> {
        let place = self
            .requests
            .acquire()
            .await
            .expect("nobody closes the semaphore of requests");
        let refused = |detail| CollectionFailure::Refused { detail };
        let client = self.client(url.scheme() == "https").map_err(refused)?;
        let request = client.get(url);
        let request = self.authorized(request).map_err(refused)?;
        let mut response = request
            .headers(self.headers.clone())
            .header(ACCEPT, accept)
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(refused(redirected(status, response.headers())));
        }
        let content_type = text(response.headers(), &CONTENT_TYPE);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(CollectionFailure::Malformed {
                    detail: format!("the answer is larger than {LARGEST_BODY} bytes"),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched {
            status,
            content_type,
            body,
            _place: place,
        })
    }

    /// The client, made anew when a file of the TLS settings has changed.
    fn client(&self, https: bool) -> Result<Client, String> {
        let files = if https {
            tls::Files::read(&self.tls)?
        } else {
            tls::Files::default()
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let held = &mut clients[usize::from(https)];
        if let Some((of, client)) = held
            && *of == files
        {
            return Ok(client.clone());
        }
        let trust = if https {
            tls::config(&files, self.tls.server_name.as_deref())?
        } else {
            tls::unused()?
        };
        let client = Client::builder()
            .user_agent(concat!("headroom/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .tls_backend_preconfigured(trust)
            .build()
            .map_err(|error| error.to_string())?;
        *held = Some((files, client.clone()));
        Ok(client)
    }

    fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, String> {
        if let Some(path) = &self.bearer_token_file {
            return Ok(request.bearer_auth(secret(path, "bearer_token_file")?));
        }
        match &self.basic_auth {
            Some(BasicAuth {
                user,
                password_file,
            }) => {
                let password = secret(password_file, "password_file")?;
                Ok(request.basic_auth(user, Some(password)))
            }
            None => Ok(request),
        }
    }
}

/// A credential, without the line feed that editors leave at the end.
fn secret(path: &Path, what: &str) -> Result<String, String> {
    fs::read_to_string(path)
        .map(|text| text.trim_end().to_owned())
        .map_err(|error| format!("cannot read {what} {}: {error}", path.display()))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn redirected(status: StatusCode, headers: &HeaderMap) -> String {
    let to = text(headers, &LOCATION).unwrap_or_default();
    let to = excerpt(&to);
    format!("{status}: it redirects to {to:?}; configure that address if it can be trusted")
}

/// No connection, or one that broke: the innermost cause says most. The URL is left out, since it may hold a secret.
fn unreachable(error: reqwest::Error) -> CollectionFailure {
    let error = error.without_url();
    let mut detail = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        detail = format!("{detail}: {inner}");
        cause = inner.source();
    }
    CollectionFailure::Unreachable {
        detail: excerpt(&detail),
    }
}

/// A status that is no success, with what the body says.
pub(super) fn refused(status: StatusCode, says: &str) -> CollectionFailure {
    CollectionFailure::Refused {
        detail: excerpt(&format!("{status}: {says}")),
    }
}

/// A URL of the settings, without user and password in it.
pub(super) fn url(place: &str, text: &str) -> Result<Url, SettingsError> {
    let error = |problem: String, mend| SettingsError::new(place, problem, mend);
    let url = Url::parse(text)
        .map_err(|e| error(format!("{text:?}: {e}"), "write http://host:port/path"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        let problem = format!("{text:?} is no address of a web server");
        return Err(error(problem, "write http://host:port/path"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let problem = "the address holds a user or password".to_owned();
        return Err(error(problem, "use basic_auth with a password_file"));
    }
    Ok(url)
}

fn timeout(place: &str, seconds: f64) -> Result<Duration, SettingsError> {
    let longest = 300.0;
    if seconds > 0.0 && seconds <= longest {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(SettingsError::new(
        format!("{place}.timeout_seconds"),
        format!("{seconds} is not above 0 and at most {longest}"),
        "set the longest wait for an answer, in seconds",
    ))
}

fn headers(place: &str, set: &BTreeMap<String, String>) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    for (name, value) in set {
        let bad = |what: &str| {
            SettingsError::new(
                format!("{place}.headers.{name}"),
                format!("this cannot be the {what} of a header"),
                "use visible ASCII characters, and no blanks in a name",
            )
        };
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad("name"))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| bad("value"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}
