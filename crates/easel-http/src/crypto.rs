//! The one cryptography provider of the process: rustls on ring.
//!
//! rustls refuses to guess when two providers are linked, so `main` and every test binary call [`install`]
//! before anything else.

/// Makes ring the provider of every TLS connection of this process.
///
/// May be called any number of times; only the first call has an effect, and a provider that something else
/// installed before stays.
pub fn install() {
    // An error only says that a provider is installed already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[cfg(test)]
mod tests {
    #[test]
    fn installing_twice_is_harmless() {
        super::install();
        super::install();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
