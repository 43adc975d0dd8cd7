//! `/api/v1/hello[/{name}]`

mod get;
