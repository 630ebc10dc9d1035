//! What a replica requests of a resource: the whole that its usage is a share of.

use super::{Failure, Milli};
use headroom_model::body::{Container, Template};

/// What a replica requests of a resource, or one container of it.
///
/// # Errors
/// When a container that counts requests nothing, or is not there.
pub fn request_of(
    replica: &str,
    template: &Template,
    resource: &str,
    container: Option<&str>,
) -> Result<Milli, Failure> {
    let request = |container: &Container| {
        let request = container.requests.get(resource).copied().map(Milli);
        request.ok_or_else(|| Failure::MissingRequest {
            replica: replica.to_owned(),
            container: container.name.clone(),
        })
    };
    match (container, template.requests.get(resource)) {
        (Some(name), _) => {
            let named = |container: &&Container| container.name == name;
            let found = template.containers.iter().find(named);
            request(found.ok_or_else(|| Failure::NoSuchContainer {
                replica: replica.to_owned(),
                container: name.to_owned(),
            })?)
        }
        (None, Some(whole)) => Ok(Milli(*whole)),
        (None, None) => {
            let requests = template.containers.iter().map(request);
            Ok(Milli::sum(requests.collect::<Result<Vec<_>, _>>()?))
        }
    }
}
