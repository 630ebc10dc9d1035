//! What a rule says when its metric is late, early, wrong, or silent.

use crate::support::*;
use headroom_model::{
    Replicas,
    body::{Measured, Quality},
};
use headroom_policy::{Change, Crossed};

#[test]
fn a_good_sample_stands_until_it_is_stale() {
    let mut desk = Desk::with(vec![rps()], 2);
    play(
        &mut desk,
        [
            (
                "a load for four",
                10.0,
                total("rps", 10.0, 40.0),
                "rps 4 Proportional",
            ),
            (
                "the same again is no news",
                11.0,
                total("rps", 11.0, 39.0),
                "",
            ),
            (
                "a failed scrape changes nothing",
                20.0,
                failed("rps", 20.0),
                "",
            ),
            ("as long as the sample is fresh", 41.0, ticked(), ""),
            (
                "a millisecond later it is not",
                41.001,
                ticked(),
                "rps unavailable Stale",
            ),
            ("which is said once", 42.0, ticked(), ""),
            (
                "a failed scrape says no more",
                43.0,
                failed("rps", 43.0),
                "",
            ),
            (
                "a late sample does not help",
                44.0,
                total("rps", 13.0, 90.0),
                "",
            ),
            (
                "a fresh one does",
                45.0,
                total("rps", 45.0, 40.0),
                "rps 4 Proportional",
            ),
        ],
    );
}

#[test]
fn in_fixed_periods_a_metric_that_cannot_be_read_is_none() {
    let high = step("depth", Crossed::Above(5.0), 0, Change::To(Replicas(4)));
    let rules = [rps(), high];
    let mut desk = Desk::with(&rules, 2);
    play(
        &mut desk,
        [
            (
                "a policy that looks like an HPA",
                1.0,
                applied_in_periods(&rules),
                "rps unavailable NoSample, depth unavailable NoSample",
            ),
            (
                "a load for four",
                10.0,
                total("rps", 10.0, 40.0),
                "rps 4 Proportional",
            ),
            (
                "a depth above its threshold",
                10.0,
                total("depth", 10.0, 9.0),
                "depth 4 ThresholdHeld",
            ),
            (
                "what failed before that is past",
                11.0,
                failed("rps", 10.0),
                "",
            ),
            (
                "what fails after it counts at once",
                20.0,
                failed("rps", 20.0),
                "rps unavailable Failed",
            ),
            (
                "but not of a threshold, which no HPA knows",
                20.0,
                failed("depth", 20.0),
                "",
            ),
            (
                "what was answered before it is past",
                21.0,
                total("rps", 19.0, 30.0),
                "",
            ),
            (
                "and what failed before the answer that follows",
                30.0,
                total("rps", 30.0, 40.0),
                "rps 4 Proportional",
            ),
            ("which comes again", 31.0, failed("rps", 20.0), ""),
        ],
    );
}

#[test]
fn in_fixed_periods_one_of_two_collectors_is_enough_and_no_clock_ahead_is_believed() {
    let mut desk = Desk::with([rps()], 2);
    play(
        &mut desk,
        [
            (
                "a policy that looks like an HPA",
                1.0,
                applied_in_periods(&[rps()]),
                "rps unavailable NoSample",
            ),
            (
                "a load for four",
                30.0,
                total("rps", 30.0, 40.0),
                "rps 4 Proportional",
            ),
            (
                "one of two collectors fails",
                40.0,
                failed("rps", 40.0),
                "rps unavailable Failed",
            ),
            (
                "and the other is answered",
                40.1,
                total("rps", 40.0, 80.0),
                "rps 8 Proportional",
            ),
            ("or it is so before", 55.0, total("rps", 55.0, 80.0), ""),
            ("the other fails", 55.1, failed("rps", 55.0), ""),
            (
                "a failure of tomorrow is none of today",
                60.0,
                failed("rps", 90_000.0),
                "",
            ),
            (
                "nor does it hide what fails now",
                70.0,
                failed("rps", 70.0),
                "rps unavailable Failed",
            ),
        ],
    );
}

