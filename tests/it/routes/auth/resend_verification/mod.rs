//! `/api/v1/auth/resend-verification`

mod post;
