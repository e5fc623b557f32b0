//! What is refused, in every spelling, and that the checked address is the connected one.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::dns::Resolve as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::openstack::{
    client::{Client, Failure, Limits},
    tls::Tls,
};

fn settings(allow: &[&str], allow_private: bool) -> Settings {
    Settings {
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
        allow_private,
        ..Settings::default()
    }
}

fn policy(allow: &[&str], allow_private: bool) -> AddressPolicy {
    AddressPolicy::new(&settings(allow, allow_private))
}

fn check(policy: &AddressPolicy, url: &str) -> Result<(), Refused> {
    policy.check_url(&Url::parse(url).unwrap())
}

/// Addresses that no setting opens.
const NEVER: &[(&str, Refused)] = &[
    ("169.254.169.254", Refused::LinkLocal),
    ("169.254.0.1", Refused::LinkLocal),
    ("168.63.129.16", Refused::LinkLocal),
    ("100.100.100.200", Refused::LinkLocal),
    ("192.0.0.192", Refused::LinkLocal),
    ("[fd00:ec2::254]", Refused::LinkLocal),
    ("[fd00:ec2::23]", Refused::LinkLocal),
    ("[fd20:ce::254]", Refused::LinkLocal),
    ("[fd00:42::42]", Refused::LinkLocal),
    ("[fe80::1]", Refused::LinkLocal),
    ("[fe80::a9fe:a9fe]", Refused::LinkLocal),
    ("[febf::1]", Refused::LinkLocal),
    ("0.0.0.0", Refused::NotAHost),
    ("0.1.2.3", Refused::NotAHost),
    ("[::]", Refused::NotAHost),
    ("224.0.0.1", Refused::NotAHost),
    ("239.255.255.250", Refused::NotAHost),
    ("255.255.255.255", Refused::NotAHost),
    ("[ff02::1]", Refused::NotAHost),
    ("[::ffff:127.0.0.1]", Refused::Embedded),
    ("[::ffff:169.254.169.254]", Refused::Embedded),
    ("[::ffff:8.8.8.8]", Refused::Embedded),
    ("[::ffff:0:8.8.8.8]", Refused::Embedded),
    ("[::127.0.0.1]", Refused::Embedded),
    ("[::8.8.8.8]", Refused::Embedded),
    ("[64:ff9b:1::7f00:1]", Refused::Embedded),
    ("[2001::7f00:1]", Refused::Embedded),
    ("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", Refused::Embedded),
    ("[2002:7f00:1::]", Refused::Embedded),
    ("[2002:808:808::1]", Refused::Embedded),
    ("[2606:4700::5efe:7f00:1]", Refused::Embedded),
    ("[2606:4700::200:5efe:808:808]", Refused::Embedded),
];

#[test]
fn by_default_loopback_is_refused_and_private_is_not() {
    let policy = policy(&[], true);
    for (host, expected) in [
        ("127.0.0.1", Err(Refused::Loopback)),
        ("127.9.9.9", Err(Refused::Loopback)),
        ("[::1]", Err(Refused::Loopback)),
        ("[64:ff9b::808:808]", Err(Refused::Reserved)),
        ("203.0.113.9", Err(Refused::Reserved)),
        ("192.88.99.1", Err(Refused::Reserved)),
        ("240.0.0.1", Err(Refused::Reserved)),
        ("[2001:db8::1]", Err(Refused::Reserved)),
        ("[2001:10::1]", Err(Refused::Reserved)),
        ("[3fff::1]", Err(Refused::Reserved)),
        ("[5f00::1]", Err(Refused::Reserved)),
        ("[100::1]", Err(Refused::Reserved)),
        ("10.1.2.3", Ok(())),
        ("172.31.0.1", Ok(())),
        ("192.168.0.1", Ok(())),
        ("100.64.0.1", Ok(())),
        ("[fd12::1]", Ok(())),
        ("8.8.8.8", Ok(())),
        ("[2606:4700::1111]", Ok(())),
    ] {
        assert_eq!(
            check(&policy, &format!("http://{host}/")),
            expected,
            "{host}"
        );
    }
}

#[test]
fn what_is_always_refused_is_opened_by_no_setting() {
    for policy in [policy(&[], true), policy(&["0.0.0.0/0", "::/0"], true)] {
        for (host, expected) in NEVER {
            for url in [
                format!("http://{host}/"),
                format!("https://{host}:8774/v2.1"),
            ] {
                assert_eq!(check(&policy, &url), Err(*expected), "{url}");
            }
        }
    }
}

