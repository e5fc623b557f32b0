//! What `zonda workflow`, `zonda workbook` and `zonda action` do with definitions.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{api_client::Object, error::Error, session::Session};

/// A kind of definitions.
pub(super) struct Kind {
    /// What one of them is.
    pub(super) noun: &'static str,
    /// What they are in paths, and in answers that hold several.
    pub(super) collection: &'static str,
    /// The columns of a list.
    pub(super) columns: &'static [&'static str],
    /// The order of the fields of one.
    pub(super) order: &'static [&'static str],
}

/// A document, and where what it defines belongs.
#[derive(Debug, Args)]
pub struct DocumentArgs {
    /// The document, a YAML file; - for standard input.
    file: PathBuf,
    /// The namespace of what it defines; else the default one.
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "",
        hide_default_value = true
    )]
    namespace: String,
    /// Let every project see it (administrators).
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// Let its own project alone see it; so is what is new unless --public is given.
    #[arg(long)]
    private: bool,
}

/// A definition that is there.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// Its name or id.
    pub(super) reference: String,
    /// The namespace of the name; else the default one.
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) namespace: String,
}

/// Definitions that are there.
#[derive(Debug, Args)]
pub struct ReferencesArgs {
    /// Their names or ids.
    #[arg(required = true)]
    references: Vec<String>,
    /// The namespace of the names; else the default one.
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "",
        hide_default_value = true
    )]
    namespace: String,
}

impl DocumentArgs {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let mut query = within(&self.namespace);
        if self.public || self.private {
            query.push(("scope", if self.public { "public" } else { "private" }));
        }
        query
    }
}

/// Sends a document to make (`POST`) or change (`PUT`) what it defines; of those, the one that `reference` means.
pub(super) async fn send(
    kind: &Kind,
    method: Method,
    document: &DocumentArgs,
    reference: Option<&str>,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let text = read(&document.file)?;
    let mut path = vec![kind.collection];
    path.extend(reference);
    let api = session.connect().await?;
    let mut answer = api
        .send_text(method, &path, &document.query(), text)
        .await?;
    match answer.remove(kind.collection) {
        Some(Value::Array(all)) => {
            let all: Vec<Object> = all.iter().filter_map(Value::as_object).cloned().collect();
            session.output.list(&all, kind.columns)
        }
        _ => session.output.show(&answer, kind.order),
    }
}

/// Tells whether a document has faults: exit code 0 when not, 1 with every fault on standard error.
pub(super) async fn validate(
    kind: &Kind,
    file: &Path,
    session: &mut Session<'_>,
) -> Result<u8, Error> {
    let text = read(file)?;
    let api = session.connect().await?;
    let path = [kind.collection, "validate"];
    let validity = api.send_text(Method::POST, &path, &[], text).await?;
    let is_valid = validity.get("valid") == Some(&Value::Bool(true));
    if session.output.format().is_some() || session.output.has_columns() {
        session
            .output
            .show(&validity, &["valid", "error", "faults"])?;
    } else if is_valid {
        session.output.print("valid")?;
    } else {
        let error = validity.get("error").and_then(Value::as_str);
        session.note(error.unwrap_or("the document is not valid"));
    }
    Ok(u8::from(!is_valid))
}

/// Shows one.
pub(super) async fn show(
    kind: &Kind,
    args: &ReferenceArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let one = get(kind, args, session).await?;
    session.output.show(&one, kind.order)
}

/// Prints the document of one.
pub(super) async fn definition(
    kind: &Kind,
    args: &ReferenceArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let one = get(kind, args, session).await?;
    let text = one.get("definition").and_then(Value::as_str);
    let text = text.ok_or_else(|| {
        Error::usage(format!(
            "{} {} has no definition",
            kind.noun, args.reference
        ))
    })?;
    session.output.print(text.trim_end_matches('\n'))
}

/// Deletes some.
pub(super) async fn delete(
    kind: &Kind,
    args: &ReferencesArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let api = session.connect().await?;
    for reference in &args.references {
        let path = [kind.collection, reference.as_str()];
        api.delete_with(&path, &within(&args.namespace)).await?;
        session.note(&format!("deleted {} {reference}", kind.noun));
    }
    Ok(())
}

async fn get(
    kind: &Kind,
    args: &ReferenceArgs,
    session: &mut Session<'_>,
) -> Result<Object, Error> {
    let path = [kind.collection, args.reference.as_str()];
    let api = session.connect().await?;
    api.get_with(&path, &within(&args.namespace)).await
}

pub(super) fn within(namespace: &str) -> Vec<(&'static str, &str)> {
    match namespace {
        "" => Vec::new(),
        namespace => vec![("namespace", namespace)],
    }
}

fn read(file: &Path) -> Result<String, Error> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    text.map_err(|source| Error::Read {
        path: file.to_owned(),
        source,
    })
}
