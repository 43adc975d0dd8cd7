//! What a client asks of the list of jobs.
//!
//! Jobs are the queue's rows, and the queue pages through them by itself, the
//! newest first: so there is no `sort`, `skip`, `count` or `fields`, and no way
//! back. All else is as with the other [lists](super::List).

use axum::{extract::FromRequestParts, http::request::Parts};
use callboard_queue::{JobFilter, JobPage, JobState, JobView, Priority, Queue};
use callboard_shared::db::listing::{Kind, Value};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};
use uuid::Uuid;

use super::{
    cursor::Cursor,
    list::LIMITS,
    list_docs::{cursor_parameter, limit_parameter, parameter, schema, search_parameter},
    params::Refusals,
};
use crate::{
    answer::Page,
    error::{Code, Problem, Text},
};

/// The order, as cursors name it.
const ORDER: &str = "-id";

const STATES: &[&str] = &["blocked", "scheduled", "queued", "running", "completed", "discarded", "cancelled"];
const STATUSES: &[&str] = &["blocked", "scheduled", "queued", "started", "finished", "failed", "cancelled"];
const PRIORITIES: &[&str] = &["high", "default", "low"];

/// The filters: their names, what they take, and what they do.
const FILTERS: [(&str, Kind, &str); 10] = [
    ("state", Kind::OneOf(STATES), "Only jobs in this state of the ledger."),
    ("status", Kind::OneOf(STATUSES), "The same in the words of outsiders, instead of `state`."),
    ("kind", Kind::Text, "Only jobs of this kind."),
    ("queue", Kind::Text, "Only jobs of this queue."),
    ("priority", Kind::OneOf(PRIORITIES), "Only jobs of this priority."),
    ("owner", Kind::Uuid, "Only jobs that requests of this user have caused."),
    ("request_id", Kind::Text, "Only jobs that this request has caused."),
    ("schedule", Kind::Text, "Only jobs that this schedule has enqueued."),
    ("created_at_gte", Kind::Timestamp, "Only jobs that were enqueued at this time or later."),
    ("created_at_lt", Kind::Timestamp, "Only jobs that were enqueued before this time."),
];

const NOT_SHOWN: Text = Text::fixed(
    "q looks into the messages of errors, which are for staff: it needs the role manager.",
    "q는 담당자에게만 보이는 오류 메시지를 검색하므로 manager 역할이 필요합니다.",
);

/// The parsed query of the list of jobs.
#[derive(Debug, Default)]
pub struct JobList {
    /// Which jobs are shown.
    pub filter: JobFilter,
    /// The last job of the page before.
    pub before: Option<Uuid>,
    /// Jobs a page; 0 before it is read.
    pub limit: i64,
}

impl JobList {
    /// Reads the page; with `owner`, of the jobs alone that requests of this user
    /// have caused.
    ///
    /// # Errors
    /// 403 for who looks for words that they are not shown; 503 while PostgreSQL is
    /// out of reach.
    pub async fn fetch(&self, queue: &Queue, owner: Option<Uuid>) -> Result<JobPage, Problem> {
        let mut filter = self.filter.clone();
        if let Some(owner) = owner.map(|owner| owner.to_string()) {
            if filter.error.is_some() {
                return Err(Problem::new(Code::Forbidden).with_detail(NOT_SHOWN));
            }
            if filter.owner.as_ref().is_some_and(|asked| *asked != owner) {
                return Ok(JobPage { jobs: Vec::new(), next: None });
            }
            filter.owner = Some(owner);
        }
        Ok(queue.jobs(&filter, self.before, usize::try_from(self.limit).unwrap_or_default()).await?)
    }

    /// The page of these jobs, each shown by `show`.
    #[must_use]
    pub fn page<T>(&self, found: JobPage, show: impl Fn(JobView) -> T) -> Page<T> {
        let cursor = |id: Uuid| Cursor { sort: ORDER.to_owned(), values: vec![id.to_string()], is_backwards: false };
        Page {
            items: found.jobs.into_iter().map(show).collect(),
            limit: self.limit,
            skip: None,
            next_cursor: found.next.map(|id| cursor(id).encode()),
            prev_cursor: None,
            has_next: found.next.is_some(),
            has_prev: self.before.is_some(),
            total: None,
        }
    }

    fn read(given: &[(String, String)]) -> Result<Self, Problem> {
        let mut refusals = Refusals::default();
        let mut list = Self { limit: LIMITS.0, ..Self::default() };
        for (index, (name, value)) in given.iter().enumerate() {
            let earlier = &given[..index];
            if earlier.iter().any(|(known, _)| known == name) {
                refusals.twice(name);
                continue;
            }
            match name.as_str() {
                "limit" => list.limit = refusals.number(name, value, 1, LIMITS.1).unwrap_or(LIMITS.0),
                "cursor" => list.before = before(value, &mut refusals),
                "q" => list.filter.error = refusals.words(name, value),
                "status" if given.iter().any(|(other, _)| other == "state") => {
                    refusals.refuse::<()>(
                        name,
                        "conflicting_parameters",
                        "Use state or status, not both.",
                        "state와 status는 함께 쓸 수 없습니다.",
                    );
                }
                _ => match FILTERS.iter().find(|(filter, ..)| *filter == name) {
                    Some((filter, kind, _)) => {
                        if let Some(value) = refusals.value(name, *kind, value) {
                            list.narrow(filter, value);
                        }
                    }
                    None => drop(refusals.unknown::<()>(name)),
                },
            }
        }
        if refusals.is_empty() { Ok(list) } else { Err(refusals.into_problem()) }
    }

