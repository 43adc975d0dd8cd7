//! Other providers whose accounts people may log in with.

use clap::Args;
use secrecy::SecretString;

use super::{AppEnv, Findings, value};
use crate::domain::Provider;

/// The providers of identities. Each is on once its client id and secret are
/// set; register `<PUBLIC_URL>/api/v1/auth/oauth/<provider>/callback` there as
/// the redirect URI.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Login by other providers")]
#[expect(clippy::struct_field_names, reason = "an option on the command line is called as its field")]
pub struct ProvidersConfig {
    /// Client id of the OAuth app at GitHub; with it people can log in by GitHub.
    #[arg(long, env = "OAUTH_GITHUB_CLIENT_ID", value_name = "client-id")]
    pub oauth_github_client_id: Option<String>,

    /// Client secret of that app.
    #[arg(long, env = "OAUTH_GITHUB_CLIENT_SECRET", hide_env_values = true, value_name = "client-secret", value_parser = value::secret)]
    pub oauth_github_client_secret: Option<SecretString>,

    /// Where people log in at GitHub; another for GitHub Enterprise.
    #[arg(
        long,
        env = "OAUTH_GITHUB_AUTHORIZE_URL",
        default_value = "https://github.com/login/oauth/authorize",
        value_parser = value::endpoint
    )]
    pub oauth_github_authorize_url: String,

    /// Where GitHub gives tokens for codes.
    #[arg(
        long,
        env = "OAUTH_GITHUB_TOKEN_URL",
        default_value = "https://github.com/login/oauth/access_token",
        value_parser = value::endpoint
    )]
    pub oauth_github_token_url: String,

    /// GitHub's API, which tells who somebody is.
    #[arg(long, env = "OAUTH_GITHUB_API_URL", default_value = "https://api.github.com", value_parser = value::endpoint)]
    pub oauth_github_api_url: String,

    /// Client id at Google; with it people can log in by Google.
    #[arg(long, env = "OAUTH_GOOGLE_CLIENT_ID", value_name = "client-id")]
    pub oauth_google_client_id: Option<String>,

    /// Client secret at Google.
    #[arg(long, env = "OAUTH_GOOGLE_CLIENT_SECRET", hide_env_values = true, value_name = "client-secret", value_parser = value::secret)]
    pub oauth_google_client_secret: Option<SecretString>,

    /// Google as an issuer of `OpenID` Connect, as it writes itself.
    #[arg(
        long,
        env = "OAUTH_GOOGLE_ISSUER",
        default_value = "https://accounts.google.com",
        value_parser = value::endpoint
    )]
    pub oauth_google_issuer: String,

    /// Client id (REST API key) at Kakao; with it people can log in by Kakao.
    #[arg(long, env = "OAUTH_KAKAO_CLIENT_ID", value_name = "client-id")]
    pub oauth_kakao_client_id: Option<String>,

    /// Client secret at Kakao.
    #[arg(long, env = "OAUTH_KAKAO_CLIENT_SECRET", hide_env_values = true, value_name = "client-secret", value_parser = value::secret)]
    pub oauth_kakao_client_secret: Option<SecretString>,

    /// Kakao as an issuer of `OpenID` Connect, as it writes itself.
    #[arg(long, env = "OAUTH_KAKAO_ISSUER", default_value = "https://kauth.kakao.com", value_parser = value::endpoint)]
    pub oauth_kakao_issuer: String,
}

/// What a provider knows us by.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Public.
    pub id: String,
    /// Ours and the provider's alone.
    pub secret: SecretString,
}

impl ProvidersConfig {
    /// What this provider knows us by; none when it is off.
    #[must_use]
    pub fn client(&self, provider: Provider) -> Option<ClientCredentials> {
        let (id, secret) = self.credentials(provider);
        Some(ClientCredentials { id: id.cloned()?, secret: secret.cloned()? })
    }

