//! Lists: followed to their end unless the caller set a limit, and searched if the row says so.

use serde_json::{Value, json};
use zonda_sdk::{Cloud, Failure, Request, Result};

use crate::inputs::Inputs;
use crate::request::text;
use crate::result;
use crate::table::{Find, List, Shape, To};

/// The most items that one run collects.
pub(crate) const MOST: usize = 10_000;

/// Fetches a list and puts it into its shape.
pub(crate) fn fetch(
    list: &List,
    inputs: &Inputs<'_>,
    request: Request,
    cloud: &Cloud,
) -> Result<Value> {
    if list.shape == Shape::WithHeaders {
        return with_headers(inputs, request, cloud);
    }
    let mut items = Vec::new();
    if follows(inputs) {
        for page in cloud.pages(request) {
            add(list, page?, inputs, &mut items)?;
        }
    } else {
        add(list, cloud.send(request)?.json()?, inputs, &mut items)?;
    }
    match list.find {
        Some(Find::One) => the_one(items),
        Some(Find::All) | None if list.shape == Shape::Envelope => {
            Ok(json!({ list.member: items }))
        }
        Some(Find::All) | None => Ok(Value::Array(items)),
    }
}

/// Whether the list is followed to its end.
pub(crate) fn follows(inputs: &Inputs<'_>) -> bool {
    let limited = |name: &str, value: &Value| name == "limit" && !is_unlimited(name, value);
    let by_input = inputs.named().any(|(input, value)| {
        let members = value.as_object().filter(|_| input.to == To::QueryMembers);
        (input.to == To::Paging && value == &Value::Bool(false))
            || limited(input.name, value)
            || members
                .is_some_and(|members| members.iter().any(|(name, value)| limited(name, value)))
    });
    !by_input && !inputs.others().any(|(name, value)| limited(name, value))
}

/// Whether it is novaclient's way to ask for everything: a limit of -1.
pub(crate) fn is_unlimited(name: &str, value: &Value) -> bool {
    name == "limit" && value.as_i64().is_some_and(|limit| limit < 0)
}

fn add(list: &List, mut page: Value, inputs: &Inputs<'_>, items: &mut Vec<Value>) -> Result<()> {
    let list_of = |value: &mut Value| value.as_array_mut().map(std::mem::take);
    let found = list_of(&mut page).or_else(|| list_of(page.get_mut(list.member)?));
    let Some(found) = found else {
        return Err(Failure::new(format!(
            "the answer has no list `{}`",
            list.member
        )));
    };
    let unwrapped =
        found.into_iter().map(
            |mut item| match list.inner.and_then(|name| item.get_mut(name)) {
                Some(inner) => inner.take(),
                None => item,
            },
        );
    items.extend(unwrapped.filter(|item| is_wanted(item, &inputs.wanted)));
    within_bounds(items.len())
}

/// As python-swiftclient gives it: the headers of the first answer and the items of all of them.
fn with_headers(inputs: &Inputs<'_>, request: Request, cloud: &Cloud) -> Result<Value> {
    let first = cloud.send(request.clone())?.ok()?;
    let mut items = result::items(&first)?;
    let mut last = items.last().and_then(name_of);
    while let (true, Some(marker)) = (follows(inputs), last.take()) {
        let next = cloud.send(request.clone().query("marker", marker))?.ok()?;
        let more = result::items(&next)?;
        last = more.last().and_then(name_of);
        items.extend(more);
        within_bounds(items.len())?;
    }
    Ok(json!([result::headers(&first), items]))
}

fn name_of(item: &Value) -> Option<String> {
    ["name", "subdir"]
        .iter()
        .find_map(|member| item.get(*member))
        .map(text)
}

fn is_wanted(item: &Value, wanted: &[(&str, &Value)]) -> bool {
    // Ids are written as numbers as well as strings.
    wanted.iter().all(|(name, value)| {
        item.get(*name)
            .is_some_and(|known| text(known) == text(value))
    })
}

fn the_one(mut items: Vec<Value>) -> Result<Value> {
    match (items.pop(), items.len()) {
        (Some(item), 0) => Ok(item),
        (Some(_), others) => Err(Failure::new(format!(
            "{} match, not one; give more of its attributes",
            others + 1
        ))),
        (None, _) => Err(Failure::new("none matches")),
    }
}

fn within_bounds(items: usize) -> Result<()> {
    if items <= MOST {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there are more than {MOST} items; ask page by page with `limit` and `marker`"
    )))
}
