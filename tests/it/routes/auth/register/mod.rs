//! `/api/v1/auth/register`

mod post;
