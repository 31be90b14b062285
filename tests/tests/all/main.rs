//! The real programs, tested from outside: as their users, and as their adversaries.

mod architecture;
mod bad_input;
mod crash;
mod doctor;
mod documents;
mod endings;
mod line;
mod offline;
mod sales;
mod scan;
mod sse;
mod startup;
mod tidy;
