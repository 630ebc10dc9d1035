//! The evaluator as its neighbours see it: events in, recommendations out.

mod histories;
mod lists;
mod machine;
mod properties;
mod quality;
mod replicas;
mod support;
mod threshold;
mod unlisted;
mod wakes;
