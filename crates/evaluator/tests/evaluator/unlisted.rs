//! Rules of single replicas where nobody lists the replicas.

use crate::replicas::rps;
use crate::support::{Desk, Step, measured, per_replica, play, ticked};
use headroom_model::body::Measured;

#[test]
fn readings_of_single_replicas_need_no_list_of_them() {
    let mut desk = Desk::with([rps()], 2);
    let scenario: [Step; 4] = [
        (
            "those that answer are those there are",
            10.0,
            per_replica("rps", 10.0, &[20.0, 22.0]),
            "rps 5 Proportional",
        ),
        (
            "one is silent: nothing is assumed of it when more are wanted",
            20.0,
            per_replica("rps", 20.0, &[30.0, f64::NAN]),
            "rps 3 Proportional",
        ),
        (
            "a total is none of theirs",
            30.0,
            measured("rps", 30.0, Measured::Total(100.0)),
            "rps unavailable NotPerReplica",
        ),
        ("which stays so", 31.0, ticked(), ""),
    ];
    play(&mut desk, scenario);
}

#[test]
fn the_first_replica_grows_by_its_own_reading() {
    let mut desk = Desk::with([rps()], 1);
    let alone = per_replica("rps", 10.0, &[35.0]);
    assert_eq!(desk.tell(10.0, alone), "rps 4 Proportional");
}

#[test]
fn replicas_that_no_reading_names_are_silent() {
    let cases: [(&str, u32, &[f64], &str); 8] = [
        // name, replicas, readings, what is said
        (
            "fewer: those carry their share",
            5,
            &[5.0, 5.0],
            "4 Proportional",
        ),
        ("a single one of many", 5, &[0.0], "4 Proportional"),
        ("just right", 5, &[10.0], "5 WithinTolerance"),
        (
            "more: those carry nothing",
            3,
            &[30.0, 30.0],
            "6 Proportional",
        ),
        ("which turns it", 5, &[20.0], "5 MissingReplicas"),
        ("all have readings", 2, &[5.0, 5.0], "1 Proportional"),
        ("so have some that are gone", 2, &[5.0; 4], "2 Proportional"),
        (
            "too many to be listed",
            1_000_000_000,
            &[5.0],
            "unavailable NoSuchSamples",
        ),
    ];
    for (name, current, values, want) in cases {
        let mut desk = Desk::with([rps()], current);
        let told = desk.tell(10.0, per_replica("rps", 10.0, values));
        assert_eq!(told, format!("rps {want}"), "{name}");
    }
}