#[test]
fn a_source_that_answers_without_a_number_is_believed_at_once() {
    let nan = |second| total("rps", second, f64::NAN);
    let infinite = |second| total("rps", second, f64::INFINITY);
    let missing = |second| measured("rps", second, Measured::Missing);
    let silent = |second| per_replica("rps", second, &[f64::NAN, f64::NAN]);
    let nobody = |second| per_replica("rps", second, &[]);
    let mut desk = Desk::with(vec![rps()], 2);
    play(
        &mut desk,
        [
            (
                "a load for four",
                10.0,
                total("rps", 10.0, 40.0),
                "rps 4 Proportional",
            ),
            ("no series", 20.0, missing(20.0), "rps unavailable Missing"),
            (
                "an older good sample does not bring it back",
                21.0,
                total("rps", 19.0, 10.0),
                "",
            ),
            (
                "a failed scrape does not change the cause",
                22.0,
                failed("rps", 22.0),
                "",
            ),
            ("nor does the passing of time", 90.0, ticked(), ""),
            (
                "NaN is another cause",
                91.0,
                nan(91.0),
                "rps unavailable NotANumber",
            ),
            ("infinity is the same", 92.0, infinite(92.0), ""),
            (
                "a number is a number again",
                93.0,
                total("rps", 93.0, 10.0),
                "rps 1 Proportional",
            ),
            (
                "no replica that answers",
                94.0,
                silent(94.0),
                "rps unavailable NotANumber",
            ),
            (
                "no replica at all",
                95.0,
                nobody(95.0),
                "rps unavailable Missing",
            ),
        ],
    );
}

#[test]
fn the_want_of_any_sample_is_told_as_exactly_as_it_is_known() {
    let mut desk = Desk::default();
    play(
        &mut desk,
        [
            ("no rule, no word", 0.0, total("rps", 0.0, 40.0), ""),
            (
                "nothing was heard",
                1.0,
                applied(&[rps()]),
                "rps unavailable NoSample",
            ),
            (
                "a failure was",
                2.0,
                failed("rps", 2.0),
                "rps unavailable Failed",
            ),
            ("of another metric", 3.0, failed("other", 3.0), ""),
            (
                "a sample from the future",
                4.0,
                total("rps", 6.001, 40.0),
                "rps unavailable Skewed",
            ),
            (
                "a sample of long ago",
                100.0,
                total("rps", 69.9, 40.0),
                "rps unavailable Late",
            ),
            (
                "a good one, but of how many?",
                101.0,
                total("rps", 101.0, 40.0),
                "rps unavailable CurrentUnknown",
            ),
            ("of two", 102.0, drifted(2), "rps 4 Proportional"),
            (
                "from the future again",
                103.0,
                total("rps", 150.0, 900.0),
                "",
            ),
        ],
    );
}

#[test]
fn readings_of_other_sources_and_metrics_are_not_taken() {
    let mut desk = Desk::with(vec![rps()], 2);
    let elsewhere = match total("rps", 1.0, 40.0) {
        headroom_model::Body::Observed(mut observed) => {
            observed.source = "push".into();
            observed.into()
        }
        _ => unreachable!("a reading is an observation"),
    };
    play(
        &mut desk,
        [
            ("another metric", 1.0, total("latency", 1.0, 40.0), ""),
            ("another source", 1.0, elsewhere, ""),
            (
                "the rule's own",
                1.0,
                total("rps", 1.0, 40.0),
                "rps 4 Proportional",
            ),
        ],
    );
}

#[test]
fn inputs_name_the_value_its_quality_and_the_event_that_brought_it() {
    let mut desk = Desk::with(vec![rps()], 2);
    let first = desk.answers(10.0, &checkout(), total("rps", 9.0, 40.0));
    let input = first[0].1.inputs[0].clone();
    assert_eq!((input.value, input.against), (40.0, 10.0));
    assert_eq!((input.quality, input.at.0), (Quality::Fresh, 9000));
    assert_eq!(input.seq.0, 3, "after the policy and the count");
    let stale = desk.answers(60.0, &checkout(), ticked());
    let last = stale[0].1.inputs[0].clone();
    assert_eq!(
        (last.quality, last.event, last.value),
        (Quality::Stale, input.event, 40.0)
    );
    let missing = desk.answers(61.0, &checkout(), measured("rps", 61.0, Measured::Missing));
    assert_eq!(missing[0].1.inputs[0].quality, Quality::Missing);
    assert!(missing[0].1.inputs[0].value.is_nan(), "missing is not zero");
}

#[test]
fn silent_replicas_are_told_from_idle_ones() {
    let nan = f64::NAN;
    let mut desk = Desk::with(vec![rps()], 4);
    play(
        &mut desk,
        [
            (
                "all idle",
                1.0,
                per_replica("rps", 1.0, &[0.0; 4]),
                "rps 0 Proportional",
            ),
            (
                "half of them idle, half silent",
                2.0,
                per_replica("rps", 2.0, &[0.0, 0.0, nan, nan]),
                "rps 2 Proportional",
            ),
            (
                "one busy, three silent",
                3.0,
                per_replica("rps", 3.0, &[15.0, nan, nan, nan]),
                "rps 4 MissingReplicas",
            ),
            (
                "all busy",
                4.0,
                per_replica("rps", 4.0, &[15.0; 4]),
                "rps 6 Proportional",
            ),
        ],
    );
}
