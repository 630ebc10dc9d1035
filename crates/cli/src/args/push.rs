//! The command for those who hand in readings.

use crate::time;
use clap::{ArgGroup, Args};
use headroom_model::{Timestamp, WorkloadId};

const EXAMPLES: &str = "\
Examples:
  headroom push shop/worker orders_waiting 42
  headroom push shop/web requests_per_second --replica web-0=12 --replica web-1=9";

#[derive(Clone, Debug, Args)]
#[command(
    override_usage = "headroom push [OPTIONS] <WORKLOAD> <METRIC> <VALUE | --replica <NAME=NUMBER>...>",
    after_help = EXAMPLES,
    group(ArgGroup::new("reading").required(true))
)]
pub(crate) struct Push {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    /// The metric's name in the policy
    pub(crate) metric: String,
    /// The value for the whole workload, in the metric's unit
    #[arg(allow_negative_numbers = true, group = "reading")]
    pub(crate) value: Option<f64>,
    /// Instead of that the value of one replica, as rules of replicas (Pods) need it; once for each replica
    #[arg(long = "replica", value_parser = replica, value_name = "NAME=NUMBER", group = "reading")]
    pub(crate) replicas: Vec<(String, f64)>,
    /// The push source, when it is not called push
    #[arg(long, default_value = "push", value_name = "NAME")]
    pub(crate) source: String,
    /// When it was so: RFC 3339, HH:MM:SS, or a span ago [default: now]
    #[arg(long, value_parser = time::moment, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

/// A replica and its number: `web-0=12`. No number has an equals sign, so the name may have one.
fn replica(text: &str) -> Result<(String, f64), String> {
    let (name, number) = text
        .rsplit_once('=')
        .ok_or("there is no `=`; write NAME=NUMBER")?;
    let value = number
        .parse()
        .map_err(|_| format!("{number:?} is no number; write NAME=NUMBER"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_a_name_and_a_number() {
        let read = |text| replica(text).unwrap_or_else(|error| (error, 0.0));
        let cases = [
            ("web-0=12", "web-0", 12.0),
            ("a=b=-1.5", "a=b", -1.5),
            ("=1", "", 1.0),
            ("web-0", "there is no `=`; write NAME=NUMBER", 0.0),
            ("web-0=", "\"\" is no number; write NAME=NUMBER", 0.0),
            ("web-0=a", "\"a\" is no number; write NAME=NUMBER", 0.0),
        ];
        for (text, name, value) in cases {
            assert_eq!(read(text), (name.to_owned(), value), "{text}");
        }
    }
}
