//! The relay's UDP port: strangers and noise get nothing, and members are served all the same.

use std::net::SocketAddr;

use pouch_crypto::SigningKey;
use pouch_directory::CharterFile;
use pouch_net::{ConnectError, Dialer, Limits, TransportIdentity};
use pouch_wire::Canonical as _;
use rand::Rng as _;

use crate::network::{Network, pair, tell};

/// Every kind of noise: random bytes of all lengths, and beginnings of QUIC that go on as nonsense.
fn noise() -> impl Iterator<Item = Vec<u8>> {
    let random = (0_usize..1500).step_by(7).map(|len| {
        let mut bytes = vec![0; len];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    });
    let heads: [&[u8]; 5] = [
        &[0xc0, 0, 0, 0, 1, 8],
        &[0xc3, 0, 0, 0, 1, 20],
        &[0xc0, 0xba, 0xba, 0xba, 0xba, 255],
        &[0xf0, 0, 0, 0, 1, 0, 0],
        &[0x40],
    ];
    let begun = heads.into_iter().flat_map(|head| {
        (0..40).map(move |_| {
            let mut bytes = vec![0; 1200];
            rand::rng().fill_bytes(&mut bytes);
            bytes[..head.len()].copy_from_slice(head);
            bytes
        })
    });
    random.chain(begun)
}

#[tokio::test]
async fn strangers_and_noise_get_no_session_and_members_are_served_all_the_same() {
    let mut network = Network::start(pair()).await;
    let charter = std::fs::read(network.stage.path("charter.pouch")).unwrap();
    let charter = CharterFile::from_bytes(&charter).unwrap().found().unwrap();
    let relay = charter.now_view().relays()[0].clone();
    let address: SocketAddr = relay.address.parse().unwrap();

    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for bytes in noise() {
        socket.send_to(&bytes, address).await.unwrap();
    }
    let stranger = TransportIdentity::from_key(&SigningKey::generate(&mut rand::rng())).unwrap();
    let dialer = Dialer::new(stranger, Limits::default()).unwrap();
    let refused = dialer.connect(address, relay.transport).await.unwrap_err();
    assert_eq!(refused, ConnectError::NotKnown { addr: address });
    // And whoever answers with another key than the directory's is no relay of ours.
    let other = SigningKey::generate(&mut rand::rng()).public();
    let refused = dialer.connect(address, other).await.unwrap_err();
    assert!(
        matches!(refused, ConnectError::OtherKey { expected, .. } if expected == other.id()),
        "{refused:?}"
    );

    let [nl, md] = network.nodes.as_mut_slice() else { panic!("two nodes") };
    let sent = tell(nl, "MD/policy", "Through the noise").await;
    md.received(&sent).await.unwrap();
    network.stop().await;
}
