//! Tests of the language: what documents mean, what is wrong with others, and what is kept of them.

mod faults;
mod guides;
mod meaning;
mod sources;

use super::{Fault, Workflow};

/// A direct workflow of `tasks`, each line of which stands two levels deep.
fn direct(tasks: &str) -> String {
    document("direct", tasks)
}

fn document(kind: &str, tasks: &str) -> String {
    let mut text = format!("version: '2.0'\nwf:\n  type: {kind}\n  tasks:\n");
    for line in tasks.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn read(text: &str) -> Workflow {
    super::workflow(text).unwrap_or_else(|faults| panic!("{}\n{text}", told(&faults)))
}

fn told(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
