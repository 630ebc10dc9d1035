//! The planner as a whole: what it says to what happens.

mod as_hpa;
mod flight;
mod ordered;
mod periods;
mod properties;
mod rates;
mod rules;
mod without_behavior;
