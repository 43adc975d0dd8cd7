//! `/api/v1/auth/refresh`

mod post;
