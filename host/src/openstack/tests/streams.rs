//! Bodies in chunks, in both directions.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::openstack::{
    Error,
    fake::{Seen, answer, in_chunks},
};

#[tokio::test]
async fn a_token_that_is_echoed_across_chunks_does_not_come_back() {
    let fake =
        Fake::start(|_, seen: &Seen| in_chunks(&format!("<{}>", seen.header("x-auth-token")), 3))
            .await;
    let world = world();
    let session = world.session(with_catalog(&fake));
    let (head, mut reader) = session.open(request("GET", "/servers")).await.unwrap();
    assert_eq!(head.status, 200);
    let mut text = Vec::new();
    loop {
        let chunk = reader.read(2).await.unwrap();
        if chunk.is_empty() {
            break;
        }
        assert!(chunk.len() <= 2);
        text.extend_from_slice(&chunk);
    }
    assert_eq!(text, b"<***>");
    assert!(reader.read(2).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_upload_arrives_whole() {
    let fake = Fake::start(|_, _| answer(201, &json!({}))).await;
    let world = world();
    let session = world.session(with_catalog(&fake));
    for length in [None, Some(11)] {
        let mut writer = session
            .upload(request("PUT", "/image"), length)
            .await
            .unwrap();
        writer.write(Bytes::from_static(b"hello ")).await.unwrap();
        writer.write(Bytes::from_static(b"world")).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().head.status, 201);
    }
    let seen = fake.seen("/compute/v2.1/image");
    assert!(
        seen.iter()
            .all(|seen| seen.is_whole && seen.body == "hello world")
    );
    assert_eq!(seen[1].header("content-length"), "11");
    assert_eq!(world.journal.page().requests.len(), 2);
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_not_taken_for_a_whole_one() {
    let fake = Fake::start(|_, _| answer(201, &json!({}))).await;
    let world = world();
    let session = world.session(with_catalog(&fake));
    let mut writer = session
        .upload(request("PUT", "/image"), None)
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"hello ")).await.unwrap();
    drop(writer);
    let waited = tokio::time::timeout(Duration::from_secs(5), async {
        while world.journal.page().requests.is_empty() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
    assert!(
        fake.seen("/compute/v2.1/image")
            .iter()
            .all(|seen| !seen.is_whole)
    );
}

#[tokio::test]
async fn an_upload_has_the_length_it_was_said_to_have() {
    let fake = Fake::start(|_, _| answer(201, &json!({}))).await;
    let world = world();
    let session = world.session(with_catalog(&fake));
    let mut writer = session
        .upload(request("PUT", "/image"), Some(3))
        .await
        .unwrap();
    let long = writer.write(Bytes::from_static(b"four")).await;
    assert!(matches!(long, Err(Error::InvalidRequest(_))));
    writer.write(Bytes::from_static(b"hm")).await.unwrap();
    assert!(matches!(
        writer.finish().await,
        Err(Error::InvalidRequest(_))
    ));
}

#[tokio::test]
async fn streams_have_their_own_cap() {
    let fake = Fake::start(|_, _| answer(200, &json!("x".repeat(100)))).await;
    let world = world_with(Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        stream_bytes: 50,
        ..Settings::default()
    });
    let session = world.session(with_catalog(&fake));
    let (_, mut reader) = session.open(request("GET", "/image")).await.unwrap();
    assert_eq!(reader.read(1000).await, Err(Error::TooLarge(50)));
    assert!(matches!(
        session.upload(request("PUT", "/image"), Some(51)).await,
        Err(Error::TooLarge(50))
    ));
    let mut writer = session
        .upload(request("PUT", "/image"), None)
        .await
        .unwrap();
    let big = Bytes::from(vec![0; 51]);
    assert_eq!(writer.write(big).await, Err(Error::TooLarge(50)));
}
