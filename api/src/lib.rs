//! Callboard's HTTP API.
//!
//! | module | what |
//! |---|---|
//! | [`app`] | the application: built from settings and listeners, run until stopped |
//! | [`state`] | what handlers share |
//! | [`router`] | the URL table |
//! | [`middleware`] | what every request passes, and in which order |
//! | [`extract`] | what a handler may ask of a request |
//! | [`error`] | the catalogue of error codes, and problem+json |
//! | [`auth`] | passwords, access tokens, who a request comes from |
//! | [`routes`] | the handlers, a file a resource |
//! | [`commits`] | work that runs to its end though its client goes away |
//! | [`services`] | rules that span tables |
//! | [`views`] | what clients see of the entities |
//! | [`pages`] | the few HTML pages |
//! | [`openapi`] | the description |
//! | [`cli`] | the commands of the binary |

pub mod answer;
pub mod app;
pub mod auth;
pub mod cli;
pub mod commits;
pub mod error;
pub mod extract;
mod first_admin;
pub mod limits;
pub mod lists;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod pages;
pub mod router;
pub mod routes;
pub mod serve;
pub mod services;
pub mod settings;
pub mod state;
pub mod views;
pub mod work;
