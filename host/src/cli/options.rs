//! Options that several commands share.

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::cloud_fields::{HomeArgs, TargetArgs};
use crate::lang::graph;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// Bare values, one row a line.
    Value,
}

/// What `--format` says: of one type for every command, since it may stand before the command too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// How results are printed.
    Results(Format),
    /// What a drawing is written in.
    Drawing(graph::Format),
}

impl Form {
    /// Reads how results are printed.
    fn results() -> impl TypedValueParser<Value = Self> {
        let names = Format::value_variants().iter();
        let names = names.filter_map(ValueEnum::to_possible_value);
        PossibleValuesParser::new(names)
            .try_map(|name| Format::from_str(&name, false).map(Self::Results))
    }

    /// Reads what a drawing is written in.
    pub(super) fn drawings() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(graph::Format::ALL.map(graph::Format::as_str))
            .try_map(|name| name.parse().map(Self::Drawing).map_err(|()| name))
    }

    /// How results are printed, if it says that.
    pub(super) const fn of_results(self) -> Option<Format> {
        match self {
            Self::Results(format) => Some(format),
            Self::Drawing(_) => None,
        }
    }
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
    #[arg(short, long, global = true, value_parser = Form::results())]
    pub(super) format: Option<Form>,
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
    /// Those where COLUMN is VALUE, or stands to it as an operator says: `name=has:web`. May be repeated.
    #[arg(long = "filter", value_name = "COLUMN=VALUE", value_parser = filter)]
    filters: Vec<(String, String)>,
}

/// A column and what is asked of it.
fn filter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, value)) if !column.is_empty() => Ok((column.to_owned(), value.to_owned())),
        _ => Err("it must be COLUMN=VALUE, as in state=ERROR".to_owned()),
    }
}

impl ListArgs {
    /// The query that asks for such a list.
    pub(super) fn query(&self) -> Vec<(&str, String)> {
        let all_tenants = self.all_tenants.then(|| "true".to_owned());
        let limit = self.limit.map(|limit| limit.to_string());
        let arguments = [
            ("all_tenants", &all_tenants),
            ("project_id", &self.of_project),
            ("sort_keys", &self.sort_keys),
            ("sort_dirs", &self.sort_dirs),
            ("limit", &limit),
            ("marker", &self.marker),
        ];
        let given = arguments.into_iter();
        let filters = self.filters.iter();
        given
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .chain(filters.map(|(column, value)| (column.as_str(), value.clone())))
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
