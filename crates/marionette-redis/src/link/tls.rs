//! TLS, with a provider of our own: that of the process belongs to the program.

use std::io;
use std::path::Path;
use std::sync::Arc;

use marionette::store::StoreError;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::address::Host;
use crate::options::Settings;

/// What checks servers and shows our certificate. The files are read for each connection, so that
/// certificates can be renewed while processes run.
pub(super) fn connector(settings: &Settings) -> Result<TlsConnector, StoreError> {
    let roots = match &settings.ca_file {
        Some(file) => roots_in(file)?,
        None => roots_of_the_machine()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::refused("there is no TLS").with_source(error))?
        .with_root_certificates(roots);
    let config = match &settings.client_certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificates = certificates(certificate)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                unreadable(key, "no private key can be read").with_source(error)
            })?;
            let config = config.with_client_auth_cert(certificates, private);
            config.map_err(|error| {
                unreadable(key, "the key does not fit its certificate").with_source(error)
            })?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Makes the stream one that nobody else reads, if the server is the one of this name.
pub(super) async fn secured(
    connector: &TlsConnector,
    host: &Host,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.name.clone()).map_err(io::Error::other)?;
    connector.connect(name, stream).await
}

fn roots_in(file: &Path) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| unreadable(file, "a certificate is wrong").with_source(error))?;
    }
    Ok(roots)
}

/// What the machine trusts. One that cannot be read does not hide the others.
fn roots_of_the_machine() -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let what = "this machine has no certificate authorities: name a file with `ca_file`";
        return Err(StoreError::refused(what));
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let all =
        CertificateDer::pem_file_iter(file).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    let all =
        all.map_err(|error| unreadable(file, "no certificate can be read").with_source(error))?;
    if all.is_empty() {
        return Err(unreadable(file, "there is no certificate"));
    }
    Ok(all)
}

fn unreadable(file: &Path, what: &str) -> StoreError {
    StoreError::refused(format!("{}: {what}", file.display()))
}
