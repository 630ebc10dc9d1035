//! What a push over NATS says, and what it is answered. Pure.

use super::{
    LONGEST_METRIC, LONGEST_REPLICA, MOST_REPLICAS, PUSH, Push, PushError, PushValue,
    ReplicaValues, replicas::Pairs,
};
use headroom_log::Accepted;
use headroom_model::{Timestamp, WorkloadId};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, error::Error as _};

/// The largest body that is read: as many replicas as there may be, with 100 bytes for each. A NATS server takes twice
/// that unless told otherwise.
pub(super) const LARGEST: usize = 512 * 1024;

/// How to write what could not be read.
const FORMS: &str = "write {\"metric\": name, \"value\": number} or {\"metric\": name, \"replicas\": {replica: number}}, \
    with \"at\" in milliseconds if it was not now";

/// One reading, for the workload that the subject names.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "Push",
    extend("oneOf" = [{"required": ["value"]}, {"required": ["replicas"]}])
)]
struct Body {
    /// The metric's name in the policy.
    #[schemars(length(min = 1, max = LONGEST_METRIC))]
    metric: String,
    /// What it is, for the whole workload; this or `replicas`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    value: Option<f64>,
    /// What it is of each replica, by the replica's name; this or `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "BTreeMap<String, f64>",
        extend(
            "minProperties" = 1,
            "maxProperties" = MOST_REPLICAS,
            "propertyNames" = {"minLength": 1, "maxLength": LONGEST_REPLICA}
        )
    )]
    replicas: Option<Pairs>,
    /// When it was so, in milliseconds since the Unix epoch; now when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    /// A source of kind `push` in the collector's configuration; `push` when absent.
    source: Option<String>,
}

/// The answer to a push.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "PushAnswer")]
pub(super) enum Reply {
    /// The log has it.
    Taken {
        /// Its position in the log.
        seq: u64,
        /// Whether the log had it before.
        duplicate: bool,
    },
    /// It was not taken.
    Refused {
        /// Why, in a sentence.
        error: String,
    },
}

/// The JSON Schemas of a push and of its answer.
#[must_use]
pub fn schemas() -> [Schema; 2] {
    use headroom_model::schema::{of_read, of_written};
    let answer = of_written().into_root_schema_for::<Reply>();
    [of_read().into_root_schema_for::<Body>(), answer]
}

/// Reads a message: the workload from the last two tokens of the subject, the reading from the body. The error is a
/// sentence for the sender.
pub(super) fn read(subject: &str, body: &[u8]) -> Result<(WorkloadId, Push), String> {
    let mut tokens = subject.rsplit('.');
    let (Some(name), Some(namespace)) = (tokens.next(), tokens.next()) else {
        return Err(format!("the subject {subject:?} names no workload"));
    };
    let workload =
        WorkloadId::from_subject_tokens(namespace, name).map_err(|error| error.to_string())?;
    if workload.is_system() {
        return Err(format!("{workload} is no workload that can have a policy"));
    }
    if body.len() > LARGEST {
        return Err(format!(
            "a push has at most {LARGEST} bytes, this one has {}; give one value for the whole workload instead",
            body.len()
        ));
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| format!("{error}; {FORMS}"))?;
    let value = match (body.value, body.replicas) {
        (Some(value), None) => PushValue::Total(value),
        (None, Some(Pairs(each))) => {
            let each = ReplicaValues::new(each).map_err(|error| format!("replicas: {error}"))?;
            PushValue::PerReplica(each)
        }
        (None, None) => return Err(format!("missing field `value` or `replicas`; {FORMS}")),
        (Some(_), Some(_)) => {
            return Err("`value` and `replicas` are both given; keep `replicas` for rules of replicas, `value` for all others".to_owned());
        }
    };
    let push = Push {
        source: body.source.unwrap_or_else(|| PUSH.to_owned()),
        metric: body.metric,
        value,
        at: body.at.map(Timestamp),
    };
    Ok((workload, push))
}

/// The body that [`read`] reads. A value that is no finite number has no place in JSON and is refused there.
pub(super) fn write(push: &Push) -> Vec<u8> {
    let (value, replicas) = match &push.value {
        PushValue::Total(value) => (Some(*value), None),
        PushValue::PerReplica(values) => (None, Some(values.into())),
    };
    let body = Body {
        metric: push.metric.clone(),
        value,
        replicas,
        at: push.at.map(|at| at.0),
        source: Some(push.source.clone()),
    };
    serde_json::to_vec(&body).expect("numbers and strings always encode")
}

