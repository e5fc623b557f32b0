//! What a list is asked for: arguments in, one request for the engine out, and the link to the next page.

use std::borrow::{Borrow, Cow};

use axum::{Json, http::HeaderMap};
use url::form_urlencoded;

use super::{ListView, Listable, MAX_LIMIT, Shown, python_list};
use crate::{
    api::{
        App,
        error::ApiError,
        extract::{Acting, QueryArgs},
    },
    domain::{Column, Filter, ListRequest, Order, Page, ProjectId, Reach, SortKey},
};

/// What a list is asked for.
pub(crate) struct Asked<T: 'static> {
    /// For the engine.
    pub(crate) request: ListRequest<T>,
    listable: &'static Listable<T>,
    path: Cow<'static, str>,
    /// All when none.
    fields: Option<Vec<String>>,
    /// The flags that are true, in the order of `next`.
    flags: Vec<&'static str>,
    marker: fn(&T) -> String,
}

impl<T> Listable<T> {
    /// What `args` ask for, if the caller may have it.
    ///
    /// # Errors
    /// When an argument is wrong or unknown, or the rule forbids other projects.
    pub(crate) fn ask(
        &'static self,
        app: &App,
        acting: &Acting,
        args: QueryArgs,
    ) -> Result<Asked<T>, ApiError> {
        let (asked, reaches_beyond) = self.parse(&acting.op.project_id, args)?;
        if reaches_beyond {
            app.policy.enforce(&acting.caller, self.all_projects)?;
        }
        Ok(asked)
    }

    /// What `args` ask for, and whether it is under the rule.
    fn parse(
        &'static self,
        own: &ProjectId,
        mut args: QueryArgs,
    ) -> Result<(Asked<T>, bool), ApiError> {
        let limit = args
            .take("limit")
            .map_or(Ok(MAX_LIMIT), |text| limit(&text))?;
        let sort = self.sort(&mut args)?;
        let marker = args.take("marker").filter(|marker| !marker.is_empty());
        let fields = self.chosen(&mut args)?;
        let nulls = self.nulls(&mut args)?;
        let is_all = args.take_flag("all_projects")? | args.take_flag("all_tenants")?;
        let mut flags = Vec::new();
        for (name, _) in self.flags {
            if args.take_flag(name)? {
                flags.push(*name);
            }
        }
        if is_all {
            flags.push("all_projects");
        }
        let (project, mut filters) = self.project(&mut args)?;
        filters.extend(self.filters(&mut args)?);
        for name in self.ignored {
            args.take(name);
        }
        args.finish()?;
        let reaches_beyond = is_all || project.as_ref().is_some_and(|project| project != own);
        let reach = match project {
            Some(project) => Reach::OwnedBy(project),
            None if is_all => Reach::All,
            None => Reach::SeenBy(own.clone()),
        };
        let request = ListRequest {
            reach,
            sort,
            filters,
            nulls,
            marker,
            limit,
        };
        let asked = Asked {
            request,
            listable: self,
            path: self.path.into(),
            fields,
            flags,
            marker: self.marker,
        };
        Ok((asked, reaches_beyond))
    }

    /// The `fields` of one object that `args` ask for, and nothing else; all when none.
    ///
    /// # Errors
    /// When one is unknown, or there is another argument.
    pub(crate) fn fields_of_one(
        &self,
        mut args: QueryArgs,
    ) -> Result<Option<Vec<String>>, ApiError> {
        let chosen = self.chosen(&mut args)?;
        args.finish()?;
        Ok(chosen)
    }

    fn sort(&'static self, args: &mut QueryArgs) -> Result<Vec<SortKey<T>>, ApiError> {
        let mut keys = split(args.take("sort_keys"));
        if keys.is_empty() {
            keys.push(self.default_sort.to_owned());
        }
        let mut dirs = split(args.take("sort_dirs"));
        if dirs.len() > keys.len() {
            return Err(ApiError::bad_request(
                "Length of sort_keys must be equal or greater than sort_dirs.",
            ));
        }
        dirs.resize(keys.len(), "asc".to_owned());
        if !keys.iter().any(|key| key == "id") {
            keys.push("id".to_owned());
            dirs.push("asc".to_owned());
        }
        let pairs = keys.iter().zip(&dirs);
        pairs.map(|(key, dir)| self.sort_key(key, dir)).collect()
    }

