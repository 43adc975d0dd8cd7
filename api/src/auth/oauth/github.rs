//! GitHub: `OAuth2` for the permission, its API for who it is.

use callboard_shared::config::{ClientCredentials, ProvidersConfig};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl, basic::BasicClient, url::Url,
};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{
    error::{ProviderError, SetUpError},
    flow::Flow,
    http::ProviderClient,
    profile::Profile,
};

/// Who it is, and their addresses also if they are not public.
const SCOPES: [&str; 2] = ["read:user", "user:email"];

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// GitHub, or an installation of GitHub Enterprise.
pub(super) struct GitHub {
    client: Client,
    api: String,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(super) fn new(
        settings: &ProvidersConfig,
        credentials: &ClientCredentials,
        callback: String,
    ) -> Result<Self, SetUpError> {
        let client = BasicClient::new(ClientId::new(credentials.id.clone()))
            .set_client_secret(ClientSecret::new(credentials.secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::new(settings.oauth_github_authorize_url.clone())?)
            .set_token_uri(TokenUrl::new(settings.oauth_github_token_url.clone())?)
            .set_redirect_uri(RedirectUrl::new(callback)?)
            .set_auth_type(AuthType::RequestBody);
        Ok(Self { client, api: settings.oauth_github_api_url.trim_end_matches('/').to_owned() })
    }

    /// Where people log in.
    pub(super) fn authorize_url(&self, flow: &Flow) -> Url {
        let state = flow.state();
        let verifier = PkceCodeVerifier::new(flow.verifier());
        let request = self.client.authorize_url(|| CsrfToken::new(state));
        let request = request.add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())));
        request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier)).url().0
    }

    /// Who it is that came back with this code.
    pub(super) async fn identify(
        &self,
        http: &ProviderClient,
        flow: &Flow,
        code: String,
    ) -> Result<Profile, ProviderError> {
        let exchange = self.client.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(flow.verifier()));
        let tokens = exchange.request_async(http).await?;
        let token = tokens.access_token().secret();
        let user: User = http.get_json(&format!("{}/user", self.api), token).await?;
        let addresses: Vec<Address> = http.get_json(&format!("{}/user/emails", self.api), token).await?;
        let address = addresses.iter().find(|address| address.primary);
        Profile::new(
            &user.id.to_string(),
            address.map(|address| address.email.as_str()),
            address.is_some_and(|address| address.verified),
            user.name.as_deref(),
        )
    }
}
