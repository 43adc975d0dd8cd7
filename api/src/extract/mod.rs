//! Extractors: what a handler may ask of a request. Each refuses with a
//! [`Problem`](crate::error::Problem), never with a framework's plain text.

mod action;
mod body;
mod change;
mod cursor;
mod fault;
mod input;
mod job_list;
mod json;
mod json_or_form;
mod language;
mod list;
mod list_docs;
mod merge_patch;
mod params;
mod path;
mod post;
mod preconditions;
mod request_info;
mod traceparent;

pub use action::Action;
pub use body::BodyLimits;
pub use change::Change;
pub use cursor::Cursor;
pub use fault::{Faults, Reason};
pub use input::{FormInput, Input};
pub use job_list::{JobList, JobListParams};
pub use json::ValidJson;
pub use json_or_form::{BodyKind, JsonOrForm};
pub use language::Language;
pub use list::List;
pub use list_docs::ListParams;
pub use merge_patch::{MergePatch, Patch};
pub use params::{Params, refuse_parameters};
pub use path::{PathId, Segment};
pub use post::{FingerprintKey, Post};
pub use preconditions::{Preconditions, etag};
pub(crate) use request_info::REQUEST_ID;
pub use request_info::RequestInfo;
