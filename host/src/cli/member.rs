//! `zonda module member …`: share an object with other projects, and answer to what they share.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    api_client::{ApiClient, Object},
    error::Error,
    session::Session,
};

const COLUMNS: [&str; 4] = ["member_id", "status", "created_at", "updated_at"];
const ORDER: [&str; 8] = [
    "id",
    "resource_type",
    "resource_id",
    "project_id",
    "member_id",
    "status",
    "created_at",
    "updated_at",
];

/// What can be done with those with whom an object is shared.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List with whom it is shared; of another project's object, your own share.
    List {
        /// Its name or id; its id while you have not accepted it.
        resource: String,
    },
    /// Show one share.
    Show {
        /// Its name or id; its id while you have not accepted it.
        resource: String,
        /// The id of the project that it is shared with; else your own.
        project: Option<String>,
    },
    /// Offer a private one of yours to another project, which must accept it.
    Add {
        /// Its name or id.
        resource: String,
        /// The id of the project.
        project: String,
    },
    /// Accept what another project offers: you will run whatever version they upload.
    Accept {
        /// Its id.
        resource: String,
        /// Your project's id; else the one that you log in to.
        #[arg(long, value_name = "ID")]
        project: Option<String>,
    },
    /// Reject what another project offers, or give it up.
    Reject {
        /// Its id.
        resource: String,
        /// Your project's id; else the one that you log in to.
        #[arg(long, value_name = "ID")]
        project: Option<String>,
    },
    /// Take one of yours back from another project.
    Remove {
        /// Its name or id.
        resource: String,
        /// The id of the project.
        project: String,
    },
}

/// Carries a command out for the objects of `collection`, such as `modules`.
pub(super) async fn run(
    command: &MemberCommand,
    collection: &str,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let api = session.connect().await?;
    let member = match command {
        MemberCommand::List { resource } => {
            let list = api.get(&[collection, resource, "members"]).await?;
            return session.output.list(&members(list), &COLUMNS);
        }
        MemberCommand::Show { resource, project } => {
            let project = own_project(&api, project.as_deref())?;
            api.get(&[collection, resource, "members", project]).await?
        }
        MemberCommand::Add { resource, project } => {
            let path = [collection, resource, "members"];
            let body = json!({ "member_id": project });
            api.send_json(Method::POST, &path, &body).await?
        }
        MemberCommand::Accept { resource, project } => {
            let project = own_project(&api, project.as_deref())?;
            let path = [collection, resource, "members", project];
            let body = json!({ "status": "accepted" });
            api.send_json(Method::PUT, &path, &body).await?
        }
        MemberCommand::Reject { resource, project } => {
            let project = own_project(&api, project.as_deref())?;
            let path = [collection, resource, "members", project];
            let body = json!({ "status": "rejected" });
            api.send_json(Method::PUT, &path, &body).await?
        }
        MemberCommand::Remove { resource, project } => {
            api.delete(&[collection, resource, "members", project])
                .await?;
            session.note(&format!("{resource} is not shared with {project} any more"));
            return Ok(());
        }
    };
    session.output.show(&member, &ORDER)
}

fn own_project<'a>(api: &'a ApiClient, given: Option<&'a str>) -> Result<&'a str, Error> {
    given.or_else(|| api.project_id()).ok_or_else(|| {
        Error::usage("the id of your project is not known without a login at Keystone; name it")
    })
}

fn members(mut list: Object) -> Vec<Object> {
    let members = list.remove("members").unwrap_or_default();
    serde_json::from_value(members).unwrap_or_default()
}