    fn credentials(&self, provider: Provider) -> (Option<&String>, Option<&SecretString>) {
        match provider {
            Provider::GitHub => (self.oauth_github_client_id.as_ref(), self.oauth_github_client_secret.as_ref()),
            Provider::Google => (self.oauth_google_client_id.as_ref(), self.oauth_google_client_secret.as_ref()),
            Provider::Kakao => (self.oauth_kakao_client_id.as_ref(), self.oauth_kakao_client_secret.as_ref()),
        }
    }

    fn urls(&self, provider: Provider) -> Vec<(&'static str, &str)> {
        match provider {
            Provider::GitHub => vec![
                ("OAUTH_GITHUB_AUTHORIZE_URL", &self.oauth_github_authorize_url),
                ("OAUTH_GITHUB_TOKEN_URL", &self.oauth_github_token_url),
                ("OAUTH_GITHUB_API_URL", &self.oauth_github_api_url),
            ],
            Provider::Google => vec![("OAUTH_GOOGLE_ISSUER", &self.oauth_google_issuer)],
            Provider::Kakao => vec![("OAUTH_KAKAO_ISSUER", &self.oauth_kakao_issuer)],
        }
    }

    /// Finds what does not fit together.
    pub fn check(&self, app_env: AppEnv, findings: &mut Findings) {
        for provider in Provider::ALL {
            let (id, secret) = self.credentials(*provider);
            let name = provider.as_str().to_uppercase();
            let [id_name, secret_name] = [format!("OAUTH_{name}_CLIENT_ID"), format!("OAUTH_{name}_CLIENT_SECRET")];
            if id.is_some() != secret.is_some() {
                findings.problem(
                    &[&id_name, &secret_name],
                    "only one of the two is set, and logging in by the provider needs both",
                    &format!("{id_name}=client-id {secret_name}=client-secret"),
                );
            }
            for (variable, url) in self.urls(*provider) {
                if app_env.is_production() && id.is_some() && !url.starts_with("https://") {
                    findings.problem(
                        &[variable],
                        "is not https, so whoever is on the way could log in as anybody, which APP_ENV=production refuses",
                        &format!("{variable}=https://…"),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Check, Environment, Loader};

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Command {
        Serve(ProvidersConfig),
    }

    impl Check for Cli {
        fn check(&self, findings: &mut Findings) {
            let Command::Serve(providers) = &self.command;
            providers.check(AppEnv::Production, findings);
        }
    }

    fn load(variables: &[(&str, &str)]) -> Result<ProvidersConfig, String> {
        let environment = Environment::from_pairs(variables.iter().copied());
        let loaded = Loader::new(["app"], environment).load::<Cli>("serve").map_err(|stop| format!("{stop:?}"))?;
        let Command::Serve(providers) = loaded.cli.command;
        Ok(providers)
    }

    #[test]
    fn a_provider_is_on_once_both_are_set() {
        let none = load(&[]).unwrap();
        assert!(Provider::ALL.iter().all(|provider| none.client(*provider).is_none()));
        let google = load(&[("OAUTH_GOOGLE_CLIENT_ID", "id"), ("OAUTH_GOOGLE_CLIENT_SECRET", "s3cret")]).unwrap();
        assert_eq!(google.client(Provider::Google).unwrap().id, "id");
        assert!(google.client(Provider::Kakao).is_none());
        assert!(!format!("{google:?}").contains("s3cret"));
    }

    #[test]
    fn half_a_client_and_plain_http_are_refused() {
        assert!(load(&[("OAUTH_KAKAO_CLIENT_ID", "id")]).unwrap_err().contains("OAUTH_KAKAO_CLIENT_SECRET"));
        let plain = [
            ("OAUTH_GITHUB_CLIENT_ID", "id"),
            ("OAUTH_GITHUB_CLIENT_SECRET", "secret"),
            ("OAUTH_GITHUB_TOKEN_URL", "http://github.test/token"),
        ];
        assert!(load(&plain).unwrap_err().contains("OAUTH_GITHUB_TOKEN_URL"));
        assert!(load(&plain[2..]).is_ok());
    }
}
