//! `/health`, `/livez`, `/readyz`

mod get;