impl Reply {
    pub(super) fn of(outcome: Result<Accepted, PushError>) -> Self {
        match outcome {
            Ok(accepted) => Self::Taken {
                seq: accepted.seq.0,
                duplicate: accepted.duplicate,
            },
            Err(error) => Self::Refused {
                error: match error.source() {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                },
            },
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and a string always encode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(subject: &str, body: &str) -> String {
        match read(subject, body.as_bytes()) {
            Ok((workload, push)) => {
                let value = match push.value {
                    PushValue::Total(value) => value.to_string(),
                    PushValue::PerReplica(values) => format!("{:?}", values.into_columns()),
                };
                let at = push.at.map(|at| at.0);
                format!("{workload} {} {}={value} {at:?}", push.source, push.metric)
            }
            Err(sentence) => sentence,
        }
    }

    #[test]
    fn a_message_is_a_reading_or_gets_a_sentence() {
        let subject = "headroom.push.v1.main.shop.checkout";
        let cases = [
            (
                subject,
                r#"{"metric":"orders","value":2.5}"#,
                "shop/checkout push orders=2.5 None",
            ),
            (
                subject,
                r#"{"metric":"orders","value":2,"at":1700,"source":"erp"}"#,
                "shop/checkout erp orders=2 Some(1700)",
            ),
            (
                "x.a=2Eb.c=2Ed",
                r#"{"metric":"m","value":0}"#,
                "a.b/c.d push m=0 None",
            ),
            (
                "checkout",
                "{}",
                "the subject \"checkout\" names no workload",
            ),
            ("x.Shop.checkout", "{}", "\"Shop\" contains 'S'"),
            ("x._.checkout", "{}", "_/checkout is no workload"),
            (subject, "{}", "missing field `metric`"),
            (subject, "", "EOF while parsing"),
            (
                subject,
                r#"{"metric":"m","value":"2"}"#,
                "invalid type: string",
            ),
            (subject, r#"{"metric":"m","value":NaN}"#, "expected value"),
            (
                subject,
                r#"{"metric":"m","value":1e999}"#,
                "number out of range",
            ),
            (
                subject,
                r#"{"metric":"m","value":1,"valeu":2}"#,
                "unknown field `valeu`",
            ),
            (
                subject,
                r#"{"metric":"rps","replicas":{"web-1":9,"web-0":12.5},"at":1700}"#,
                r#"shop/checkout push rps=(["web-0", "web-1"], [12.5, 9.0]) Some(1700)"#,
            ),
            (
                subject,
                r#"{"metric":"m"}"#,
                r#"missing field `value` or `replicas`; write {"metric": name, "value": number} or"#,
            ),
            (
                subject,
                r#"{"metric":"m","value":1,"replicas":{"a":1}}"#,
                "`value` and `replicas` are both given; keep",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{}}"#,
                "replicas: no replica is named",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{"a":1,"a":1}}"#,
                "replicas: replica \"a\" is named twice",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{"":1}}"#,
                "replicas: a replica's name has 1 to 253 bytes, this one has 0",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{"a":null}}"#,
                "invalid type: null, expected f64",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{"a":NaN}}"#,
                "expected value",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":{"a":-1e999}}"#,
                "number out of range",
            ),
            (
                subject,
                r#"{"metric":"m","replicas":[1]}"#,
                "invalid type: sequence, expected an object with a number for each replica",
            ),
            (
                subject,
                &"x".repeat(600_000),
                "a push has at most 524288 bytes, this one has 600000; give one value",
            ),
        ];
        for (subject, body, want) in cases {
            let said = said(subject, body);
            assert!(said.starts_with(want), "{body:.40}: {said}");
        }
    }

    #[test]
    fn the_answer_is_json() {
        let taken = Ok(Accepted {
            seq: headroom_model::Seq(7),
            duplicate: false,
        });
        assert_eq!(
            Reply::of(taken).to_json(),
            br#"{"seq":7,"duplicate":false}"#
        );
        let out = headroom_log::LogError::Unavailable("no servers".to_owned());
        let Reply::Refused { error } = Reply::of(Err(out.into())) else {
            panic!("an error is answered as one");
        };
        assert_eq!(
            error,
            "the reading was not taken; send it again later: the log is out of reach: no servers"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(metric in ".{1,30}", eighths in any::<i32>(), at in prop::option::of(any::<i64>())) {
            let push = Push { at: at.map(Timestamp), ..Push::new(&metric, f64::from(eighths) / 8.0) };
            let (_, again) = read("x.shop.web", &write(&push)).unwrap();
            prop_assert_eq!(again, push);
        }

        #[test]
        fn numbers_of_replicas_are_read_again(each in prop::collection::btree_map("[a-z\"é.-]{1,9}", any::<i32>(), 1..9)) {
            let each = each.into_iter().map(|(name, eighths)| (name, f64::from(eighths) / 8.0));
            let value = PushValue::PerReplica(ReplicaValues::new(each).unwrap());
            let push = Push { value, ..Push::new("rps", 0.0) };
            let (_, again) = read("x.shop.web", &write(&push)).unwrap();
            prop_assert_eq!(again, push);
        }

        #[test]
        fn no_message_makes_the_reader_panic(subject in "(?s).{0,30}", body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&subject, &body);
        }
    }
}
