//! Fuzz targets of what is read from the disk: key rings, sealed values, records.

use uuid::Uuid;

use super::{KeyRing, Kind, Place, codec};
use crate::{
    domain::{ActionExecution, Job, Module, ModuleVersion, Sealed, Timestamp},
    fuzz::fuzz,
};

#[test]
fn key_rings() {
    const WORDS: &[&str] = &[
        "\n",
        ",",
        "#",
        " ",
        "\t",
        "2026-11-22T03:59:06Z",
        "AAAA",
        "=",
        "\u{0}",
        "31b4",
        "-0001-01-01T00:00:00Z",
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    KeyRing::load(&path, Timestamp::from_unix_ms(0)).unwrap();
    let real = std::fs::read_to_string(&path).unwrap();
    let real = real.lines().next_back().unwrap();
    let check = |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        match KeyRing::parse(&text) {
            Ok(ring) => {
                let place = Place {
                    kind: Kind::Module,
                    id: Uuid::nil(),
                    field: "f",
                };
                let sealed = ring.seal(&place, b"value");
                assert_eq!(*ring.open(&place, &sealed).unwrap(), b"value");
            }
            // A bad line may be a key with a slip in it.
            Err(error) => {
                let error = error.to_string();
                let words = text.split([' ', ',', '\n', '\t']);
                for word in words.filter(|word| word.len() > 20) {
                    assert!(!error.contains(word), "{error}");
                }
            }
        }
    };
    // No key is kept in the tree.
    let with_key = |kept: Vec<u8>| {
        String::from_utf8(kept)
            .unwrap()
            .replace("KEY", real)
            .into_bytes()
    };
    fuzz!(WORDS, check, with_key);
}

#[test]
fn sealed_values() {
    let ring = KeyRing::generate(Timestamp::from_unix_ms(0)).unwrap();
    let place = Place {
        kind: Kind::Module,
        id: Uuid::nil(),
        field: "f",
    };
    let sealed = ring.seal(&place, b"value").0;
    let real = sealed.clone();
    fuzz!(
        &[],
        |input: &[u8]| {
            if input != real {
                assert!(ring.open(&place, &Sealed(input.to_vec())).is_err());
            }
        },
        // Only this run's ring opens anything, so what is kept stands for a value that it sealed.
        |_| sealed.clone()
    );
}

#[test]
fn records() {
    fuzz!(&["\u{1}", "\u{fb}", "\u{7f}"], |input: &[u8]| {
        let _ = codec::from_bytes::<ActionExecution>(input);
        let _ = codec::from_bytes::<Module>(input);
        let _ = codec::from_bytes::<ModuleVersion>(input);
        let _ = codec::from_bytes::<Job>(input);
    });
}
