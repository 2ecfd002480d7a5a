//! A front that speaks TLS and hands everything on to a plain listener: `wss://` and `https://` for the other fakes.

use crate::tasks::{LOOPBACK, Tasks};
use std::{net::SocketAddr, sync::Arc};
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// Listens with TLS until it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    _tasks: Tasks,
}

impl TlsFront {
    /// Hands connections on to `behind` (`127.0.0.1:PORT`). `certificate` and `key` are PEM files. Panics when they are
    /// none.
    pub async fn start(behind: &str, certificate: &[u8], key: &[u8]) -> Self {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .expect("certificates in PEM");
        let key = PrivateKeyDer::from_pem_slice(key).expect("a key in PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("usual versions")
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .expect("a key that fits its certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let tasks = Tasks::default();
        let behind = behind.to_owned();
        let serve = move |stream| serve(acceptor.clone(), stream, behind.clone());
        let address = tasks.listen(LOOPBACK, serve).await;
        Self { address, _tasks: tasks }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, behind: String) {
    // A client that does not trust the certificate hangs up; its own words about that are what the test looks at.
    let Ok(mut outside) = acceptor.accept(stream).await else { return };
    let Ok(mut inside) = TcpStream::connect(behind).await else { return };
    copy_bidirectional(&mut outside, &mut inside).await.ok();
}
