//! Filters of a list: `column=value` and `column=op:value`, compared by the column's type.

use std::{borrow::Cow, ops::RangeInclusive};

use uuid::Uuid;

use super::{Cell, Column, Walked, column::Type};
use crate::domain::Timestamp;

/// A value that is not of its column's type.
#[derive(Debug, thiserror::Error)]
#[error("{column}: must be {expected}, not \"{value}\".")]
pub struct BadFilter {
    column: &'static str,
    expected: &'static str,
    value: String,
}

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
pub struct Filter<T: 'static> {
    /// What it looks at.
    pub column: &'static Column<T>,
    op: Op,
    text: String,
    /// `text` in the column's type: one, or those of `in` and `nin`.
    values: Vec<Cell<'static>>,
}

impl<T: 'static> Filter<T> {
    pub(super) fn parse(column: &'static Column<T>, text: &str) -> Result<Self, BadFilter> {
        // A time has colons too: only a known operator is one.
        let known = text.split_once(':').and_then(|(name, value)| {
            let op = Op::ALL.iter().find(|(_, known)| *known == name);
            op.map(|(op, _)| (*op, value))
        });
        let (op, text) = known.unwrap_or((Op::Eq, text));
        let values = match op {
            Op::Has => Ok(Vec::new()),
            Op::In | Op::Nin => text
                .split(',')
                .map(|item| value(column, item.trim()))
                .collect(),
            Op::Eq | Op::Neq | Op::Gt | Op::Gte | Op::Lt | Op::Lte => {
                value(column, text).map(|value| vec![value])
            }
        };
        Ok(Self {
            column,
            op,
            text: text.to_owned(),
            values: values?,
        })
    }

    /// Whether `item` passes. Null passes only what excludes.
    #[must_use]
    pub fn passes(&self, item: &T) -> bool {
        let cell = match self.column.cell(item) {
            Cell::Null => return matches!(self.op, Op::Neq | Op::Nin),
            // What is shown to the second is compared to the second.
            Cell::Time(time) => Cell::Time(time.whole_second()),
            cell @ (Cell::Flag(_) | Cell::Number(_) | Cell::Text(_)) => cell,
        };
        let is_any = || self.values.iter().any(|value| self.is_same(&cell, value));
        let compared = |is_kept: fn(std::cmp::Ordering) -> bool| {
            self.values
                .first()
                .is_some_and(|value| is_kept(cell.cmp(value)))
        };
        match self.op {
            Op::Eq | Op::In => is_any(),
            Op::Neq | Op::Nin => !is_any(),
            Op::Gt => compared(std::cmp::Ordering::is_gt),
            Op::Gte => compared(std::cmp::Ordering::is_ge),
            Op::Lt => compared(std::cmp::Ordering::is_lt),
            Op::Lte => compared(std::cmp::Ordering::is_le),
            Op::Has => cell.to_string().contains(&self.text),
        }
    }

    fn is_same(&self, cell: &Cell<'_>, value: &Cell<'_>) -> bool {
        if cell == value {
            return true;
        }
        let (Type::Json, Cell::Text(cell), Cell::Text(value)) = (self.column.kind, cell, value)
        else {
            return false;
        };
        let parse = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
        parse(cell).is_some_and(|cell| parse(value) == Some(cell))
    }

    /// As it stands in a `next` link: `op:value`.
    #[must_use]
    pub fn on_the_wire(&self) -> String {
        format!("{}:{}", self.op.as_str(), self.text)
    }

    /// The text that the column must be, if the filter says so.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (self.op == Op::Eq && self.column.kind == Type::Text).then_some(&self.text)
    }

    /// The ids outside of which nothing passes, if the column tells something of ids.
    #[must_use]
    pub fn ids(&self) -> Option<RangeInclusive<Uuid>> {
        if self.column.walked != Walked::ById {
            return None;
        }
        if let Some(text) = self.exact() {
            let id = Uuid::parse_str(text).unwrap_or_default();
            return Some(id..=id);
        }
        let Some(Cell::Time(time)) = self.values.first() else {
            return None;
        };
        let ms = time.unix_ms();
        match self.op {
            Op::Eq => Some(id_at(ms - SLACK_MS, false)..=id_at(ms + 1000 + SLACK_MS, true)),
            Op::Gt | Op::Gte => Some(id_at(ms - SLACK_MS, false)..=Uuid::max()),
            Op::Lt | Op::Lte => Some(Uuid::nil()..=id_at(ms + 1000 + SLACK_MS, true)),
            Op::Neq | Op::Has | Op::In | Op::Nin => None,
        }
    }
}

/// By how much an object's id may be older or younger than the object says that it is: the two are made in one
/// operation, by a clock that may be set in between.
const SLACK_MS: i64 = 60_000;

/// The first or last UUID v7 of the millisecond `unix_ms`.
fn id_at(unix_ms: i64, is_last: bool) -> Uuid {
    const BITS_BELOW: u32 = 80;
    let ms = u128::try_from(unix_ms.clamp(0, (1 << 48) - 1)).unwrap_or_default();
    let below = if is_last { (1 << BITS_BELOW) - 1 } else { 0 };
    Uuid::from_u128(ms << BITS_BELOW | below)
}

