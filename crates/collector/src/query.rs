//! What a policy asks of an `openmetrics` source: `name{label="value"}`, or `rate(…)` of it.

use crate::{exposition::Sample, scan::Scanner};
use thiserror::Error;

/// A question to an endpoint: the sum of all samples that match, or how fast it grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Whether the samples are counters, whose growth per second is wanted.
    pub rate: bool,
    /// Which samples.
    pub selector: Selector,
}

/// Which samples count: those of one name, whose labels are as said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Matcher {
    label: String,
    value: String,
    equal: bool,
}

/// A query that is none.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "query {text:?}: {problem}; write name{{label=\"value\",other!=\"value\"}}, or rate(…) of that"
)]
pub struct QueryError {
    text: String,
    problem: &'static str,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// Says what is wrong with it, and what is right.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut scan = Scanner::new(text.trim());
        let query = query(&mut scan).and_then(|query| match scan.rest() {
            "" => Ok(query),
            rest if rest.starts_with('[') => {
                Err("a rate is taken from one scrape to the next and has no range")
            }
            _ => Err("there is more than one selector"),
        });
        query.map_err(|problem| QueryError {
            text: text.to_owned(),
            problem,
        })
    }
}

fn query(scan: &mut Scanner<'_>) -> Result<Query, &'static str> {
    let name = metric_name(scan)?;
    scan.blanks();
    if !scan.eat("(") {
        let selector = selector(name, scan)?;
        return Ok(Query {
            rate: false,
            selector,
        });
    }
    if name != "rate" {
        return Err("the only function is rate()");
    }
    scan.blanks();
    let counter = metric_name(scan)?;
    let selector = selector(counter, scan)?;
    scan.blanks();
    if scan.rest().starts_with('[') {
        return Err("a rate is taken from one scrape to the next and has no range");
    }
    if !scan.eat(")") {
        return Err("`)` is missing");
    }
    Ok(Query {
        rate: true,
        selector,
    })
}

fn metric_name<'a>(scan: &mut Scanner<'a>) -> Result<&'a str, &'static str> {
    scan.name(true).ok_or("it begins with no metric's name")
}

fn selector(name: &str, scan: &mut Scanner<'_>) -> Result<Selector, &'static str> {
    scan.blanks();
    let mut matchers = Vec::new();
    if scan.eat("{") {
        loop {
            scan.blanks();
            if scan.eat("}") {
                break;
            }
            matchers.push(matcher(scan)?);
            scan.blanks();
            if !scan.eat(",") && !scan.rest().starts_with('}') {
                return Err("`,` or `}` is missing after a label");
            }
        }
    }
    scan.blanks();
    Ok(Selector {
        name: name.to_owned(),
        matchers,
    })
}

fn matcher(scan: &mut Scanner<'_>) -> Result<Matcher, &'static str> {
    let label = scan.name(false).ok_or("a label begins with its name")?;
    scan.blanks();
    if scan.eat("=~") || scan.eat("!~") {
        return Err("regular expressions are not known here");
    }
    let equal = !scan.eat("!=");
    if equal && !scan.eat("=") {
        return Err("`=` or `!=` is missing after the name of a label");
    }
    scan.blanks();
    let value = scan
        .quoted()
        .ok_or("the value of a label is not in double quotes")?;
    Ok(Matcher {
        label: label.to_owned(),
        value: value.into_owned(),
        equal,
    })
}

impl Selector {
    /// Whether a sample counts. A label that is not there is empty.
    #[must_use]
    pub fn matches(&self, sample: &Sample<'_>) -> bool {
        sample.name == self.name
            && self
                .matchers
                .iter()
                .all(|matcher| (sample.label(&matcher.label) == matcher.value) == matcher.equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Format, samples};
    use proptest::prelude::*;

    const TEXT: &str = concat!(
        "jobs{queue=\"mail\",state=\"ready\"} 1\n",
        "jobs{queue=\"mail\",state=\"busy\"} 2\n",
        "jobs{queue=\"a \\\"b\\\"\"} 4\n",
        "jobs_total 8\n",
    );

    fn sum(query: &str) -> Result<f64, String> {
        let query = Query::parse(query).map_err(|error| error.to_string())?;
        let samples = samples(TEXT, Format::Prometheus).unwrap();
        Ok(samples
            .iter()
            .filter(|sample| query.selector.matches(sample))
            .map(|sample| sample.value)
            .sum())
    }

    #[test]
    fn a_selector_takes_what_it_names() {
        let cases = [
            ("every series of the name", "jobs", 7.0),
            ("no label said", "jobs{}", 7.0),
            ("one label", r#"jobs{queue="mail"}"#, 3.0),
            ("two labels", r#"jobs{queue="mail",state="busy"}"#, 2.0),
            (
                "blanks and a last comma",
                r#" jobs { state = "busy" , } "#,
                2.0,
            ),
            ("not that label", r#"jobs{state!="busy"}"#, 5.0),
            ("a label that is missing is empty", r#"jobs{state=""}"#, 4.0),
            ("escapes", r#"jobs{queue="a \"b\""}"#, 4.0),
            ("no part of a name", "job", 0.0),
            (
                "a rate takes the same series",
                r#"rate( jobs{state="busy"} )"#,
                2.0,
            ),
        ];
        for (name, query, want) in cases {
            assert_eq!(sum(query), Ok(want), "{name}");
        }
        assert!(Query::parse("rate(jobs_total)").unwrap().rate);
        assert!(!Query::parse("rate").unwrap().rate, "a metric named rate");
    }

    #[test]
    fn a_query_that_is_none_is_refused_with_a_reason() {
        let cases = [
            ("", "it begins with no metric's name"),
            (r#"{a="b"}"#, "it begins with no metric's name"),
            ("jobs{", "a label begins with its name"),
            (
                r#"jobs{a=~"b.*"}"#,
                "regular expressions are not known here",
            ),
            (
                r#"jobs{a>"b"}"#,
                "`=` or `!=` is missing after the name of a label",
            ),
            ("jobs{a=b}", "the value of a label is not in double quotes"),
            (
                r#"jobs{a="b" c="d"}"#,
                "`,` or `}` is missing after a label",
            ),
            ("sum(jobs)", "the only function is rate()"),
            ("rate(jobs", "`)` is missing"),
            (
                "rate(jobs[30s])",
                "a rate is taken from one scrape to the next and has no range",
            ),
            (
                "jobs[30s]",
                "a rate is taken from one scrape to the next and has no range",
            ),
            ("jobs + jobs", "there is more than one selector"),
        ];
        for (query, want) in cases {
            let error = Query::parse(query).unwrap_err();
            assert_eq!(error.problem, want, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in r#"(?s)[rate()a{}="!~,\\\[\] .é\n]{0,40}"#) {
            let _ = Query::parse(&text);
        }
    }
}
