//! A job as a JSON document.

use callboard_queue::JobView;
use serde_json::{Value, json};

/// The job under the names that the API uses, without its payload: that may hold
/// what is nobody's business but its handler's, as an address.
pub(super) fn of(job: &JobView) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(job)?;
    if let Value::Object(fields) = &mut document {
        fields.remove("payload");
        fields.insert("status".to_owned(), json!(job.status()));
    }
    Ok(document)
}
