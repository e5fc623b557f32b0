//! Ad-hoc actions.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{AdHocAction, fault::Faults, inline, reader, spot::Spot};

/// The members of an ad-hoc action.
const MEMBERS: [&str; 8] = [
    "name",
    "version",
    "description",
    "tags",
    "base",
    "base-input",
    "input",
    "output",
];

/// Reads the ad-hoc action at `spot`, whose document alone is `source`.
pub(super) fn read(spot: Spot<'_>, source: Arc<str>, faults: &mut Faults) -> Option<AdHocAction> {
    let name = reader::name(spot, "an action", faults);
    let members = spot.members_of(&MEMBERS, faults)?;
    let description = reader::description(members, faults);
    let tags = reader::tags(members, faults);
    let input = reader::input(members, faults);
    let structured = members
        .get("base-input")
        .and_then(|spot| spot.object(faults));
    let output = members
        .get("output")
        .filter(|spot| !spot.is_null())
        .and_then(|spot| spot.template(faults));
    let Some(base_spot) = members.get("base") else {
        faults.add_name(
            spot,
            "an action must have a `base`, the action that it runs",
        );
        return None;
    };
    let (base, inputs) = match inline::call(base_spot.text(faults)?) {
        Ok(call) => call,
        Err(message) => {
            faults.add(base_spot, message);
            return None;
        }
    };
    if inline::has_expression(base) {
        faults.add(
            base_spot,
            "must be the name of an action, not an expression",
        );
    }
    let base_input = if inputs.is_empty() {
        structured
    } else {
        let mut all = structured.map_or_else(
            || Value::Object(Map::new()),
            |structured| structured.source().clone(),
        );
        reader::overlay(&mut all, Value::Object(inputs));
        base_spot.template_of(all, faults)
    };
    Some(AdHocAction {
        name,
        description,
        tags,
        base: base.into(),
        base_input,
        input,
        output,
        source,
    })
}
