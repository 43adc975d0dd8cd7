//! `GET /api/v1/hello[/{name}]`: the smallest route there is, for a first try.

use axum::Json;
use callboard_shared::domain::Locale;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{FieldError, Problem, Text},
    extract::{Language, Segment},
    openapi::NameProblems,
};

/// Longest name that is greeted, in characters.
const LONGEST_NAME: usize = 100;

/// A greeting.
#[derive(Debug, Serialize, ToSchema)]
pub struct Greeting {
    /// The greeting, in the client's language.
    #[schema(example = "Hello, world!")]
    message: String,
}

/// Greet the world
#[utoipa::path(get, path = "/api/v1/hello", tag = "service",
    responses((status = 200, description = "A greeting", body = Greeting)))]
pub async fn hello(Language(locale): Language) -> Json<Greeting> {
    let message = match locale {
        Locale::En => "Hello, world!",
        Locale::Ko => "안녕, 세상!",
    };
    Json(Greeting { message: message.to_owned() })
}

/// Greet somebody
///
/// # Errors
/// 422 for a name that is too long or has control characters.
#[utoipa::path(get, path = "/api/v1/hello/{name}", tag = "service",
    params(("name" = String, Path, description = "Who to greet", min_length = 1, max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", example = "Jiwoo")),
    responses((status = 200, description = "A greeting", body = Greeting), NameProblems))]
pub async fn hello_name(Language(locale): Language, Segment(name): Segment<String>) -> Result<Json<Greeting>, Problem> {
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let detail = Text::fixed(
            "A name has at most 100 characters and no control characters.",
            "이름은 100자 이하이고 제어 문자가 없어야 합니다.",
        );
        let fault = FieldError::parameter("name", "invalid_value", detail);
        return Err(Problem::validation(vec![fault]));
    }
    let message = match locale {
        Locale::En => format!("Hello, {name}!"),
        Locale::Ko => format!("안녕하세요, {name}님!"),
    };
    Ok(Json(Greeting { message }))
}
