//! The body by which an admin makes a user.

use callboard_shared::domain::{Email, Locale, MobileNumber, Password, PersonName, Role, Username};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    extract::{Faults, Input},
    services::users::NewAccount,
};

/// Whom an admin makes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// The email address; unique, whatever the case of its letters.
    #[schema(format = "email", max_length = 254, example = "jiwoo@example.com")]
    email: String,
    /// The password; who is given none is invited to choose one.
    #[schema(value_type = Option<String>, format = "password", min_length = 8, max_length = 128, example = "quiet lantern over the harbour")]
    password: Option<SecretString>,
    /// The username; made from the email address when left out.
    #[schema(min_length = 3, max_length = 50, pattern = "^[A-Za-z0-9._-]+$", example = "jiwoo")]
    username: Option<String>,
    /// The name in full.
    #[schema(min_length = 1, max_length = 200, example = "Ji Woo Kim")]
    full_name: Option<String>,
    /// The Korean mobile number, with or without its hyphens.
    #[schema(
        pattern = "^(010[0-9]{8}|010-[0-9]{4}-[0-9]{4}|01[16789][0-9]{7,8}|01[16789]-[0-9]{3,4}-[0-9]{4})$",
        example = "010-1234-5678"
    )]
    phone: Option<String>,
    /// The language of mails, `en` or `ko`; the admin's own when left out.
    #[schema(pattern = "^(en|ko)$", example = "ko")]
    locale: Option<String>,
    /// What they may do: `admin`, `manager` or, when left out, `member`.
    #[schema(pattern = "^(admin|manager|member)$", example = "member")]
    role: Option<String>,
}

impl Input for NewAccount {
    type Raw = NewUserBody;

    fn parse(raw: NewUserBody, faults: &mut Faults) -> Option<Self> {
        let email = faults.check("email", Email::try_from(raw.email));
        let password = raw.password.map(|password| password.expose_secret().parse::<Password>());
        let password = faults.check_optional("password", password);
        let username = faults.check_optional("username", raw.username.map(Username::try_from));
        let full_name = faults.check_optional("full_name", raw.full_name.map(PersonName::try_from));
        let phone = faults.check_optional("phone", raw.phone.map(MobileNumber::try_from));
        let locale = faults.check_optional("locale", raw.locale.map(Locale::try_from));
        let role = faults.check_optional("role", raw.role.map(Role::try_from));
        Some(Self {
            email: email?,
            password: password?,
            username: username?,
            full_name: full_name?,
            phone: phone?,
            locale: locale?,
            role: role?.unwrap_or_default(),
        })
    }
}
