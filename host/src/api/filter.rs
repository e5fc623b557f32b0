//! Filters of a list: `column=value` and `column=op:value`.

use std::borrow::Cow;

use super::extract::QueryArgs;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Has,
    In,
    Nin,
}

impl Op {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Eq, "eq"),
        (Self::Neq, "neq"),
        (Self::Gt, "gt"),
        (Self::Gte, "gte"),
        (Self::Lt, "lt"),
        (Self::Lte, "lte"),
        (Self::Has, "has"),
        (Self::In, "in"),
        (Self::Nin, "nin"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(op, _)| *op == self)
            .map_or("eq", |(_, name)| name)
    }
}

/// One filter.
#[derive(Debug, Clone)]
struct Filter {
    column: &'static str,
    op: Op,
    value: String,
}

/// All filters of a list; an item passes when it passes each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(Vec<Filter>);

impl Filters {
    /// Takes the filters on `columns` out of `args`.
    pub(crate) fn take(args: &mut QueryArgs, columns: &[&'static str]) -> Self {
        let filters = columns.iter().filter_map(|column| {
            args.take(column)
                .filter(|text| !text.is_empty())
                .map(|text| Filter::parse(column, text))
        });
        Self(filters.collect())
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value that `column` must have exactly, if a filter says so.
    pub(crate) fn exact(&self, column: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|filter| filter.column == column && filter.op == Op::Eq)
            .map(|filter| filter.value.as_str())
    }

    /// Whether an item passes whose columns `text` tells; none stands for null.
    pub(crate) fn pass<'a>(&self, text: impl Fn(&'static str) -> Option<Cow<'a, str>>) -> bool {
        self.0
            .iter()
            .all(|filter| filter.passes(text(filter.column).as_deref()))
    }

    /// The filters as arguments of a `next` link.
    pub(crate) fn repeated(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        self.0
            .iter()
            .map(|filter| {
                (
                    Cow::Borrowed(filter.column),
                    Cow::Owned(format!("{}:{}", filter.op.as_str(), filter.value)),
                )
            })
            .collect()
    }
}

impl Filter {
    fn parse(column: &'static str, text: String) -> Self {
        // A time has colons too: only a known operator is one.
        let known = text.split_once(':').and_then(|(op, value)| {
            Op::ALL
                .iter()
                .find(|(_, name)| *name == op)
                .map(|(op, _)| (*op, value.to_owned()))
        });
        let (op, value) = known.unwrap_or((Op::Eq, text));
        Self { column, op, value }
    }

    fn passes(&self, text: Option<&str>) -> bool {
        let listed = |text: &str| self.value.split(',').any(|item| item.trim() == text);
        match (self.op, text) {
            (Op::Neq | Op::Nin, None) => true,
            (_, None) => false,
            (Op::Eq, Some(text)) => is_same(text, &self.value),
            (Op::Neq, Some(text)) => !is_same(text, &self.value),
            (Op::Gt, Some(text)) => text > self.value.as_str(),
            (Op::Gte, Some(text)) => text >= self.value.as_str(),
            (Op::Lt, Some(text)) => text < self.value.as_str(),
            (Op::Lte, Some(text)) => text <= self.value.as_str(),
            (Op::Has, Some(text)) => text.contains(&self.value),
            (Op::In, Some(text)) => listed(text),
            (Op::Nin, Some(text)) => !listed(text),
        }
    }
}

/// Equal as text, as JSON objects, or as flags in any case.
fn is_same(text: &str, value: &str) -> bool {
    if text == value {
        return true;
    }
    if text.starts_with('{') && value.starts_with('{') {
        let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
        return parse(text).is_some_and(|text| parse(value) == Some(text));
    }
    matches!(text, "true" | "false") && text.eq_ignore_ascii_case(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(query: &str, text: Option<&str>) -> bool {
        let filters = Filters::take(&mut QueryArgs::parse(query), &["c"]);
        filters.pass(|_| text.map(Cow::Borrowed))
    }

    #[test]
    fn every_operator_means_what_mistral_means_by_it() {
        for (query, text, is_kept) in [
            ("c=a", "a", true),
            ("c=a", "b", false),
            ("c=eq:a", "a", true),
            ("c=neq:a", "a", false),
            ("c=in:a,b", "b", true),
            ("c=in:a,b", "c", false),
            ("c=nin:a,b", "c", true),
            ("c=gt:2026-11-22 03:00:00", "2026-11-22 03:00:01", true),
            ("c=gte:2026-11-22 03:00:00", "2026-11-22 03:00:00", true),
            ("c=lt:2026-11-22 03:00:00", "2026-11-22 03:00:00", false),
            ("c=lte:2026-11-22 03:00:00", "2026-11-22 03:00:00", true),
            ("c=has:list", "heat.stacks_list", true),
            ("c=True", "true", true),
            ("c={\"a\":1}", "{\"a\": 1}", true),
            ("c=2026-11-22 03:00:00", "2026-11-22 03:00:00", true),
        ] {
            assert_eq!(passes(query, Some(text)), is_kept, "{query} on {text}");
        }
    }

    #[test]
    fn a_null_column_passes_only_what_excludes() {
        assert!(!passes("c=a", None));
        assert!(passes("c=neq:a", None));
        assert!(passes("c=nin:a", None));
        assert!(passes("", None));
    }

    #[test]
    fn a_filter_is_repeated_with_its_operator() {
        let filters = Filters::take(&mut QueryArgs::parse("c=a"), &["c"]);
        assert_eq!(filters.repeated(), [("c".into(), "eq:a".into())]);
    }
}
