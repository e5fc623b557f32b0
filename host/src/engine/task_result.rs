//! What a task came to: the results of the runs that count.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Engine, Error};
use crate::{
    domain::{ActionExecution, JsonText, TaskExecution, TaskKind, WorkflowExecution},
    store::Entity,
};

/// The most bytes that a result has.
const MOST_BYTES: usize = 32 << 20;

const NULL: &str = "null";

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// Results by the place of their run among the items: the last try of each.
#[derive(Debug, Default)]
struct Results {
    by_index: BTreeMap<u32, String>,
    bytes: usize,
}

impl Results {
    /// Takes what a run came to; none for one that goes on, or does not count.
    fn take(&mut self, index: u32, result: Option<&str>) -> Result<(), Error> {
        if let Some(old) = self.by_index.remove(&index) {
            self.bytes = self.bytes.saturating_sub(old.len());
        }
        if let Some(result) = result {
            self.bytes = self.bytes.saturating_add(result.len());
            if self.bytes > MOST_BYTES {
                return Err(Error::BadInput(format!(
                    "The result of this task has more than {} MiB; list its action executions or executions, page by \
                     page.",
                    MOST_BYTES >> 20
                )));
            }
            self.by_index.insert(index, result.to_owned());
        }
        Ok(())
    }

    fn into_text(self, is_list: bool) -> String {
        let mut results: Vec<String> = self.by_index.into_values().collect();
        match results.pop() {
            Some(only) if !is_list && results.is_empty() => only,
            last => {
                results.extend(last);
                format!("[{}]", results.join(", "))
            }
        }
    }
}

impl Engine {
    /// The result of `task`, Mistral's way: of a task with items a list of those that have ended, else the one result, or
    /// an empty list while there is none.
    ///
    /// # Errors
    /// When it is too large for one answer, or the store does not answer.
    pub async fn task_result(&self, task: &TaskExecution) -> Result<JsonText, Error> {
        let mut results = Results::default();
        let key = ("task_execution_id", task.id);
        let mut after = None;
        loop {
            let last = match task.kind {
                TaskKind::Action => {
                    let batch: Vec<ActionExecution> =
                        self.batch_under(&task.project_id, key, after).await?;
                    for run in &batch {
                        let index = run.task.as_ref().and_then(|it| it.index).unwrap_or(0);
                        let counts = run.accepted && run.state().is_completed();
                        results.take(index, counts.then(|| action_result(run)))?;
                    }
                    batch.last().map(|run| run.id())
                }
                TaskKind::Workflow => {
                    let batch: Vec<WorkflowExecution> =
                        self.batch_under(&task.project_id, key, after).await?;
                    for run in &batch {
                        let index = run.parent.map_or(0, |parent| parent.index);
                        let output = run.output.as_ref().map_or(NULL, JsonText::as_str);
                        results.take(index, run.state.is_completed().then_some(output))?;
                    }
                    batch.last().map(Entity::age)
                }
            };
            if last.is_none() {
                break;
            }
            after = last;
        }
        let text = results.into_text(task.items.is_some());
        JsonText::parse(text).map_err(|error| Error::Host(error.into()))
    }
}

/// The result out of Mistral's `{"result": …}` around it.
fn action_result(run: &ActionExecution) -> &str {
    let output = run.output.as_ref().map_or(NULL, JsonText::as_str);
    serde_json::from_str::<Output<'_>>(output)
        .ok()
        .and_then(|output| output.result)
        .map_or(NULL, RawValue::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_try_of_each_item_counts() {
        let mut results = Results::default();
        for (index, result) in [
            (1, Some("\"b\"")),
            (0, Some("1")),
            (1, None),
            (0, Some("2")),
            (2, None),
        ] {
            results.take(index, result).unwrap();
        }
        assert_eq!(results.into_text(true), "[2]");
    }

    #[test]
    fn one_result_stands_alone_unless_there_are_items() {
        for (count, is_list, expected) in [
            (0, false, "[]"),
            (1, false, "0"),
            (1, true, "[0]"),
            (2, false, "[0, 1]"),
        ] {
            let mut results = Results::default();
            for index in 0..count {
                results.take(index, Some(&index.to_string())).unwrap();
            }
            assert_eq!(results.into_text(is_list), expected);
        }
    }

    #[test]
    fn a_result_too_large_for_one_answer_says_where_to_look() {
        let mut results = Results::default();
        let half = "1".repeat(MOST_BYTES / 2 + 1);
        results.take(0, Some(&half)).unwrap();
        results.take(0, Some(&half)).unwrap();
        let Err(Error::BadInput(refusal)) = results.take(1, Some(&half)) else {
            panic!("it was taken");
        };
        assert!(refusal.contains("page by page"), "{refusal}");
    }
}
