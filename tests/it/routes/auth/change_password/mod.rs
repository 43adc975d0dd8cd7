//! `/api/v1/auth/change-password`

mod post;