#[test]
fn the_operator_can_close_private_and_open_loopback() {
    let policy = policy(&["127.0.0.0/8", "10.9.0.0/16"], false);
    assert_eq!(check(&policy, "http://127.0.0.1/"), Ok(()));
    assert_eq!(check(&policy, "http://10.9.1.1/"), Ok(()));
    for host in [
        "10.8.1.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fd12::1]",
        "[fec0::1]",
    ] {
        let url = format!("http://{host}/");
        assert_eq!(check(&policy, &url), Err(Refused::Private), "{url}");
    }
}

#[test]
fn behind_nat64_the_translated_address_counts_too() {
    let policy = policy(&["64:ff9b::/96"], false);
    for (host, expected) in [
        ("64:ff9b::808:808", Ok(())),
        ("64:ff9b::7f00:1", Err(Refused::Loopback)),
        ("64:ff9b::a01:203", Err(Refused::Private)),
        ("64:ff9b::a9fe:a9fe", Err(Refused::LinkLocal)),
    ] {
        assert_eq!(
            check(&policy, &format!("http://[{host}]/")),
            expected,
            "{host}"
        );
    }
}

#[test]
fn every_spelling_of_an_address_is_the_address() {
    let policy = policy(&[], true);
    for host in [
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "169.254.169.254.",
        "%31%36%39.254.169.254",
        "１６９.２５４.１６９.２５４",
        "169。254。169。254",
        "①⑥⑨.254.169.254",
    ] {
        let url = format!("http://{host}/");
        assert_eq!(check(&policy, &url), Err(Refused::LinkLocal), "{url}");
    }
    for host in [
        "2130706433",
        "0x7f.1",
        "017700000001",
        "127.1",
        "[0:0::0:1]",
    ] {
        let url = format!("http://{host}/");
        assert_eq!(check(&policy, &url), Err(Refused::Loopback), "{url}");
    }
    for none in [
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://1.2.3.4.5/",
        "http:///x",
    ] {
        // The last one has `x` for its host, which is no address.
        if let Ok(url) = Url::parse(none) {
            assert!(matches!(url.host(), Some(Host::Domain("x"))), "{url}");
        }
    }
}

#[test]
fn port_0_is_refused() {
    assert_eq!(
        check(&policy(&[], true), "http://8.8.8.8:0/"),
        Err(Refused::NoPort)
    );
    assert_eq!(
        check(&policy(&[], true), "http://cloud.test:0/"),
        Err(Refused::NoPort)
    );
}

#[test]
fn the_hosts_own_listeners_are_refused_whatever_is_allowed() {
    let policy = policy(&["0.0.0.0/0", "::/0"], true);
    policy.set_listeners(vec![
        "127.0.0.1:8989".parse().unwrap(),
        "0.0.0.0:9000".parse().unwrap(),
        "[::]:9001".parse().unwrap(),
        "[::ffff:127.0.0.2]:9002".parse().unwrap(),
    ]);
    for (url, expected) in [
        ("http://127.0.0.1:8989/", Err(Refused::OwnListener)),
        ("http://[64:ff9b::7f00:1]:8989/", Err(Refused::OwnListener)),
        ("http://127.0.0.1:9000/", Err(Refused::OwnListener)),
        ("http://127.8.8.8:9000/", Err(Refused::OwnListener)),
        ("http://[::1]:9001/", Err(Refused::OwnListener)),
        ("http://127.0.0.1:9001/", Err(Refused::OwnListener)),
        ("http://127.0.0.2:9002/", Err(Refused::OwnListener)),
        ("http://127.0.0.1:5000/", Ok(())),
        ("http://127.0.0.3:9002/", Ok(())),
        ("http://192.0.2.1:9000/", Ok(())),
    ] {
        assert_eq!(check(&policy, url), expected, "{url}");
    }
}

/// A resolver that gives one answer after the other, the last one for ever, and counts.
fn scripted(answers: &[&[&str]]) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let answers: Vec<Vec<SocketAddr>> = answers
        .iter()
        .map(|all| {
            all.iter()
                .map(|ip| (ip.parse::<IpAddr>().unwrap(), 0).into())
                .collect()
        })
        .collect();
    let count = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        let at = count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
        let answer = answers[at].clone();
        Box::pin(async move { Ok::<_, io::Error>(answer) })
    });
    (lookup, asked)
}

