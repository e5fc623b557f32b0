//! What the list of one resource has: its columns, its arguments, its rule.

use crate::{domain::Column, policy::Rule};

/// The longest page; a larger or absent `limit` means this.
pub(crate) const MAX_LIMIT: usize = 1000;

/// What the list of one resource has.
pub(crate) struct Listable<T: 'static> {
    /// The path below the host's URL.
    pub(crate) path: &'static str,
    /// The answer's member that holds the objects.
    pub(crate) collection: &'static str,
    /// The column by which it is sorted when nothing is said.
    pub(crate) default_sort: &'static str,
    /// What can be shown, filtered and sorted by. One of them is `id`, with which every order ends.
    pub(crate) columns: &'static [Column<T>],
    /// Further fields, which can be shown only.
    pub(crate) shown: &'static [&'static str],
    /// Flags of this list alone, with what they do.
    pub(crate) flags: &'static [(&'static str, &'static str)],
    /// Arguments that are taken and have no effect.
    pub(crate) ignored: &'static [&'static str],
    /// The rule under which other projects' objects are shown.
    pub(crate) all_projects: Rule,
    /// The text by which a page begins after `item`.
    pub(crate) marker: fn(&T) -> String,
}

impl<T> Listable<T> {
    /// The column `name`.
    pub(super) fn column(&'static self, name: &str) -> Option<&'static Column<T>> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Everything that `fields` can choose.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let columns = self.columns.iter().map(|column| column.name);
        columns.chain(self.shown.iter().copied()).collect()
    }

    /// The arguments of the query, with what they do.
    pub(crate) fn arguments(&self) -> Vec<(&'static str, String)> {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let default_sort = self.default_sort;
        let mut arguments = vec![
            ("limit", format!("at most so many, 1 to {MAX_LIMIT}")),
            (
                "marker",
                "the last object of the page before, as `next` names it".to_owned(),
            ),
            (
                "sort_keys",
                format!(
                    "columns separated by commas, {default_sort} when absent: {}",
                    names.join(", ")
                ),
            ),
            (
                "sort_dirs",
                "asc or desc for each of sort_keys, asc when absent".to_owned(),
            ),
            (
                "fields",
                format!(
                    "the fields to show, separated by commas: {}",
                    self.fields().join(", ")
                ),
            ),
            (
                "nulls",
                "columns separated by commas that must be null".to_owned(),
            ),
            (
                "all_projects",
                format!(
                    "the objects of all projects, under {}",
                    self.all_projects.name()
                ),
            ),
            ("all_tenants", "the same as all_projects".to_owned()),
            (
                "project_id",
                format!(
                    "the objects of this project; of another one under {}",
                    self.all_projects.name()
                ),
            ),
        ];
        for (name, does) in self.flags {
            arguments.push((name, (*does).to_owned()));
        }
        for name in names.into_iter().filter(|name| *name != "project_id") {
            let filter = "a filter: VALUE or OP:VALUE with eq neq gt gte lt lte has in nin";
            arguments.push((name, filter.to_owned()));
        }
        for name in self.ignored {
            arguments.push((name, "without effect".to_owned()));
        }
        arguments
    }
}
