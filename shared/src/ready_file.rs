//! Tells whoever started the process that it serves, and where.
//!
//! With port 0 only the process knows its addresses. A supervisor or a test
//! passes `--ready-file PATH` and waits for the file.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;
use tokio::fs;

/// The addresses that a process is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The public listener of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// The listener for metrics and probes.
    pub metrics: SocketAddr,
}

/// Writes the addresses as JSON. The file appears with all of its text or not
/// at all.
///
/// # Errors
/// When the file can't be written.
pub async fn write(path: &Path, addresses: &Addresses) -> io::Result<()> {
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(".new");
    fs::write(&unfinished, serde_json::to_vec(addresses)?).await?;
    fs::rename(&unfinished, path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_the_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        let addresses = Addresses { http: None, metrics: ([127, 0, 0, 1], 9101).into() };
        write(&path, &addresses).await.unwrap();
        assert_eq!(fs::read_to_string(path).await.unwrap(), r#"{"metrics":"127.0.0.1:9101"}"#);
    }
}
