//! Providers that speak `OpenID` Connect.

use std::{sync::Arc, time::Duration};

use callboard_shared::config::ClientCredentials;
use moka::future::Cache;
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EmptyAdditionalClaims, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, SubjectIdentifier,
    TokenResponse, UserInfoClaims,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims,
        CoreJwsSigningAlgorithm, CoreProviderMetadata,
    },
    url::Url,
};
use secrecy::ExposeSecret;

use super::{
    error::{ProviderError, SetUpError},
    flow::Flow,
    http::ProviderClient,
    profile::Profile,
};

/// How long a provider's endpoints and keys are remembered. A token with a key
/// that is not among them has them fetched anew.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Signatures that are taken, if the provider says that it makes them. None is
/// by a shared secret: who learns that could then make ID tokens.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// A provider, as its discovery document describes it.
pub(super) struct OpenId {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    callback: RedirectUrl,
    scopes: &'static [&'static str],
    metadata: Cache<(), Arc<CoreProviderMetadata>>,
}

impl OpenId {
    pub(super) fn new(
        issuer: String,
        credentials: &ClientCredentials,
        scopes: &'static [&'static str],
        callback: String,
    ) -> Result<Self, SetUpError> {
        Ok(Self {
            issuer: IssuerUrl::new(issuer)?,
            client_id: ClientId::new(credentials.id.clone()),
            client_secret: ClientSecret::new(credentials.secret.expose_secret().to_owned()),
            callback: RedirectUrl::new(callback)?,
            scopes,
            metadata: Cache::builder().max_capacity(1).time_to_live(REMEMBERED).build(),
        })
    }

    /// Where people log in.
    pub(super) async fn authorize_url(&self, http: &ProviderClient, flow: &Flow) -> Result<Url, ProviderError> {
        let client = self.client(&*self.metadata(http).await?);
        let (state, nonce) = (flow.state(), flow.nonce());
        let verifier = PkceCodeVerifier::new(flow.verifier());
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new(state),
            || Nonce::new(nonce),
        );
        let request = request.add_scopes(self.scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        Ok(request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier)).url().0)
    }

    /// Who it is that came back with this code.
    pub(super) async fn identify(
        &self,
        http: &ProviderClient,
        flow: &Flow,
        code: String,
    ) -> Result<Profile, ProviderError> {
        let metadata = self.metadata(http).await?;
        let client = self.client(&metadata);
        let exchange = client.exchange_code(AuthorizationCode::new(code))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(flow.verifier()));
        let tokens = exchange.request_async(http).await?;
        let id_token = tokens.id_token().ok_or_else(|| ProviderError::Unusable("no ID token came".to_owned()))?;
        let nonce = Nonce::new(flow.nonce());
        let claims = match verify(&client, &metadata, id_token, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                // The provider may have begun to use another key.
                self.metadata.invalidate(&()).await;
                let metadata = self.metadata(http).await?;
                verify(&self.client(&metadata), &metadata, id_token, &nonce)?
            }
            verified => verified?,
        };
        self.profile(http, &client, &claims, tokens.access_token().clone()).await
    }

    /// Kakao says in the ID token what the address is, and only elsewhere
    /// whether it is verified.
    async fn profile(
        &self,
        http: &ProviderClient,
        client: &Client,
        claims: &CoreIdTokenClaims,
        token: AccessToken,
    ) -> Result<Profile, ProviderError> {
        let subject = claims.subject();
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        let nickname = claims.nickname().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        let email = claims.email().map(|email| email.as_str().to_owned());
        if let (Some(email), Some(is_verified)) = (&email, claims.email_verified()) {
            return Profile::new(subject, Some(email), is_verified, name.or(nickname).as_deref());
        }
        let Some(told) = user_info(http, client, token, subject.clone()).await? else {
            return Profile::new(subject, email.as_deref(), false, name.or(nickname).as_deref());
        };
        let told_name = told.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned());
        Profile::new(
            subject,
            told.email().map(|email| email.as_str()),
            told.email_verified().unwrap_or(false),
            name.or(told_name).or(nickname).as_deref(),
        )
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let secret = Some(self.client_secret.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), secret);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let is_basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        client.set_redirect_uri(self.callback.clone()).set_auth_type(if is_basic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        })
    }

    /// Endpoints and keys. Of those who need them at once, one fetches them.
    async fn metadata(&self, http: &ProviderClient) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let fetch = async {
            let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), http).await;
            metadata.map(Arc::new).map_err(ProviderError::from)
        };
        let fetched = self.metadata.try_get_with((), fetch).await;
        fetched
            .map_err(|error| Arc::try_unwrap(error).unwrap_or_else(|error| ProviderError::Unusable(error.to_string())))
    }
}

/// The claims of an ID token, if it is signed by the provider, for us, for this
/// login, and has not expired.
fn verify(
    client: &Client,
    metadata: &CoreProviderMetadata,
    id_token: &CoreIdToken,
    nonce: &Nonce,
) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
    let made = metadata.id_token_signing_alg_values_supported();
    let taken = SIGNATURES.into_iter().filter(|signature| made.contains(signature));
    let verifier = client.id_token_verifier().set_allowed_algs(taken);
    id_token.claims(&verifier, nonce).cloned()
}

type Told = UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>;

/// What the provider tells whoever has the access token; none when it has no
/// place for it.
async fn user_info(
    http: &ProviderClient,
    client: &Client,
    token: AccessToken,
    subject: SubjectIdentifier,
) -> Result<Option<Told>, ProviderError> {
    let Ok(request) = client.user_info(token, Some(subject)) else { return Ok(None) };
    Ok(Some(request.request_async(http).await?))
}
