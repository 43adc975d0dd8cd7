//! `/api/v1/auth/logout`

mod post;
