//! What the resources have in common.

use serde::Serialize;
use uuid::Uuid;

/// A row of a resource's table.
pub trait Entity: Serialize {
    /// Its id.
    fn id(&self) -> Uuid;

    /// The user whose it is.
    fn owner_id(&self) -> Uuid;

    /// Counts its changes; the `ETag` is made from it.
    fn version(&self) -> i64;
}

/// Implements [`Entity`] by the columns of these names.
macro_rules! entity {
    ($name:ty, owned by $owner:ident) => {
        impl crate::models::Entity for $name {
            fn id(&self) -> uuid::Uuid {
                self.id
            }

            fn owner_id(&self) -> uuid::Uuid {
                self.$owner
            }

            fn version(&self) -> i64 {
                self.version
            }
        }
    };
}

pub(super) use entity;
