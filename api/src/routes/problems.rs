//! `GET /problems` and `/problems/{code}`: what each error code means, for people.

use axum::response::IntoResponse;

use crate::{
    error::{Code, Problem},
    extract::{Language, Segment},
    pages::{ProblemIndex, ProblemPage},
};

/// All codes.
pub async fn index(Language(locale): Language) -> impl IntoResponse {
    ProblemIndex::page(locale)
}

/// One code.
///
/// # Errors
/// 404 for a code that is not in the catalogue.
pub async fn show(Language(locale): Language, Segment(slug): Segment<String>) -> Result<impl IntoResponse, Problem> {
    let code = Code::from_slug(&slug).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(ProblemPage::page(locale, code))
}
