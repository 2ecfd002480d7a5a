//! The one cryptography provider of the process, rustls on ring, and whom it trusts.
//!
//! rustls refuses to guess when two providers are linked, so `main` and every test binary call [`install`]
//! before anything else.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

/// Makes ring the provider of every TLS connection of this process.
///
/// May be called any number of times; only the first call has an effect, and a provider that something else
/// installed before stays.
pub fn install() {
    // An error only says that a provider is installed already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// TLS for sockets that are no HTTP calls: it trusts whom the HTTP clients trust. These are the authorities that browsers
/// trust and those of this machine, or instead of the latter those in the file that the environment variable
/// `SSL_CERT_FILE` names (and the folders of `SSL_CERT_DIR`), as is customary for programs on OpenSSL.
///
/// Reads files at the first call, so make that on a blocking thread.
///
/// # Errors
/// When the provider supports no version of TLS; a certificate that can't be read is left out and logged.
pub fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        tracing::warn!(%error, "a certificate authority of this machine cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn installing_twice_is_harmless() {
        super::install();
        super::install();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }

    #[test]
    fn sockets_share_one_set_of_roots() {
        let first = super::client_config().unwrap();
        assert!(std::sync::Arc::ptr_eq(&first, &super::client_config().unwrap()));
        assert!(first.alpn_protocols.is_empty(), "these sockets speak no HTTP by themselves");
    }
}