    fn sort_key(&'static self, key: &str, dir: &str) -> Result<SortKey<T>, ApiError> {
        let column = self.column(key).ok_or_else(|| {
            let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
            ApiError::bad_request(format!(
                "sort_keys: cannot sort by \"{key}\"; choose from {}.",
                names.join(", ")
            ))
        })?;
        let order = match dir {
            "asc" => Order::Ascending,
            "desc" => Order::Descending,
            _ => {
                return Err(ApiError::bad_request(
                    "Unknown sort direction, must be 'desc' or 'asc'.",
                ));
            }
        };
        Ok(SortKey { column, order })
    }

    fn chosen(&self, args: &mut QueryArgs) -> Result<Option<Vec<String>>, ApiError> {
        let mut chosen = split(args.take("fields"));
        if chosen.is_empty() {
            return Ok(None);
        }
        let known = self.fields();
        let is_unknown = |field: &&String| !known.contains(&field.as_str());
        let unknown: Vec<&String> = chosen.iter().filter(is_unknown).collect();
        if !unknown.is_empty() {
            return Err(ApiError::bad_request(format!(
                "Some fields do not exist  {}, please choose from {}",
                python_list(&unknown),
                python_list(&known),
            )));
        }
        if !chosen.iter().any(|field| field == "id") {
            chosen.insert(0, "id".to_owned());
        }
        Ok(Some(chosen))
    }

    fn nulls(&'static self, args: &mut QueryArgs) -> Result<Vec<&'static Column<T>>, ApiError> {
        let names = split(args.take("nulls"));
        let columns = names.iter().map(|name| {
            self.column(name).ok_or_else(|| {
                ApiError::bad_request(format!("nulls: there is no column \"{name}\"."))
            })
        });
        columns.collect()
    }

    /// The project that is asked for, or a filter that compares projects in another way.
    fn project(
        &'static self,
        args: &mut QueryArgs,
    ) -> Result<(Option<ProjectId>, Vec<Filter<T>>), ApiError> {
        const NAME: &str = "project_id";
        let Some(text) = args.take(NAME).filter(|text| !text.is_empty()) else {
            return Ok((None, Vec::new()));
        };
        let Some(column) = self.column(NAME) else {
            return Ok((Some(ProjectId::new(text)), Vec::new()));
        };
        let filter = filter(column, &text)?;
        Ok(match filter.exact() {
            Some(project) => (Some(ProjectId::new(project)), Vec::new()),
            None => (None, vec![filter]),
        })
    }

    fn filters(&'static self, args: &mut QueryArgs) -> Result<Vec<Filter<T>>, ApiError> {
        let mut filters = Vec::new();
        for column in self.columns {
            if let Some(text) = args.take(column.name).filter(|text| !text.is_empty()) {
                filters.push(filter(column, &text)?);
            }
        }
        Ok(filters)
    }
}

impl<T> Asked<T> {
    /// Whether the list's own flag `name` is true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.flags.contains(&name)
    }

    /// Whether `field` is shown: all are, unless some were asked for by name.
    pub(crate) fn shows(&self, field: &str) -> bool {
        self.fields.is_none() || self.names(field)
    }

    /// The same list below the object `id`, which stands for the variable part of its path.
    pub(crate) fn below(mut self, id: &str) -> Self {
        if let Some((before, after)) = self.listable.path.split_once("{id}") {
            self.path = format!("{before}{id}{after}").into();
        }
        self
    }

    /// The same, with other markers in `next`.
    pub(crate) fn marked_by(mut self, marker: fn(&T) -> String) -> Self {
        self.marker = marker;
        self
    }

    /// Whether `field` was asked for by name.
    pub(crate) fn names(&self, field: &str) -> bool {
        let fields = self.fields.as_deref().unwrap_or_default();
        fields.iter().any(|name| name == field)
    }

    /// The answer of a page: `items` as `view` shows them, and the link to the next one when the page is full.
    ///
    /// # Errors
    /// When a view fails or does not serialize.
    pub(crate) fn answer<I: Borrow<T>, V: serde::Serialize>(
        &self,
        app: &App,
        headers: &HeaderMap,
        page: &Page<I>,
        view: impl Fn(&T) -> Result<V, ApiError>,
    ) -> Result<Json<ListView<V>>, ApiError> {
        let last = page.items.last().filter(|_| page.is_full);
        let next = last.map(|last| self.next(&app.base_url(headers), last.borrow()));
        let shown = page
            .items
            .iter()
            .map(|item| Shown::new(view(item.borrow())?, self.fields.as_deref()));
        Ok(Json(ListView {
            collection: self.listable.collection,
            items: shown.collect::<Result<_, _>>()?,
            next,
        }))
    }