fn value<T>(column: &Column<T>, text: &str) -> Result<Cell<'static>, BadFilter> {
    let bad = |expected| BadFilter {
        column: column.name,
        expected,
        value: text.to_owned(),
    };
    match column.kind {
        Type::Text | Type::Json => Ok(Cell::Text(Cow::Owned(text.to_owned()))),
        Type::Number => text
            .parse()
            .map(Cell::Number)
            .map_err(|_| bad("a whole number")),
        Type::Flag if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Cell::Flag(true)),
        Type::Flag if text.eq_ignore_ascii_case("false") || text == "0" => Ok(Cell::Flag(false)),
        Type::Flag => Err(bad("true or false")),
        Type::Time => Timestamp::parse_shown(text)
            .map(|time| Cell::Time(time.whole_second()))
            .ok_or_else(|| bad("a time like 2026-11-22 03:00:00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item {
        text: Option<&'static str>,
        number: i64,
        at: i64,
        done: bool,
    }

    static TEXT: Column<Item> = Column::text("c", |item| item.text.into());
    static JSON: Column<Item> = Column::json("j", |item| item.text.into());
    static NUMBER: Column<Item> = Column::number("n", |item| item.number.into());
    static TIME: Column<Item> =
        Column::time("t", |item: &Item| Timestamp::from_unix_ms(item.at).into()).by_id();
    static FLAG: Column<Item> = Column::flag("f", |item| item.done.into());

    /// 2025-11-22 04:01:41.900
    const AT: i64 = 1_763_784_101_900;

    fn item(text: Option<&'static str>) -> Item {
        Item {
            text,
            number: 9,
            at: AT,
            done: true,
        }
    }

    fn passes(column: &'static Column<Item>, filter: &str, text: Option<&'static str>) -> bool {
        let filter = column.filter(filter).map_err(|bad| bad.to_string());
        filter.unwrap().passes(&item(text))
    }

    #[test]
    fn every_operator_means_what_mistral_means_by_it() {
        for (filter, text, is_kept) in [
            ("a", "a", true),
            ("a", "b", false),
            ("eq:a", "a", true),
            ("neq:a", "a", false),
            ("in:a,b", "b", true),
            ("in:a,b", "c", false),
            ("nin:a,b", "c", true),
            ("nin:a,b", "a", false),
            ("gt:a", "b", true),
            ("gte:a", "a", true),
            ("lt:a", "a", false),
            ("lte:a", "a", true),
            ("has:list", "heat.stacks_list", true),
            ("has:list", "heat.stacks_show", false),
        ] {
            assert_eq!(
                passes(&TEXT, filter, Some(text)),
                is_kept,
                "{filter} on {text}"
            );
        }
        assert!(passes(&JSON, "{\"a\":1}", Some("{\"a\": 1}")));
        assert!(!passes(&JSON, "{\"a\":2}", Some("{\"a\": 1}")));
    }

    #[test]
    fn numbers_times_and_flags_compare_as_what_they_are() {
        for (column, filter, is_kept) in [
            (&NUMBER, "lt:10", true),
            (&NUMBER, "gt:10", false),
            (&NUMBER, "in:1, 9", true),
            (&TIME, "2025-11-22 04:01:41", true),
            (&TIME, "gt:2025-11-22 04:01:41", false),
            (&TIME, "gte:2025-11-22 04:01:41", true),
            (&TIME, "lte:2025-11-22 04:01:41", true),
            (&TIME, "lt:2025-11-22T04:01:42", true),
            (&TIME, "lt:2025-11-22 04:01:41", false),
            (&TIME, "gt:2025-11-22", true),
            (&TIME, "has:2025-11", true),
            (&FLAG, "True", true),
            (&FLAG, "neq:false", true),
        ] {
            assert_eq!(passes(column, filter, None), is_kept, "{filter}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_name() {
        for (column, filter) in [
            (&NUMBER, "lt:many"),
            (&TIME, "gt:yesterday"),
            (&FLAG, "in:true,perhaps"),
        ] {
            let refusal = column.filter(filter).err().unwrap().to_string();
            assert!(
                refusal.starts_with(&format!("{}: must be", column.name)),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_null_passes_only_what_excludes() {
        for (filter, is_kept) in [
            ("a", false),
            ("has:a", false),
            ("neq:a", true),
            ("nin:a", true),
        ] {
            assert_eq!(passes(&TEXT, filter, None), is_kept, "{filter}");
        }
    }

    #[test]
    fn a_filter_is_repeated_with_its_operator() {
        assert_eq!(TEXT.filter("a").ok().unwrap().on_the_wire(), "eq:a");
        let time = "gt:2025-11-22 04:01:41";
        assert_eq!(TIME.filter(time).ok().unwrap().on_the_wire(), time);
    }

    #[test]
    fn ids_outside_of_a_times_bounds_never_pass() {
        let seconds = 3 * SLACK_MS / 1000;
        for op in ["eq", "gt", "gte", "lt", "lte"] {
            let filter = TIME
                .filter(&format!("{op}:2025-11-22 04:01:41"))
                .ok()
                .unwrap();
            let ids = filter.ids().unwrap();
            for offset in -seconds..seconds {
                let at = AT + offset * 1000;
                let is_kept = filter.passes(&Item { at, ..item(None) });
                for skew in [-SLACK_MS, 0, SLACK_MS] {
                    let id = id_at(at + skew, offset % 2 == 0);
                    assert!(!is_kept || ids.contains(&id), "{op} {offset} {skew}");
                }
            }
        }
    }
}
