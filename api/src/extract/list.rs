//! What a client asks of a list: filters, text, order, page, and which fields.
//!
//! Everything comes from the resource's [`Listing`]; what it does not name is
//! refused, so that a typo never silently shows too much or too little.

use std::{collections::BTreeSet, marker::PhantomData};

use axum::{extract::FromRequestParts, http::request::Parts};
use callboard_shared::db::listing::{Comparison, Direction, Filter, ListRequest, Listed, Listing, Value, Window};
use utoipa::{PartialSchema, ToSchema, openapi::RefOr, openapi::schema::Schema};

use super::{cursor::Cursor, params::Refusals};
use crate::error::{Code, Problem};

/// Rows a page when none are asked for, and the most.
pub(crate) const LIMITS: (i64, i64) = (50, 100);

/// How far `skip` goes: counting off more costs more than anybody means to ask.
pub(crate) const FARTHEST_SKIP: i64 = 10_000;

/// Longest text that is searched for, in characters.
pub(crate) const LONGEST_SEARCH: usize = 100;

/// How the ends of a filter's name say what it compares.
pub(crate) const RANGES: [(&str, Comparison); 4] = [
    ("_gte", Comparison::GreaterOrEqual),
    ("_gt", Comparison::Greater),
    ("_lte", Comparison::LessOrEqual),
    ("_lt", Comparison::Less),
];

/// The parsed query of a list of `T`.
#[derive(Debug)]
pub struct List<T> {
    /// What PostgreSQL is asked.
    pub request: ListRequest,
    /// The fields that are shown; all when none are named.
    pub fields: Option<BTreeSet<String>>,
    /// The query as one text, the same for all ways to write it: a cache's key.
    pub canonical: String,
    of: PhantomData<fn() -> T>,
}

impl<S: Sync, T: Listed + ToSchema> FromRequestParts<S> for List<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let mut given: Vec<(String, String)> =
            serde_urlencoded::from_str(query).map_err(|_| Problem::new(Code::InvalidParameter))?;
        given.sort();
        let mut reader = Reader { listing: &T::LISTING, fields: fields_of::<T>, errors: Refusals::default() };
        let parsed = reader.read(&given);
        match parsed {
            Some((request, fields)) if reader.errors.is_empty() => {
                let canonical = serde_urlencoded::to_string(&given).map_err(Problem::internal)?;
                Ok(Self { request, fields, canonical, of: PhantomData })
            }
            _ => Err(reader.errors.into_problem()),
        }
    }
}

/// The fields that `T` shows, from its schema.
pub(crate) fn fields_of<T: PartialSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

struct Reader<'a> {
    listing: &'a Listing,
    fields: fn() -> Vec<String>,
    errors: Refusals,
}

