//! What a replica requests of a resource: the whole that its usage is a share of.

use super::{Failure, Milli};

/// A container and what it requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its request; `None` when it has none.
    pub request: Option<Milli>,
}

/// What the replicas of a target are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its containers, those that start first and stay (sidecars) among them.
    pub containers: Vec<Container>,
    /// What it requests as a whole, whatever its containers do.
    pub request: Option<Milli>,
}

/// What a replica requests, or one container of it.
///
/// # Errors
/// When a container that counts requests nothing, or is not there.
pub fn request_of(
    replica: &str,
    template: &Template,
    container: Option<&str>,
) -> Result<Milli, Failure> {
    let request = |container: &Container| {
        container.request.ok_or_else(|| Failure::MissingRequest {
            replica: replica.to_owned(),
            container: container.name.clone(),
        })
    };
    match (container, template.request) {
        (Some(name), _) => {
            let named = |container: &&Container| container.name == name;
            let found = template.containers.iter().find(named);
            request(found.ok_or_else(|| Failure::NoSuchContainer {
                replica: replica.to_owned(),
                container: name.to_owned(),
            })?)
        }
        (None, Some(whole)) => Ok(whole),
        (None, None) => {
            let requests = template.containers.iter().map(request);
            Ok(Milli::sum(requests.collect::<Result<Vec<_>, _>>()?))
        }
    }
}
