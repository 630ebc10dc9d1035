//! The planner as a whole: what it says to what happens.

mod flight;
mod ordered;
mod properties;
mod rates;
mod rules;
