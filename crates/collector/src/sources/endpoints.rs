//! Which endpoints there are: listed in the settings, or in a file that follows a pool as it comes and goes.

use super::http::url;
use crate::settings::{OpenMetricsSettings, SettingsError};
use headroom_model::body::CollectionFailure;
use reqwest::Url;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
};

/// One endpoint to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The replica's name: unique among the endpoints.
    pub(super) replica: String,
    /// The page with its metrics.
    pub(super) url: Url,
}

/// Where the endpoints are written.
#[derive(Debug)]
pub(super) enum Endpoints {
    Listed(Vec<Endpoint>),
    File { path: PathBuf, page: Page },
}

/// What an address lacks that is only a host and a port.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) scheme: &'static str,
    pub(super) path: String,
}

/// One group of the file: the form that Prometheus' `file_sd_configs` read.
#[derive(Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Endpoints {
    pub(super) fn new(
        place: &str,
        settings: &OpenMetricsSettings,
        page: Page,
    ) -> Result<Self, SettingsError> {
        match &settings.endpoints_file {
            Some(path) if settings.endpoints.is_empty() => Ok(Self::File {
                path: path.clone(),
                page,
            }),
            None if !settings.endpoints.is_empty() => {
                let place = format!("{place}.endpoints");
                let mut names = BTreeSet::new();
                let listed = settings.endpoints.iter().map(|address| {
                    let url = url(&place, &page.complete(address, None))?;
                    Ok(endpoint(url, None, &mut names))
                });
                Ok(Self::Listed(listed.collect::<Result<_, SettingsError>>()?))
            }
            _ => Err(SettingsError::new(
                place,
                "it needs either endpoints or an endpoints_file",
                "set one of the two",
            )),
        }
    }

    /// Whether a reading is one number per endpoint unless the settings say otherwise.
    pub(super) fn are_replicas(&self) -> bool {
        match self {
            Self::Listed(listed) => listed.len() > 1,
            Self::File { .. } => true,
        }
    }

    /// The endpoints of this moment. The file is read anew: it is small, and local.
    pub(super) fn now(&self) -> Result<Vec<Endpoint>, CollectionFailure> {
        match self {
            Self::Listed(listed) => Ok(listed.clone()),
            Self::File { path, page } => {
                let detail =
                    |problem: String| format!("endpoints_file {}: {problem}", path.display());
                let text = fs::read_to_string(path).map_err(|error: io::Error| {
                    CollectionFailure::Unreachable {
                        detail: detail(error.to_string()),
                    }
                })?;
                parse(&text, page).map_err(|problem| CollectionFailure::Malformed {
                    detail: detail(problem),
                })
            }
        }
    }
}

/// Reads a file of groups. A target that is there twice is scraped once.
fn parse(text: &str, page: &Page) -> Result<Vec<Endpoint>, String> {
    let groups: Vec<Group> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut names = BTreeSet::new();
    let mut urls = BTreeSet::new();
    let mut endpoints = Vec::new();
    for group in &groups {
        let label = |name: &str| group.labels.get(name).map(String::as_str);
        let replica = label("replica").filter(|_| group.targets.len() == 1);
        for target in &group.targets {
            let complete = page.complete(target, label("__metrics_path__"));
            let url = url("targets", &complete).map_err(|error| error.problem)?;
            if urls.insert(url.clone()) {
                endpoints.push(endpoint(url, replica, &mut names));
            }
        }
    }
    Ok(endpoints)
}

/// Names an endpoint: as it is called, else by host and port, else, when another has that name, by its whole URL.
fn endpoint(url: Url, called: Option<&str>, names: &mut BTreeSet<String>) -> Endpoint {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let candidates = [
        called.unwrap_or_default().to_owned(),
        format!("{host}:{port}"),
        url.to_string(),
    ];
    let replica = candidates
        .into_iter()
        .find(|name| !name.is_empty() && !names.contains(name))
        .unwrap_or_else(|| format!("{url}#{}", names.len()));
    names.insert(replica.clone());
    Endpoint { replica, url }
}

impl Page {
    /// The whole address: scheme and path are added where an address has none.
    fn complete(&self, address: &str, path: Option<&str>) -> String {
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => (self.scheme, address),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('/') {
            return format!("{scheme}://{rest}");
        }
        let path = path.unwrap_or(&self.path).trim_start_matches('/');
        format!("{scheme}://{rest}/{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let page = Page {
            scheme: "http",
            path: "/metrics".to_owned(),
        };
        match parse(text, &page) {
            Err(problem) => problem,
            Ok(endpoints) => endpoints
                .iter()
                .map(|endpoint| format!("{} {}", endpoint.replica, endpoint.url))
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    #[test]
    fn a_file_names_the_endpoints() {
        let cases = [
            ("an empty pool", "[]", ""),
            (
                "a replica",
                r#"[{"targets":["127.0.0.1:9000"],"labels":{"replica":"web-0"}}]"#,
                "web-0 http://127.0.0.1:9000/metrics",
            ),
            (
                "no label",
                r#"[{"targets":["127.0.0.1:9000","h:1"]}]"#,
                "127.0.0.1:9000 http://127.0.0.1:9000/metrics, h:1 http://h:1/metrics",
            ),
            (
                "one label for two",
                r#"[{"targets":["a:1","b:1"],"labels":{"replica":"web"}}]"#,
                "a:1 http://a:1/metrics, b:1 http://b:1/metrics",
            ),
            (
                "one name for two",
                r#"[{"targets":["a:1"],"labels":{"replica":"w"}},{"targets":["b:1"],"labels":{"replica":"w"}}]"#,
                "w http://a:1/metrics, b:1 http://b:1/metrics",
            ),
            (
                "a target that is there twice",
                r#"[{"targets":["a:1","a:1"]}]"#,
                "a:1 http://a:1/metrics",
            ),
            (
                "a path by label",
                r#"[{"targets":["a:1"],"labels":{"__metrics_path__":"/m?x=1"}}]"#,
                "a:1 http://a:1/m?x=1",
            ),
            (
                "a whole address",
                r#"[{"targets":["https://a/x/y"]}]"#,
                "a:443 https://a/x/y",
            ),
            (
                "two pages of one host",
                r#"[{"targets":["http://a/x","http://a/y"]}]"#,
                "a:80 http://a/x, http://a/y http://a/y",
            ),
            (
                "IPv6",
                r#"[{"targets":["[::1]:9000"]}]"#,
                "[::1]:9000 http://[::1]:9000/metrics",
            ),
            (
                "a target that is none",
                r#"[{"targets":["a b:1"]}]"#,
                "\"http://a b:1/metrics\": invalid international domain name",
            ),
            (
                "an address with a password",
                r#"[{"targets":["http://u:p@a/x"]}]"#,
                "the address holds a user or password",
            ),
        ];
        for (name, text, want) in cases {
            assert_eq!(read(text), want, "{name}");
        }
        assert!(read("[{").starts_with("EOF"), "half a file");
        assert!(read("{}").contains("expected a sequence"), "another form");
    }
}
