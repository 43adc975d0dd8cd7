//! `/api/v1/auth/oauth/{provider}` and its callback.

mod begin;
mod callback;
mod delete;

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _, client};
use callboard_tests::provider::Provider;
use serde_json::Value;
use url::Url;

/// An API that knows `provider` as every provider there is.
pub(super) async fn app_with(provider: &Provider) -> App {
    app_besides(provider, &[]).await
}

/// The same with these settings besides.
async fn app_besides(provider: &Provider, more: &[(&str, &str)]) -> App {
    let settings = provider.settings();
    let mut settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // One test logs in more often than one address may in a minute.
    settings.push(("RATE_LIMIT_LOGIN_PER_MINUTE", "1000"));
    settings.extend(more);
    App::start_with(&settings).await
}

/// A browser that comes back from a provider.
struct Return {
    /// `name=value` of the cookie it keeps.
    cookie: String,
    /// Where the provider sends it: path and query.
    path: String,
}

impl Return {
    /// Begins a login, and lets the provider log in and send back.
    async fn from(app: &App, name: &str) -> Self {
        let begun = app.get(&format!("/api/v1/auth/oauth/{name}")).answer().await.expect(303);
        let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();
        let sent = client().get(begun.header("location")).answer().await.expect(303);
        let back = Url::parse(sent.header("location")).unwrap();
        assert!(sent.header("location").starts_with(&app.url("/api/v1/auth/oauth/")), "{back}");
        Self { cookie, path: format!("{}?{}", back.path(), back.query().unwrap()) }
    }

    /// Goes on with the callback.
    async fn go(&self, app: &App) -> Answer {
        app.get(&self.path).header("cookie", &self.cookie).answer().await
    }

    /// The same browser with this parameter of the callback in place of the right one.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut url = Url::parse(&format!("http://callback.test{}", self.path)).unwrap();
        let pairs: Vec<_> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs.iter().filter(|(given, _)| given != name));
        url.query_pairs_mut().append_pair(name, value);
        Self { cookie: self.cookie.clone(), path: format!("{}?{}", url.path(), url.query().unwrap()) }
    }

    fn parameter(&self, name: &str) -> String {
        let url = Url::parse(&format!("http://callback.test{}", self.path)).unwrap();
        url.query_pairs().find(|(given, _)| given == name).map(|(_, value)| value.into_owned()).unwrap()
    }
}

/// Logs in by a provider from beginning to end.
async fn log_in(app: &App, name: &str) -> Answer {
    Return::from(app, name).await.go(app).await
}

/// Who somebody is that has logged in.
async fn me(app: &App, answer: &Answer) -> Value {
    let tokens = answer.clone().expect(200).json();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    app.get("/api/v1/auth/me").bearer_auth(token).answer().await.expect(200).json()
}
