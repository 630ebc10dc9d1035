use super::*;
use proptest::prelude::*;

fn asked(metric: &str, seconds: u64) -> Asked {
    Asked {
        metric: metric.to_owned(),
        query: metric.to_owned(),
        interval: Span::seconds(seconds),
    }
}

/// A task of source `s` with metrics `a`, `b`… of these intervals in seconds.
fn task(name: &str, intervals: &[u64]) -> Arc<Task> {
    let workload = WorkloadId::new("shop", name).unwrap();
    let metrics = ('a'..)
        .zip(intervals)
        .map(|(metric, &seconds)| asked(&metric.to_string(), seconds))
        .collect();
    Arc::new(Task::new("s", &workload, metrics))
}

/// A schedule of one task at 0, and the task.
fn scheduled(intervals: &[u64]) -> (Schedule, Arc<Task>) {
    let task = task("checkout", intervals);
    let mut schedule = Schedule::default();
    schedule.assign(&task.workload, &[Arc::clone(&task)], Timestamp(0));
    (schedule, task)
}

/// Seconds after the jitter of a task.
fn moment(task: &Task, seconds: u64) -> Timestamp {
    Timestamp(0).plus(task.jitter).plus(Span::seconds(seconds))
}

#[test]
fn instants_are_multiples_of_the_interval_plus_the_jitter() {
    let task = task("checkout", &[15]);
    assert!(task.jitter < Span::seconds(15));
    assert_eq!(task.due_after(moment(&task, 30)), moment(&task, 45));
    assert_eq!(task.due_after(moment(&task, 44)), moment(&task, 45));
    assert_eq!(task.due_by(moment(&task, 44)), moment(&task, 30));
    assert_eq!(task.due_by(moment(&task, 45)), moment(&task, 45));
}

#[test]
fn each_metric_keeps_its_own_interval() {
    let task = task("checkout", &[10, 15]);
    let names = |seconds| -> String {
        task.metrics_at(moment(&task, seconds))
            .iter()
            .map(|asked| asked.metric.as_str())
            .collect()
    };
    assert_eq!(
        [names(30), names(40), names(45), names(44)],
        ["ab", "a", "b", ""]
    );
    assert_eq!(task.due_after(moment(&task, 40)), moment(&task, 45));
}

#[test]
fn a_turn_comes_at_its_instant_and_once() {
    let (mut schedule, task) = scheduled(&[15]);
    let due = moment(&task, 15);
    assert_eq!(
        schedule.poll(moment(&task, 0)).len(),
        1,
        "the first instant"
    );
    schedule.finished(&task.key());
    assert_eq!(schedule.next_due(), Some(due));
    assert_eq!(schedule.poll(due.minus(Span(1))), []);
    let want = Turn {
        task: Arc::clone(&task),
        due,
        metrics: task.metrics.clone(),
        skipped: None,
    };
    assert_eq!(schedule.poll(due), [want]);
    assert_eq!(schedule.poll(due), []);
}

#[test]
fn what_comes_while_a_task_is_at_work_is_skipped_and_told_at_the_next_turn() {
    let (mut schedule, task) = scheduled(&[15]);
    assert_eq!(schedule.poll(moment(&task, 15)).len(), 1);
    assert_eq!(schedule.poll(moment(&task, 30)), []);
    assert_eq!(schedule.poll(moment(&task, 45)), []);
    schedule.finished(&task.key());
    let turns = schedule.poll(moment(&task, 60));
    assert_eq!(turns[0].due, moment(&task, 60));
    assert_eq!(
        turns[0].skipped,
        Some((moment(&task, 30), moment(&task, 45)))
    );
    schedule.finished(&task.key());
    assert_eq!(schedule.poll(moment(&task, 75))[0].skipped, None);
}

#[test]
fn after_a_pause_of_the_whole_process_only_the_newest_instant_has_a_turn() {
    let (mut schedule, task) = scheduled(&[15]);
    schedule.poll(moment(&task, 0));
    schedule.finished(&task.key());
    let turns = schedule.poll(moment(&task, 3601));
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].due, moment(&task, 3600));
    assert_eq!(
        turns[0].skipped,
        Some((moment(&task, 15), moment(&task, 3585)))
    );
}

