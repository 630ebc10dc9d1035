//! HorizontalPodAutoscalers become policies that mean the same, or are refused with place and mend.

mod manifests;
mod properties;
mod refusals;
mod settings;
mod written;
