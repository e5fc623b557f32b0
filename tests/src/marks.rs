//! Secrets that tests look for in all that a host wrote, in every form in which software writes texts down.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// One form of a secret.
#[derive(Debug)]
struct Form {
    /// Which secret in which form, for the failure of a test.
    name: String,
    bytes: Vec<u8>,
}

/// The secrets to look for.
#[derive(Debug, Default)]
pub struct Marks(Vec<Form>);

impl Marks {
    /// Looks for `secret`, too, which failures call `name`.
    pub fn add(&mut self, name: &str, secret: &str) {
        for (form, text) in forms(secret) {
            self.0.push(Form {
                name: format!("{name} ({form})"),
                bytes: text.into_bytes(),
            });
        }
    }

    /// What of them is in `bytes`.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        self.0
            .iter()
            .filter(|form| memmem::find(bytes, &form.bytes).is_some())
            .map(|form| form.name.as_str())
            .collect()
    }

    /// Every form, by its name.
    pub fn forms(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|form| (form.name.as_str(), form.bytes.as_slice()))
    }
}

/// `secret` as it is, quoted, in a URL, in hexadecimal digits and in base64.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let quoted = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        ("plain", secret.to_owned()),
        ("quoted", quoted.trim_matches('"').to_owned()),
        // As `Debug` shows it within another text.
        (
            "quoted twice",
            format!("{quoted:?}").trim_matches(['"', '\\']).to_owned(),
        ),
        (
            "in a URL",
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        ),
        ("hexadecimal", hex.to_uppercase()),
        ("hexadecimal", hex),
        // As `Debug` shows bytes.
        (
            "a list of bytes",
            format!("{:?}", secret.as_bytes())
                .trim_matches(['[', ']'])
                .to_owned(),
        ),
    ];
    for offset in 0..3 {
        let bytes = [&b"\0\0"[..offset], secret.as_bytes()].concat();
        // The characters that the secret alone decides.
        let (from, to) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        for text in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            forms.push(("base64", text[from..to].to_owned()));
        }
    }
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    #[test]
    fn a_mark_is_found_in_every_form() {
        let secret = "mark-1/\"é?>==";
        let mut marks = Marks::default();
        marks.add("the mark", secret);
        for text in [
            format!("a {secret} b"),
            serde_json::json!({ "a": [secret] }).to_string(),
            format!("{:?}", serde_json::json!(secret).to_string()),
            format!("{:?}", secret.as_bytes()),
            STANDARD.encode(secret),
            URL_SAFE.encode(format!("x{secret}y")),
            STANDARD.encode(format!("xx{secret}")),
            format!("{:02X?}", secret.as_bytes()).replace([',', ' '], ""),
            "mark-1%2F%22%C3%A9%3F%3E%3D%3D".to_owned(),
        ] {
            assert_ne!(
                marks.found_in(text.as_bytes()),
                Vec::<&str>::new(),
                "{text}"
            );
        }
        assert_eq!(marks.found_in(b"mark-2"), Vec::<&str>::new());
    }
}
