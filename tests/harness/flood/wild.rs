//! A client that keeps no rule of ours: bare QUIC and TLS, with any key or none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use pouch_crypto::SigningKey;
use pouch_tests::bare_tls;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;

/// Speaks raw public keys, and has none to show.
#[derive(Debug)]
struct Shy;

impl ResolvesClientCert for Shy {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// TLS as it pleases, with the key of a seed or none. Classical key exchange: the cheapest for whoever
/// attacks, and a hello of one datagram.
pub(crate) fn tls(seed: Option<[u8; 32]>) -> QuicClientConfig {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let shown = match seed {
        None => Arc::new(Shy),
        Some(seed) => bare_tls::shows(&SigningKey::from_seed(&seed)).unwrap(),
    };
    QuicClientConfig::try_from(bare_tls::client(provider, shown).unwrap()).unwrap()
}

/// The same as quinn wants it.
pub(crate) fn config(seed: Option<[u8; 32]>) -> ClientConfig {
    ClientConfig::new(Arc::new(tls(seed)))
}

/// A socket at one of our addresses.
pub(crate) fn endpoint(address: Ipv4Addr) -> Endpoint {
    Endpoint::client(SocketAddr::new(IpAddr::V4(address), 0)).unwrap()
}

/// QUIC wants a name; it is not sent.
pub(crate) const NO_NAME: &str = "relay.invalid";
