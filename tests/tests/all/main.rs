//! The real programs, tested from outside: as their users, and as their adversaries.

mod abuse;
mod access;
mod adversary;
mod architecture;
mod bad_input;
mod cashier;
mod crash;
mod doctor;
mod documents;
mod drill;
mod endings;
mod enrolment;
mod followers;
mod found;
mod line;
mod lists;
mod offline;
mod plans;
mod restored;
mod sales;
mod scan;
mod source;
mod sse;
mod startup;
mod strangers;
mod tidy;
