//! What of a user may be changed: one document for people, a longer one for
//! admins. Which one a request is read by depends on who sends it.

use axum::extract::{FromRequest, Request};
use callboard_shared::{
    db::users::UserChange,
    domain::{Locale, MobileNumber, PersonName, Role, Username},
    models::User,
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    error::{FieldError, Problem, Text},
    extract::{Faults, Input, MergePatch, ValidJson},
    state::AppState,
};

/// What of a user may be changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserBody)]
pub struct UserBody {
    /// The username; stays when left out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 3, max_length = 50, pattern = "^[A-Za-z0-9._-]+$", example = "jiwoo")]
    username: Option<String>,
    /// How the person wants to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200, example = "Ji Woo Kim")]
    full_name: Option<String>,
    /// The Korean mobile number, with or without its hyphens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = "^(010[0-9]{8}|010-[0-9]{4}-[0-9]{4}|01[16789][0-9]{7,8}|01[16789]-[0-9]{3,4}-[0-9]{4})$",
        example = "010-1234-5678"
    )]
    phone: Option<String>,
    /// The language of mails, `en` or `ko`; stays when left out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^(en|ko)$", example = "ko")]
    locale: Option<String>,
    /// What the person may do: `admin`, `manager` or `member`. For admins to
    /// say; stays when left out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^(admin|manager|member)$", example = "member")]
    role: Option<String>,
    /// Whether the person may log in. For admins to say; stays when left out.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    is_active: Option<bool>,
}

/// The same without what only admins decide: here those fields are unknown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnBody {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
}

/// Takes no `null` for what may only be left out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl From<&User> for OwnBody {
    fn from(user: &User) -> Self {
        Self {
            username: Some(user.username.as_str().to_owned()),
            full_name: user.full_name.as_ref().map(|name| name.as_str().to_owned()),
            phone: user.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            locale: Some(user.locale.as_str().to_owned()),
        }
    }
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        let OwnBody { username, full_name, phone, locale } = user.into();
        let (role, is_active) = (Some(user.role.as_str().to_owned()), Some(user.is_active));
        Self { username, full_name, phone, locale, role, is_active }
    }
}

/// What people say of themselves.
struct Own(UserChange);

/// What admins say of anybody.
struct Anybodys(UserChange);

impl Input for Own {
    type Raw = OwnBody;

    fn parse(raw: OwnBody, faults: &mut Faults) -> Option<Self> {
        let username = faults.check_optional("username", raw.username.map(Username::try_from));
        let full_name = faults.check_optional("full_name", raw.full_name.map(PersonName::try_from));
        let phone = faults.check_optional("phone", raw.phone.map(MobileNumber::try_from));
        let locale = faults.check_optional("locale", raw.locale.map(Locale::try_from));
        Some(Self(UserChange {
            username: username?,
            full_name: full_name?,
            phone: phone?,
            locale: locale?,
            role: None,
            is_active: None,
        }))
    }
}

impl Input for Anybodys {
    type Raw = UserBody;

    fn parse(raw: UserBody, faults: &mut Faults) -> Option<Self> {
        let UserBody { username, full_name, phone, locale, role, is_active } = raw;
        let own = Own::parse(OwnBody { username, full_name, phone, locale }, faults);
        let role = faults.check_optional("role", role.map(Role::try_from));
        let Own(change) = own?;
        Some(Self(UserChange { role: role?, is_active, ..change }))
    }
}

/// The body of a PUT, read as its sender may write it.
#[derive(Debug)]
pub struct UserDocument(pub UserChange);

impl FromRequest<AppState> for UserDocument {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        if request.extensions().get().is_some_and(Caller::is_admin) {
            let ValidJson(Anybodys(change)) = ValidJson::from_request(request, state).await?;
            Ok(Self(change))
        } else {
            let ValidJson(Own(change)) = ValidJson::from_request(request, state).await?;
            Ok(Self(change))
        }
    }
}

/// The body of a PATCH.
#[derive(Debug)]
pub struct UserPatch(MergePatch);

impl FromRequest<AppState> for UserPatch {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        MergePatch::from_request(request, state).await.map(Self)
    }
}

impl UserPatch {
    /// What `user` becomes, if it is the caller's to decide.
    ///
    /// # Errors
    /// 422 with pointers.
    pub fn apply(self, user: &User, caller: &Caller) -> Result<UserChange, Problem> {
        let change = if caller.is_admin() {
            let Anybodys(change) = self.0.apply(&UserBody::from(user))?;
            let UserChange { role, is_active, .. } = &change;
            refuse_taken_away(&[("role", role.is_none()), ("is_active", is_active.is_none())])?;
            change
        } else {
            let Own(change) = self.0.apply(&OwnBody::from(user))?;
            change
        };
        let UserChange { username, locale, .. } = &change;
        refuse_taken_away(&[("username", username.is_none()), ("locale", locale.is_none())])?;
        Ok(change)
    }
}

/// Nobody is without these: a `null` for one is refused.
fn refuse_taken_away(fields: &[(&str, bool)]) -> Result<(), Problem> {
    let detail = Text::fixed("This can be changed, but not taken away.", "변경할 수는 있지만 없앨 수는 없습니다.");
    let taken = fields.iter().filter(|(_, is_taken)| *is_taken);
    let errors: Vec<_> = taken.map(|(name, _)| FieldError::field(name, "required", detail.clone())).collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
}