#[test]
fn a_clock_that_steps_back_makes_tasks_due_anew_and_one_that_wavers_does_not() {
    let (mut schedule, task) = scheduled(&[15]);
    assert_eq!(schedule.poll(moment(&task, 3600)).len(), 1);
    schedule.finished(&task.key());
    assert_eq!(schedule.poll(moment(&task, 3600).minus(Span(900))), []);
    assert_eq!(schedule.next_due(), Some(moment(&task, 3615)), "wavers");
    assert_eq!(schedule.poll(moment(&task, 14)), []);
    assert_eq!(schedule.next_due(), Some(moment(&task, 15)), "steps back");
}

#[test]
fn what_is_passed_over_is_told_by_source() {
    let (mut schedule, task) = scheduled(&[15]);
    schedule.poll(moment(&task, 0));
    let want = [("s".into(), moment(&task, 15), moment(&task, 45))];
    assert_eq!(
        schedule.pass_over(moment(&task, 46)),
        want,
        "also while at work"
    );
    assert_eq!(schedule.pass_over(moment(&task, 46)), []);
    schedule.finished(&task.key());
    assert_eq!(schedule.poll(moment(&task, 60))[0].skipped, None);
}

#[test]
fn a_policy_that_changes_changes_the_instants_and_one_that_goes_ends_them() {
    let (mut schedule, old) = scheduled(&[15]);
    let new = task("checkout", &[7]);
    schedule.assign(&old.workload, &[Arc::clone(&new)], moment(&new, 0));
    assert_eq!(schedule.next_due(), Some(moment(&new, 7)));
    assert_eq!(schedule.poll(moment(&new, 7))[0].task, new);
    schedule.assign(&old.workload, &[], moment(&new, 8));
    assert_eq!(schedule.next_due(), None);
    schedule.finished(&new.key());
    assert_eq!(schedule.poll(Timestamp::FAR_FUTURE), []);
}

#[test]
fn a_change_while_a_task_is_at_work_starts_no_second_one() {
    let (mut schedule, old) = scheduled(&[15]);
    schedule.poll(moment(&old, 15));
    let new = task("checkout", &[15, 30]);
    schedule.assign(&old.workload, &[Arc::clone(&new)], moment(&old, 16));
    assert_eq!(schedule.poll(moment(&new, 30)), []);
}

#[test]
fn workloads_of_one_source_are_spread_over_the_interval() {
    let tasks: Vec<_> = (0..1000).map(|n| task(&format!("w{n}"), &[10])).collect();
    for second in 0..10 {
        let within = |task: &&Arc<Task>| task.jitter.0 / 1000 == second;
        let share = tasks.iter().filter(within).count();
        assert!(
            (60..=140).contains(&share),
            "second {second}: {share} of 1000"
        );
    }
}

proptest! {
    /// Two collectors that wake at different moments ask at the same instants, and each instant once.
    #[test]
    fn two_collectors_have_the_same_instants(
        intervals in prop::collection::vec(1_u64..40, 1..4),
        steps in prop::collection::vec(1_u64..900, 1..300),
    ) {
        let (mut steady, task) = scheduled(&intervals);
        let (mut other, _) = scheduled(&intervals);
        let mut seen = BTreeSet::new();
        let mut now = Timestamp(0);
        for step in steps {
            now = now.plus(Span(step));
            for turn in steady.poll(now) {
                prop_assert!(turn.due <= now && turn.due > now.minus(Span(1000)));
                prop_assert!(seen.insert(turn.due), "asked twice");
                prop_assert!(!turn.metrics.is_empty());
                steady.finished(&task.key());
            }
        }
        let mut asked = BTreeSet::new();
        for ms in 0..=now.0 / 100 {
            for turn in other.poll(Timestamp(ms * 100)) {
                asked.insert(turn.due);
                other.finished(&task.key());
            }
        }
        // The other may have missed the last tenth of a second.
        seen.retain(|due| due.0 <= now.0 / 100 * 100);
        prop_assert_eq!(seen, asked);
    }
}
