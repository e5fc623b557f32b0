//! Options that several commands share.

use clap::{Args, ValueEnum};

use super::cloud_fields::{HomeArgs, TargetArgs};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// Bare values, one row a line.
    Value,
}

/// Options of every command that speaks to a host.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Zonda's URL; else the `workflowv2` endpoint of the home cloud's catalog, else `http://127.0.0.1:8989/v2`
    /// [env: ZONDA_URL, OS_MISTRAL_URL].
    #[arg(long, global = true, value_name = "URL", alias = "os-mistral-url")]
    pub(super) zonda_url: Option<String>,
    /// Show each request to Zonda on standard error, without headers and bodies.
    #[arg(long, global = true)]
    pub(super) debug: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) home: HomeArgs,
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// What is printed, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// The form of the output.
    #[arg(short, long, global = true, value_enum)]
    pub(super) format: Option<Format>,
    /// Print this column only; may be repeated.
    #[arg(short, long = "column", global = true, value_name = "COLUMN")]
    pub(super) columns: Vec<String>,
}

/// Options of every list.
#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    /// The objects of all projects (administrators).
    #[arg(long, visible_alias = "all-projects")]
    all_tenants: bool,
    /// The objects of this project (of another one: administrators).
    #[arg(long = "project-id", value_name = "ID")]
    of_project: Option<String>,
    /// Sort by these columns, separated by commas.
    #[arg(long, value_name = "COLUMNS")]
    sort_keys: Option<String>,
    /// The direction of each of --sort-keys, `asc` or `desc`, separated by commas.
    #[arg(long, value_name = "DIRECTIONS", requires = "sort_keys")]
    sort_dirs: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: Option<u32>,
    /// Begin after the object with this id; of actions, with this name.
    #[arg(long, value_name = "ID")]
    marker: Option<String>,
}

impl ListArgs {
    /// The query that asks for such a list.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let all_tenants = self.all_tenants.then(|| "true".to_owned());
        let limit = self.limit.map(|limit| limit.to_string());
        let arguments = [
            ("all_projects", &all_tenants),
            ("project_id", &self.of_project),
            ("sort_keys", &self.sort_keys),
            ("sort_dirs", &self.sort_dirs),
            ("limit", &limit),
            ("marker", &self.marker),
        ];
        let given = arguments.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }

    /// Whether the order is given.
    pub(super) const fn is_sorted(&self) -> bool {
        self.sort_keys.is_some()
    }

    /// `columns`, and whose each object is where they are of several projects.
    pub(super) fn columns<'a>(&self, columns: &[&'a str]) -> Vec<&'a str> {
        let mut columns = columns.to_vec();
        if self.all_tenants {
            columns.push("project_id");
        }
        columns
    }
}