    /// The link to the page after `last`.
    fn next(&self, base_url: &str, last: &T) -> String {
        let request = &self.request;
        let joined = |texts: Vec<&str>| texts.join(",");
        let keys = joined(request.sort.iter().map(|key| key.column.name).collect());
        let dirs = joined(request.sort.iter().map(|key| key.order.as_str()).collect());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("sort_keys", &keys);
        query.append_pair("sort_dirs", &dirs);
        for filter in &request.filters {
            query.append_pair(filter.column.name, &filter.on_the_wire());
        }
        if !request.nulls.is_empty() {
            let names = request.nulls.iter().map(|column| column.name).collect();
            query.append_pair("nulls", &joined(names));
        }
        for flag in &self.flags {
            query.append_pair(flag, "true");
        }
        if let Reach::OwnedBy(project) = &request.reach {
            query.append_pair("project_id", project.as_str());
        }
        query.append_pair("limit", &request.limit.to_string());
        query.append_pair("marker", &(self.marker)(last));
        if let Some(fields) = &self.fields {
            query.append_pair("fields", &fields.join(","));
        }
        format!(
            "{}{}?{}",
            base_url.trim_end_matches('/'),
            self.path,
            query.finish()
        )
    }
}

fn filter<T>(column: &'static Column<T>, text: &str) -> Result<Filter<T>, ApiError> {
    column
        .filter(text)
        .map_err(|bad| ApiError::bad_request(bad.to_string()))
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let number: i64 = text.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "Invalid input for field/attribute limit. Value: '{text}'. unable to convert to int"
        ))
    })?;
    match usize::try_from(number) {
        Ok(limit) if limit > 0 => Ok(limit.min(MAX_LIMIT)),
        Ok(_) | Err(_) => Err(ApiError::bad_request("Limit must be positive.")),
    }
}

