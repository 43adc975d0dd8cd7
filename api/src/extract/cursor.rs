//! Cursors: where a page ends, opaque to clients.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_shared::db::listing::Direction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The row at the edge of a page, by the values it is ordered by.
///
/// It is not signed: it holds nothing but what the client was shown, and what
/// comes back is parsed like any other parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The order, as [`name_of`](Self::name_of) writes it.
    #[serde(rename = "s")]
    pub sort: String,
    /// One for each column of the order.
    #[serde(rename = "v")]
    pub values: Vec<String>,
    /// Whether the page before is meant.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_backwards: bool,
}

impl Cursor {
    /// The cursor of a row as clients see it; `None` when it lacks a column of
    /// the order, which a defect alone can cause.
    #[must_use]
    pub fn of(row: &Value, sort: &[(&'static str, Direction)], is_backwards: bool) -> Option<Self> {
        let value = |name: &str| match row.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let values = sort.iter().map(|(name, _)| value(name)).collect::<Option<_>>()?;
        Some(Self { sort: Self::name_of(sort), values, is_backwards })
    }

    /// An order as one word.
    #[must_use]
    pub fn name_of(sort: &[(&'static str, Direction)]) -> String {
        let name = |(name, direction): &(&str, Direction)| match direction {
            Direction::Ascending => (*name).to_owned(),
            Direction::Descending => format!("-{name}"),
        };
        sort.iter().map(name).collect::<Vec<_>>().join(",")
    }

    /// The text for the client.
    #[must_use]
    pub fn encode(&self) -> String {
        // Strings and a boolean always become JSON.
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what a client brought back.
    #[must_use]
    pub fn decode(raw: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(raw).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let sort = [("price", Direction::Descending), ("id", Direction::Descending)];
        let cursor = Cursor::of(&json!({ "id": "a", "price": "12.50", "title": "x" }), &sort, true).unwrap();
        assert_eq!(cursor.values, ["12.50", "a"]);
        assert_eq!(cursor.sort, "-price,-id");
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for raw in ["", "!", "AAAA", "bm90IGpzb24"] {
            assert_eq!(Cursor::decode(raw), None, "{raw}");
        }
    }
}
