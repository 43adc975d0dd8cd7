//! `/problems[/{code}]`

mod get;
