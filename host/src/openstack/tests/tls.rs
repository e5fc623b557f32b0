//! TLS: who is believed, and what is said when nobody is.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use super::*;

/// A server under a CA of its own that answers every request with `{}`; answers its port and the CA in PEM.
fn server(name: &str, has_expired: bool) -> (u16, String) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if has_expired {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).is_ok() {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).ok();
            }
        }
    });
    (port, ca.pem())
}

async fn send(port: u16, ca_cert: Option<String>, insecure: bool) -> Result<u16, String> {
    let url = format!("https://127.0.0.1:{port}");
    let target = TargetCloud {
        auth_url: url.parse().unwrap(),
        credential: Credential::Token(Secret::new(TOKEN.to_owned())),
        region: None,
        project_id: None,
        user_id: None,
        user_name: None,
        ca_cert,
        insecure,
        catalog: Some(given_catalog(&token_body(&url, "p1", LATER))),
        is_target: true,
    };
    let answer = world()
        .session(target)
        .send(request("GET", "/servers"))
        .await;
    answer
        .map(|answer| answer.head.status)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_cloud_under_its_own_ca_is_believed_with_that_ca_only() {
    let (port, ca) = server("127.0.0.1", false);
    let (_, other_ca) = server("127.0.0.1", false);
    assert_eq!(send(port, Some(ca), false).await, Ok(200));
    assert_eq!(send(port, None, true).await, Ok(200));
    for ca in [None, Some(other_ca)] {
        let error = send(port, ca, false).await.unwrap_err();
        assert!(
            error.contains("unknown CA") && error.contains("ca_cert"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_or_time_is_told_apart() {
    let (port, ca) = server("elsewhere.example", false);
    let error = send(port, Some(ca), false).await.unwrap_err();
    assert!(error.contains("another name"), "{error}");
    let (port, ca) = server("127.0.0.1", true);
    let error = send(port, Some(ca), false).await.unwrap_err();
    assert!(error.contains("expired"), "{error}");
    assert_eq!(send(port, None, true).await, Ok(200));
}
