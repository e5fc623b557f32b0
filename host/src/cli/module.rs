//! `zonda module …`: upload and look after modules.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    api_client::{ApiClient, Object},
    error::Error,
    options::{Format, ListArgs},
    output::{cell, table},
    session::Session,
};
use crate::domain::ModuleName;

const COLUMNS: [&str; 6] = [
    "name",
    "version",
    "scope",
    "is_system",
    "digest",
    "updated_at",
];
const ORDER: [&str; 10] = [
    "id",
    "name",
    "version",
    "scope",
    "is_system",
    "digest",
    "signature",
    "project_id",
    "created_at",
    "updated_at",
];

/// What can be done with modules.
#[derive(Debug, Subcommand)]
pub enum ModuleCommand {
    /// Upload a component: a new module, or a new version of the one of that name.
    Push {
        /// The component, a .wasm file.
        file: PathBuf,
        /// The module's name, which is its actions' prefix; else the file's name without extension.
        #[arg(long)]
        name: Option<String>,
        /// Let every project see it.
        #[arg(long, conflicts_with = "private")]
        public: bool,
        /// Let its own project alone see it; so is a new module unless --public is given.
        #[arg(long)]
        private: bool,
        /// The component's signature as `minisign -Sm` makes it; else FILE.minisig, when there is one beside it.
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
    /// List modules.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a module.
    Show {
        /// Its name or id.
        module: String,
    },
    /// Delete modules.
    Delete {
        /// Their names or ids.
        #[arg(required = true)]
        modules: Vec<String>,
    },
    /// Make an earlier version current.
    Rollback {
        /// The module's name.
        module: String,
        /// The version.
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        version: u32,
    },
    /// Download a module's component.
    #[command(alias = "download")]
    Save {
        /// Its name or id.
        module: String,
        /// Where to; `-` is standard output, and none NAME.wasm.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Carries a command out.
pub(super) async fn run(command: &ModuleCommand, session: &mut Session<'_>) -> Result<(), Error> {
    match command {
        ModuleCommand::Push {
            file,
            name,
            public,
            private,
            signature,
        } => {
            let scope = match (public, private) {
                (true, _) => Some("public"),
                (_, true) => Some("private"),
                (false, false) => None,
            };
            let name = module_name(file, name.as_deref())?;
            let upload = Upload {
                component: read(file)?,
                signature: read_signature(file, signature.as_deref())?,
            };
            let api = session.connect().await?;
            let (verb, module) = push(&api, &name, scope, upload).await?;
            let version = module.get("version").and_then(Value::as_u64).unwrap_or(1);
            session.note(&format!("{verb} module {name}, version {version}"));
            show(module, session)
        }
        ModuleCommand::List { list } => {
            let api = session.connect().await?;
            let modules = api.list("modules", &list.query(), list.limit).await?;
            session.output.list(&modules, &list.columns(&COLUMNS))
        }
        ModuleCommand::Show { module } => {
            let module = session.connect().await?.get(&["modules", module]).await?;
            show(module, session)
        }
        ModuleCommand::Delete { modules } => {
            let api = session.connect().await?;
            for module in modules {
                api.delete(&["modules", module]).await?;
                session.note(&format!("deleted module {module}"));
            }
            Ok(())
        }
        ModuleCommand::Rollback { module, version } => {
            let api = session.connect().await?;
            let path = ["modules", module, "rollback"];
            let body = json!({"version": version});
            let module = api.send_json(Method::POST, &path, &body).await?;
            show(module, session)
        }
        ModuleCommand::Save { module, file } => save(module, file.as_deref(), session).await,
    }
}

/// What is pushed.
struct Upload {
    component: Bytes,
    signature: Option<String>,
}

/// Prints a module, and for people what its actions may ask of clouds as a table of its own.
fn show(mut module: Object, session: &mut Session<'_>) -> Result<(), Error> {
    let is_table = matches!(session.output.format(), None | Some(Format::Table));
    if !is_table || session.output.has_columns() {
        return session.output.show(&module, &ORDER);
    }
    let consent = module.remove("consent").unwrap_or_default();
    session.output.show(&module, &ORDER)?;
    session.output.print(&consent_text(&consent))
}

fn consent_text(consent: &Value) -> String {
    let list = |member: &str| {
        let rules = consent.get(member).cloned().unwrap_or_default();
        serde_json::from_value::<Vec<Object>>(rules).ok()
    };
    let rows = |columns: &[&str], rules: Vec<Object>| {
        let row = |rule: &Object| {
            let value = |column: &&str| rule.get(*column).map(cell).unwrap_or_default();
            columns.iter().map(value).collect()
        };
        table(columns, rules.iter().map(row).collect(), None)
    };
    let declared = list("declared").unwrap_or_default();
    let mut text = if declared.is_empty() {
        "Its actions ask nothing of clouds.".to_owned()
    } else {
        let columns = ["service_type", "method", "path", "granted"];
        format!("Its actions may ask:\n{}", rows(&columns, declared))
    };
    if let Some(granted) = list("granted") {
        let columns = ["service_type", "method", "path", "region"];
        text.push_str(&format!(
            "\nThe operator grants:\n{}",
            rows(&columns, granted)
        ));
    }
    if let Some(limit) = consent.get("mutating_requests").and_then(Value::as_u64) {
        text.push_str(&format!("\nMutating requests of one run: {limit}"));
    }
    text
}

/// Creates the module or, when there is one of that name, gives it a new version.
async fn push(
    api: &ApiClient,
    name: &str,
    scope: Option<&str>,
    upload: Upload,
) -> Result<(&'static str, Object), Error> {
    let Upload {
        component,
        signature,
    } = upload;
    let signature = signature.as_deref();
    let query = [("name", name), ("scope", scope.unwrap_or("private"))];
    let created = api
        .send_component(
            Method::POST,
            &["modules"],
            &query,
            component.clone(),
            signature,
        )
        .await;
    let taken = match created {
        Ok(module) => return Ok(("created", module)),
        Err(err) if err.status() == Some(409) => err,
        Err(err) => return Err(err),
    };
    // The name may be taken by something that is not ours to see or to change.
    let or_taken = |err: Error| match err.status() {
        Some(403 | 404) => taken,
        _ => err,
    };
    if let Some(scope) = scope {
        let module = match api.get(&["modules", name]).await {
            Ok(module) => module,
            Err(err) => return Err(or_taken(err)),
        };
        if let Some(other) = module
            .get("scope")
            .and_then(Value::as_str)
            .filter(|it| *it != scope)
        {
            return Err(Error::usage(format!(
                "module {name} is {other}, which a new version does not change; push without --{scope}, or delete \
                 the module first"
            )));
        }
    }
    api.send_component(Method::PUT, &["modules", name], &[], component, signature)
        .await
        .map(|module| ("updated", module))
        .map_err(or_taken)
}

fn module_name(file: &Path, name: Option<&str>) -> Result<String, Error> {
    let stem = || file.file_stem().and_then(|stem| stem.to_str());
    let name = name.or_else(stem).unwrap_or_default();
    ModuleName::parse(name)
        .map(|name| name.to_string())
        .map_err(|err| Error::usage(format!("`{name}` is no module's name: {err}; give --name")))
}

fn read(file: &Path) -> Result<Bytes, Error> {
    fs::read(file)
        .map(Bytes::from)
        .map_err(|source| Error::Read {
            path: file.to_owned(),
            source,
        })
}

/// The signature in `file`, else in the one beside the component.
fn read_signature(component: &Path, file: Option<&Path>) -> Result<Option<String>, Error> {
    let beside = || {
        let mut name = component.as_os_str().to_owned();
        name.push(".minisig");
        Some(PathBuf::from(name)).filter(|file| file.is_file())
    };
    let Some(path) = file.map(Path::to_owned).or_else(beside) else {
        return Ok(None);
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(source) => Err(Error::Read { path, source }),
    }
}

async fn save(module: &str, file: Option<&Path>, session: &mut Session<'_>) -> Result<(), Error> {
    let file = match file {
        Some(file) => file.to_owned(),
        // The name becomes a file's: it must not lead elsewhere.
        None => PathBuf::from(format!(
            "{}.wasm",
            module_name(Path::new(""), Some(module))?
        )),
    };
    let api = session.connect().await?;
    let component = api.download(&["modules", module, "content"]).await?;
    if file == Path::new("-") {
        return session.output.bytes(&component);
    }
    fs::write(&file, &component).map_err(|source| Error::Write {
        path: file.clone(),
        source,
    })?;
    session.note(&format!(
        "saved {} bytes to {}",
        component.len(),
        file.display()
    ));
    Ok(())
}
