//! Login by other providers: who somebody is there, and that it is really them.
//!
//! The API stores nothing between the two requests of a login. The browser
//! keeps a random id in a cookie for ten minutes; what is sent to the provider
//! (state, nonce, the secret of PKCE) is made from it with a key of ours, and
//! made again when the browser comes back (`flow`).
//!
//! | part | what |
//! |---|---|
//! | `flow` | one login under way: cookie, state, nonce, verifier |
//! | `openid` | providers that speak `OpenID` Connect: discovery, keys, ID tokens |
//! | `github` | GitHub, which speaks `OAuth2` and has an API for the rest |
//! | `http` | requests to providers: bounded in time and size, no redirects |
//!
//! What becomes of the answer is for `services::social_login` to say.

mod error;
mod flow;
mod github;
mod http;
mod openid;
mod profile;

use std::fmt;

use callboard_shared::{
    config::{ProvidersConfig, TokenKeyConfig},
    domain::Provider,
};
use openidconnect::url::Url;
use tokio::time::timeout;

pub use self::{
    error::{ProviderError, SetUpError},
    flow::{CookieJar, Flow},
    profile::Profile,
};
use self::{
    flow::FlowKey,
    github::GitHub,
    http::{ProviderClient, TIMEOUT},
    openid::OpenId,
};

/// The providers that people may log in by.
pub struct SocialLogin {
    providers: Vec<(Provider, Protocol)>,
    http: ProviderClient,
    key: FlowKey,
    jar: CookieJar,
}

enum Protocol {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

impl SocialLogin {
    /// The providers that the settings name. Nothing is connected to yet.
    ///
    /// # Errors
    /// When one of their URLs is none, or TLS can't be set up.
    pub fn new(settings: &ProvidersConfig, key: &TokenKeyConfig, public_url: &str) -> Result<Self, SetUpError> {
        let mut providers = Vec::new();
        for provider in Provider::ALL {
            let Some(client) = settings.client(*provider) else { continue };
            let callback = format!("{public_url}/api/v1/auth/oauth/{provider}/callback");
            let protocol = match provider {
                Provider::GitHub => Protocol::GitHub(Box::new(GitHub::new(settings, &client, callback)?)),
                Provider::Google => {
                    let scopes = &["email", "profile"];
                    let issuer = settings.oauth_google_issuer.clone();
                    Protocol::OpenId(Box::new(OpenId::new(issuer, &client, scopes, callback)?))
                }
                Provider::Kakao => {
                    let scopes = &["account_email", "profile_nickname"];
                    let issuer = settings.oauth_kakao_issuer.clone();
                    Protocol::OpenId(Box::new(OpenId::new(issuer, &client, scopes, callback)?))
                }
            };
            providers.push((*provider, protocol));
        }
        Ok(Self {
            providers,
            http: ProviderClient::new()?,
            key: FlowKey::derive(key.token_key.expose()),
            jar: CookieJar::new(public_url.starts_with("https://")),
        })
    }

    /// The providers, by name.
    pub fn configured(&self) -> impl Iterator<Item = Provider> {
        self.providers.iter().map(|(provider, _)| *provider)
    }

    /// The cookie that a login under way is kept in.
    #[must_use]
    pub fn jar(&self) -> &CookieJar {
        &self.jar
    }

    /// Begins a login: where to send the browser, and what it is to keep.
    ///
    /// # Errors
    /// [`ProviderError::NotConfigured`], or when the provider can't be reached.
    pub async fn begin(&self, provider: Provider) -> Result<(Url, Flow), ProviderError> {
        let protocol = self.protocol(provider)?;
        let flow = self.key.begin(provider);
        let url = match protocol {
            Protocol::OpenId(openid) => within(openid.authorize_url(&self.http, &flow)).await?,
            Protocol::GitHub(github) => github.authorize_url(&flow),
        };
        Ok((url, flow))
    }

    /// The login that a browser comes back from: its cookies, and the state that
    /// the provider gave back. None when they don't belong together, or it took
    /// longer than ten minutes.
    #[must_use]
    pub fn resume<'a>(
        &self,
        provider: Provider,
        mut cookies: impl Iterator<Item = &'a str>,
        state: &str,
    ) -> Option<Flow> {
        cookies.find_map(|cookie| self.key.resume(provider, cookie, state))
    }

    /// Exchanges the code that a browser came back with for who it is.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] for a code that is not good, or proof that
    /// does not hold; the others when the provider fails.
    pub async fn identify(&self, provider: Provider, flow: &Flow, code: String) -> Result<Profile, ProviderError> {
        match self.protocol(provider)? {
            Protocol::OpenId(openid) => within(openid.identify(&self.http, flow, code)).await,
            Protocol::GitHub(github) => within(github.identify(&self.http, flow, code)).await,
        }
    }

    fn protocol(&self, provider: Provider) -> Result<&Protocol, ProviderError> {
        let found = self.providers.iter().find(|(known, _)| *known == provider);
        found.map(|(_, protocol)| protocol).ok_or(ProviderError::NotConfigured)
    }
}

/// All that is asked of a provider for one request of ours takes no longer than
/// one question may.
async fn within<T>(asking: impl Future<Output = Result<T, ProviderError>>) -> Result<T, ProviderError> {
    timeout(TIMEOUT, asking).await.unwrap_or(Err(ProviderError::TooSlow))
}

impl fmt::Debug for SocialLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.configured()).finish()
    }
}