fn split(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rule;

    struct Item {
        id: &'static str,
    }

    static LISTABLE: Listable<Item> = Listable {
        path: "/v2/things",
        collection: "things",
        default_sort: "created_at",
        columns: &[
            Column::text("id", |it: &Item| it.id.into()).by_id(),
            Column::text("name", |it: &Item| it.id.into()).indexed(),
            Column::text("state", |it| it.id.into()),
            Column::text("project_id", |it| it.id.into()),
            Column::<Item>::null("created_at").by_id(),
        ],
        shown: &["output"],
        flags: &[("include_output", "shows outputs")],
        ignored: &["namespace"],
        all_projects: Rule::ActionsListAllProjects,
        marker: |it| it.id.to_owned(),
    };

    fn parse(query: &str) -> Result<(Asked<Item>, bool), String> {
        LISTABLE
            .parse(&ProjectId::new("own"), QueryArgs::parse(query))
            .map_err(|refusal| refusal.message().to_owned())
    }

    fn asked(query: &str) -> Asked<Item> {
        parse(query)
            .map_err(|refusal| format!("{query}: {refusal}"))
            .unwrap()
            .0
    }

    fn refusal(query: &str) -> String {
        parse(query)
            .err()
            .unwrap_or_else(|| panic!("{query} was taken"))
    }

    fn next(query: &str) -> String {
        let link = asked(query).next("http://h:8989/", &Item { id: "m" });
        link.strip_prefix("http://h:8989/v2/things?")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn the_next_link_of_a_list_below_an_object_names_the_object() {
        static BELOW: Listable<Item> = Listable {
            path: "/v2/wholes/{id}/things",
            collection: "things",
            default_sort: "id",
            columns: &[Column::<Item>::null("id")],
            shown: &[],
            flags: &[],
            ignored: &[],
            all_projects: Rule::ActionsListAllProjects,
            marker: |it| it.id.to_owned(),
        };
        let asked = BELOW.parse(&ProjectId::new("own"), QueryArgs::parse("limit=1"));
        let asked = asked.map(|(asked, _)| asked.below("w"));
        let link = asked.map(|asked| asked.next("http://h", &Item { id: "m" }));
        assert!(link.is_ok_and(|link| link.starts_with("http://h/v2/wholes/w/things?sort_keys=")));
    }

    #[test]
    fn limits_are_positive_and_clamped() {
        assert_eq!(asked("").request.limit, 1000);
        assert_eq!(asked("limit=5000").request.limit, 1000);
        assert_eq!(asked("limit=7").request.limit, 7);
        assert_eq!(refusal("limit=0"), "Limit must be positive.");
        assert_eq!(refusal("limit=-1"), "Limit must be positive.");
        assert!(refusal("limit=x").contains("field/attribute limit"));
    }

    #[test]
    fn what_is_unknown_or_wrong_has_mistrals_words() {
        for (query, words) in [
            (
                "sort_dirs=up",
                "Unknown sort direction, must be 'desc' or 'asc'.",
            ),
            (
                "sort_dirs=asc,asc",
                "Length of sort_keys must be equal or greater than sort_dirs.",
            ),
            (
                "sort_keys=color",
                "sort_keys: cannot sort by \"color\"; choose from id, name, state, project_id, created_at.",
            ),
            ("nulls=color", "nulls: there is no column \"color\"."),
            ("color=red", "Unknown argument: \"color\""),
            (
                "fields=id,color",
                "Some fields do not exist  ['color'], please choose from ['id', 'name', 'state', 'project_id', 'created_at', 'output']",
            ),
        ] {
            assert_eq!(refusal(query), words, "{query}");
        }
        assert!(refusal("all_projects=perhaps").contains("all_projects"));
    }

    #[test]
    fn what_reaches_beyond_the_callers_project_is_under_the_rule() {
        let own = || ProjectId::new("own");
        let other = ProjectId::new("other");
        for (query, reach, reaches_beyond) in [
            ("", Reach::SeenBy(own()), false),
            ("all_projects=false", Reach::SeenBy(own()), false),
            ("all_projects=&all_tenants=no", Reach::SeenBy(own()), false),
            ("all_projects=true", Reach::All, true),
            ("all_tenants=1", Reach::All, true),
            ("all_projects=false&all_tenants=true", Reach::All, true),
            ("project_id=own", Reach::OwnedBy(own()), false),
            ("project_id=eq:own", Reach::OwnedBy(own()), false),
            ("project_id=", Reach::SeenBy(own()), false),
            ("project_id=other", Reach::OwnedBy(other.clone()), true),
            ("project_id=eq:other", Reach::OwnedBy(other.clone()), true),
            (
                "project_id=other&all_tenants=false",
                Reach::OwnedBy(other),
                true,
            ),
            (
                "project_id=own&all_tenants=true",
                Reach::OwnedBy(own()),
                true,
            ),
            ("project_id=neq:own", Reach::SeenBy(own()), false),
            ("project_id=in:own,other", Reach::SeenBy(own()), false),
        ] {
            let (asked, is_beyond) = parse(query)
                .map_err(|refusal| format!("{query}: {refusal}"))
                .unwrap();
            assert_eq!(
                (asked.request.reach, is_beyond),
                (reach, reaches_beyond),
                "{query}"
            );
        }
    }

    #[test]
    fn the_next_link_repeats_what_was_asked_for() {
        for (query, expected) in [
            (
                "",
                "sort_keys=created_at%2Cid&sort_dirs=asc%2Casc&limit=1000&marker=m",
            ),
            (
                "limit=2&sort_keys=created_at&sort_dirs=desc&fields=name&state=SUCCESS&marker=l&namespace=x",
                "sort_keys=created_at%2Cid&sort_dirs=desc%2Casc&state=eq%3ASUCCESS&limit=2&marker=m&fields=id%2Cname",
            ),
            (
                "all_tenants=True&include_output=1&nulls=state,name&limit=1&sort_keys=id,name&sort_dirs=desc",
                "sort_keys=id%2Cname&sort_dirs=desc%2Casc&nulls=state%2Cname&include_output=true&all_projects=true&limit=1&marker=m",
            ),
            (
                "project_id=own&limit=1&name=neq:x",
                "sort_keys=created_at%2Cid&sort_dirs=asc%2Casc&name=neq%3Ax&project_id=own&limit=1&marker=m",
            ),
        ] {
            assert_eq!(next(query), expected, "{query}");
            // It asks for the same.
            let again = next(&next(query));
            assert_eq!(again, expected, "{query}");
        }
    }
}
