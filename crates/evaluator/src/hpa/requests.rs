//! What a replica requests of a resource: the whole that its usage is a share of.

use super::{Failure, Milli};
use headroom_model::body::{Container, Template};

/// What a replica requests of a resource, or one container of it.
///
/// A replica that requests anything as a whole says so for each resource it means; of any other, what its containers
/// request counts, and those that request nothing do not matter.
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
        (None, None) if template.requests.is_empty() => {
            let requests = template.containers.iter().map(request);
            Ok(Milli::sum(requests.collect::<Result<Vec<_>, _>>()?))
        }
        (None, None) => {
            let requests: Vec<_> = template.containers.iter().flat_map(request).collect();
            match requests.is_empty() {
                true => Err(Failure::MissingRequest {
                    replica: replica.to_owned(),
                    container: String::new(),
                }),
                false => Ok(Milli::sum(requests)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replica_requests_as_a_whole_stands_above_its_containers() {
        let of = |requests: &[(&str, i64)]| {
            requests
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect()
        };
        let container = |name: &str, requests: &[(&str, i64)]| Container {
            name: name.to_owned(),
            requests: of(requests),
        };
        let template = Template {
            containers: vec![
                container("app", &[("memory", 300)]),
                container("proxy", &[("cpu", 50)]),
            ],
            requests: of(&[("cpu", 700)]),
        };
        let missing = |container: &str| {
            Err(Failure::MissingRequest {
                replica: "r0".to_owned(),
                container: container.to_owned(),
            })
        };
        let cases = [
            ("what it says", &template, "cpu", None, Ok(Milli(700))),
            (
                "of another resource, those that say",
                &template,
                "memory",
                None,
                Ok(Milli(300)),
            ),
            ("nobody says", &template, "disk", None, missing("")),
            (
                "one container",
                &template,
                "cpu",
                Some("proxy"),
                Ok(Milli(50)),
            ),
            (
                "one that does not say",
                &template,
                "cpu",
                Some("app"),
                missing("app"),
            ),
        ];
        for (name, template, resource, container, want) in cases {
            assert_eq!(
                request_of("r0", template, resource, container),
                want,
                "{name}"
            );
        }
        let without = Template {
            requests: of(&[]),
            ..template
        };
        assert_eq!(
            request_of("r0", &without, "memory", None),
            missing("proxy"),
            "else all must say"
        );
    }
}
