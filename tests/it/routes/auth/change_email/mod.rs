//! `/api/v1/auth/change-email`

mod post;