    fn narrow(&mut self, filter: &str, value: Value) {
        let states = |is: &dyn Fn(&JobState) -> bool| JobState::ALL.into_iter().filter(is).collect();
        let to = &mut self.filter;
        match (filter, value) {
            ("state", Value::Text(word)) => to.states = states(&|state| state.as_str() == word),
            ("status", Value::Text(word)) => to.states = states(&|state| state.status() == word),
            ("kind", Value::Text(kind)) => to.kinds = vec![kind],
            ("queue", Value::Text(queue)) => to.queues = vec![queue],
            ("priority", Value::Text(word)) => {
                to.priorities = Priority::ALL.into_iter().filter(|priority| priority.as_str() == word).collect();
            }
            ("owner", Value::Uuid(owner)) => to.owner = Some(owner.to_string()),
            ("request_id", Value::Text(id)) => to.request_id = Some(id),
            ("schedule", Value::Text(name)) => to.schedule = Some(name),
            ("created_at_gte", Value::Timestamp(at)) => to.created_from = Some(at),
            ("created_at_lt", Value::Timestamp(at)) => to.created_before = Some(at),
            // The table says which kind belongs to which name.
            _ => {}
        }
    }
}

/// The job that a cursor names.
fn before(raw: &str, refusals: &mut Refusals) -> Option<Uuid> {
    let cursor = Cursor::decode(raw).filter(|cursor| cursor.sort == ORDER && !cursor.is_backwards);
    let id = cursor.and_then(|cursor| match cursor.values.as_slice() {
        [id] => id.parse().ok(),
        _ => None,
    });
    if id.is_some() {
        return id;
    }
    refusals.refuse(
        "cursor",
        "invalid_cursor",
        "This is no cursor of this list. Take next_cursor as it is.",
        "이 목록에서 받은 커서가 아닙니다. next_cursor를 그대로 쓰세요.",
    )
}

impl<S: Sync> FromRequestParts<S> for JobList {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let given: Vec<(String, String)> =
            serde_urlencoded::from_str(query).map_err(|_| Problem::new(Code::InvalidParameter))?;
        Self::read(&given)
    }
}

/// The parameters of the list of jobs, for `params(…)` of its route.
#[derive(Debug)]
pub struct JobListParams;

impl IntoParams for JobListParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let paging = [
            limit_parameter("The most jobs a page; it may have fewer and be followed by others."),
            cursor_parameter("The page after: `next_cursor` of another page, with the same filters."),
            search_parameter("Text to look for in the messages of errors, in capitals or not; for staff only."),
        ];
        paging.into_iter().chain(FILTERS.map(|(name, kind, about)| parameter(name, about, schema(kind)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<JobList, Vec<String>> {
        let given: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
        let errors = |problem: Problem| {
            problem.errors().iter().map(|error| format!("{} {}", error.place, error.code)).collect::<Vec<_>>()
        };
        JobList::read(&given).map_err(errors)
    }

    #[test]
    fn the_words_are_those_of_the_queue() {
        assert_eq!(STATES, JobState::ALL.map(JobState::as_str));
        assert_eq!(STATUSES, JobState::ALL.map(JobState::status));
        assert_eq!(PRIORITIES, Priority::ALL.map(Priority::as_str));
    }

    #[test]
    fn each_filter_leaves_its_trace() {
        let untouched = format!("{:?}", JobFilter::default());
        for (name, kind, _) in FILTERS {
            let value = match kind {
                Kind::OneOf(words) => words[1],
                Kind::Uuid => "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11",
                Kind::Timestamp => "2026-01-31T09:00:00Z",
                _ => "mail",
            };
            let list = read(&format!("{name}={value}")).unwrap();
            assert_ne!(format!("{:?}", list.filter), untouched, "{name}");
        }
        assert_eq!(read("status=failed").unwrap().filter.states, [JobState::Discarded]);
        assert_eq!(read("q=%20No%20route%20").unwrap().filter.error.as_deref(), Some("No route"));
        assert_eq!(read("priority=low").unwrap().filter.priorities, [Priority::Low]);
        assert_eq!(read("").unwrap().limit, 50);
    }

    #[test]
    fn what_is_no_parameter_is_refused_by_name() {
        for (query, error) in [
            ("stat=queued", "stat unknown_parameter"),
            ("sort=-id", "sort unknown_parameter"),
            ("skip=1", "skip unknown_parameter"),
            ("state=queued&kind=a&state=running", "state duplicate_parameter"),
            ("state=started", "state invalid_value"),
            ("state=queued&status=queued", "status conflicting_parameters"),
            ("owner=ada", "owner invalid_value"),
            ("created_at_gte=yesterday", "created_at_gte invalid_value"),
            ("kind=%00", "kind invalid_value"),
            ("q=%20", "q invalid_value"),
            ("q=%00", "q invalid_value"),
            ("limit=0", "limit out_of_range"),
            ("limit=101", "limit out_of_range"),
            ("cursor=x", "cursor invalid_cursor"),
        ] {
            assert_eq!(read(query).unwrap_err(), [error], "{query}");
        }
    }
}
