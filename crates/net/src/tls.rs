//! The one TLS configuration: TLS 1.3, raw public keys both ways, `pouch/1`, no way around it.
//!
//! Nothing is resumed and nothing is sent early: a resumed session would skip the question whether
//! the key is still known, and early data can be replayed.

use std::sync::Arc;

use pouch_crypto::PublicKey;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;

use crate::authorise::{Authorise, KnownClients, PinnedRelay};
use crate::identity::{BadIdentity, TransportIdentity};

/// The application protocol, with its version.
pub(crate) const ALPN: &[u8] = b"pouch/1";

/// The server's half.
pub(crate) fn server(
    identity: &TransportIdentity,
    authorise: Arc<dyn Authorise>,
) -> Result<rustls::ServerConfig, BadIdentity> {
    let provider = provider();
    let clients = KnownClients::new(authorise, provider.signature_verification_algorithms);
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| BadIdentity)?
        .with_client_cert_verifier(Arc::new(clients))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity.certified())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The client's half, for one relay.
pub(crate) fn client(
    identity: &TransportIdentity,
    relay: PublicKey,
) -> Result<rustls::ClientConfig, BadIdentity> {
    let provider = provider();
    let pinned = PinnedRelay::new(relay, provider.signature_verification_algorithms);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(|_| BadIdentity)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(identity.certified())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    Ok(config)
}

/// The client's half towards a web server, which is known by a certificate of one of these roots.
pub(crate) fn web_client(roots: rustls::RootCertStore) -> Option<rustls::ClientConfig> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])
        .ok()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Some(config)
}

/// [`server`], as QUIC wants it.
pub(crate) fn quic_server(
    identity: &TransportIdentity,
    authorise: Arc<dyn Authorise>,
) -> Result<QuicServerConfig, BadIdentity> {
    QuicServerConfig::try_from(server(identity, authorise)?).map_err(|_| BadIdentity)
}

/// [`client`], as QUIC wants it.
pub(crate) fn quic_client(
    identity: &TransportIdentity,
    relay: PublicKey,
) -> Result<QuicClientConfig, BadIdentity> {
    QuicClientConfig::try_from(client(identity, relay)?).map_err(|_| BadIdentity)
}

/// aws-lc-rs with TLS 1.3's suites, X25519MLKEM768 preferred and X25519 for want of it.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519];
    provider
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::quic::{ClientConnection, Connection, ServerConnection, Version};
    use rustls::{NamedGroup, ProtocolVersion};

    struct Everyone;

    impl Authorise for Everyone {
        fn is_known(&self, _: &PublicKey) -> bool {
            true
        }
    }

    fn identity(seed: u8) -> TransportIdentity {
        TransportIdentity::from_seed(&[seed; 32]).unwrap()
    }

    /// A handshake in memory between our two halves.
    fn handshake(client: rustls::ClientConfig, server: rustls::ServerConfig) -> (Connection, Connection) {
        let name = "pouch.invalid".try_into().unwrap();
        let client = ClientConnection::new(Arc::new(client), Version::V1, name, vec![]).unwrap();
        let server = ServerConnection::new(Arc::new(server), Version::V1, vec![]).unwrap();
        let (mut client, mut server) = (Connection::Client(client), Connection::Server(server));
        while client.is_handshaking() || server.is_handshaking() {
            pass_on(&mut client, &mut server);
            pass_on(&mut server, &mut client);
        }
        (client, server)
    }

    /// Carries handshake bytes over, those of one set of keys at a time.
    fn pass_on(from: &mut Connection, to: &mut Connection) {
        loop {
            let mut bytes = Vec::new();
            let keys_changed = from.write_hs(&mut bytes).is_some();
            if !bytes.is_empty() {
                to.read_hs(&bytes).unwrap();
            }
            if !keys_changed {
                return;
            }
        }
    }

    fn halves() -> (rustls::ClientConfig, rustls::ServerConfig) {
        let (nl, relay) = (identity(1), identity(2));
        (client(&nl, relay.public()).unwrap(), server(&relay, Arc::new(Everyone)).unwrap())
    }

    #[test]
    fn the_key_exchange_is_hybrid_and_post_quantum() {
        let (ours, theirs) = halves();
        let (client, server) = handshake(ours, theirs);
        for end in [&client, &server] {
            let group = end.negotiated_key_exchange_group().unwrap().name();
            assert_eq!(group, NamedGroup::X25519MLKEM768);
            assert_eq!(end.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            assert_eq!(end.alpn_protocol(), Some(ALPN));
        }
    }

    #[test]
    fn a_hello_offers_the_post_quantum_exchange_first() {
        let (ours, _) = halves();
        let groups: Vec<_> = ours.crypto_provider().kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(groups, [NamedGroup::X25519MLKEM768, NamedGroup::X25519]);
    }

    #[test]
    fn nothing_is_resumed_or_sent_early() {
        let (ours, theirs) = halves();
        assert!(!ours.enable_early_data && !ours.enable_sni);
        assert_eq!((theirs.max_early_data_size, theirs.send_tls13_tickets), (0, 0));
        assert!(!theirs.session_storage.can_cache());
        assert!(!theirs.ticketer.enabled());
    }

    #[test]
    fn only_tls_1_3_is_there_to_be_spoken() {
        let provider = provider();
        assert!(!provider.cipher_suites.is_empty());
        assert!(provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()));
    }
}
