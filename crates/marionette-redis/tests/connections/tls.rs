//! Encrypted connections.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use marionette::store::{StoreError, StoreErrorKind};
use marionette_redis::{RedisOptions, RedisStore};
use marionette_servers::{RedisServer, Reply};

use crate::common::{both, has_connections};
use crate::peer::free_port;

/// Authorities and certificates of a test, made by `openssl`.
struct Files(tempfile::TempDir);

impl Files {
    /// `None` if there is no `openssl`.
    fn new() -> Option<Self> {
        let version = Command::new("openssl")
            .arg("version")
            .stdout(Stdio::null())
            .status();
        if version.is_err() {
            eprintln!("SKIPPED: all about TLS: there is no openssl to make certificates with");
            return None;
        }
        let files = Self(tempfile::tempdir().unwrap());
        for authority in ["ours", "another"] {
            let subject = format!("/CN={authority}");
            let (key, certificate) = (format!("{authority}.key"), format!("{authority}.crt"));
            files.openssl(&[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ]);
        }
        files.signed("server");
        files.signed("client");
        Some(files)
    }

    /// A certificate for the loopback that our authority signed.
    fn signed(&self, name: &str) {
        let request = format!("{name}.csr");
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        fs::write(
            self.path("names"),
            "subjectAltName=IP:127.0.0.1,DNS:localhost",
        )
        .unwrap();
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ours.crt",
            "-CAkey",
            "ours.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            &certificate,
        ]);
    }

    fn openssl(&self, arguments: &[&str]) {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A server that also speaks TLS, and its address.
fn server(files: &Files, asks_for_certificates: bool) -> Option<(RedisServer, String)> {
    let server = RedisServer::start()?;
    let port = free_port().to_string();
    let path = |name| files.path(name).display().to_string();
    let (certificate, key, authority) = (path("server.crt"), path("server.key"), path("ours.crt"));
    let asks = if asks_for_certificates { "yes" } else { "no" };
    let settings = [
        ("tls-cert-file", &*certificate),
        ("tls-key-file", &key),
        ("tls-ca-cert-file", &authority),
        ("tls-auth-clients", asks),
        ("tls-port", &port),
    ];
    let mut command = vec!["CONFIG", "SET"];
    command.extend(settings.iter().flat_map(|(name, value)| [*name, value]));
    // One that was built without TLS ends at this.
    let answer = server.connect().and_then(|mut to| to.command(&command));
    if let Ok(Reply::Status(_)) = answer {
        return Some((server, format!("rediss://localhost:{port}")));
    }
    eprintln!("SKIPPED: all about TLS: the server was built without it: {answer:?}");
    None
}

fn trusting(file: impl AsRef<Path>) -> RedisOptions {
    RedisStore::options().ca_file(file.as_ref())
}

async fn refusal(options: RedisOptions, url: &str) -> StoreError {
    options.connect(url).await.expect_err("no store")
}

#[tokio::test]
async fn an_encrypted_connection_is_made_to_a_server_that_our_authority_signed() {
    let Some(files) = Files::new() else { return };
    let Some((server, url)) = server(&files, false) else {
        return;
    };
    let store = trusting(files.path("ours.crt"))
        .connect(&url)
        .await
        .unwrap();
    both(&store).await.unwrap();
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    both(&store).await.unwrap();
    has_connections(&server, 2).await;
    let by_number = url.replace("localhost", "127.0.0.1");
    let store = trusting(files.path("ours.crt"))
        .connect(&by_number)
        .await
        .unwrap();
    both(&store).await.unwrap();
}

#[tokio::test]
async fn a_server_that_somebody_else_signed_is_not_trusted() {
    let Some(files) = Files::new() else { return };
    let Some((_server, url)) = server(&files, false) else {
        return;
    };
    for options in [trusting(files.path("another.crt")), RedisStore::options()] {
        let error = refusal(options, &url).await;
        let text = error.chain();
        // A machine without any authority says so.
        let is_told = text.contains("certificate") && text.contains(&url);
        assert!(
            is_told || text.contains("no certificate authorities"),
            "{text}"
        );
    }
    let other_name = url.replace("localhost", "127.0.0.2");
    let error = refusal(trusting(files.path("ours.crt")), &other_name).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_server_that_asks_for_certificates_gets_ours() {
    let Some(files) = Files::new() else { return };
    let Some((_server, url)) = server(&files, true) else {
        return;
    };
    let (certificate, key) = (files.path("client.crt"), files.path("client.key"));
    let options = trusting(files.path("ours.crt")).client_certificate(certificate, key);
    let store = options.connect(&url).await.unwrap();
    both(&store).await.unwrap();
    let error = refusal(trusting(files.path("ours.crt")), &url).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(
        error.chain().contains("rediss://localhost"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let Some(files) = Files::new() else { return };
    let Some((server, url)) = server(&files, false) else {
        return;
    };
    let no_file = files.path("none");
    let error = refusal(trusting(&no_file), &url).await;
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert!(
        error.to_string().contains(&*no_file.to_string_lossy()),
        "{error}"
    );
    let error = refusal(trusting(files.path("ours.key")), &url).await;
    assert!(
        error
            .to_string()
            .contains("ours.key: there is no certificate"),
        "{error}"
    );
    let (certificate, key) = (files.path("client.crt"), files.path("server.key"));
    let options = trusting(files.path("ours.crt")).client_certificate(certificate, key);
    let error = refusal(options, &url).await;
    assert!(
        error
            .to_string()
            .contains("server.key: the key does not fit"),
        "{error}"
    );
    // Without TLS on the other side.
    let plain = format!("rediss://127.0.0.1:{}", server.port());
    let error = refusal(trusting(files.path("ours.crt")), &plain).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.chain().contains(&plain), "{}", error.chain());
}

/// In a program that has two providers rustls knows none for the process, and one that the program
/// has chosen need not fit.
#[tokio::test]
async fn the_provider_of_the_process_is_neither_needed_nor_used() {
    use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

    let Some(files) = Files::new() else { return };
    let Some((_server, url)) = server(&files, false) else {
        return;
    };
    let useless = CryptoProvider {
        cipher_suites: Vec::new(),
        kx_groups: Vec::new(),
        ..ring::default_provider()
    };
    useless.install_default().expect("nobody has chosen one");
    let options = trusting(files.path("ours.crt"));
    let store = options.connect(&url).await.unwrap();
    both(&store).await.unwrap();
}
