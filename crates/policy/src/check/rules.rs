//! The rules of a policy together: their names, and what they ask for.

use super::Check;
use crate::{
    MetricSource, Rule, Scope, Strategy,
    path::Path,
    spec::{Metric, Origin, Spec},
};
use headroom_model::Replicas;
use std::collections::{BTreeMap, BTreeSet};

/// A rule that is right by itself.
pub(super) struct Draft {
    /// Where it stands.
    pub(super) at: Path,
    /// The name the file gives it.
    pub(super) name: Option<String>,
    /// What it reads.
    pub(super) metric: MetricSource,
    /// What it makes of it.
    pub(super) strategy: Strategy,
}

impl Check<'_> {
    /// All rules: those of `metrics`, then those of `thresholds`.
    pub(super) fn rules(
        &mut self,
        at: &Path,
        spec: &Spec,
        bounds: Option<(Replicas, Replicas)>,
    ) -> Option<Vec<Rule>> {
        let tolerances = self.tolerances(at, spec.behavior.as_ref());
        let metrics = spec.metrics.as_deref().unwrap_or_default();
        let thresholds = spec.thresholds.as_deref().unwrap_or_default();
        if metrics.is_empty() && thresholds.is_empty() {
            self.no_rules(at, bounds);
            return Some(Vec::new());
        }
        let mut drafts = Vec::new();
        let metrics_at = at.field("metrics");
        for (index, metric) in metrics.iter().enumerate() {
            drafts.push(self.metric(&metrics_at.index(index), metric, tolerances));
        }
        let origins = origins(metrics);
        let thresholds_at = at.field("thresholds");
        for (index, threshold) in thresholds.iter().enumerate() {
            let at = thresholds_at.index(index);
            drafts.push(self.threshold(&at, threshold, &origins, bounds));
        }
        let good: Vec<&Draft> = drafts.iter().flatten().collect();
        self.one_query_each(&good);
        self.names_differ(&good);
        let drafts: Vec<Draft> = drafts.into_iter().collect::<Option<_>>()?;
        Some(named(drafts))
    }

    fn no_rules(&mut self, at: &Path, bounds: Option<(Replicas, Replicas)>) {
        let free = bounds.is_some_and(|(min, max)| min != max);
        if free && !self.is_blamed(&at.field("thresholds")) {
            let what = "there is no rule, so nothing would ever change";
            let mend =
                "add one to metrics or thresholds, or make minReplicas and maxReplicas equal";
            self.fault(&at.field("metrics"), what, mend);
        }
    }

    /// The name a file gives a rule; `Some(None)` when it gives none.
    pub(super) fn name(&mut self, at: &Path, name: Option<&str>) -> Option<Option<String>> {
        if name.is_none() {
            return Some(None);
        }
        let name = self.text(&at.field("name"), name)?;
        Some(Some(name.to_owned()))
    }

    /// A reading is known by source and metric, so the two can stand for one query only.
    fn one_query_each(&mut self, drafts: &[&Draft]) {
        let mut first: BTreeMap<(&str, &str), &Draft> = BTreeMap::new();
        for draft in drafts {
            let key = (draft.metric.source.as_str(), draft.metric.metric.as_str());
            let earlier = *first.entry(key).or_insert(draft);
            if earlier.metric.query != draft.metric.query {
                let what = format!(
                    "{} reads {:?} from {} with another query",
                    earlier.at, draft.metric.metric, draft.metric.source
                );
                let mend = "give the metric another name, or both the same query";
                self.fault(&draft.at.field("from").field("query"), what, mend);
            }
        }
    }

    fn names_differ(&mut self, drafts: &[&Draft]) {
        let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
        for draft in drafts {
            let Some(name) = &draft.name else { continue };
            if let Some(earlier) = first.get(name.as_str()) {
                let what = format!("{name:?} is already the name of {earlier}");
                self.fault(&draft.at.field("name"), what, "give each rule its own name");
            } else {
                first.insert(name, &draft.at);
            }
        }
    }
}

/// Where the metrics that say so are read. Of several with the same name the first counts.
fn origins(metrics: &[Metric]) -> BTreeMap<String, Origin> {
    let mut origins = BTreeMap::new();
    for metric in metrics {
        // What is wrong with it has been said already.
        let named = Check::default().named(metric);
        if let (Some(name), Some(origin)) = (named, &metric.from) {
            origins.entry(name).or_insert_with(|| origin.clone());
        }
    }
    origins
}

/// Gives every rule its name: the file's, else the metric's, with a number behind it where that is taken.
fn named(drafts: Vec<Draft>) -> Vec<Rule> {
    let mut taken: BTreeSet<String> = drafts.iter().filter_map(|it| it.name.clone()).collect();
    let rule = |draft: Draft| {
        let name = draft
            .name
            .unwrap_or_else(|| free(&taken, &called(&draft.metric)));
        taken.insert(name.clone());
        Rule {
            name,
            metric: draft.metric,
            strategy: draft.strategy,
        }
    };
    drafts.into_iter().map(rule).collect()
}

/// What a metric is called among the others: that of one container differs from that of all.
fn called(metric: &MetricSource) -> String {
    match &metric.scope {
        Scope::Container(container) => format!("{container}/{}", metric.metric),
        _ => metric.metric.clone(),
    }
}

fn free(taken: &BTreeSet<String>, wanted: &str) -> String {
    if !taken.contains(wanted) {
        return wanted.to_owned();
    }
    let mut number = 2_usize;
    while taken.contains(&format!("{wanted}-{number}")) {
        number += 1;
    }
    format!("{wanted}-{number}")
}
