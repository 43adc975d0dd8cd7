//! The catalogue of error codes, as pages.

use askama::Template;
use axum::http::StatusCode;
use callboard_shared::domain::Locale;

use super::Page;
use crate::error::Code;

/// All codes.
#[derive(Debug, Template)]
#[template(path = "problems.html")]
pub struct ProblemIndex {
    language: &'static str,
    heading: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    slug: &'static str,
    status: u16,
    title: String,
}

impl ProblemIndex {
    /// The list in `locale`.
    #[must_use]
    pub fn page(locale: Locale) -> Page<Self> {
        let rows = Code::ALL.iter().map(|code| {
            let entry = code.entry();
            Row { slug: entry.slug, status: entry.status.as_u16(), title: entry.title.in_locale(locale).to_owned() }
        });
        let heading = match locale {
            Locale::En => "Problems this API can answer with",
            Locale::Ko => "이 API가 응답할 수 있는 오류",
        };
        Page {
            status: StatusCode::OK,
            locale,
            template: Self { language: locale.as_str(), heading, rows: rows.collect() },
        }
    }
}

/// One code.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    language: &'static str,
    slug: &'static str,
    status: u16,
    title: String,
    explanation: String,
    all: &'static str,
}

impl ProblemPage {
    /// The page of `code` in `locale`.
    #[must_use]
    pub fn page(locale: Locale, code: Code) -> Page<Self> {
        let entry = code.entry();
        Page {
            status: StatusCode::OK,
            locale,
            template: Self {
                language: locale.as_str(),
                slug: entry.slug,
                status: entry.status.as_u16(),
                title: entry.title.in_locale(locale).to_owned(),
                explanation: entry.explanation.in_locale(locale).to_owned(),
                all: match locale {
                    Locale::En => "All problems",
                    Locale::Ko => "모든 오류",
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page_in_each_language() {
        for code in Code::ALL {
            for locale in [Locale::En, Locale::Ko] {
                let entry = code.entry();
                let html = ProblemPage::page(locale, *code).template.render().unwrap();
                assert!(html.contains(entry.slug), "{html}");
                assert!(ProblemIndex::page(locale).template.render().unwrap().contains(entry.slug));
            }
        }
    }
}
