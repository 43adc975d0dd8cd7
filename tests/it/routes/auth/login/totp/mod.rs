//! `/api/v1/auth/login/totp`

mod post;
