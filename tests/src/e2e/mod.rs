//! End to end: the services as processes of their own, and what must hold whatever befalls them.

pub mod brain;
pub mod campaign;
pub mod checks;
pub mod exporter;
pub mod holdable;
pub mod order_book;
pub mod site;
pub mod stage;
pub mod story;