impl Reader<'_> {
    fn read(&mut self, given: &[(String, String)]) -> Option<(ListRequest, Option<BTreeSet<String>>)> {
        let mut request = ListRequest {
            filters: Vec::new(),
            search: None,
            sort: total(self.listing.default_sort.to_vec()),
            window: Window::First,
            limit: LIMITS.0,
            count: false,
        };
        let (mut fields, mut cursor, mut skip) = (None, None, None);
        for (index, (name, value)) in given.iter().enumerate() {
            if index > 0 && given[index - 1].0 == *name {
                self.errors.twice(name);
                continue;
            }
            match name.as_str() {
                "limit" => request.limit = self.errors.number(name, value, 1, LIMITS.1).unwrap_or(LIMITS.0),
                "skip" => skip = self.errors.number(name, value, 0, FARTHEST_SKIP),
                "cursor" => cursor = Some(value),
                "count" if value == "exact" => request.count = true,
                "count" => drop(self.errors.refuse::<()>(
                    name,
                    "invalid_value",
                    "The only count is exact.",
                    "exact만 쓸 수 있습니다.",
                )),
                "sort" => request.sort = self.sort(name, value).unwrap_or(request.sort),
                "fields" => fields = self.pick(name, value),
                "q" if !self.listing.search.is_empty() => request.search = self.errors.words(name, value),
                _ => request.filters.extend(self.filter(name, value)),
            }
        }
        request.count |= skip.is_some();
        request.window = match (cursor, skip) {
            (Some(_), Some(_)) => {
                return self.errors.refuse(
                    "cursor",
                    "conflicting_parameters",
                    "Use cursor or skip, not both.",
                    "cursor와 skip은 함께 쓸 수 없습니다.",
                );
            }
            (Some(cursor), None) => self.window(cursor, &request.sort)?,
            (None, Some(skip)) => Window::Skip(skip),
            (None, None) => Window::First,
        };
        Some((request, fields))
    }

    /// `-created_at,name`, and the id behind it, which makes the order total.
    fn sort(&mut self, name: &str, value: &str) -> Option<Vec<(&'static str, Direction)>> {
        let mut sort: Vec<(&'static str, Direction)> = Vec::new();
        for part in value.split(',') {
            let (wanted, direction) =
                part.strip_prefix('-').map_or((part, Direction::Ascending), |rest| (rest, Direction::Descending));
            let column = self.listing.columns.iter().find(|column| column.sorts && column.name == wanted);
            match column {
                Some(column) if sort.iter().all(|(known, _)| *known != column.name) => {
                    sort.push((column.name, direction));
                }
                _ => {
                    let known: Vec<_> =
                        self.listing.columns.iter().filter(|column| column.sorts).map(|column| column.name).collect();
                    let known = known.join(", ");
                    return self.errors.refuse(
                        name,
                        "invalid_sort",
                        format!("Sort by these, each once, with a - for the other direction: {known}."),
                        format!("다음 항목으로만 한 번씩 정렬할 수 있고, 앞에 -를 붙이면 역순입니다: {known}."),
                    );
                }
            }
        }
        Some(total(sort))
    }

    fn pick(&mut self, name: &str, value: &str) -> Option<BTreeSet<String>> {
        let wanted: BTreeSet<String> = value.split(',').map(ToOwned::to_owned).collect();
        let known = (self.fields)();
        if wanted.iter().all(|field| known.contains(field)) {
            return Some(wanted);
        }
        let known = known.join(", ");
        self.errors.refuse(
            name,
            "unknown_field",
            format!("The fields are: {known}."),
            format!("쓸 수 있는 필드: {known}."),
        )
    }

    fn filter(&mut self, name: &str, value: &str) -> Option<Filter> {
        let columns = self.listing.columns;
        let equal = columns.iter().find(|column| column.equals && column.name == name);
        let range = || {
            RANGES.iter().find_map(|(end, comparison)| {
                let wanted = name.strip_suffix(end)?;
                columns.iter().find(|column| column.ranges && column.name == wanted).map(|column| (column, *comparison))
            })
        };
        let Some((column, comparison)) = equal.map(|column| (column, Comparison::Equal)).or_else(range) else {
            return self.errors.unknown(name);
        };
        let value = self.errors.value(name, column.kind, value)?;
        Some(Filter { column: column.name, comparison, value })
    }

    fn window(&mut self, raw: &str, sort: &[(&'static str, Direction)]) -> Option<Window> {
        let column = |name: &str| self.listing.columns.iter().find(|column| column.name == name);
        let values = |cursor: &Cursor| -> Option<Vec<Value>> {
            let is_of_this_sort = cursor.values.len() == sort.len() && cursor.sort == Cursor::name_of(sort);
            if !is_of_this_sort {
                return None;
            }
            sort.iter().zip(&cursor.values).map(|((name, _), value)| column(name)?.kind.parse(value)).collect()
        };
        let found = Cursor::decode(raw).and_then(|cursor| Some((values(&cursor)?, cursor.is_backwards)));
        match found {
            Some((values, false)) => Some(Window::After(values)),
            Some((values, true)) => Some(Window::Before(values)),
            None => self.errors.refuse(
                "cursor",
                "invalid_cursor",
                "This is no cursor of this list in this order. Take next_cursor or prev_cursor as it is, with the same sort.",
                "이 목록과 정렬에서 받은 커서가 아닙니다. next_cursor나 prev_cursor를 그대로, 같은 sort와 함께 쓰세요.",
            ),
        }
    }
}

/// An order with the id at its end, which makes it total.
fn total(mut sort: Vec<(&'static str, Direction)>) -> Vec<(&'static str, Direction)> {
    let last = sort.last().map_or(Direction::Ascending, |(_, direction)| *direction);
    if sort.iter().all(|(name, _)| *name != "id") {
        sort.push(("id", last));
    }
    sort
}
