//! `/api/v1/auth/login`

mod post;
