//! `GET /api/v1/auth/oauth/{provider}/callback`

mod accounts;
mod proof;
