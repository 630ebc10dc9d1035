//! The drivers, with real processes and programs.

mod children;
mod command;
mod crash;
mod pool;
mod process;
mod settings;
