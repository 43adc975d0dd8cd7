//! One login under way, between the request that begins it and the one that the
//! provider sends the browser back with.
//!
//! Nothing is stored here. The browser keeps a random id in a cookie; state,
//! nonce and the verifier of PKCE are HMACs of that id, of the provider and of
//! the time at which the login ends, and the state carries that time. So a state
//! is good in the browser that began, with the provider it was made for, for ten
//! minutes; and who sees one, in a log of the provider say, learns neither the
//! nonce nor the verifier.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_shared::{
    domain::Provider,
    mac::{keyed, mac},
};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Says what the key is for, so that no other use of `TOKEN_KEY` makes the same.
const PURPOSE: &[u8] = b"callboard/oauth-flow/v1";

/// How long a login may take at the provider.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);

const ID: usize = 32;
const TIME: usize = 8;

/// What each MAC is for.
const STATE: &[u8] = b"state";
const NONCE: &[u8] = b"nonce";
const VERIFIER: &[u8] = b"verifier";

/// The key that logins under way are made and checked with.
pub(super) struct FlowKey([u8; 32]);

impl FlowKey {
    /// The key that belongs to a secret.
    pub(super) fn derive(secret: &[u8]) -> Self {
        Self(mac(secret, &[PURPOSE]))
    }

    /// A login that begins now.
    pub(super) fn begin(&self, provider: Provider) -> Flow {
        let place = Place { provider, id: rand::random(), ends_at: (Utc::now() + LIFETIME).timestamp() };
        self.flow(&place)
    }

    /// The login that this cookie and state belong to, if they do and its time
    /// is not over.
    pub(super) fn resume(&self, provider: Provider, cookie: &str, state: &str) -> Option<Flow> {
        self.resume_at(provider, cookie, state, Utc::now())
    }

    fn resume_at(&self, provider: Provider, cookie: &str, state: &str, now: DateTime<Utc>) -> Option<Flow> {
        let id: [u8; ID] = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()?;
        let state = BASE64_URL_SAFE_NO_PAD.decode(state).ok()?;
        let (ends_at, tag) = state.split_first_chunk::<TIME>()?;
        let place = Place { provider, id, ends_at: i64::from_be_bytes(*ends_at) };
        self.mac(&place, STATE).verify_slice(tag).ok()?;
        (place.ends_at > now.timestamp()).then(|| self.flow(&place))
    }

    fn flow(&self, place: &Place) -> Flow {
        let text = |label| BASE64_URL_SAFE_NO_PAD.encode(self.mac(place, label).finalize().into_bytes());
        let mut state = place.ends_at.to_be_bytes().to_vec();
        state.extend_from_slice(&self.mac(place, STATE).finalize().into_bytes());
        Flow {
            cookie: BASE64_URL_SAFE_NO_PAD.encode(place.id),
            state: BASE64_URL_SAFE_NO_PAD.encode(state),
            nonce: text(NONCE),
            verifier: text(VERIFIER),
        }
    }

    fn mac(&self, place: &Place, label: &[u8]) -> Hmac<Sha256> {
        let provider = place.provider.as_str().as_bytes();
        keyed(&self.0, &[label, &[0], provider, &[0], &place.id, &place.ends_at.to_be_bytes()])
    }
}

struct Place {
    provider: Provider,
    id: [u8; ID],
    ends_at: i64,
}

/// One login under way.
#[derive(Clone)]
pub struct Flow {
    cookie: String,
    state: String,
    nonce: String,
    verifier: String,
}

impl Flow {
    /// What the provider gives back with the browser.
    pub(super) fn state(&self) -> String {
        self.state.clone()
    }

    /// What the provider writes into the ID token.
    pub(super) fn nonce(&self) -> String {
        self.nonce.clone()
    }

    /// What proves to the provider that who began is who brings the code.
    pub(super) fn verifier(&self) -> String {
        self.verifier.clone()
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow([REDACTED])")
    }
}

/// The cookie that a login under way is kept in.
#[derive(Debug)]
pub struct CookieJar {
    name: &'static str,
    flags: &'static str,
}

