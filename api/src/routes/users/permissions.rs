//! `GET /api/v1/users/me/permissions`: what the caller may do.

use axum::Json;
use callboard_shared::domain::Role;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::{
        Caller,
        access::RULES,
        ownership::{Reach, reach},
    },
    middleware::gate,
};

/// What the caller may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Permissions {
    /// The role: `admin`, `manager` or `member`.
    #[schema(value_type = String, example = "member")]
    role: Role,
    /// Whether the email address is verified; who writes business data needs that.
    verified: bool,
    /// What the key was given; null for a person, who has no need of scopes.
    #[schema(example = json!(null))]
    scopes: Option<Vec<String>>,
    /// Every route, in the order of the paths.
    routes: Vec<Permission>,
}

/// Whether the caller may call one route.
#[derive(Debug, Serialize, ToSchema)]
pub struct Permission {
    /// The method.
    #[schema(example = "PATCH")]
    method: &'static str,
    /// The path, with names in braces for what varies.
    #[schema(example = "/api/v1/items/{id}")]
    path: &'static str,
    /// Whether the caller is let in.
    allowed: bool,
    /// Whose rows it reaches then; null for a route that the caller may not call.
    whose: Option<Reach>,
}

/// Show what one may do
///
/// It is made from the tables that requests are judged by.
///
/// # Errors
/// 401 without a caller.
#[utoipa::path(get, path = "/api/v1/users/me/permissions", tag = "users",
    responses((status = 200, description = "What the caller may do", body = Permissions)))]
pub async fn show(caller: Caller) -> Json<Permissions> {
    let rules = RULES.iter().filter(|rule| rule.path.starts_with("/api/"));
    let routes = rules.map(|rule| {
        let allowed = gate::admit(rule, &caller).is_ok();
        Permission {
            method: rule.method.as_str(),
            path: rule.path,
            allowed,
            whose: allowed.then(|| reach(rule, &caller)),
        }
    });
    Json(Permissions {
        role: caller.role(),
        verified: caller.user().is_verified(),
        scopes: caller.scopes().map(ToOwned::to_owned),
        routes: routes.collect(),
    })
}
