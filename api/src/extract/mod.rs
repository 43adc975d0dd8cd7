//! Extractors: what a handler may ask of a request. Each refuses with a
//! [`Problem`](crate::error::Problem), never with a framework's plain text.

mod body;
mod fault;
mod input;
mod json;
mod json_or_form;
mod language;
mod params;
mod path;
mod request_info;

pub use body::BodyLimits;
pub use fault::{Faults, Reason};
pub use input::{FormInput, Input};
pub use json::ValidJson;
pub use json_or_form::{BodyKind, JsonOrForm};
pub use language::Language;
pub use params::{Params, refuse_parameters};
pub use path::{PathId, Segment};
pub(crate) use request_info::REQUEST_ID;
pub use request_info::RequestInfo;
