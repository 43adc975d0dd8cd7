//! `/api/v1/auth/forgot-password`

mod post;
