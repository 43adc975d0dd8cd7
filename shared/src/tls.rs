//! TLS towards other servers over HTTPS.

use std::sync::Arc;

pub use rustls::Error;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// What an HTTP client speaks TLS with: rustls on ring, and Mozilla's root
/// certificates, which are in the program, so that an image needs none. It is
/// passed to each client, since a default of the process would be a global.
///
/// # Errors
/// When ring can't do what TLS 1.2 and 1.3 need, which a defect alone can cause.
pub fn client_config() -> Result<ClientConfig, Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}
