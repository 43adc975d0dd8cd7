//! Which kinds of job this worker knows.

use callboard_queue::Registry;
use callboard_shared::jobs::VerifyAddress;

use crate::context::Context;

/// All handlers, sorted by kind. A kind that is missing here is left in the
/// queue for a worker that knows it.
#[must_use]
pub fn registry() -> Registry<Context> {
    Registry::new().register::<VerifyAddress>() // email.verify_address
}
