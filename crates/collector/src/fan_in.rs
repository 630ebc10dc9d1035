//! From what several endpoints said to one reading.

use headroom_model::body::{CollectionFailure, Measured};

/// What one endpoint said to one question.
pub(crate) type Said = Result<Option<f64>, CollectionFailure>;

/// The reading of one metric over all endpoints.
///
/// Per replica, an endpoint without an answer is NaN, and only when none answered it is a failure. As a total, every
/// endpoint must answer and have the series, since a sum over some of them would read too low: whoever has none is no
/// zero. Where none of them has it, it is missing.
pub(crate) fn combine(
    per_replica: bool,
    said: Vec<(String, Said)>,
) -> Result<Measured, CollectionFailure> {
    let asked = said.len();
    let failed = said.iter().filter(|(_, said)| said.is_err()).count();
    let fatal = if per_replica { asked.max(1) } else { 1 };
    if failed >= fatal {
        return Err(failure(said, failed));
    }
    let values = said.iter().filter_map(|(_, said)| *said.as_ref().ok()?);
    let have = values.clone().count();
    if have == 0 {
        return Ok(Measured::Missing);
    }
    if !per_replica {
        return match without(&said) {
            None => Ok(Measured::Total(values.sum())),
            Some(name) => Err(CollectionFailure::Malformed {
                detail: format!(
                    "{} of {asked} endpoints have no such series, or no rate of it yet; the first of them is {name}",
                    asked - have
                ),
            }),
        };
    }
    let (replicas, values) = said
        .into_iter()
        .map(|(name, said)| (name, said.ok().flatten().unwrap_or(f64::NAN)))
        .unzip();
    Ok(Measured::PerReplica { replicas, values })
}

/// The first endpoint that answered and has no number.
fn without(said: &[(String, Said)]) -> Option<&str> {
    said.iter()
        .find_map(|(name, said)| matches!(said, Ok(None)).then_some(name.as_str()))
}

/// The first failure, saying which endpoint it was where there are several.
fn failure(said: Vec<(String, Said)>, failed: usize) -> CollectionFailure {
    let asked = said.len();
    let (name, first) = said
        .into_iter()
        .find_map(|(name, said)| Some((name, said.err()?)))
        .expect("the caller counted at least one failure");
    if asked == 1 {
        return first;
    }
    let say = |detail| format!("{failed} of {asked} endpoints failed; {name}: {detail}");
    match first {
        CollectionFailure::Unreachable { detail } => CollectionFailure::Unreachable {
            detail: say(detail),
        },
        CollectionFailure::Refused { detail } => CollectionFailure::Refused {
            detail: say(detail),
        },
        CollectionFailure::Malformed { detail } => CollectionFailure::Malformed {
            detail: say(detail),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(detail: &str) -> CollectionFailure {
        CollectionFailure::Refused {
            detail: detail.to_owned(),
        }
    }

    /// Combines the answers of endpoints `a`, `b`, `c`…
    fn combined(per_replica: bool, said: &[Said]) -> String {
        let said = ('a'..)
            .zip(said)
            .map(|(name, said)| (name.to_string(), said.clone()));
        format!("{:?}", combine(per_replica, said.collect()))
    }

    #[test]
    fn endpoints_make_one_reading() {
        let no = || Err(refused("503"));
        let cases: [(&str, bool, Vec<Said>, &str); 12] = [
            ("one number", false, vec![Ok(Some(2.0))], "Ok(Total(2.0))"),
            (
                "a sum",
                false,
                vec![Ok(Some(2.0)), Ok(Some(3.0))],
                "Ok(Total(5.0))",
            ),
            (
                "a sum over some of them would be too low",
                false,
                vec![Ok(Some(2.0)), Ok(None), Ok(None)],
                r#"Err(Malformed { detail: "2 of 3 endpoints have no such series, or no rate of it yet; the first of them is b" })"#,
            ),
            ("no series", false, vec![Ok(None), Ok(None)], "Ok(Missing)"),
            (
                "NaN is kept in a sum",
                false,
                vec![Ok(Some(f64::NAN)), Ok(Some(1.0))],
                "Ok(Total(NaN))",
            ),
            (
                "a total fails with one endpoint",
                false,
                vec![Ok(Some(2.0)), no()],
                r#"Err(Refused { detail: "1 of 2 endpoints failed; b: 503" })"#,
            ),
            (
                "a single failure is told as it is",
                false,
                vec![no()],
                r#"Err(Refused { detail: "503" })"#,
            ),
            (
                "a replica",
                true,
                vec![Ok(Some(2.0))],
                r#"Ok(PerReplica { replicas: ["a"], values: [2.0] })"#,
            ),
            (
                "a replica without an answer is NaN",
                true,
                vec![no(), Ok(Some(3.0)), Ok(None)],
                r#"Ok(PerReplica { replicas: ["a", "b", "c"], values: [NaN, 3.0, NaN] })"#,
            ),
            (
                "no replica answers",
                true,
                vec![no(), no()],
                r#"Err(Refused { detail: "2 of 2 endpoints failed; a: 503" })"#,
            ),
            (
                "no replica has the series",
                true,
                vec![Ok(None), no()],
                "Ok(Missing)",
            ),
            (
                "no replicas at all are missing, not zero",
                true,
                vec![],
                "Ok(Missing)",
            ),
        ];
        for (name, per_replica, said, want) in cases {
            assert_eq!(combined(per_replica, &said), want, "{name}");
        }
    }
}
