use super::*;
use proptest::prelude::*;

/// Name, labels, value as text and milliseconds of each sample, one a line.
fn read(text: &str, format: Format) -> String {
    match samples(text, format) {
        Err(error) => error.to_string(),
        Ok(samples) => samples
            .iter()
            .map(|sample| {
                let labels: Vec<_> = sample
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let at = sample.at.map_or(String::new(), |at| format!(" @{}", at.0));
                format!("{}[{}] {}{at}", sample.name, labels.join("|"), sample.value)
            })
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

#[test]
fn what_programs_show_is_read() {
    use Format::{OpenMetrics, Prometheus};
    let cases = [
        // name, format, text, want
        ("a bare sample", Prometheus, "up 1\n", "up[] 1"),
        ("no line feed at the end", Prometheus, "up 1", "up[] 1"),
        (
            "carriage returns",
            Prometheus,
            "up 1\r\nx 2\r\n",
            "up[] 1\nx[] 2",
        ),
        ("nothing", Prometheus, "", ""),
        (
            "comments and empty lines",
            Prometheus,
            "# HELP up x\n# TYPE up gauge\n\n#\nup 1",
            "up[] 1",
        ),
        ("labels", Prometheus, r#"a{b="1",c="2"} 3"#, "a[b=1|c=2] 3"),
        ("no labels in braces", Prometheus, "a{} 3", "a[] 3"),
        (
            "a comma after the last label",
            Prometheus,
            r#"a{b="1",} 3"#,
            "a[b=1] 3",
        ),
        (
            "blanks everywhere",
            Prometheus,
            "\t a \t{ b = \"1\" , c=\"2\" }  3  7 ",
            "a[b=1|c=2] 3 @7",
        ),
        (
            "no blank after the braces",
            Prometheus,
            r#"a{b="1"}3"#,
            "a[b=1] 3",
        ),
        (
            "escapes",
            Prometheus,
            r#"a{b="q\"b\\n\nx\y"} 3"#,
            "a[b=q\"b\\n\nx\\y] 3",
        ),
        (
            "braces, commas and sharps in a value",
            Prometheus,
            r#"a{b="},# {"} 3"#,
            "a[b=},# {] 3",
        ),
        (
            "letters of other scripts in a value",
            Prometheus,
            r#"a{b="größe"} 3"#,
            "a[b=größe] 3",
        ),
        (
            "colons in a name",
            Prometheus,
            "job:a:sum 3",
            "job:a:sum[] 3",
        ),
        (
            "special numbers",
            Prometheus,
            "a NaN\nb +Inf\nc -Inf\nd 1.5e-3\ne -0",
            "a[] NaN\nb[] inf\nc[] -inf\nd[] 0.0015\ne[] -0",
        ),
        (
            "milliseconds",
            Prometheus,
            "a 1 1700000000123",
            "a[] 1 @1700000000123",
        ),
        (
            "seconds",
            OpenMetrics,
            "a 1 1700000000.123\n# EOF\n",
            "a[] 1 @1700000000123",
        ),
        (
            "an exemplar",
            OpenMetrics,
            "a_bucket{le=\"1\"} 4 # {trace=\"x # y\"} 0.5 1.5\n# EOF",
            "a_bucket[le=1] 4",
        ),
        (
            "a time and an exemplar",
            OpenMetrics,
            "a_total 4 2 # {} 0.5\n# EOF",
            "a_total[] 4 @2000",
        ),
        ("no samples", OpenMetrics, "# EOF\n", ""),
    ];
    for (name, format, text, want) in cases {
        assert_eq!(read(text, format), want, "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    use Format::{OpenMetrics, Prometheus};
    let cases = [
        // name, format, text, want
        (
            "no value",
            Prometheus,
            "a 1\nb",
            "line 2: the value is no number",
        ),
        (
            "a word for a value",
            Prometheus,
            "a one",
            "line 1: the value is no number",
        ),
        (
            "a web page",
            Prometheus,
            "<html>",
            "line 1: a sample begins with its name",
        ),
        (
            "a quoted name",
            Prometheus,
            r#"{"a.b"} 1"#,
            "line 1: a sample begins with its name",
        ),
        (
            "a name that begins with a digit",
            Prometheus,
            "1a 1",
            "line 1: a sample begins with its name",
        ),
        (
            "braces left open",
            Prometheus,
            r#"a{b="1" 3"#,
            "line 1: `,` or `}` is missing after a label",
        ),
        (
            "braces left open at the end",
            Prometheus,
            r#"a{b="1","#,
            "line 1: a label begins with its name",
        ),
        (
            "quotes left open",
            Prometheus,
            r#"a{b="1} 3"#,
            "line 1: the value of a label is not in double quotes",
        ),
        (
            "an escaped quote at the end",
            Prometheus,
            r#"a{b="1\"} 3"#,
            "line 1: the value of a label is not in double quotes",
        ),
        (
            "no equals sign",
            Prometheus,
            r#"a{b "1"} 3"#,
            "line 1: `=` is missing after the name of a label",
        ),
        (
            "a time that is none",
            Prometheus,
            "a 1 noon",
            "line 1: the timestamp is no number",
        ),
        (
            "seconds with a fraction in the older format",
            Prometheus,
            "a 1 1.5",
            "line 1: the timestamp is no number",
        ),
        (
            "an exemplar in the older format",
            Prometheus,
            "a 1 # {} 2",
            "line 1: there is more after the value and its timestamp",
        ),
        (
            "a third number",
            Prometheus,
            "a 1 2 3",
            "line 1: there is more after the value and its timestamp",
        ),
        (
            "a time beyond all numbers",
            OpenMetrics,
            "a 1 NaN\n# EOF",
            "line 1: the timestamp is no number",
        ),
        (
            "half of a text",
            OpenMetrics,
            "a 1\n",
            "the text does not end with `# EOF`, so a part of it is missing",
        ),
        (
            "two texts in one",
            OpenMetrics,
            "a 1\n# EOF\na 2\n# EOF",
            "line 3: there is more after `# EOF`",
        ),
    ];
    for (name, format, text, want) in cases {
        assert_eq!(read(text, format), want, "{name}");
    }
}

#[test]
fn the_content_type_names_the_format() {
    let cases = [
        (None, Format::Prometheus),
        (Some("text/plain; version=0.0.4"), Format::Prometheus),
        (
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            Format::OpenMetrics,
        ),
        (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
    ];
    for (content_type, want) in cases {
        assert_eq!(Format::of(content_type), want, "{content_type:?}");
    }
}

/// A label value as the formats write it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", open in any::<bool>()) {
        let format = if open { Format::OpenMetrics } else { Format::Prometheus };
        let _ = samples(&text, format);
    }

    #[test]
    fn no_near_miss_makes_the_reader_panic(text in r#"[a{}=",\\# \t\n0-9.eNInf+-]{0,60}"#) {
        let _ = samples(&text, Format::Prometheus);
        let _ = samples(&text, Format::OpenMetrics);
    }

    #[test]
    fn what_is_written_is_read_back(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
        labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,5}", "[^\r]{0,8}"), 0..4),
        value in any::<f64>(),
        at in prop::option::of(any::<i64>()),
    ) {
        let inner: Vec<_> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
        let at_text = at.map_or(String::new(), |at| format!(" {at}"));
        let text = format!("{name}{{{}}} {value}{at_text}\n", inner.join(","));
        let read = samples(&text, Format::Prometheus).unwrap();
        prop_assert_eq!(read.len(), 1);
        prop_assert_eq!(read[0].name, name);
        let read_labels: Vec<_> = read[0].labels.iter().map(|(n, v)| ((*n).to_owned(), v.to_string())).collect();
        prop_assert_eq!(read_labels, labels);
        prop_assert!(read[0].value == value || value.is_nan() && read[0].value.is_nan());
        prop_assert_eq!(read[0].at, at.map(Timestamp));
    }
}
