//! An action from a row of the table.

use serde_json::{Map, Value};
use zonda_sdk::{Action, Context, Failure, Result};

use crate::inputs::Inputs;
use crate::table::{Answer, Row};
use crate::{failure, list, request, result, spec};

/// The action of a row.
pub(crate) fn action(row: &'static Row) -> Action {
    let action = Action::dynamic(
        row.name,
        move || spec::input_schema(row),
        move |context: &Context, input: Value| run(row, context, input),
    )
    .describe(row.does);
    let action = spec::access(row)
        .into_iter()
        .fold(action, |action, (method, path)| {
            action.access(row.service.service_type, method, path)
        });
    if spec::is_idempotent(row) {
        action.idempotent()
    } else {
        action
    }
}

fn run(row: &'static Row, context: &Context, input: Value) -> Result<Value> {
    let Value::Object(given) = input else {
        return Err(Failure::new(format!(
            "{}: the input is not an object",
            row.name
        )));
    };
    let usual = row
        .service
        .microversion
        .as_ref()
        .map(|known| row.microversion.unwrap_or(known.max));
    send(row, context, &given, usual)
        .or_else(|failure| match failure::highest_microversion(&failure) {
            // The cloud is older than the table; what it does not know it will refuse by name.
            Some(highest) => send(row, context, &given, Some(&highest)),
            None => Err(failure),
        })
        .map_err(|failure| failure::in_the_name_of(row.name, failure))
}

fn send(
    row: &'static Row,
    context: &Context,
    given: &Map<String, Value>,
    microversion: Option<&str>,
) -> Result<Value> {
    let cloud = context.cloud()?;
    let inputs = Inputs::read(row, given, &cloud.facts())?;
    let request = request::build(row, &inputs, &cloud, microversion)?;
    if let Answer::List(list) = &row.answer {
        return list::fetch(list, &inputs, request, &cloud);
    }
    result::of(&row.answer, &cloud.send(request)?.ok()?)
}