impl CookieJar {
    /// For an API that is reached by TLS, or not. By TLS the name's prefix keeps
    /// other hosts of the domain from setting it.
    pub(super) const fn new(is_secure: bool) -> Self {
        if is_secure {
            Self { name: "__Host-callboard-oauth", flags: "Path=/; HttpOnly; SameSite=Lax; Secure" }
        } else {
            Self { name: "callboard-oauth", flags: "Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// The header that has the browser keep a login.
    #[must_use]
    pub fn keep(&self, flow: &Flow) -> Option<HeaderValue> {
        self.header(&flow.cookie, LIFETIME.num_seconds())
    }

    /// The header that has it forget the login, which is over.
    #[must_use]
    pub fn forget(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age: i64) -> Option<HeaderValue> {
        let mut header =
            HeaderValue::try_from(format!("{}={value}; Max-Age={max_age}; {}", self.name, self.flags)).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The values under which the browser keeps logins; one, unless somebody
    /// else set another.
    pub fn values<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let name = self.name;
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> FlowKey {
        FlowKey::derive(b"a secret of the installation")
    }

    #[test]
    fn a_login_goes_on_where_it_began() {
        let flow = key().begin(Provider::Google);
        let again = key().resume(Provider::Google, &flow.cookie, &flow.state).unwrap();
        assert_eq!((again.nonce(), again.verifier()), (flow.nonce(), flow.verifier()));
        // RFC 7636 § 4.1
        assert!((43..=128).contains(&flow.verifier().len()));
        let parts = [flow.cookie.clone(), flow.state(), flow.nonce(), flow.verifier()];
        for (index, part) in parts.iter().enumerate() {
            assert!(!parts[index + 1..].iter().any(|other| other.contains(part.as_str())), "{parts:?}");
        }
    }

    #[test]
    fn it_does_not_go_on_elsewhere() {
        let flow = key().begin(Provider::Google);
        let other = key().begin(Provider::Google);
        let resumes = |provider, cookie: &str, state: &str| key().resume(provider, cookie, state).is_some();
        assert!(!resumes(Provider::Kakao, &flow.cookie, &flow.state), "another provider");
        assert!(!resumes(Provider::Google, &other.cookie, &flow.state), "another browser");
        assert!(!resumes(Provider::Google, &flow.cookie, &other.state), "another state");
        for state in ["", "x", "é", &flow.state[..flow.state.len() - 1], &format!("{}AAAA", flow.state)] {
            assert!(!resumes(Provider::Google, &flow.cookie, state), "{state}");
        }
        assert!(!resumes(Provider::Google, "", &flow.state), "no cookie");
        assert!(FlowKey::derive(b"another").resume(Provider::Google, &flow.cookie, &flow.state).is_none());
    }

    #[test]
    fn its_time_is_ten_minutes_and_is_not_the_browsers_to_choose() {
        let flow = key().begin(Provider::GitHub);
        let after = |seconds| {
            let now = Utc::now() + TimeDelta::seconds(seconds);
            key().resume_at(Provider::GitHub, &flow.cookie, &flow.state, now).is_some()
        };
        assert!(after(590) && !after(601));
        let mut state = BASE64_URL_SAFE_NO_PAD.decode(&flow.state).unwrap();
        state[7] = state[7].wrapping_add(1);
        let later = BASE64_URL_SAFE_NO_PAD.encode(state);
        assert!(key().resume(Provider::GitHub, &flow.cookie, &later).is_none());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let (jar, flow) = (CookieJar::new(true), key().begin(Provider::Google));
        let set = jar.keep(&flow).unwrap().to_str().unwrap().to_owned();
        assert!(set.contains("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
        let mut headers = HeaderMap::new();
        let pair = set.split(';').next().unwrap();
        headers.append(header::COOKIE, format!("a=b; {pair};c").parse().unwrap());
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(jar.values(&headers).collect::<Vec<_>>(), [flow.cookie.as_str()]);
        assert_eq!(CookieJar::new(false).values(&headers).count(), 0);
    }
}