/// A server that answers anything with `{}` and closes, and remembers at which of its addresses it was reached.
async fn server() -> (u16, Arc<Mutex<Vec<IpAddr>>>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reached = Arc::new(Mutex::new(Vec::new()));
    let kept = reached.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            kept.lock().unwrap().push(socket.local_addr().unwrap().ip());
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            let mut request = [0; 4096];
            assert!(socket.read(&mut request).await.unwrap() > 0);
            socket.write_all(answer).await.unwrap();
        }
    });
    (port, reached)
}

fn client(allow: &[&str], lookup: Lookup) -> Client {
    let settings = settings(allow, true);
    let policy = Arc::new(AddressPolicy::with_lookup(&settings, lookup));
    Client::new(
        Tls::new(None, true).unwrap(),
        Arc::default(),
        Some(policy),
        None,
        Limits::from(&settings),
    )
}

async fn get(client: &Client, url: &str) -> Result<u16, Failure> {
    let request = reqwest::Request::new(http::Method::GET, url.parse().unwrap());
    client
        .execute(request)
        .await
        .map(|response| response.status().as_u16())
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_the_check_is_connected_to_where_it_was_checked() {
    let (port, reached) = server().await;
    let (lookup, asked) = scripted(&[&["127.0.0.2"], &["169.254.169.254"], &["127.0.0.3"]]);
    let client = client(&["127.0.0.2/32"], lookup);
    let url = format!("http://cloud.test:{port}/");
    assert_eq!(get(&client, &url).await, Ok(200));
    assert_eq!(
        asked.load(Ordering::Relaxed),
        1,
        "the name was looked up again after its check"
    );
    // Every connection asks and checks anew.
    assert_eq!(
        get(&client, &url).await,
        Err(Failure::Refused(Refused::LinkLocal))
    );
    assert_eq!(
        get(&client, &url).await,
        Err(Failure::Refused(Refused::Loopback))
    );
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(
        *reached.lock().unwrap(),
        ["127.0.0.2".parse::<IpAddr>().unwrap()]
    );
}

#[tokio::test]
async fn of_good_and_bad_addresses_only_the_good_are_connected_to() {
    let (port, reached) = server().await;
    let (lookup, _) = scripted(&[&["127.0.0.3", "169.254.169.254", "::1", "127.0.0.2"]]);
    let client = client(&["127.0.0.2/32"], lookup);
    assert_eq!(
        get(&client, &format!("http://cloud.test:{port}/")).await,
        Ok(200)
    );
    assert_eq!(
        *reached.lock().unwrap(),
        ["127.0.0.2".parse::<IpAddr>().unwrap()]
    );
}

#[tokio::test]
async fn an_address_is_checked_although_no_name_is_looked_up() {
    let (port, reached) = server().await;
    let (lookup, asked) = scripted(&[&["127.0.0.2"]]);
    let client = client(&["127.0.0.2/32"], lookup);
    let refused = get(&client, &format!("http://127.0.0.3:{port}/")).await;
    assert_eq!(refused, Err(Failure::Refused(Refused::Loopback)));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert!(reached.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_resolves_to_a_refused_address_is_refused() {
    let resolve = |policy: AddressPolicy| {
        CheckedResolver::new(Arc::new(policy)).resolve("localhost".parse().unwrap())
    };
    let error = resolve(policy(&[], true)).await.err().unwrap();
    assert_eq!(error.downcast_ref(), Some(&Refused::Loopback));
    let open = policy(&["127.0.0.0/8", "::1/128"], true);
    assert!(resolve(open).await.is_ok());
}

#[tokio::test]
async fn without_a_port_no_address_of_a_listener_passes() {
    let open = policy(&["127.0.0.0/8", "::1/128"], true);
    open.set_listeners(vec!["0.0.0.0:9000".parse().unwrap()]);
    let resolver = CheckedResolver::new(Arc::new(open));
    let resolve = || resolver.resolve("localhost".parse().unwrap());
    assert!(resolve().await.is_err());
    assert!(PORT.scope(5000, async { resolve().await }).await.is_ok());
    assert!(PORT.scope(9000, async { resolve().await }).await.is_err());
}
