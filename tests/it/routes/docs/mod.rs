//! `/docs` and `/redoc`

mod get;
