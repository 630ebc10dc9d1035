use super::*;

/// An answer of status 200 with this `data`.
fn data(data: &str) -> String {
    read_text(200, &format!(r#"{{"status":"success","data":{data}}}"#))
}

fn read_text(status: u16, body: &str) -> String {
    match read(StatusCode::from_u16(status).unwrap(), body.as_bytes()) {
        Ok((at, measured)) => format!("{:?} {measured:?}", at.map(|at| at.0)),
        Err(failure) => format!("{failure:?}"),
    }
}

fn vector(series: &str) -> String {
    data(&format!(r#"{{"resultType":"vector","result":[{series}]}}"#))
}

#[test]
fn an_answer_is_a_reading() {
    let scalar = data(r#"{"resultType":"scalar","result":[1700000000.123,"2.5"]}"#);
    let cases = [
        ("no series is missing, not zero", vector(""), "None Missing"),
        (
            "one series",
            vector(r#"{"metric":{},"value":[1700000000.123,"2.5"]}"#),
            "Some(1700000000123) Total(2.5)",
        ),
        (
            "one series whose labels name no replica",
            vector(r#"{"metric":{"job":"shop","pod":""},"value":[1,"2"]}"#),
            "Some(1000) Total(2.0)",
        ),
        (
            "one series of one replica",
            vector(r#"{"metric":{"job":"shop","pod":"a"},"value":[1,"2"]}"#),
            r#"Some(1000) PerReplica { replicas: ["a"], values: [2.0] }"#,
        ),
        (
            "one series, by the most telling label",
            vector(r#"{"metric":{"instance":"10.0.0.7:80","pod":"a"},"value":[1,"2"]}"#),
            r#"Some(1000) PerReplica { replicas: ["a"], values: [2.0] }"#,
        ),
        (
            "NaN",
            vector(r#"{"metric":{},"value":[1,"NaN"]}"#),
            "Some(1000) Total(NaN)",
        ),
        (
            "infinity",
            vector(r#"{"metric":{},"value":[1,"+Inf"]}"#),
            "Some(1000) Total(inf)",
        ),
        ("a scalar", scalar, "Some(1700000000123) Total(2.5)"),
        (
            "a series per pod",
            vector(
                r#"{"metric":{"pod":"a"},"value":[1,"2"]},{"metric":{"pod":"b"},"value":[1,"3"]}"#,
            ),
            r#"Some(1000) PerReplica { replicas: ["a", "b"], values: [2.0, 3.0] }"#,
        ),
        (
            "a label that is the same everywhere names no replica",
            vector(
                r#"{"metric":{"pod":"x","instance":"a"},"value":[1,"2"]},{"metric":{"pod":"x","instance":"b"},"value":[1,"3"]}"#,
            ),
            r#"Some(1000) PerReplica { replicas: ["a", "b"], values: [2.0, 3.0] }"#,
        ),
        (
            "an empty label names no replica",
            vector(
                r#"{"metric":{"pod":"","instance":"a"},"value":[1,"2"]},{"metric":{"pod":"x","instance":"b"},"value":[1,"3"]}"#,
            ),
            r#"Some(1000) PerReplica { replicas: ["a", "b"], values: [2.0, 3.0] }"#,
        ),
    ];
    for (name, said, want) in cases {
        assert_eq!(said, want, "{name}");
    }
}

#[test]
fn what_is_no_number_is_refused_with_a_reason() {
    let huge = "x".repeat(100_000);
    let cases = [
        (
            "several series without a replica",
            vector(
                r#"{"metric":{"job":"x","queue":"a"},"value":[1,"2"]},{"metric":{"job":"x","queue":"b"},"value":[1,"3"]}"#,
            ),
            "the query gives 2 series, such as {job=\\\"x\\\",queue=\\\"a\\\"}; aggregate them",
        ),
        (
            "a histogram",
            vector(r#"{"metric":{},"histogram":[1,{}]}"#),
            "Malformed { detail: \"the query gives native histograms",
        ),
        (
            "a range",
            data(r#"{"resultType":"matrix","result":[]}"#),
            "leave the [range] out",
        ),
        (
            "a text",
            data(r#"{"resultType":"string","result":[1,"a"]}"#),
            "the query gives a text",
        ),
        (
            "a value that is none",
            vector(r#"{"metric":{},"value":[1,"x"]}"#),
            "Malformed { detail: \"the value \\\"x\\\"",
        ),
        (
            "no data",
            read_text(200, r#"{"status":"success"}"#),
            "without data",
        ),
        (
            "a web page",
            read_text(200, "<html>"),
            "Malformed { detail: \"no answer of Prometheus",
        ),
        (
            "nothing",
            read_text(200, ""),
            "Malformed { detail: \"no answer of Prometheus",
        ),
        (
            "an error of the query",
            read_text(
                400,
                r#"{"status":"error","errorType":"bad_data","error":"parse error at 1:5"}"#,
            ),
            r#"Refused { detail: "400 Bad Request: bad_data: parse error at 1:5" }"#,
        ),
        (
            "an error with the wrong status",
            read_text(
                200,
                r#"{"status":"error","errorType":"timeout","error":"slow"}"#,
            ),
            r#"Refused { detail: "200 OK: timeout: slow" }"#,
        ),
        (
            "a login",
            read_text(401, "Unauthorized\n"),
            r#"Refused { detail: "401 Unauthorized: Unauthorized" }"#,
        ),
        (
            "a success that is none",
            read_text(503, r#"{"status":"success"}"#),
            "Refused { detail: \"503",
        ),
        ("a long complaint is cut", read_text(500, &huge), "xxx…\" }"),
    ];
    for (name, said, want) in cases {
        assert!(said.contains(want), "{name}: {said}");
        assert!(said.len() < 500, "{name}: {said}");
    }
}
