//! What an API key may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

macro_rules! scopes {
    ($($(#[doc = $doc:literal])+ $scope:ident = $name:literal)+) => {
        /// One thing that an API key may do, `<resource>:<verb>`. The routes name
        /// the scope that they ask of a key; this is the one table of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Scope {
            $($(#[doc = $doc])+ $scope,)+
        }

        impl Scope {
            /// Every scope, by name.
            pub const ALL: &'static [Self] = &[$(Self::$scope),+];

            /// The names of all, as the API and the database write them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name, as the API and the database write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$scope => $name,)+
                }
            }

            /// What it lets a key do, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$scope => concat!($($doc),+).trim_start(),)+
                }
            }

            /// The scope of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$scope),)+
                    _ => None,
                }
            }
        }
    };
}

scopes! {
    /// Read accounts.
    AccountsRead = "accounts:read"
    /// Make, change and delete accounts.
    AccountsWrite = "accounts:write"
    /// Read the audit log.
    AuditRead = "audit:read"
    /// Read items, also those that are not public.
    ItemsRead = "items:read"
    /// Make, change and delete items.
    ItemsWrite = "items:write"
    /// Put jobs into the queue.
    JobsEnqueue = "jobs:enqueue"
    /// Look at jobs.
    JobsRead = "jobs:read"
    /// Cancel and retry jobs, pause and resume queues, change and run schedules.
    JobsWrite = "jobs:write"
    /// Read profiles.
    ProfilesRead = "profiles:read"
    /// Make, change and delete profiles.
    ProfilesWrite = "profiles:write"
    /// Read users.
    UsersRead = "users:read"
    /// Make, change and delete users.
    UsersWrite = "users:write"
}

impl FromStr for Scope {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        Self::parse(raw).ok_or(InvalidValue::ScopeUnknown)
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidValue;

    fn try_from(raw: String) -> Result<Self, InvalidValue> {
        raw.parse()
    }
}

impl From<Scope> for &'static str {
    fn from(scope: Scope) -> Self {
        scope.as_str()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_are_found_again() {
        assert!(Scope::NAMES.is_sorted(), "{:?}", Scope::NAMES);
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(*scope));
        }
        for unknown in ["", "items", "items:*", "*", "Items:read", "items:read "] {
            assert_eq!(unknown.parse::<Scope>(), Err(InvalidValue::ScopeUnknown));
        }
    }
}
