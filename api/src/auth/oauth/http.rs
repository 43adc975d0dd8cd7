//! Requests to providers.

use std::{pin::Pin, time::Duration};

use callboard_shared::tls;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, redirect::Policy};
use serde::de::DeserializeOwned;

use super::error::{ProviderError, SetUpError};

/// How long a provider may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer that is read, in bytes. Keys and profiles are a few thousand.
const LARGEST_ANSWER: usize = 256 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, no TLS, no answer in time, or the request can't be sent.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The answer is larger than any honest one.
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
}

/// An HTTP client that follows no redirect and reads no more than it must.
#[derive(Debug)]
pub(super) struct ProviderClient(Client);

impl ProviderClient {
    /// A client with connections of its own.
    pub(super) fn new() -> Result<Self, SetUpError> {
        // GitHub wants a name.
        let agent = concat!("callboard/", env!("CARGO_PKG_VERSION"));
        let builder = Client::builder().user_agent(agent).redirect(Policy::none()).timeout(TIMEOUT);
        Ok(Self(builder.tls_backend_preconfigured(tls::client_config()?).build()?))
    }

    /// The JSON at `url`, of an API that takes this token.
    pub(super) async fn get_json<T: DeserializeOwned>(&self, url: &str, token: &str) -> Result<T, ProviderError> {
        let request = self.0.get(url).bearer_auth(token).header("accept", "application/json");
        let answer = self.execute(request.build().map_err(FetchError::from)?).await?;
        if answer.status().as_u16() != 200 {
            return Err(ProviderError::Unusable(format!("{url}: {}", answer.status())));
        }
        serde_json::from_slice(answer.body()).map_err(|error| ProviderError::Unusable(format!("{url}: {error}")))
    }

    async fn execute(&self, request: reqwest::Request) -> Result<HttpResponse, FetchError> {
        let mut response = self.0.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderClient {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.execute(request.try_into()?).await })
    }
}
