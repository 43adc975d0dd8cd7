//! What every request passes, in this order, and why in this order.
//!
//! | # | layer | why here |
//! |---|---|---|
//! | 1 | trailing slash | it changes the path, so it stands before routing |
//! | 2 | [`observe`] | id, span, log line, metrics: of all that follows, refusals too |
//! | 3 | [`security`] headers | on every answer, pages and problems alike |
//! | 4 | [`cors`] | errors must be readable by a listed origin too; answers preflights |
//! | 5 | compression | packs the final body, so it stands outside of what writes bodies |
//! | 6 | [`problems`] | turns every error of what follows into problem+json |
//! | 7 | panic catch | a panic becomes a problem of 6 |
//! | 8 | [`time_limit`] | cuts off the handler only; the answer is a problem of 6 |
//! | 9 | [`unpack`] | makes of a gzip body what is in it |
//! | 10 | [`gate`] | who calls, rate limit, parameters, load, the table of routes; once the route is known |
//! | 11 | [`accept`] | on the routes that answer in JSON: refuses clients that take none |
//!
//! A body's size and time limit stand in the extractors ([`BodyLimits`]): only
//! who reads a body pays for it.
//!
//! [`BodyLimits`]: crate::extract::BodyLimits

pub mod accept;
pub mod client_ip;
pub mod cors;
pub mod gate;
mod measured;
pub mod observe;
pub mod panics;
pub mod problems;
pub mod security;
pub mod shed;
pub mod time_limit;
pub mod unpack;
