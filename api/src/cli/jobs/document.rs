//! A job as a JSON document.

use callboard_queue::JobView;
use serde_json::{Value, json};

/// The job under the names that the API uses.
pub(super) fn of(job: &JobView) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(job)?;
    if let Value::Object(fields) = &mut document {
        fields.insert("status".to_owned(), json!(job.status()));
    }
    Ok(document)
}
